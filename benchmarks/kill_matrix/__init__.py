"""Runs that are killed at any moment and resumed must end as runs that nobody has disturbed."""

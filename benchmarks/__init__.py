"""Measurements, each a module to be run: ``python -m benchmarks.NAME``. Figures are ratios."""

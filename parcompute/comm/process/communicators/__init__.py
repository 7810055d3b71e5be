"""Communicators, groups and what they are asked for."""

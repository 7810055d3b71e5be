"""Collective calls, built on messages between pairs."""

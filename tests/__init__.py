"""Tests of parcompute."""

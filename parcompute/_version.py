"""The version of parcompute."""

__version__ = "0.1.0"

"""Random numbers that are the same on any number of ranks; see `Stream`."""

from parcompute.random.stream import Stream

__all__ = ["Stream"]

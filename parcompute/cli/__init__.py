"""The commands: ``parcompute run``, ``analyze``, ``list``."""

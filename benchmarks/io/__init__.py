"""How fast fields and checkpoints are written: ``python -m benchmarks.io``."""

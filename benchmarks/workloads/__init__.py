"""The workloads of the gallery, each beside a stated peer: ``python -m benchmarks.workloads``."""

"""How fast stencils are, beside other ways to compute them: ``python -m benchmarks.stencils``."""

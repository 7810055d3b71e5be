"""Runs: experiments, where they are found, the driver loop, the run directory, the engines."""

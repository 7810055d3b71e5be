"""Tests that need what a cluster has: Slurm, Open MPI, parallel HDF5."""

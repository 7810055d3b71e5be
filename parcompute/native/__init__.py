"""Generated source to machine code, kept on disk and linked without Numba."""

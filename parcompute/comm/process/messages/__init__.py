"""Messages between two ranks with mpi4py's names: buffers, datatypes, requests, status, probes."""

"""The process engine: one process per rank, data through shared memory, no MPI."""

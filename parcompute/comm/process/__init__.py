"""The process engine: one spawned process per rank, data through shared memory, no MPI."""

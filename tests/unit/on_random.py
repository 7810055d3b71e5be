"""Random numbers drawn on ranks."""

from __future__ import annotations

import numpy as np

import parcompute as pc
from parcompute.settings import Settings, use


def drawn(comm, engine="numba"):
    """Return noise of a field, kicks of particles, a batch and an order, whole."""
    stream = pc.random.Stream(3, "ranks")
    rank, size = comm.Get_rank(), comm.Get_size()
    u = pc.Grid((23, 17), comm=comm).field("u")
    with use(Settings(engine)):
        u.owned[...] = stream.normal(u, 1.0, 0.1, step=7)
        ids = np.arange(rank, 50, size)
        swarm = pc.Particles("swarm", comm, {"id": int, "x": float, "n": int}, key="id")
        swarm.set(id=ids, x=stream.exponential(ids, step=7), n=stream.integers(ids, -3, 10**18))
        mine = range(100 * rank // size, 100 * (rank + 1) // size)
        batch = comm.allgather(stream.choice(mine, [2.0, 3.0, 5.0], [0.2, 0.3, 0.5]))
        order = stream.permutation(30, step=7)
    return u[...].tobytes(), swarm.gather(), np.concatenate(batch).tobytes(), order.tobytes()

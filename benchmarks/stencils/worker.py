"""A peer: ``python -m benchmarks.stencils.worker ADDRESS ORDER``, started by the benchmark.

ORDER is JSON: how to get ranks ("alone", "mpi", "processes"), how many, and the arguments of
`benchmarks.stencils.link.Rank`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks.stencils.link import serve


def serve_rank(comm: Any, address: str, order: dict[str, Any]) -> None:
    """Serve on one of several ranks."""
    serve(comm, address, comm.Get_rank(), order)


def main() -> None:
    """Serve on every rank."""
    address, order = sys.argv[1], json.loads(sys.argv[2])
    engine, ranks = order.pop("engine"), order.pop("ranks")
    if engine == "mpi":
        from mpi4py import MPI

        serve_rank(MPI.COMM_WORLD, address, order)
    elif engine == "processes":
        import parcompute as pc
        from benchmarks.stencils import worker

        pc.launch(worker.serve_rank, ranks, (address, order))
    else:
        serve(None, address, 0, order)


if __name__ == "__main__":
    main()

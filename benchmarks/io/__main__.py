"""Write and read bandwidth of each path, against raw pwrite + fsync and a gathering h5py writer.

``python -m benchmarks.io [--ranks 1,2] [--megabytes N] [--repeats N] [--folder DIR]`` measures the
process engine; under ``mpiexec -n N`` the ranks of MPI, with parallel HDF5 where h5py has it. All
ways are measured in turn, each up to the disk (fsync); the table shows medians, and the ratio to
the raw writer of the same run.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import h5py

import parcompute as pc
from benchmarks.io import overlap, rates
from parcompute.comm.launcher import detect

_WRITE = ["raw", "h5py_gather", "pwrite", "gathered", "checkpoint"]
_COMPRESS = ["gzip", "lzf"]
_READ = ["read_raw", "read_snapshot", "read_checkpoint"]
_GOALS = {"pwrite": 0.9, "mpio": 0.7, "checkpoint": 0.7}  # of raw
_GATHER_GOAL = 1.3  # two ranks, of the gathering writer


def bench(comm: Any, options: argparse.Namespace, folder: Path) -> tuple[Any, Any]:
    """Measure everything as one rank."""
    mpio = h5py.get_config().mpi and detect() is not None
    names = [*_WRITE[:2], *(["mpio"] if mpio else []), *_WRITE[2:], *_READ]
    found = rates.measure(comm, folder, options.megabytes, names, options.repeats)
    if options.compress:
        found |= rates.measure(comm, folder, options.megabytes, _COMPRESS, 1)
    writer = "mpio" if mpio else "pwrite"
    return found, overlap.measure(comm, folder, options.megabytes, writer, options.repeats)


def show(ranks: int, found: dict[str, list[float]], overlapped: list[tuple[float, ...]]) -> None:
    """Print the table of one number of ranks."""
    print(f"\n{ranks} rank{'s' * (ranks != 1)}   GB/s (least - most)      of raw   of h5py gather")
    for name, values in found.items():
        base = found["read_raw" if name.startswith("read") else "raw"][: len(values)]
        ratio = statistics.median(a / b for a, b in zip(values, base, strict=True))
        gather = statistics.median(
            a / b for a, b in zip(values, found["h5py_gather"], strict=False)
        )
        text = (
            f"{name:<16} {statistics.median(values):6.2f} ({min(values):.2f} - {max(values):.2f})"
        )
        goal = f"  goal {_GOALS[name]}" if name in _GOALS else ""
        if name in ("pwrite", "mpio") and ranks == 2:
            goal += f", of gather {_GATHER_GOAL}"
        print(f"{text:<36} {ratio:6.2f}" + ("" if "read" in name else f"  {gather:8.2f}") + goal)
    hidden = [(waiting - over) / (waiting - none) for none, waiting, over in overlapped]
    none, waiting, over = (statistics.median(column) for column in zip(*overlapped, strict=True))
    print(
        f"overlap: run {none:.2f} s, waiting for output {waiting:.2f} s, overlapped {over:.2f} s: "
        f"hidden {statistics.median(hidden):.0%} ({min(hidden):.0%} - {max(hidden):.0%}), goal 70%",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranks", default="1,2")
    parser.add_argument("--megabytes", type=float, default=256.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", default=".")
    parser.add_argument("--compress", action="store_true", help="gzip and lzf too, which are slow")
    options = parser.parse_args()
    if detect() is not None:
        from parcompute.comm.mpi import world

        comm = world()
        folder = Path(comm.bcast(tempfile.mkdtemp(dir=options.folder) if comm.rank == 0 else ""))
        found = bench(comm, options, folder)
        if comm.rank == 0:
            show(comm.size, *found)
        return
    for ranks in map(int, options.ranks.split(",")):
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            arguments = (options, Path(name))
            alone = ranks == 1
            found = (
                bench(pc.serial(), *arguments) if alone else pc.launch(bench, ranks, arguments)[0]
            )
            show(ranks, *found)


if __name__ == "__main__":
    main()

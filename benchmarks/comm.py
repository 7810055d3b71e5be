"""Messages between two local ranks: ``python -m benchmarks.comm [--python PYTHON ...]``.

Prints, measured in one run: the one-way time of messages from 8 B to 64 MiB, a halo exchange of
2-D and 3-D faces, and an allreduce of one number; for the process engine, for MPI as this Python
has it and as each other PYTHON has it (a second venv with another MPI), and for a Pipe and a Queue
of ``multiprocessing``. Times are medians; compare columns of one run only.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

import parcompute as pc
from parcompute.comm.mpi import guarded

SIZES = [8 << (3 * k) for k in range(8)] + [64 << 20]
GRIDS = {"halo 2-D 1024^2": (1024, 1024), "halo 3-D 128^3": (128, 128, 128)}
BATCHES = 7
Times = dict[str, float]


def timed(action: Callable[[], Any], budget: float = 0.02) -> float:
    """Return the median time of `action` [us], over batches of about `budget` seconds."""
    start = perf_counter()
    action()
    count = max(1, min(2000, int(budget / max(perf_counter() - start, 1e-7))))
    batches = []
    for _ in range(BATCHES):
        start = perf_counter()
        for _ in range(count):
            action()
        batches.append((perf_counter() - start) / count)
    return statistics.median(batches) * 1e6


def counted(comm: Any, action: Callable[[], Any], count: int) -> float:
    """Return the median time of `action` [us]; every rank makes `count` calls in a batch."""
    batches = []
    for _ in range(BATCHES):
        comm.Barrier()
        start = perf_counter()
        for _ in range(count):
            action()
        batches.append((perf_counter() - start) / count)
    return statistics.median(batches) * 1e6


def ping_pong(comm: Any, size: int) -> Callable[[], None]:
    """Return one exchange there and back of `size` bytes."""
    buffer = np.zeros(size, np.uint8)

    def there_and_back() -> None:
        if comm.Get_rank() == 0:
            comm.Send(buffer, 1)
            comm.Recv(buffer, 1)
        else:
            comm.Recv(buffer, 0)
            comm.Send(buffer, 0)

    return there_and_back


def label(size: int) -> str:
    """Return a size in words."""
    for unit, bytes_ in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= bytes_:
            return f"{size // bytes_} {unit}"
    return f"{size} B"


def measure(comm: Any) -> Times:
    """Return all times on two ranks, in microseconds."""
    times: Times = {}
    for size in SIZES:
        count = max(2, min(1000, (32 << 20) // size))
        times[label(size)] = counted(comm, ping_pong(comm, size), count) / 2
    for name, shape in GRIDS.items():
        field = pc.Grid(shape, comm=comm).field("u")
        exchanger = field.grid.exchanger(field.halo, corners=False)
        times[name] = counted(comm, lambda f=field, e=exchanger: e.exchange(f.padded), 500)
    times["allreduce"] = counted(comm, lambda: comm.allreduce(1.0), 500)
    return times


def under_mpi(comm: Any) -> int:
    """Print the times as JSON on rank 0."""
    times = measure(comm)
    if comm.Get_rank() == 0:
        print(json.dumps(times))
    return 0


def of_mpi(python: str) -> tuple[str, Times]:
    """Return the name of the MPI of `python`, and its times."""
    ask = (
        "from parcompute.comm.mpiexec import *; import json; from parcompute.comm.launcher import "
    )
    ask += "library_name; print(json.dumps([library_name(mpi_library().version), "
    ask += "mpiexec_command(2)]))"
    answer = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True)
    name, launcher = json.loads(answer.stdout)
    command = [*launcher, python, "-m", "benchmarks.comm", "--rank"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return name, json.loads(done.stdout.strip().splitlines()[-1])


def echo(receive: Callable[[], bytes], send: Callable[[bytes], None]) -> None:
    """Send back what comes in, until it is empty."""
    while data := receive():
        send(data)


def of_pipe() -> Times:
    """Return the times of bytes through a Pipe."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_echo_pipe, args=(theirs,), daemon=True)
    process.start()

    def there_and_back(data: bytes) -> None:
        ours.send_bytes(data)
        ours.recv_bytes()

    times = _one_way(there_and_back)
    ours.send_bytes(b"")
    process.join()
    return times


def _echo_pipe(link: Any) -> None:
    echo(link.recv_bytes, link.send_bytes)


def of_queue() -> Times:
    """Return the times of bytes through a pair of Queues."""
    context = multiprocessing.get_context("spawn")
    there, back = context.Queue(), context.Queue()
    process = context.Process(target=_echo_queue, args=(there, back), daemon=True)
    process.start()

    def there_and_back(data: bytes) -> None:
        there.put(data)
        back.get()

    times = _one_way(there_and_back)
    there.put(b"")
    process.join()
    return times


def _echo_queue(there: Any, back: Any) -> None:
    echo(there.get, back.put)


def _one_way(there_and_back: Callable[[bytes], None]) -> Times:
    times = {}
    for size in SIZES:
        data = bytes(size)
        there_and_back(data)
        times[label(size)] = timed(lambda d=data: there_and_back(d)) / 2
    return times


def main() -> None:
    """Measure and print a table in microseconds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--python", action="append", default=[], help="a Python with another MPI")
    parser.add_argument("--rank", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rank:
        sys.exit(guarded(under_mpi))
    columns = {"processes": pc.launch(measure, 2)[0]}
    columns |= dict(of_mpi(python) for python in [sys.executable, *options.python])
    columns |= {"Pipe": of_pipe(), "Queue": of_queue()}
    print(f"{'one way [us]':<16}" + "".join(f"{name:>18}" for name in columns))
    for row in columns["processes"]:
        cells = (
            f"{times[row]:18.1f}" if row in times else f"{'':>18}" for times in columns.values()
        )
        print(f"{row:<16}" + "".join(cells))


if __name__ == "__main__":
    main()

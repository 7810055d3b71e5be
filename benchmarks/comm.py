"""Messages between local ranks: ``python -m benchmarks.comm [--python PYTHON ...]``.

Prints, measured in one run in which the engines take turns: one-way time and bandwidth of messages
from 8 B to 64 MiB between two ranks, a halo exchange of 2-D and 3-D faces (of a `Field`, and of raw
persistent messages of the same length), an allreduce of one number; then the same kind of calls
among four times as many ranks as there are cores. For the process engine, for MPI as this Python
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
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

import parcompute as pc
from parcompute.comm.cores import usable_cpus
from parcompute.comm.mpi import guarded

SIZES = (
    [8 << (3 * k) for k in range(4)] + [8 << 10] + [8 << (3 * k) for k in range(4, 8)] + [64 << 20]
)
MORE = 4  # ranks per core
ROUNDS = 3
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
    """Return all times, in microseconds: the first set on two ranks, the second on more."""
    return _between_two(comm) if comm.Get_size() == 2 else _among_many(comm)


def _between_two(comm: Any) -> Times:
    times: Times = {}
    for size in SIZES:
        count = max(4, min(1000, (64 << 20) // size))
        times[label(size)] = counted(comm, ping_pong(comm, size), count) / 2
    for name, shape in GRIDS.items():
        field = pc.Grid(shape, comm=comm).field("u")
        exchanger = field.grid.exchanger(field.halo, corners=False)
        times[f"{name} raw"] = counted(comm, same_messages(comm, exchanger.plan), 500)
        times[f"{name} Field"] = counted(
            comm, lambda f=field, e=exchanger: e.exchange(f.padded), 500
        )
    times["allreduce"] = counted(comm, lambda: comm.allreduce(1.0), 500)
    return times


def _among_many(comm: Any) -> Times:
    rank, size = comm.Get_rank(), comm.Get_size()
    right, left = (rank + 1) % size, (rank - 1) % size
    times: Times = {}
    for nbytes in (8, 32 << 10, 1 << 20):
        sent, got = np.zeros(nbytes, np.uint8), np.zeros(nbytes, np.uint8)
        count = max(4, min(200, (16 << 20) // nbytes))
        shift = partial(comm.Sendrecv, sent, right, 0, got, left, 0)
        times[f"shift {label(nbytes)}"] = counted(comm, shift, count)
    field = pc.Grid(GRIDS["halo 2-D 1024^2"], comm=comm).field("u")
    exchanger = field.grid.exchanger(field.halo, corners=False)
    times["halo 2-D 1024^2"] = counted(comm, lambda: exchanger.exchange(field.padded), 200)
    times["allreduce"] = counted(comm, lambda: comm.allreduce(1.0), 200)
    return times


def same_messages(comm: Any, plan: pc.HaloPlan) -> Callable[[], None]:
    """Return an exchange of messages as long as those of a plan, of plain memory."""
    remote = [t for t in plan.transfers if t.peer != plan.rank]
    requests = [comm.Recv_init(np.zeros(t.recv.shape), t.peer, t.recv_tag) for t in remote]
    requests += [comm.Send_init(np.zeros(t.send.shape), t.peer, t.send_tag) for t in remote]

    def exchange() -> None:
        type(requests[0]).Startall(requests)
        type(requests[0]).Waitall(requests)

    return exchange


def under_mpi(comm: Any) -> int:
    """Print the times as JSON on rank 0."""
    times = measure(comm)
    if comm.Get_rank() == 0:
        print(json.dumps(times))
    return 0


def of_mpi(python: str, ranks: int) -> tuple[str, Times]:
    """Return the name of the MPI of `python`, and its times."""
    ask = (
        "from parcompute.comm.mpiexec import *; import json; from parcompute.comm.launcher import "
        "library_name; print(json.dumps([library_name(mpi_library().version), "
        f"mpiexec_command({ranks})]))"
    )
    answer = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True)
    name, launcher = json.loads(answer.stdout)
    command = [*launcher, python, "-m", "benchmarks.comm", "--rank"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return name, json.loads(done.stdout.strip().splitlines()[-1])


def of_engines(pythons: list[str], ranks: int) -> dict[str, list[Times]]:
    """Return the times of every round by engine; engines take turns."""
    rounds: dict[str, list[Times]] = {}
    for _ in range(ROUNDS):
        rounds.setdefault("processes", []).append(pc.launch(measure, ranks)[0])
        for python in pythons:
            name, times = of_mpi(python, ranks)
            rounds.setdefault(name, []).append(times)
    return rounds


def of_pipe() -> Times:
    """Return the times of bytes through a Pipe."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    return _of_echo(_echo_pipe, (theirs,), ours.send_bytes, ours.recv_bytes)


def of_queue() -> Times:
    """Return the times of bytes through a pair of Queues."""
    context = multiprocessing.get_context("spawn")
    there, back = context.Queue(), context.Queue()
    return _of_echo(_echo_queue, (there, back), there.put, back.get)


def _echo_pipe(link: Any) -> None:
    _echo(link.recv_bytes, link.send_bytes)


def _echo_queue(there: Any, back: Any) -> None:
    _echo(there.get, back.put)


def _echo(receive: Callable[[], bytes], send: Callable[[bytes], None]) -> None:
    """Send back what comes in, until it is empty."""
    while data := receive():
        send(data)


def _of_echo(
    echo: Callable[..., None],
    ends: tuple[Any, ...],
    send: Callable[[bytes], None],
    receive: Callable[[], bytes],
) -> Times:
    process = multiprocessing.get_context("spawn").Process(target=echo, args=ends, daemon=True)
    process.start()
    times = {}
    for size in SIZES:
        data = bytes(size)
        send(data)
        receive()
        times[label(size)] = timed(lambda d=data: (send(d), receive())) / 2
    send(b"")
    process.join()
    return times


def medians(rounds: dict[str, list[Times]]) -> dict[str, Times]:
    """Return the median of all rounds."""
    return {
        name: {row: statistics.median(times[row] for times in of_one) for row in of_one[0]}
        for name, of_one in rounds.items()
    }


def table(title: str, columns: dict[str, Times], digits: int = 1) -> None:
    """Print the rows of the first column, with those of the others beside."""
    print(f"\n{title:<24}" + "".join(f"{name:>16}" for name in columns))
    for row in next(iter(columns.values())):
        cells = (
            f"{times[row]:16.{digits}f}" if row in times else f"{'':>16}"
            for times in columns.values()
        )
        print(f"{row:<24}" + "".join(cells))


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--python", action="append", default=[], help="a Python with another MPI")
    parser.add_argument("--rank", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rank:
        sys.exit(guarded(under_mpi))
    pythons = [sys.executable, *options.python]
    two = medians(of_engines(pythons, 2)) | {"Pipe": of_pipe(), "Queue": of_queue()}
    table("2 ranks: one way [us]", two)
    bandwidth = {
        name: {label(n): n / times[label(n)] / 1000 for n in SIZES if n > 4096}
        for name, times in two.items()
    }
    table("2 ranks: one way [GB/s]", bandwidth, 2)
    many = MORE * usable_cpus()
    table(f"{many} ranks, {usable_cpus()} cores [us]", medians(of_engines(pythons, many)))


if __name__ == "__main__":
    main()

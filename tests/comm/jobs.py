"""What ranks do in the tests of jobs: importable, since ranks are other processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

import parcompute as pc

_remembered: list[str] = []


def pid(comm: Any) -> int:
    return os.getpid()


def remember(comm: Any, word: str) -> list[str]:
    _remembered.append(word)
    return _remembered


def leave_messages(comm: Any) -> None:
    """Leave messages of all kinds that nobody receives."""
    for peer in range(comm.size):
        comm.isend("old", peer)
        comm.Isend(np.ones(1 << 17), peer)


def sum_of_ranks(comm: Any) -> tuple[int, bool]:
    total = comm.allreduce(comm.rank)
    comm.barrier()
    return total, comm.iprobe()


def send_large_and_return(comm: Any) -> int | None:
    if comm.rank == 0:
        comm.Isend(np.ones(1 << 20), 1)
    if comm.rank != 1:
        return None
    got = np.zeros(1 << 20)
    comm.Recv(got, 0)
    return int(got.sum())


def wait_forever(comm: Any) -> None:
    comm.recv(source=(comm.rank + 1) % comm.size)


def tidy_up(comm: Any, folder: str) -> None:
    try:
        Path(folder, f"began-{comm.rank}").touch()
        wait_forever(comm)
    finally:
        Path(folder, f"tidied-{comm.rank}").touch()


def fail_on_rank_1(comm: Any) -> None:
    if comm.rank == 1:
        raise ValueError("no 1")
    comm.recv(source=1)


def start_ranks(comm: Any) -> str:
    try:
        pc.launch(pid, 1)
    except pc.ConfigError as error:
        return str(error)
    return "started"


def pass_lambdas(comm: Any) -> list[int]:
    factor = comm.rank
    return [multiply(10) for multiply in comm.allgather(lambda x: factor * x)]

"""Starts peers as processes and tells all ranks of one what to do."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.stencils.link import Link

_ROOT = Path(__file__).resolve().parents[2]
_TIMEOUT = 120.0  # seconds to start


class PeerError(Exception):
    """A peer could not be started, or failed."""


class Peer(NamedTuple):
    """Who takes part in a case.

    Attributes
    ----------
    name : str
        As it is printed.
    module : str
        Module in `benchmarks.stencils.peers`.
    ranks : int
        Number of processes.
    engine : {"alone", "mpi", "processes"}
        How they are started.
    ours : bool
        Whether it is parcompute, which runs in this Python, or another peer.
    threads : int
        Threads of each rank.
    share : float
        Part of the case's steps that it makes in a repeat (slow peers make fewer).
    options : mapping
        Arguments of the problem.
    env : mapping
        Environment variables.
    """

    name: str
    module: str
    ranks: int = 1
    engine: str = "alone"
    ours: bool = False
    threads: int = 1
    share: float = 1.0
    options: Mapping[str, Any] = {}
    env: Mapping[str, str] = {}


class Running:
    """A peer that has been started; to be used in a ``with`` block.

    Raises
    ------
    PeerError
        If it ends before all its ranks have reported.
    """

    def __init__(self, peer: Peer, case: str, python: str) -> None:
        self.peer = peer
        self._folder = tempfile.TemporaryDirectory(prefix="stencils-")
        address = str(Path(self._folder.name) / "s")
        self._log = (Path(self._folder.name) / "log").open("w+")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen(peer.ranks)
            self._process = subprocess.Popen(
                _command(peer, case, python, address),
                cwd=_ROOT,
                env=os.environ | _tools(python) | _threads(peer.threads) | peer.env,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
            )
            self._links = self._accept(listener)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        for link in self._links:
            link.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self._folder.cleanup()

    def tell(self, command: str, *arguments: Any) -> list[Any]:
        """Give a command to all ranks; return their answers."""
        try:
            for link in self._links:
                link.send((command, arguments))
            answers = [link.receive() for link in self._links]
        except (EOFError, OSError) as error:
            raise PeerError(f"{self.peer.name}: {self._last_words()}") from error
        for worked, answer in answers:
            if not worked:
                raise PeerError(f"{self.peer.name}: {answer.strip().splitlines()[-1]}")
        return [answer for _, answer in answers]

    def _accept(self, listener: socket.socket) -> list[Link]:
        listener.settimeout(0.2)
        links: dict[int, Link] = {}
        for _ in range(int(_TIMEOUT / 0.2)):
            if len(links) == self.peer.ranks:
                return [links[rank] for rank in sorted(links)]
            if self._process.poll() is not None:
                break
            try:
                end, _ = listener.accept()
            except TimeoutError:
                continue
            end.settimeout(None)
            link = Link(end)
            links[link.receive()] = link
        self._process.kill()
        raise PeerError(f"{self.peer.name}: {self._last_words()}")

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = [line.strip() for line in self._log if line.strip()]
        return lines[-1] if lines else "it ended without a word"


def _command(peer: Peer, case: str, python: str, address: str) -> list[str]:
    order = {
        "engine": peer.engine,
        "ranks": peer.ranks,
        "module": f"benchmarks.stencils.peers.{peer.module}",
        "case": case,
        "options": dict(peer.options),
    }
    program = sys.executable if peer.ours else python
    worker = [program, "-m", "benchmarks.stencils.worker", address, json.dumps(order)]
    return [*_mpiexec(program, peer.ranks), *worker] if peer.engine == "mpi" else worker


def _mpiexec(python: str, ranks: int) -> Sequence[str]:
    """Return the mpiexec beside this Python, or that on PATH."""
    beside = Path(python).parent / "mpiexec"
    return [str(beside) if beside.exists() else "mpiexec", "-n", str(ranks)]


def _tools(python: str) -> dict[str, str]:
    """Put what is installed beside this Python first (Devito calls mpicc)."""
    return {"PATH": f"{Path(python).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def _threads(count: int) -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return dict.fromkeys(names, str(count))

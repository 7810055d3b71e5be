"""Running programs in tests: with a time limit that ends everything they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds ``parcompute`` and ``tests``."""

_AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def run(
    command: Sequence[str | Path],
    *,
    timeout: float = 60.0,
    env: Mapping[str, str] | None = None,
    cwd: str | Path = ROOT,
) -> subprocess.CompletedProcess[str]:
    """Run a command in a session of its own; kill the whole group when it ends or takes too long.

    Parameters
    ----------
    command : sequence
        Program and arguments.
    timeout : float
        Seconds.
    env : mapping, optional
        Environment variables beside those of the tests.
    cwd : path
        Working directory.

    Raises
    ------
    AssertionError
        At the time limit, with what the command had printed.
    """
    process = start(command, env=env, cwd=cwd)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        kill_group(process)
        out, err = process.communicate()
        raise AssertionError(
            f"{list(map(str, command))} took more than {timeout} s\n{out}\n{err}"
        ) from None
    finally:
        kill_group(process)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def start(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | Path = ROOT,
) -> subprocess.Popen[str]:
    """Start a command in a session of its own; end it with `kill_group`."""
    return subprocess.Popen(
        [str(word) for word in command],
        env=environment() | dict(env or {}),
        cwd=cwd,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kill what is left of the session of `process`."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def environment() -> dict[str, str]:
    """Return the environment of the tests, in which the project can be imported from anywhere.

    In tests that run ahead, pytest sets and takes away its own variables meanwhile.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    names = [name for name in os.environ if not name.startswith("PYTEST_CURRENT")]
    return {**{name: os.environ[name] for name in names}, **_AS_ROOT, "PYTHONPATH": path}


def python(*arguments: str | Path) -> list[str]:
    """Return the command that runs this Python with `arguments`."""
    return [sys.executable, *map(str, arguments)]

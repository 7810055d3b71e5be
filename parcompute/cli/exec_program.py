"""A user's program, run as ``python`` would run it; every rank does so."""

from __future__ import annotations

import importlib.util
import os
import runpy
import sys
import threading
import zipfile
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Literal, NamedTuple

from parcompute.errors import ConfigError


class Program(NamedTuple):
    """What ``python`` would be given.

    Attributes
    ----------
    kind : str
        "script", "-m" or "-c".
    target : str
        Path, name of the module, or code.
    args : tuple of str
        What follows.
    """

    kind: Literal["script", "-m", "-c"]
    target: str
    args: tuple[str, ...]

    def check(self) -> None:
        """Raise ConfigError if there is no such script or module."""
        top = self.target.partition(".")[0]
        if self.kind == "-m" and not (top in sys.modules or importlib.util.find_spec(top)):
            raise ConfigError(f"there is no module '{top}' here or among the installed ones")
        if self.kind == "script" and not Path(self.target).exists():
            raise ConfigError(f"there is no file '{self.target}' in {Path.cwd()}")
        if self.kind == "script" and _holds_files(self.target) and not _spec_inside(self.target):
            raise ConfigError(f"there is no __main__.py in '{self.target}'")


def run(comm: Any, program: Program) -> int:
    """Run the program as ``__main__``; return 0. ``sys.exit`` with another code is raised."""
    try:
        _RUNNERS[program.kind](program)
    except SystemExit as error:
        if error.code is not None and error.code != 0:
            raise
    for thread in threading.enumerate():  # as Python waits for them
        if not thread.daemon and thread is not threading.current_thread():
            thread.join()
    return 0


def _run_script(program: Program) -> None:
    path = os.path.abspath(program.target)
    sys.argv = [program.target, *program.args]
    if _holds_files(path):
        _drop_first_of_path()
        sys.path.insert(0, path)  # it may import what stands beside it
        spec: Any = _spec_inside(path)
        names = {"__file__": spec.origin, "__spec__": spec, "__package__": ""}
        _execute(spec.loader.get_code("__main__"), names)
        return
    _search_first(os.path.dirname(os.path.realpath(path)))
    _execute(_compiled(Path(path).read_bytes(), path), {"__file__": path})


def _holds_files(path: str) -> bool:
    return os.path.isdir(path) or zipfile.is_zipfile(path)


def _spec_inside(path: str) -> ModuleSpec | None:
    """Find ``__main__`` in a folder or an archive."""
    return PathFinder.find_spec("__main__", [path])


def _run_module(program: Program) -> None:
    sys.argv = ["-m", *program.args]
    _search_first(os.getcwd())
    _check_module(program.target)
    runpy.run_module(program.target, run_name="__main__", alter_sys=True)


def _check_module(name: str) -> None:
    """Raise ConfigError if it is no module that can be run; imports the packages around it."""
    spec = _found(name)
    if spec is not None and spec.submodule_search_locations is not None:
        name = f"{name}.__main__"
        spec = _found(name)
    if spec is None:
        raise ConfigError(f"there is no module '{name}' to run")


def _found(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):  # it or what it lies in
            return None
        raise


def _run_code(program: Program) -> None:
    sys.argv = ["-c", *program.args]
    _search_first("")
    _execute(_compiled(program.target.encode(), "<string>"), {})


_RUNNERS = {"script": _run_script, "-m": _run_module, "-c": _run_code}


def _compiled(source: bytes, filename: str) -> CodeType:
    code: CodeType = compile(source, filename, "exec", dont_inherit=True)
    return code


def _execute(code: CodeType, names: dict[str, Any]) -> None:
    """Run code in a new ``__main__``, which stays: exit handlers and pickles need it."""
    main = sys.modules["__main__"] = ModuleType("__main__")
    vars(main).update(names, __annotations__={})
    exec(code, vars(main))


def _search_first(folder: str) -> None:
    """Put `folder` where Python puts that of the program: in place of the one of parcompute."""
    _drop_first_of_path()
    if not sys.flags.safe_path:
        sys.path.insert(0, folder)


def _drop_first_of_path() -> None:
    if not sys.flags.safe_path:
        del sys.path[0]

"""Compile generated source with Numba once, keep the machine code, and load it without Numba.

Numba and what it loads at its first use cost most of a second in every rank. Its object code for
a kernel is plain machine code without references to Python, so it is kept in the cache folder and
loaded by llvmlite alone, in some 70 ms. The first compilation takes Numba, on one rank.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from parcompute.comm import Communicator
from parcompute.comm.mpi import meet
from parcompute.errors import ParcomputeError
from parcompute.native.machine_code import machine_code


class Run(Protocol):
    """Takes tiles through a program; all but the range of tiles are addresses of int64 words."""

    def __call__(self, words: int, region: int, thread: int, begin: int, end: int) -> None:
        """Compute the tiles from `begin` up to, not including, `end`."""


@dataclass(frozen=True)
class CompiledSource:
    """A generated module and its machine code on disk.

    Parameters
    ----------
    name : str
        Name of the stencil, or of what stencils share.
    source : str
        The module.
    root : {"kernel", "run"}
        The function in it that is called from elsewhere.
    """

    name: str
    source: str
    root: str = "kernel"

    @cached_property
    def path(self) -> Path:
        """The object file, named after everything that the machine code depends on."""
        state = f"{machine()}\n{self.source}"
        digest = hashlib.sha256(state.encode()).hexdigest()[:20]
        return cache_folder() / f"{self.name}_{digest}.o"

    def compile(self) -> None:
        """Write the object file, and the source beside it, unless it is there."""
        if not self.path.exists():
            self._save(machine_code(self.source, self.name, self.root, self.path.stem))

    def compile_alone(self) -> None:
        """Compile unless the object file is there; other processes of this machine wait."""
        if self.path.exists():
            return
        with _alone(self.path.parent):
            self.compile()

    def address(self) -> int:
        """Return where the function is in this process."""
        return _linked(self.path)

    def _save(self, content: bytes) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            for path, data in (
                (self.path.with_suffix(".py"), self.source.encode()),
                (self.path, content),
            ):
                draft = path.with_name(f"{path.name}.{platform.node()}.{os.getpid()}")
                draft.write_bytes(data)
                draft.replace(path)
        except OSError as error:
            raise ParcomputeError(
                f"The compiled kernel cannot be saved ({error}): set PARCOMPUTE_CACHE_DIR to a "
                f"folder that can be written."
            ) from None


def prepare(sources: Sequence[CompiledSource], comm: Communicator) -> None:
    """See that there is machine code for all sources; collective.

    Where a rank finds none, rank 0 compiles first while the others wait; where the cache folder
    is not shared, the others then compile for themselves.
    """
    if comm.allreduce(all(source.path.exists() for source in sources), op=min):
        return
    if comm.Get_rank() == 0:
        for source in sources:
            source.compile()
    meet(comm)
    for source in sources:
        source.compile()


def runner(source: CompiledSource) -> Run:
    """Return a driver as a Python function.

    Numba's functions take two leading pointers, to the return value and to exception data; ours
    raise nothing and return nothing.
    """
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    kinds = [pointer, pointer, pointer, pointer, pointer, number, number]
    function = ctypes.CFUNCTYPE(ctypes.c_int, *kinds)(source.address())
    unused = (ctypes.c_void_p * 2)()
    first = ctypes.addressof(unused)
    second = first + ctypes.sizeof(pointer)

    def run(
        words: int, region: int, thread: int, begin: int, end: int, _keep: Any = unused
    ) -> None:
        function(first, second, words, region, thread, begin, end)

    return run


def function(source: CompiledSource) -> Callable[[int], None]:
    """Return a kernel as a Python function of the address of its words, compiled if need be.

    It is not collective: of several processes that need the same kernel, one compiles.
    """
    source.compile_alone()
    pointer = ctypes.c_void_p
    kernel = ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer, pointer)(source.address())
    unused = (ctypes.c_void_p * 2)()
    first = ctypes.addressof(unused)
    second = first + ctypes.sizeof(pointer)

    def call(words: int, _keep: Any = unused) -> None:
        kernel(first, second, words)

    return call


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of the cache folder, where it can be had."""
    with ExitStack() as stack:
        with suppress(OSError):  # a folder that cannot be written is told of by saving
            folder.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context((folder / "lock").open("w"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@cache
def _linked(path: Path) -> int:
    """Link machine code into this process."""
    return _linker_add(path.read_bytes(), path.stem)


def _linker_add(code: bytes, symbol: str) -> int:
    """Return the address of `symbol` after linking the object file `code`."""
    import llvmlite.binding as llvm

    engine = _linker()
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return int(engine.get_function_address(symbol))


@lru_cache
def _linker() -> Any:
    """Return the run-time linker of this process, which keeps the code alive."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


@lru_cache
def machine() -> str:
    """Return what machine code depends on besides its source."""
    import llvmlite.binding as llvm

    versions = [f"{name} {version(name)}" for name in ("numba", "llvmlite", "numpy")]
    ours = [path.read_text() for path in sorted(Path(__file__).parent.glob("*.py"))]
    versions.append(hashlib.sha256("".join(ours).encode()).hexdigest())
    features = llvm.get_host_cpu_features().flatten()
    return " ".join([*versions, platform.machine(), llvm.get_host_cpu_name(), features])


def cache_folder() -> Path:
    """Return the folder of generated kernels (``PARCOMPUTE_CACHE_DIR``, else the user's cache)."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "parcompute"
    return Path(os.environ.get("PARCOMPUTE_CACHE_DIR") or default) / "kernels"

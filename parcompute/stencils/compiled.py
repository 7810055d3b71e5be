"""Compile generated source with Numba once, keep the machine code, and load it without Numba.

Numba and what it loads at its first use cost most of a second in every rank. Its object code for
a kernel is plain machine code without references to Python, so it is kept in the cache folder and
loaded by llvmlite alone, in some 70 ms. The first compilation takes Numba, on one rank.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from parcompute.comm import Communicator
from parcompute.errors import ParcomputeError


@dataclass(frozen=True)
class CompiledSource:
    """A generated kernel and its machine code on disk.

    Parameters
    ----------
    name : str
        Name of the stencil.
    source : str
        A module with ``kernel(*arrays, *scalars, low, high, layout)``; see `emit.numba_source`.
    real : {"float32", "float64"}
        Type of arrays and scalars.
    arrays, scalars : int
        How many there are of each.
    """

    name: str
    source: str
    real: str
    arrays: int
    scalars: int

    @cached_property
    def path(self) -> Path:
        """The object file, named after everything that the machine code depends on."""
        state = "\n".join([_machine(), self.real, self.source])
        digest = hashlib.sha256(state.encode()).hexdigest()[:20]
        return cache_folder() / f"{self.name}_{digest}.o"

    def load(self, comm: Communicator) -> Callable[..., None]:
        """Return the kernel as a function of addresses and numbers; collective.

        Where a rank finds no machine code, rank 0 compiles first while the others wait; where
        the cache folder is not shared, the others then compile for themselves.
        """
        if not comm.allreduce(self.path.exists(), op=min):
            if comm.Get_rank() == 0:
                self._compile()
            comm.Barrier()
            self._compile()
        return _linked(self.path, self.real, self.arrays, self.scalars)

    def _compile(self) -> None:
        """Write the object file, and the source beside it, unless it is there."""
        if self.path.exists():
            return
        from numba import njit, types

        number, index = getattr(types, self.real), types.CPointer(types.uint64)
        signature = types.void(
            *[types.CPointer(number)] * self.arrays, *[number] * self.scalars, index, index, index
        )
        module: dict[str, Any] = {}
        exec(compile(self.source, f"<{self.name}>", "exec"), module)
        options = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        dispatcher = njit(signature, **options)(module["kernel"])
        (compiled,) = dispatcher.overloads.values()
        header = f"{compiled.fndesc.mangled_name}\n".encode()
        self._save(header + compiled.library._get_compiled_object())

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


@lru_cache
def _linked(path: Path, real: str, arrays: int, scalars: int) -> Callable[..., None]:
    """Link the machine code into this process and return it as a function.

    Numba's functions take two leading pointers, to the return value and to exception data; a
    kernel uses neither and returns status 0.
    """
    symbol, _, code = path.read_bytes().partition(b"\n")
    address = _linker_add(code, symbol.decode())
    pointer = ctypes.c_void_p
    number = ctypes.c_float if real == "float32" else ctypes.c_double
    kinds = [pointer] * (2 + arrays) + [number] * scalars + [pointer] * 3
    function = ctypes.CFUNCTYPE(ctypes.c_int, *kinds)(address)
    unused = (ctypes.c_void_p * 2)()
    first = ctypes.addressof(unused)

    def kernel(*arguments: Any, _keep: Any = unused) -> None:
        function(first, first + ctypes.sizeof(pointer), *arguments)

    return kernel


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
def _machine() -> str:
    """Return what machine code depends on besides its source."""
    import llvmlite.binding as llvm

    versions = [f"{name} {version(name)}" for name in ("numba", "llvmlite", "numpy")]
    features = llvm.get_host_cpu_features().flatten()
    return " ".join([*versions, platform.machine(), llvm.get_host_cpu_name(), features])


def cache_folder() -> Path:
    """Return the folder of generated kernels (``PARCOMPUTE_CACHE_DIR``, else the user's cache)."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "parcompute"
    return Path(os.environ.get("PARCOMPUTE_CACHE_DIR") or default) / "kernels"

"""What the compiler is told of a kernel."""

from __future__ import annotations

import re

from parcompute.native import machine_code
from parcompute.stencils.loops import LoopKernel
from parcompute.stencils.typing import typed
from tests.unit import kernels


def loop_of(stencil, dtype="float64"):
    """Return the loop of a stencil on fields of one type, with an output of its own."""
    formula = stencil.formula
    fields = dict.fromkeys(formula.fields, dtype)
    scalars = dict.fromkeys(formula.scalars, "float")
    outputs = [(f"out{k}", dtype) for k in range(len(formula.results))]
    arrays = len(outputs) + len(fields)
    formulas = typed(formula, fields, scalars, outputs)
    return LoopKernel(formulas, tuple(range(arrays)), reduce=False)


def test_arrays_of_a_loop_are_told_to_be_distinct():
    source = loop_of(kernels.wave).source()
    _, text = machine_code._translated(source, "wave", "kernel")
    before, after = text, machine_code._annotated(text)
    definition = next(x for x in after.splitlines() if x.startswith("define") and "%arg.f_u" in x)
    pointers = re.findall(r"ptr[^,]*%arg\.f_\w+", definition)
    assert len(pointers) == 4
    assert all("noalias" in pointer for pointer in pointers)
    assert '"prefer-vector-width"="512"' in definition
    assert before.count("noalias") + 4 == after.count("noalias")


def test_the_loop_of_a_wide_stencil_is_vectorised():
    source = loop_of(kernels.box).source()
    root, text = machine_code._translated(source, "box", "kernel")
    module, _ = machine_code._optimised(machine_code._annotated(text), root, "box")
    assert re.search(r"fadd <\d+ x double>", str(module))


def test_modules_show_only_their_own_symbol():
    # functions of Numba may have the same names in modules that were made by two processes
    for name, stencil in (("one", kernels.box), ("other", kernels.wave)):
        root, text = machine_code._translated(loop_of(stencil).source(), name, "kernel")
        module, _ = machine_code._optimised(text, root, f"symbol_of_{name}")
        definitions = [f for f in module.functions if not f.is_declaration]
        seen = [f.name for f in definitions if f.linkage.name == "external"]
        assert seen == [f"symbol_of_{name}"]

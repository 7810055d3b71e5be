"""The examples in the documentation, and importing, each in a fresh process."""

from __future__ import annotations

import pytest

from tests.helpers import ROOT, python, run

pytestmark = pytest.mark.ahead(2)


def test_examples_of_the_documentation(tmp_path):
    options = ["--doctest-modules", "-q", "-p", "no:cacheprovider", "--numprocesses=0"]
    skipped = f"--ignore={ROOT / 'parcompute' / '__main__.py'}"
    done = run(python("-m", "pytest", *options, skipped, ROOT / "parcompute"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_import_loads_nothing_heavy():
    heavy = ["numpy", "numba", "h5py", "matplotlib", "xarray", "mpi4py", "hydra", "rich"]
    code = f"import sys, parcompute; print([n for n in {heavy} if n in sys.modules])"
    assert run(python("-c", code)).stdout == "[]\n"


def test_a_name_is_what_it_says_whatever_was_imported_before():
    code = (
        "import pkgutil, importlib, parcompute as pc\n"
        "for m in pkgutil.walk_packages(pc.__path__, 'parcompute.'):\n"
        "    if not m.name.endswith('__main__'): importlib.import_module(m.name)\n"
        "print([n for n in pc.__all__ if type(getattr(pc, n)).__name__ == 'module'])"
    )
    done = run(python("-c", code))
    assert (done.stdout, done.stderr) == ("['MPI', 'random', 'reductions']\n", "")

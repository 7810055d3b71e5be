"""Which ``MPI`` a program gets, and that every name of mpi4py is either there or refused."""

from __future__ import annotations

import json
import re

import pytest

from parcompute.comm import names
from parcompute.comm.constants import UNSUPPORTED, UNSUPPORTED_NAMES, UNSUPPORTED_PREFIXES
from parcompute.comm.mpiexec import mpiexec_command
from tests.helpers import ROOT, python, run

TABLE = ROOT / "docs" / "communicator.md"
WHICH = """
import sys
from parcompute import MPI
sys.stdout.write(f"{MPI.__name__} {MPI.COMM_WORLD.size}\\n")
"""
LIST = """
import json, mpi4py
mpi4py.rc.initialize = False
from mpi4py import MPI
found = {"MPI": MPI} | {name: getattr(MPI, name) for name in KINDS}
print(json.dumps({name: [n for n in dir(thing) if n[0] != "_"] for name, thing in found.items()}))
"""
KINDS = {
    "Intracomm": names.Intracomm,
    "Cartcomm": names.Cartcomm,
    "Group": names.Group,
    "Datatype": names.DOUBLE,
    "Request": names.Request,
    "Prequest": names.Prequest,
    "Status": names.Status(),
    "Message": names.Message,
    "Op": names.Op,
    "Info": names.Info,
    "Exception": names.Exception,
}
HANDLES = {"f2py", "free", "fromhandle", "fromint", "handle", "py2f", "toint"}


def test_without_a_launcher_it_is_our_own():
    assert run(python("-c", WHICH)).stdout == "parcompute.comm.names 1\n"


@pytest.mark.mpi
def test_under_a_launcher_it_is_that_of_mpi4py():
    done = run([*mpiexec_command(2), *python("-c", WHICH)])
    assert sorted(done.stdout.split()) == ["2", "2", "mpi4py.MPI", "mpi4py.MPI"]


@pytest.mark.parametrize("name", ["Win", "File", "Intercomm", "MODE_RDONLY"])
def test_refused_names_say_who_has_them(name):
    assert not hasattr(names, name)
    with pytest.raises(NotImplementedError, match=rf"MPI\.{name} .* mpiexec"):
        getattr(names, name)


def test_refused_calls_say_who_has_them():
    comm = names.COMM_SELF
    assert not hasattr(comm, "Spawn")
    with pytest.raises(NotImplementedError, match=r"Spawn .* backend=mpi"):
        comm.Spawn("program")


@pytest.fixture(scope="module")
def theirs():
    """Return the names in mpi4py's module and in its classes."""
    done = run(python("-c", LIST.replace("KINDS", repr(list(KINDS)))))
    return json.loads(done.stdout)


@pytest.mark.mpi
def test_every_name_of_the_module_is_there_or_refused(theirs):
    missing = [n for n in theirs["MPI"] if not hasattr(names, n)]
    assert [n for n in missing if not _is_refused(n)] == []


def _is_refused(name):
    return name in UNSUPPORTED_NAMES or name.startswith(UNSUPPORTED_PREFIXES)


@pytest.mark.mpi
@pytest.mark.parametrize("kind", ["Intracomm", "Cartcomm"])
def test_every_call_of_a_communicator_is_there_or_refused(kind, theirs):
    missing = [n for n in theirs[kind] if not hasattr(KINDS[kind], n)]
    assert [n for n in missing if n not in UNSUPPORTED] == []
    assert [n for n in UNSUPPORTED if hasattr(KINDS[kind], n)] == []


@pytest.mark.mpi
def test_the_documentation_lists_every_name(theirs):
    written = _sections()
    for title, listed in theirs.items():
        there, refused = (part & set(listed) for part in written[title])  # of mpi4py's version
        assert (there, refused) == _split(title, theirs)


def _split(title, theirs):
    """Return the names that are there, and those that are refused."""
    ours = KINDS.get(title, names)
    there = {name for name in theirs[title] if hasattr(ours, name)}
    return there - HANDLES, set(theirs[title]) - there - HANDLES


def _sections():
    """Return what the sections of the documentation list as there, and as refused."""
    sections = {}
    for section in TABLE.read_text(encoding="utf-8").split("\n## `MPI")[1:]:
        title, _, body = section.partition("`\n")
        there, _, refused = body.partition("Refused:")
        found = tuple(set(re.findall(r"`(\w+)`", part)) for part in (there, refused))
        sections[title.strip(".") or "MPI"] = found
    return sections

"""The contract on every engine."""

from __future__ import annotations

import pytest

from parcompute.comm.mpiexec import mpiexec_command
from parcompute.comm.process.launching.job import launch
from parcompute.comm.serial import serial
from tests.comm import contract
from tests.helpers import python, run


@pytest.mark.parametrize("check", contract.checks(), ids=lambda check: check.__name__)
def test_serial(check):
    check(serial())


@pytest.mark.parametrize("ranks", [1, 2, 3, 5, 8])
def test_process(ranks):
    assert launch(contract.run_all, ranks) == [len(contract.checks(ranks))] * ranks


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 3])
def test_mpi(ranks):
    done = run([*mpiexec_command(ranks), *python("-m", "tests.comm.contract")])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{len(contract.checks())} checks on {ranks} ranks\n"

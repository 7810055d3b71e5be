"""The parts of ``parcompute verify``: what is compared, where it lies, what it means."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import parcompute as pc
from parcompute.cli import verify
from parcompute.cli.verify_options import parse
from parcompute.comm.serial import serial
from parcompute.decomposition import Decomposition
from parcompute.errors import ConfigError, ParcomputeError, RankError
from parcompute.run import registry
from parcompute.run.spec import Output
from parcompute.settings import Settings, use
from parcompute.verification import case, convergence, explain, text
from parcompute.verification.blocks import depth, nearest_border, owners, to_borders, to_edges
from parcompute.verification.combinations import Combination, planned
from parcompute.verification.compare import (
    Comparison,
    FieldDifference,
    NumberDifference,
)
from parcompute.verification.locate import Finding
from parcompute.verification.runs import Made, Workshop
from parcompute.verification.session import Session
from tests.unit.verified import USER, spec

SERIAL = Combination("numpy", "serial", 1)
FOUR = Combination("numpy", "multiprocessing", 4)
REFERENCE = Made(SERIAL, Path("no"))

BLOCKS = {
    "four ranks": Decomposition.plan((13, 11), 4),
    "seven ranks": Decomposition.plan((17, 9), 7),
    "wraps": Decomposition.plan((8, 9), 4, (True, False), (4, 1)),
    "wraps onto itself": Decomposition.plan((8, 9), 2, (True, False), (1, 2)),
    "three axes": Decomposition.plan((5, 6, 7), 6, (False, True, False), (1, 2, 3)),
    "one rank": Decomposition.plan((4, 5), 1),
}


def walked(blocks: Decomposition, cell: tuple[int, ...]) -> list[int]:
    """Return the cells passed from `cell` until the owner changes, for each way that it does."""
    found = []
    for axis, side in product(range(blocks.ndim), (-1, 1)):
        extent, wraps = blocks.shape_global[axis], blocks.topology.periods[axis]
        for steps in range(1, extent):
            at = cell[axis] + side * steps
            if not wraps and not 0 <= at < extent:
                break
            if blocks.owner((*cell[:axis], at % extent, *cell[axis + 1 :])) != blocks.owner(cell):
                found.append(steps - 1)
                break
    return found


@pytest.mark.parametrize("name", BLOCKS)
def test_distances_to_borders(name):
    blocks = BLOCKS[name]
    cells = np.argwhere(np.ones(blocks.shape_global, bool))
    expected = [min(walked(blocks, tuple(cell.tolist())), default=np.inf) for cell in cells]
    np.testing.assert_array_equal(to_borders(blocks, cells), expected)
    owner = np.array([blocks.owner(tuple(cell.tolist())) for cell in cells])
    for rank in range(blocks.topology.size):
        assert depth(blocks, rank) == max(np.array(expected)[owner == rank])
    assert owners(blocks, cells[::3]) == sorted(set(owner[::3].tolist()))
    found = [nearest_border(blocks, tuple(cell.tolist())) for cell in cells]
    assert [np.inf if border is None else border.distance for border in found] == expected


def test_the_neighbour_behind_a_border():
    blocks = Decomposition.plan((8, 12), 6, (False, True), (2, 3))
    assert nearest_border(blocks, (3, 6)) == (0, 0, 4)  # axis 0 before axis 1 where both are near
    assert nearest_border(blocks, (1, 11)) == (0, 1, 0)
    assert nearest_border(blocks, (1, 5)) == (1, 1, 0)


def test_distances_to_edges():
    blocks = Decomposition.plan((8, 6), 2, dims=(2, 1))
    cells = np.array([[0, 0], [3, 5], [5, 2], [4, 1]])
    np.testing.assert_array_equal(to_edges(blocks, cells), [[0, 0], [0, 0], [1, 2], [0, 1]])


def field(*cells: tuple[int, ...], step: int = 1, relative: float = 0.1) -> Comparison:
    """Return a difference of these cells on a grid of 24 x 20."""
    one = np.float64(1.0)
    return Comparison(
        (FieldDifference("u", step, step - 1, (24, 20), np.array(cells), one, one, relative),)
    )


def number(kind: str, relative: float = 1e-15) -> Comparison:
    return Comparison(numbers=(NumberDifference(kind, "it", "1", "2", relative),))


POISONED = FOUR._replace(poisoned=True)
POISONED_ALONE = SERIAL._replace(poisoned=True)
THREE = FOUR._replace(ranks=3)  # three blocks of eight rows, of which the middle one is less deep
BORDER = [(11, j) for j in range(20)]
CASES = {
    "sum": (FOUR, number("measure"), explain.SUM),
    "measure": (FOUR, number("measure", 0.5), explain.MEASURE),
    "error": (FOUR, number("error"), explain.ERROR),
    "particles": (FOUR, number("file"), explain.FILE),
    "failure": (FOUR, Comparison(), explain.FAILURE),
    "kernels": (SERIAL._replace(kernels="numba"), field((3, 3)), explain.KERNELS),
    "initial": (FOUR, field((12, 3), (17, 5), step=0), explain.INITIAL),
    "set up with a halo": (FOUR, field(*BORDER, step=0), explain.NARROW),
    "narrow": (FOUR, field(*BORDER, (10, 3)), explain.NARROW),
    "stale": (FOUR, field(*BORDER, step=4), explain.STALE.format(step=4)),
    "corner": (FOUR, field((11, 9), (12, 10)), explain.CORNERS),
    "corner at a wall": (FOUR, field((11, 0), (12, 19)), explain.CORNERS),
    "rounding": (FOUR, field((3, 3), (11, 5), relative=1e-15), explain.ROUNDED_STEP),
    "rank": (FOUR, field((3, 3), (4, 3)), explain.RANK_IN_STEP),
    "one rank": (
        THREE,
        field(*((i, j) for i in range(8, 16) for j in range(20))),
        explain.RANK_IN_STEP,
    ),
    "everywhere": (FOUR, field(*np.ndindex(24, 20)), explain.RANK_IN_STEP),
    "halo never set": (POISONED, field(*BORDER), explain.UNSET_HALO),
    "ghosts never set": (POISONED_ALONE, field(*((0, j) for j in range(20))), explain.UNSET_GHOSTS),
    "ghost corner": (POISONED_ALONE, field((0, 0), (23, 19)), explain.CORNERS),
    "never set": (POISONED_ALONE, field((3, 3)), explain.UNSET),
}


@pytest.mark.parametrize("name", CASES)
def test_causes(name):
    combination, comparison, expected = CASES[name]
    blocks = Decomposition.plan((24, 20), combination.ranks)
    made = Made(combination, Path())
    assert explain.cause(Finding(REFERENCE, made, comparison, blocks)) == expected


def test_a_poisoned_run_tells_that_the_halo_was_never_set():
    blocks = Decomposition.plan((24, 20), 4)
    finding = Finding(REFERENCE, Made(FOUR, Path()), field(*BORDER), blocks)
    assert explain.cause(finding, halo_is_unset=True) == explain.UNSET_HALO
    assert explain.cause(replace(finding, is_gone=True)) == explain.TILES


@pytest.mark.parametrize("given", [True, False])
def test_without_mpi(given, monkeypatch, capsys):
    def missing(_: int) -> list[str]:
        raise ConfigError("there is no mpi4py")

    monkeypatch.setattr("parcompute.comm.mpiexec.mpiexec_command", missing)
    if given:
        with pytest.raises(ConfigError, match="no mpi4py"):
            verify._engines(parse(["+exp=heat2d", "--engines=mpi"]))
    else:
        assert verify._engines(parse(["+exp=heat2d"])) == ("serial", "multiprocessing")
        assert capsys.readouterr().out == "without the engine mpi: there is no mpi4py\n"


def test_runs_that_are_made():
    groups = planned(("numba", "numpy"), ("serial", "multiprocessing", "mpi"), (1, 7))
    assert groups[0] == [SERIAL]
    runs = [run for group in groups for run in group]
    plain = {run for run in runs if not run.poisoned}
    places = [("serial", 1), ("multiprocessing", 1), ("multiprocessing", 4), ("multiprocessing", 7)]
    places += [("mpi", 1), ("mpi", 7)]
    assert plain == {Combination(k, *place) for k in ("numba", "numpy") for place in places}
    assert set(runs) - plain == {POISONED, POISONED_ALONE}
    assert len(runs) == len(set(runs))
    made: list[Combination] = []
    for run in runs:  # what a run is compared with comes first
        assert run.base in (*made, run)
        made.append(run)


def test_nothing_to_compare_is_refused():
    with pytest.raises(ConfigError, match="nothing to compare"):
        planned(("numpy",), ("serial",), (1, 2))


BAD = {
    "--rank=2": "not an option",
    "-m": "not an option",
    "--ranks=2,x": "got 'x'",
    "--ranks=0": "got '0'",
    "--ranks": "got ''",
    "--engines=gpu": "serial,multiprocessing,mpi",
    "--kernels=cuda": "numba,numpy",
    "backend=mpi": "'backend' is set by verify",
    "+backend.dims=[2,2]": "'backend.dims' is set by verify",
    "kernels.engine=numpy": "'kernels.engine' is set by verify",
    "hydra.run.dir=here": "'hydra.run.dir' is set by verify",
    "resume=auto": "'resume' is set by verify",
}


@pytest.mark.parametrize("argument", BAD)
def test_bad_options(argument):
    with pytest.raises(ConfigError, match=BAD[argument]):
        parse(["+exp=heat2d", argument])


def test_options():
    words = ["+exp=heat2d", "--ranks", "3,1", "--kernels=numpy", "experiment.steps=9", "--full"]
    options = parse(words)
    assert (options.ranks, options.kernels) == ((1, 3), ("numpy",))
    assert (options.engines, options.engines_given) == (("serial", "multiprocessing", "mpi"), False)
    assert (options.full, options.convergence) == (True, True)
    assert options.words == ("+exp=heat2d", "experiment.steps=9")
    assert options.given == {"exp", "experiment.steps"}


def test_reduced_size():
    run = spec(registry.find("heat2d"), shape=[300, 200], steps=1000)
    small = case.reduced(run, ())
    assert (small.parameters["shape"], small.parameters["steps"]) == ((48, 40), 60)
    assert small.output.every == 20
    kept = case.reduced(run, {"experiment.shape", "output.every"})
    assert (kept.parameters["shape"], kept.parameters["steps"]) == ([300, 200], 60)
    assert kept.output.every == 2
    assert case.reduced(spec(USER / "resumable.py"), ()).parameters == {"steps": 20}


def test_everything_is_compared_whatever_is_configured():
    output = Output(region=["0:2", "1"], precision="single", compression="gzip", fields=["u"])
    whole = case.whole(replace(spec(registry.find("heat2d")), output=output)).output
    assert (whole.region, whole.precision, whole.compression) == (None, "full", None)
    assert whole.fields == ["u"]  # a file holds one grid
    assert case.whole(spec(registry.find("heat2d"))).kernels.time_tile == 4  # not what is fastest


def test_grids_of_the_convergence():
    runs = convergence.refined(spec(registry.find("heat2d"), shape=[10, 12], steps=5))
    assert not isinstance(runs, str)
    assert [run.parameters["shape"] for run in runs] == [[10, 12], [20, 24], [40, 48]]
    assert [run.parameters["steps"] for run in runs] == [5, 20, 80]
    assert "no exact solution" in convergence.refined(spec(USER / "wrong_sum.py"))


def test_a_grid_that_takes_too_long_is_not_refined():
    found = convergence.refined(spec(registry.find("heat2d"), shape=[400, 400], steps=100))
    assert (
        found == "1600 steps on [1600, 1600] cells take too long; a smaller experiment.shape helps"
    )


def test_order_of_an_experiment():
    assert convergence.expected_order(spec(registry.find("heat2d"))) == 2
    assert convergence.expected_order(spec(registry.find("wave"), order=8)) is None


def level(factor: int, rms: float) -> convergence.Level:
    return convergence.Level((8 * factor,), factor, 1.0, {"u": {"max": 2 * rms, "rms": rms}})


def test_order_of_convergence():
    found = [level(1, 1.6e-2), level(2, 4.4e-3), level(4, 1.1e-3)]
    assert convergence.unexpected(found, 2) == []
    assert convergence.unexpected(found, None) == []
    [sentence] = convergence.unexpected(found, 3)
    assert "is 2.000, but the experiment says 3" in sentence
    last = convergence.table(found)[-1].split()
    assert last == ["32", "4", "u", "2.200e-03", "2.000", "1.100e-03", "2.000"]


LATE = '''
from dataclasses import dataclass

import parcompute as pc


@dataclass
class Late(pc.Experiment):
    """Knows its time step only when it is set up."""

    shape: tuple[int] = (4,)
    steps: int = 2

    def setup(self, comm):
        self.u = pc.Grid(self.shape, comm=comm).field("u")
        self.dt = 1 / self.shape[0]

    def step(self):
        pass

    def exact(self, time):
        return {"u": lambda x: 0 * x}
'''


def test_errors_at_different_times_have_no_order(tmp_path):
    (tmp_path / "late.py").write_text(LATE)
    runs = convergence.refined(spec(tmp_path / "late.py", shape=[4]))
    assert not isinstance(runs, str)
    found = convergence.levels(Workshop(tmp_path), runs, SERIAL)
    assert "end at the times 0.5, 0.25, 0.125;" in convergence.at_different_times(found)
    assert convergence.at_different_times([level(1, 0.1), level(2, 0.1)]) == ""


def test_errors_without_an_order():
    assert convergence.unexpected([level(1, 0.0), level(2, 0.0)], 2) == []  # exact
    assert convergence.unexpected([level(1, 1e-3), level(2, np.nan)], 2) != []


class Prepared(Workshop):
    """Has made all runs before."""

    def __init__(self, made: list[Made]) -> None:
        self._of = {one.combination: one for one in made}

    def make_all(self, wanted):
        return [self._of[combination] for _, combination in wanted]


def test_runs_that_fail_and_that_are_refused():
    refused = Made(FOUR, Path("no"), error=ConfigError("too small"), failure="too small")
    failed = Made(POISONED, Path("no"), error=RankError(1, "boom"), failure="boom")
    session = Session(Prepared([REFERENCE, refused, failed]), spec(USER / "wrong_sum.py"))
    found = list(session.make([[SERIAL], [FOUR], [POISONED]]))
    assert [text.result(*one) for one in found] == [
        "the reference",
        "not possible: too small",
        "fails: boom",
    ]
    assert (session.count, session.impossible, len(session.differing)) == (3, 1, 1)
    finding = session.finding()
    assert finding is not None
    lines = text.details(finding, explain.cause(finding))
    assert [line.split(maxsplit=1)[1] for line in lines[1:2]] == ["boom"]
    assert explain.FAILURE in lines[2]
    assert text.closing(3, 1, 1) == "1 of 2 runs differ; 1 not possible"


def test_a_reference_that_fails_is_an_error():
    failed = Made(SERIAL, Path("no"), error=ParcomputeError("boom"), failure="boom")
    session = Session(Prepared([failed]), spec(USER / "wrong_sum.py"))
    with pytest.raises(ParcomputeError, match="boom"):
        list(session.make([[SERIAL]]))


@pytest.mark.parametrize("dtype", ["f4", "f8", "c16", "i2", "u1", "b1"])
def test_poison(dtype):
    with use(Settings(poison=True)):
        made = pc.Grid((3, 4), comm=serial()).field("u", dtype=dtype, boundary=pc.Reflecting())
        blocks = made.padded, made.spare()
    for block in blocks:
        assert not block[made.owned_box.slices].any()
        outside = np.ones(block.shape, bool)
        outside[1:-1, 1:-1] = False
        values = block[outside]
        assert (np.isnan(values) if values.dtype.kind in "fc" else values != 0).all()
    made.exchange()
    assert (made.padded == 0).all()


def test_fields_begin_with_zeros_without_poison():
    made = pc.Grid((3, 4), comm=serial()).field("u")
    assert (made.padded == 0).all()

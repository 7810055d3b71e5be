"""``parcompute kernel``: what the stencils of an experiment do, cost and become."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from parcompute.native import compiled
from tests.system.cli import files, install_user, parcompute
from tests.system.test_errors import assert_sentence

pytestmark = pytest.mark.ahead(2)

HEAT = ("kernel", "+exp=heat2d", "experiment.shape=[40,30]")

PAIR = '''
from dataclasses import dataclass

import numpy as np

import parcompute as pc


@pc.stencil
def spread(u, *, r):
    return u[0, 0] + r * (u[-1, -1] - u[0, 0]) * (u[0, 2] + 1.0)


@pc.stencil
def react(u, c, *, k):
    new = u[0, 0] - k * c[0, 0] * u[0, 0]
    return new, pc.reduce_max(abs(new))


@pc.block_stencil(radius=1)
def blur(u, *, w):
    return u[1:-1, 1:-1] * (1 - w) + w * u[:-2, :-2]


@dataclass
class Pair(pc.Experiment):
    """Two stencils in turn, or a function of blocks."""

    blocks: bool = False
    steps: int = 3

    def setup(self, comm):
        print("setting up")
        grid = pc.Grid((16, 16), comm=comm)
        self.u = grid.field("temperature", halo=2)
        self.c = grid.field("c", dtype=np.float32, halo=0)

    def step(self):
        if self.blocks:
            blur(self.u, w=0.1)
        else:
            pc.sweep([spread.on(self.u, r=0.1), react.on(self.u, self.c, k=0.2)])
'''


def shown(*words: object, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Return what the command prints, which leaves nothing behind."""
    before = files(cwd)
    done = parcompute(*words, cwd=cwd, env=env)
    assert done.returncode == 0, done.stderr
    assert files(cwd) == before
    assert not (cwd / "runs").exists()
    return done.stdout


def rows(text: str) -> dict[str, str]:
    """Return the labelled lines; of several with one label the last."""
    return dict(re.findall(r"^(\w+(?: \w+)?) {2,}(.*)$", text, re.MULTILINE))


def with_pair(folder: Path) -> Path:
    """Give `folder` the experiment with two stencils."""
    install_user(folder)
    (folder / "experiments/pair.py").write_text(PAIR)
    (folder / "configs/exp/pair.yaml").write_text(
        "# @package _global_\ndefaults: [/experiment: pair, _self_]\n"
    )
    return folder


def test_heat2d(tmp_path):
    text = shown(*HEAT, "backend.ranks=2", cwd=tmp_path)
    found = rows(text)
    assert text.startswith("heat2d: 40 x 30 cells, here on one rank\n")
    assert "2 x 1 ranks, with blocks of up to 20 x 30" in text
    assert re.search(r"experiments/heat2d.py:\d+$", found["diffuse"])
    assert found["reads u"] == (
        "field 'u', float64, halo 1 x 1, reach y -1 to 1, x -1 to 1 (radius 1 x 1)"
    )
    assert found["writes"] == "field 'u' in a second array"
    assert found["shape"].startswith("star")
    assert (found["scalars"], found["reductions"]) == ("ry, rx", "none")
    # 1 product (2 u), 2 x (difference, sum, product), 2 sums
    assert found["operations"].startswith("9 per cell")
    assert found["memory"].startswith("16 bytes per cell and sweep: 1 array read once, 1 array")
    assert "24 with write-allocate" in found["memory"]


def test_the_limit_is_the_lower_of_two(tmp_path):
    found = rows(shown(*HEAT, cwd=tmp_path))
    traffic = float(re.search(r"([\d.]+) GB/s with write-allocate", found["copy"])[1])
    rate = float(re.search(r"([\d.]+) Gflop/s", found["arithmetic"])[1])
    limit, memory, arithmetic = (
        float(x.replace(",", ""))
        for x in re.search(
            r"^([\d,]+) MLUP/s .* memory ([\d,]+), arithmetic ([\d,]+)", found["limit"]
        ).groups()
    )
    rounded = 0.07  # of rates with one decimal, and of limits without: much on a busy machine
    assert memory == pytest.approx(1e3 * traffic / 24, abs=1e3 * rounded / 24)
    assert arithmetic == pytest.approx(1e3 * rate / 9, abs=1e3 * rounded / 9)
    assert limit == min(memory, arithmetic)


def test_the_plan_of_a_tile(tmp_path):
    text = shown(*HEAT, "kernels.time_tile=3", cwd=tmp_path)
    assert rows(text)["time tile"] == "3 sweeps per tile (kernels.time_tile=3)"
    table = re.search(r"plan of a tile of 3 sweeps.*?\n\n", text, re.DOTALL)[0].splitlines()
    assert [re.split(r" {2,}", line.strip()) for line in table[1:8]] == [
        ["sweep", "kernel", "margins", "lag", "reads", "writes"],
        ["1", "ghosts", "y 2+2 x 2+2", "0", "u before", "u before"],
        ["1", "diffuse", "y 2+2 x 2+2", "0", "u before", "u in v0"],
        ["2", "ghosts", "y 1+1 x 1+1", "1", "u in v0", "u in v0"],
        ["2", "diffuse", "y 1+1 x 1+1", "1", "u in v0", "u in v1"],
        ["3", "ghosts", "none", "2", "u in v1", "u in v1"],
        ["3", "diffuse", "none", "2", "u in v1", "u after"],
    ]


def test_what_a_run_has_found_is_in_force(tmp_path):
    """In a cache folder that knows kernels only: first no tiles are, then the best of a run."""
    env = {"PARCOMPUTE_CACHE_DIR": str(tmp_path / "cache")}
    kernels = tmp_path / "cache/kernels"
    kernels.mkdir(parents=True)
    for path in compiled.cache_folder().glob("*.[op]*"):  # machine code and its source
        (kernels / path.name).symlink_to(path)
    folder = tmp_path / "work"
    folder.mkdir()
    words = ("+exp=heat2d", "backend=serial")
    text = shown("kernel", *words, cwd=folder, env=env)
    assert "nothing is remembered yet of a run on one rank" in rows(text)["time tile"]
    assert "plan of a tile of 4 sweeps" in text
    done = parcompute("run", *words, "hydra.run.dir=made", cwd=folder, env=env)
    best = re.search(r"^kernels +diffuse: numba, (.*)$", done.stdout, re.MULTILINE)[1]
    [memory] = (tmp_path / "cache").rglob("tuning_*.json")
    tile = rows(shown("kernel", *words, cwd=folder, env=env))["time tile"]
    assert tile.startswith(f"auto: {best}")
    assert tile.endswith(f"the fastest that a run on one rank has found ({memory})")


def test_source_of_heat2d(tmp_path):
    text = shown(*HEAT, "--source", cwd=tmp_path)
    compile(text, "kernel", "exec")
    assert text.startswith("# ---")
    assert "for x in range(lo1, hi1):" in text
    assert text.count("def sweep(") == 1
    machine = Path(re.search(r"^# machine +(.*\.o)$", text, re.MULTILINE)[1])
    source = Path(re.search(r"^# source +(.*\.py)$", text, re.MULTILINE)[1])
    assert machine.stem == source.stem
    assert machine.exists()
    assert source.read_text().strip() in text


def test_all_of_the_source(tmp_path):
    text = shown(*HEAT, "--source", "--all", cwd=tmp_path)
    compile(text, "kernel", "exec")
    assert "def run(w, g, th, first, last" in text
    titles = ("driver_2d:", "fill_float64_2d_0:", "fill_float64_2d_1:", "copy_float64_2d:")
    assert [title for title in titles if f"# {title}" not in text] == []


def test_source_of_the_numpy_engine(tmp_path):
    text = shown(*HEAT, "--source", "kernels.engine=numpy", cwd=tmp_path)
    module: dict[str, object] = {}
    exec(compile(text, "kernel", "exec"), module)
    assert callable(module["kernel"])
    assert "numba" not in text


def test_two_stencils_with_a_coefficient_and_a_reduction(tmp_path):
    text = shown("kernel", "+exp=pair", cwd=with_pair(tmp_path))
    assert "setting up" not in text  # what an experiment prints goes to standard error
    spread, react = (rows(part) for part in re.split(r"^react ", text, flags=re.MULTILINE))
    assert spread["shape"].startswith("box")
    assert "reach y -1 to 0, x -1 to 2 (radius 1 x 2)" in spread["reads u"]
    assert spread["reads u"].startswith("field 'temperature', float64, halo 2 x 2")
    assert react["reads c"].startswith("field 'c', float32, halo 0 x 0")
    assert react["shape"].startswith("point")
    assert react["reductions"] == "max"
    assert react["writes"] == "field 'temperature' in place"
    assert (
        react["memory"] == "20 bytes per cell and sweep: 2 arrays read once, 1 array written once"
    )
    assert react["operations"].startswith("4 per cell")  # 2 products, difference, abs
    assert react["sequence"].startswith("36 bytes per cell and sweep of all kernels")


@pytest.mark.parametrize("words", [(), ("kernels.engine=numpy",)])
def test_block_stencils_are_not_compiled(tmp_path, words):
    text = shown("kernel", "+exp=pair", "experiment.blocks=true", *words, cwd=with_pair(tmp_path))
    assert re.search(
        r"experiments/pair.py:\d+, an ordinary function of NumPy blocks, not compiled$",
        rows(text)["blur"],
    )
    assert rows(text)["operations"] == "not counted"
    assert "    return u[1:-1, 1:-1] * (1 - w) + w * u[:-2, :-2]\n" in text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("+exp=hillslope",), "344 x 403 cells"),
        (("+exp=heat3d", "kernels.time_tile=2"), "z 1+1 y 1+1 x 1+1"),
        (("+exp=advect1d", "kernels.time_tile=3"), "x 2+0"),
        (("+exp=advect1d", "--all"), "driver_1d"),
    ],
)
def test_other_experiments(user, words, expected):
    assert expected in shown("kernel", *words, cwd=user)


@pytest.mark.parametrize("words", [(), ("--source",)])
def test_an_experiment_without_stencils(user, words):
    sentence = "wide applies no stencil in its first step, so that there is no kernel to show.\n"
    assert shown("kernel", "+exp=wide", *words, cwd=user) == sentence


def test_help(tmp_path):
    text = shown("kernel", "--help", cwd=tmp_path)
    assert [word for word in ("+exp=NAME", "--source", "--all") if word not in text] == []


ERRORS = {
    "no experiment": (("kernel",), ("+exp=", "heat2d", "hillslope")),
    "unknown experiment": (("kernel", "+exp=heat4d"), ("'heat4d'", "heat2d", "advect1d")),
    "unknown option": ((*HEAT, "--sources"), ("'--sources'", "--source", "--all", "--help")),
    "a sweep": ((*HEAT, "-m"), ("'-m'", "kernel")),
    "mistyped key": ((*HEAT, "experiment.alhpa=2"), ("alhpa", "Did you mean 'alpha'")),
    "unstable": ((*HEAT, "experiment.r=0.3"), ("experiment.r=0.3", "0.25")),
    "unknown engine": ((*HEAT, "kernels.engine=cuda"), ("cuda", "numba", "numpy")),
    "no depth": ((*HEAT, "kernels.time_tile=0"), ("kernels.time_tile", "0")),
    "more ranks than cells": (
        ("kernel", "+exp=heat2d", "experiment.shape=[2,2]", "backend.ranks=5"),
        ("5 ranks", "2, 2"),
    ),
}


@pytest.mark.parametrize(("words", "expected"), ERRORS.values(), ids=ERRORS)
def test_an_error_is_a_sentence_and_leaves_nothing(user, words, expected):
    before = files(user)
    assert_sentence(parcompute(*words, cwd=user), *expected)
    assert files(user) == before
    assert not (user / "runs").exists()


def test_an_experiment_that_fails_names_its_line(user):
    words = ("kernel", "+exp=broken", "experiment.where=setup", "experiment.who=0")
    done = parcompute(*words, cwd=user)
    assert done.returncode == 1
    assert "boom" in done.stderr
    assert done.stdout == ""


def test_without_a_temporary_file(tmp_path):
    """The folder of Hydra's output is removed."""
    temporary = tmp_path / "it's temporary"
    temporary.mkdir()
    shown(*HEAT, cwd=tmp_path, env={"TMPDIR": str(temporary)})
    assert list(temporary.iterdir()) == []

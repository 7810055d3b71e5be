"""The state of an experiment: what a checkpoint holds of it, and how that is put back."""

from __future__ import annotations

import pickle

import pytest

import parcompute as pc
from parcompute.errors import ConfigError
from parcompute.io import checkpoint
from parcompute.io.checkpoint import Checkpoint
from parcompute.run import state
from parcompute.settings import Settings, use
from tests.unit import stateful
from tests.unit.stateful import EVERY, ByRank, Changed, Fields, Plain, Tools

AT, STEPS = 3, 9  # steps before the checkpoint, which are odd, and in all


def walked(comm, experiment, count):
    """Make steps as the driver does."""
    for _ in range(count):
        experiment.step()
        experiment.steps_done += 1
    return experiment


def begun(comm, experiment):
    """Set an experiment up as the driver does; return what `setup` has not changed."""
    parameters = state.copied(experiment)
    experiment.setup(comm)
    return state.unchanged(experiment, parameters)


def save(comm, folder, experiment, *, at=AT, steps=STEPS):
    """Save after `at` steps; return what is seen after `steps`, and what is not held."""
    initial = begun(comm, experiment)
    walked(comm, experiment, at)
    held = state.capture(comm, experiment, initial)
    path = checkpoint.path_of(folder, at)
    checkpoint.save(comm, path, held.parts, {}, held.attributes)
    return bits(walked(comm, experiment, steps - at).seen()), held.left_out


def resume(comm, folder, experiment, *, at=AT, steps=STEPS):
    """Go on from what was saved; return what is seen after `steps`."""
    begun(comm, experiment)
    state.restore(comm, experiment, Checkpoint(comm, checkpoint.path_of(folder, at)))
    experiment.steps_done = at
    return bits(walked(comm, experiment, steps - at).seen())


def bits(values):
    """Return values so that they are equal if all bits are."""
    if isinstance(values, dict):
        return [(key, bits(value)) for key, value in values.items()]
    if isinstance(values, list | tuple):
        return [bits(value) for value in values]
    if hasattr(values, "tobytes"):
        return str(values.dtype), values.shape, values.tobytes()
    return type(values).__name__, repr(values)


def refused(comm, folder, experiment):
    """Return the sentence with which a checkpoint is refused on this rank."""
    try:
        resume(comm, folder, experiment)
    except ConfigError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def saved(launch, tmp_path_factory):
    """Return a function: where experiments were saved on some ranks, and what they lead to."""
    made = {}

    def save_all(comm, folder):
        with use(Settings("numpy")):
            return {cls: save(comm, folder / cls.__name__, cls())[0] for cls in (*EVERY, ByRank)}

    def of(ranks):
        if ranks not in made:
            folder = tmp_path_factory.mktemp(f"of-{ranks}")
            for cls in (*EVERY, ByRank):
                (folder / cls.__name__).mkdir()
            results = launch(save_all, ranks, (folder,))
            assert results == results[:1] * ranks
            made[ranks] = folder, results[0]
        return made[ranks]

    return of


@pytest.fixture(scope="module")
def resumed(launch, saved):
    """Return a function: what the experiments that were saved on some ranks lead to on others."""
    made = {}

    def resume_all(comm, folder):
        return {cls: resume(comm, folder / cls.__name__, cls()) for cls in EVERY}

    def of(before, after):
        if (before, after) not in made:
            results = launch(resume_all, after, (saved(before)[0],))
            assert results == results[:1] * after
            made[before, after] = results[0]
        return made[before, after]

    return of


@pytest.mark.parametrize("cls", EVERY)
@pytest.mark.parametrize(("before", "after"), [(1, 1), (1, 2), (2, 3), (3, 2), (2, 1)])
def test_it_goes_on_as_if_never_interrupted(saved, resumed, before, after, cls):
    expected = saved(before)[1][cls]
    assert expected == saved(1)[1][cls]
    assert resumed(before, after)[cls] == expected


def test_what_differs_by_rank_is_put_back_on_as_many_ranks(launch, saved):
    folder, expected = saved(2)
    results = launch(resume, 2, (folder / "ByRank", ByRank()))
    assert results == [expected[ByRank]] * 2


def test_what_differs_by_rank_cannot_go_to_other_ranks(launch, saved):
    texts = launch(refused, 3, (saved(2)[0] / "ByRank", ByRank()))
    assert texts == texts[:1] * 3
    assert texts[0] == (
        "The attributes sum, only of the experiment differ from rank to rank, so that the run can "
        "go on with 2 ranks only, not 3: set backend.ranks=2, or hold such values in fields."
    )


def test_tools_are_left_as_setup_has_made_them(launch, tmp_path):
    def both(comm):
        with use(Settings("numpy")):
            first, left_out = save(comm, tmp_path, Tools())
            second = resume(comm, tmp_path, Tools())
        return first == second, left_out

    expected = ["function", "lock", "tools"]
    for same, left_out in launch(both, 2):
        assert same
        assert sorted(set(left_out) - {"sequence"}) == expected
        assert "kernel" not in left_out


def test_a_parameter_that_the_run_has_not_changed_may_have_a_new_value(saved, tmp_path):
    experiment = Changed(kept=5.0)
    resume(pc.serial(), saved(1)[0] / "Changed", experiment)
    assert experiment.kept == 5.0
    assert len(experiment.history) == STEPS


def test_attributes_are_held_once(launch, tmp_path):
    """However many ranks there are: what is the same everywhere stands in the file once."""

    def size(comm):
        experiment = Plain()
        initial = begun(comm, experiment)
        experiment.text = "x" * 100_000
        held = state.capture(comm, experiment, initial)
        return len(held.attributes)

    root, *others = launch(size, 3)
    assert 100_000 < root < 110_000
    assert max(others) < 1000


def test_user_classes_are_found_again(tmp_path):
    experiment = stateful.Swapped()
    save(pc.serial(), tmp_path, experiment)
    found = Checkpoint(pc.serial(), checkpoint.path_of(tmp_path, AT))
    shared, differing, size = pickle.loads(found.state)
    assert set(shared) >= {"pair", "u", "v", "levels", "named"}
    assert (differing, size) == ({}, 1)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"names": "vw"}, "has no fields/w, but setup() of the experiment makes fields/w [12, 10]"),
        (
            {"names": ""},
            "has fields/v [12, 10] float64, but setup() of the experiment makes no fields/v",
        ),
        (
            {"shape": (12, 11)},
            "[12, 10] float64, but setup() of the experiment makes fields/v [12, 11] float64",
        ),
        ({"columns": "xy"}, "has no particles/swarm/y, but setup() of"),
        ({"columns": ""}, "has particles/swarm/x, but setup() of"),
    ],
)
def test_another_experiment_is_refused(launch, tmp_path, options, text):
    def both(comm):
        save(comm, tmp_path, Fields())
        return refused(comm, tmp_path, Fields(**options))

    first, second = launch(both, 2)
    assert first == second
    assert text in first
    assert first.endswith(".")
    assert len(first.splitlines()) == 1

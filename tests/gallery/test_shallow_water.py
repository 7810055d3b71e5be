"""Shallow water: exact solutions, rest over real terrain, shores, waves that leave, bits."""

from __future__ import annotations

import numpy as np
import pytest

import parcompute as pc
from parcompute.settings import Settings, use
from tests.gallery.made import advance, mean_error, of_config, refused, solved
from tests.gallery.travel_times import travel_times


def test_a_dam_break_converges_to_stokers_solution():
    errors = []
    for n in (100, 200, 400):
        dam = solved(of_config("dam_break", shape=[4, n], high=[40 / n, 10.0], steps=3 * n // 4))
        assert dam.dt * dam.steps == pytest.approx(6.0, rel=1e-3)
        errors.append(mean_error(dam, "depth"))
    assert errors[-1] < 6e-6, errors  # m; depths are 5 mm and 1 mm
    assert np.all(np.log2(np.array(errors[:-1]) / errors[1:]) > 0.8), errors


def test_a_dam_break_over_dry_land():
    dam = solved(of_config("dam_break", shape=[4, 400], depths=[0.005, 0.0], steps=300))
    assert mean_error(dam, "depth") < 2e-5
    assert dam.h.min() == 0


def test_the_bowl_converges_to_thackers_solution():
    errors = []
    for n in (50, 100):
        bowl = solved(of_config("bowl", shape=[n, n], steps=1684 * n // 200))
        assert bowl.dt * bowl.steps == pytest.approx(2 * np.pi / bowl.frequency, rel=1e-3)
        errors.append(mean_error(bowl, "depth") / bowl.h.mean())
    assert errors[1] < 0.035, errors
    assert np.log2(errors[0] / errors[1]) > 1.2, errors


def swung(turned: bool, signs: tuple[int, int]) -> np.ndarray:
    """Return depths in the bowl, which is transposed and mirrored at the beginning and at the end.

    Signs are -1 along the axes, y and x, that are mirrored.
    """
    bowl = of_config("bowl", shape=[32, 32], steps=150)  # coordinates without rounding

    def seen(a: np.ndarray) -> np.ndarray:
        return (a.T if turned else a)[:: signs[0], :: signs[1]]

    with use(Settings(time_tile=1)):
        bowl.setup(pc.serial())
        bowl.h.owned[...] = seen(bowl.h.owned).copy()
        speed = bowl.v.owned[1, 1]
        bowl.v.owned[...] = 0.0 if turned else signs[0] * speed
        bowl.u.owned[...] = signs[1] * speed if turned else 0.0
        advance(bowl, bowl.steps)
    depth = bowl.h.owned[:: signs[0], :: signs[1]]
    return depth.T if turned else depth


def test_water_swings_alike_in_all_directions():
    depth = swung(False, (1, 1))
    assert np.abs(depth - depth[::-1]).max() > 1e-3  # it turns
    assert np.array_equal(swung(False, (1, -1)), depth)
    assert np.array_equal(swung(False, (-1, 1)), depth)
    np.testing.assert_allclose(swung(True, (1, 1)), depth, rtol=0, atol=1e-14)


@pytest.mark.parametrize("along", [0, 1])
def test_a_current_carries_the_velocity_across_it(along):
    errors = []
    for n in (80, 160):
        place = (np.arange(n) + 0.5) / n
        sea = of_config(
            "dam_break",
            shape=np.roll([n, 8], along).tolist(),
            high=np.roll([1.0, 8 / n], along).tolist(),
            **{"gravity": 1e-12, "fastest": 1.0, "cfl": 0.5, "steps": n},  # hardly any waves
        )
        with use(Settings(time_tile=1)):
            sea.setup(pc.serial())
            current, across = (sea.v, sea.u)[:: 1 - 2 * along]
            sea.h.owned[...], current.owned[...] = 1.0, 1.0
            profile = np.exp(-(((place - 0.35) / 0.1) ** 2))
            np.moveaxis(across.owned, along, 0)[...] = 1e-9 * profile[:, None]
            advance(sea, n)
        found = np.moveaxis(across.owned, along, 0)[:, 4]
        exact = np.exp(-(((place - 0.35 - n * sea.dt) / 0.1) ** 2))
        errors.append(np.mean(np.abs(1e9 * found - exact)))
    assert errors[-1] < 0.003, errors
    assert np.log2(errors[0] / errors[1]) > 1.3, errors


def test_a_lake_is_at_rest_to_the_last_bit():
    lake = of_config("lake_at_rest", refine=1, shape=[91, 120], steps=0)
    before = solved(lake).h.owned.copy()
    lake.steps = 200
    solved(lake)
    assert np.array_equal(lake.h.owned, before)
    assert not lake.u.owned.any()
    assert not lake.v.owned.any()
    assert set(np.unique(lake.surface.owned)) == {0.0, lake.surface.missing}
    assert 0.3 < np.mean(before > 0) < 0.6


def test_water_is_conserved_while_shores_flood_and_dry():
    sea = of_config("tsunami", refine=1, shape=[91, 120], sponge=0, hump=60.0, steps=0)
    before = solved(sea).h.owned.copy()
    sea.steps = 400
    sea.fastest = 160.0
    after = solved(sea).h.owned
    assert after.sum() == pytest.approx(before.sum(), rel=1e-13)
    assert after.min() == 0
    assert np.sum((before == 0) & (after > 0.1)) > 20
    assert np.sum((sea.highest.owned > 1) & (sea.bed.owned > 1) & (after < 1e-2)) >= 3


def flat(tmp_path, **changes):
    """Return a hump on a square sea of 90 x 90 km, 100 m deep."""
    np.save(tmp_path / "flat.npy", np.full((90, 90), -100.0))
    sea = {
        **{"problem": "sea", "terrain": f"{tmp_path}/flat.npy", "refine": 1, "shape": [90, 90]},
        **{"high": [9e4, 9e4], "source": [45e3, 45e3], "width": 3e3, "hump": 1.0},
        **{"fastest": 34.0, "gauges": {}, "threshold": 0.05},
    }
    return solved(of_config("tsunami", **(sea | changes)))


def test_the_sponge_swallows_waves(tmp_path):
    heights = {}
    for sponge in (0, 20):
        sea = flat(tmp_path, sponge=sponge, steps=450)
        assert sea.dt * 450 > 90e3 / np.sqrt(981)  # to the walls and back
        heights[sponge] = np.abs(sea.surface.owned[25:65, 25:65]).max()
    assert heights[0] > 0.05
    assert heights[20] < 0.05 * heights[0], heights


def test_waves_arrive_with_the_speed_of_shallow_water(tmp_path):
    gauges = {"near": [45.5e3, 60.5e3], "far": [45.5e3, 80.5e3], "north": [80.5e3, 45.5e3]}
    sea = flat(tmp_path, sponge=0, steps=180, gauges=gauges)
    found = sea.measure()
    between = found["far_arrival"] - found["near_arrival"]
    assert between == pytest.approx(20e3 / np.sqrt(9.81 * 100), rel=0.06)
    assert found["north_arrival"] == pytest.approx(found["far_arrival"], abs=1.5 * sea.dt)


def test_waves_arrive_over_real_bathymetry_when_shortest_paths_say():
    low = {"hump": 0.04, "width": 5e3, "threshold": 1e-5}  # the first water that moves
    sea = solved(of_config("tsunami", refine=1, shape=[91, 120], sponge=0, steps=450, **low))
    arrival = sea.arrival.owned
    times = travel_times(
        sea.h.owned * (sea.bed.owned < 0), sea.spacing, np.flatnonzero(arrival == 0)
    )
    seen = (arrival > 0) & (times > 200) & np.isfinite(times) & (sea.bed.owned < -20)
    assert seen.sum() > 300
    late = np.quantile(arrival[seen] / times[seen], [0.05, 0.5, 0.95])
    np.testing.assert_allclose(late, [0.95, 1.03, 1.12], atol=0.05)


SEA = {"problem": "sea", "terrain": "flat.npy", "fastest": 30.0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"problem": "pond"}, "must be one of dam, bowl, sea, got 'pond'"),
        ({"cfl": 0.6}, "cfl=0.6 lets cells run out of water: it must be above 0 and not larger"),
        ({"depth": -0.1}, "experiment.depth must be positive, got -0.1"),
        ({"problem": "dam", "depths": (1.0, -1.0)}, "no negative depth; got 1.0 and -1.0"),
        ({"low": (0.0, 2.0)}, "experiment.low=[0.0, 2.0] must be below"),
        ({"problem": "sea"}, "needs experiment.terrain, a file, and experiment.fastest"),
        ({"sponge": 100}, "experiment.sponge=100 cells on both sides do not fit"),
        ({**SEA, "gauges": {"a": [9.0, 0.0]}}, "gauges.a=[9.0, 0.0] is outside of the grid"),
    ],
)
def test_what_is_refused(changes, message):
    assert message in refused("shallow_water", **changes)


def test_a_gauge_on_land_is_refused():
    sea = of_config("tsunami", gauges={"hill": [220e3, 290e3]})
    with pytest.raises(pc.ConfigError, match=r"gauges.hill is on land, \d+.* m high"):
        sea.setup(pc.serial())


def test_waves_faster_than_said_end_in_a_sentence():
    sea = of_config("tsunami", refine=1, shape=[91, 120], fastest=60.0, steps=3)
    with pytest.raises(pc.DivergenceError, match=r"the Courant number is 0.89 and must not be"):
        solved(sea)


@pytest.mark.parametrize(("config", "moves"), [("tsunami", True), ("lake_at_rest", False)])
def test_a_real_sea_is_verified_on_the_cells_of_its_file(config, moves):
    whole = of_config(config)
    small = solved(of_config(config, **whole.reduced()))
    assert small.shape == (91, 120)
    assert small.steps == 12
    assert (small.v.norm() > 1.0) is moves
    wide = whole.sponge * whole.spacing[0]
    assert abs(small.sponge * small.spacing[0] - wide) < small.spacing[0]

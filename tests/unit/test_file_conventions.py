"""``fields.h5`` as netCDF4, xarray and h5py alone read it."""

from __future__ import annotations

import json
import pickle

import h5py
import numpy as np
import pytest
import xarray as xr

from tests import helpers
from tests.unit.written import (
    ATTRIBUTES,
    AXES,
    CONFIG,
    DTYPES,
    EXTENT,
    FACE,
    KINDS,
    SHAPES,
    TIMES,
    in_file,
    positions,
    values,
    write_kinds,
)

COORDINATES = ["time", "step", *AXES, "x_face", "complex"]

# netCDF4 and h5py bring two HDF5 libraries of different versions: each has its own process
NETCDF = """
import pickle, sys, netCDF4, xarray
found = {}
for path in sys.argv[2:]:
    with netCDF4.Dataset(path) as data:
        data.set_auto_maskandscale(False)
        found[path] = {
            "attributes": {name: data.getncattr(name) for name in data.ncattrs()},
            "dimensions": {name: len(d) for name, d in data.dimensions.items()},
            "variables": {
                name: (v.dimensions, v[...], {a: v.getncattr(a) for a in v.ncattrs()})
                for name, v in data.variables.items()
            },
            "steps": data["VTKHDF/Steps/Values"][:].tolist(),
        }
    with xarray.open_dataset(path, engine="netcdf4") as data:
        found[path]["xarray"] = {
            name: (v.dims, v.to_numpy(), set(v.coords)) for name, v in data.variables.items()
            for v in [data[name]]
        }
with open(sys.argv[1], "wb") as file:
    pickle.dump(found, file)
"""


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Return files of grids of one to three axes, with three of four snapshots."""
    return write_kinds(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def netcdf(paths, tmp_path_factory):
    """Return what netCDF4 finds in the files."""
    result = tmp_path_factory.mktemp("netcdf") / "found"
    done = helpers.run(helpers.python("-c", NETCDF, result, *paths.values()))
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    found = pickle.loads(result.read_bytes())
    return {key: found[str(path)] for key, path in paths.items()}


@pytest.mark.parametrize("key", KINDS, ids=str)
def test_netcdf4(netcdf, key):
    shape, found = SHAPES[key[1] - 1], netcdf[key]
    axes = AXES[-len(shape) :]
    extents = dict(zip(axes, shape, strict=True))
    expected = {"time": 4, **extents, "x_face": shape[-1], "complex": 2, "swarm": 12}
    assert found["dimensions"] == expected
    assert found["attributes"] == {"Conventions": "CF-1.11", **ATTRIBUTES}
    assert json.loads(found["attributes"]["config"]) == CONFIG
    assert found["steps"] == [0.0, 0.5, 1.0, 1.0]
    variables = found["variables"]
    for name in DTYPES:
        dims, array, attributes = variables[name]
        parts = ("complex",) if name.startswith("complex") else ()
        assert dims == ("time", *axes, *parts)
        extra = {"dtype": "bool"} if name == "bool" else {}
        extra |= {"original_dtype": "float16"} if name == "float16" else {}
        common = {"units": "K", "long_name": name, "coordinates": "step"}
        assert attributes == common | extra
        for index in range(3):
            assert array[index].tobytes() == in_file(values(shape, index, name)).tobytes()
    assert variables[FACE][0] == ("time", *axes[:-1], "x_face")
    assert variables[FACE][2] == {"units": "1", "long_name": "flux", "coordinates": "step"}
    np.testing.assert_array_equal(variables[FACE][1][2], values(shape, 2, "float32"))
    assert variables["step"][0] == variables["total"][0] == variables["swarm_count"][0] == ("time",)
    assert variables["swarm_id"][0] == variables["swarm_x"][0] == ("swarm",)
    assert variables["swarm_count"][2]["sample_dimension"] == "swarm"


@pytest.mark.parametrize("key", KINDS, ids=str)
def test_axes(netcdf, key):
    shape, variables = SHAPES[key[1] - 1], netcdf[key]["variables"]
    for axis, n in zip(AXES[-len(shape) :], shape, strict=True):
        dims, array, attributes = variables[axis]
        assert dims == (axis,)
        np.testing.assert_allclose(array, positions(axis, n), rtol=1e-14)
        walls = attributes.pop("walls")
        assert tuple(walls) == EXTENT[AXES.index(axis)]
        text = f"{axis} of the cell centre"
        assert attributes == {"units": "km", "long_name": text, "axis": axis.upper()}
    np.testing.assert_allclose(variables["x_face"][1], positions("x", shape[-1], face=True))
    assert variables["x_face"][2]["axis"] == "X"
    np.testing.assert_array_equal(variables["time"][1], [*TIMES[:3], np.nan])
    assert variables["time"][2] == {"units": "s", "long_name": "time", "axis": "T"}
    assert variables["step"][1].tolist() == [0, 10, 20, -1]


@pytest.mark.parametrize("key", KINDS, ids=str)
@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
def test_xarray(netcdf, paths, key, engine):
    shape, found = SHAPES[key[1] - 1], netcdf[key]["xarray"]
    axes = AXES[-len(shape) :]
    if engine == "h5netcdf":
        with xr.open_dataset(paths[key], engine="h5netcdf") as data:
            found = {n: (data[n].dims, data[n].to_numpy(), set(data[n].coords)) for n in found}
    for name in DTYPES:
        dims, array, coordinates = found[name]
        parts = ("complex",) if name.startswith("complex") else ()
        assert dims == ("time", *axes, *parts)
        assert coordinates == {"time", "step", *axes, *parts}
        expected = np.stack([values(shape, index, name) for index in range(3)])
        if name != "bool":
            expected = in_file(expected)
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array[:3], expected)
    assert found[FACE][2] == {"time", "step", *axes[:-1], "x_face"}
    np.testing.assert_array_equal(found["time"][1], [*TIMES[:3], np.nan])
    np.testing.assert_array_equal(found["step"][1], [0, 10, 20, -1])
    np.testing.assert_allclose(found["x"][1], positions("x", shape[-1]), rtol=1e-14)


def test_h5py_alone(paths):
    with h5py.File(paths["pwrite", 3], "r") as file:
        names = [*COORDINATES, *DTYPES, FACE, "total", "swarm", "swarm_count", "swarm_id"]
        assert list(file) == [*names, "swarm_x", "VTKHDF"]
        assert [d.keys() for d in file["float64"].dims] == [["time"], ["z"], ["y"], ["x"]]
        assert file["step"].dims[0].keys() == file["total"].dims[0].keys() == ["time"]
        scales = [*COORDINATES[:1], *COORDINATES[2:], "swarm"]
        assert [name for name in file if getattr(file[name], "is_scale", False)] == scales

"""Arrays that a user brings, written by NumPy, h5py, xarray and Pillow."""

from __future__ import annotations

import h5py
import matplotlib
import numpy as np
import pytest
import xarray as xr
from PIL import Image

from parcompute import ConfigError
from parcompute.io.arrays import read_array

SHAPE = (4, 6)
VALUES = np.random.default_rng(2).normal(size=SHAPE)
LEVELS = np.random.default_rng(3).integers(0, 256, SHAPE, np.uint8)


def read(path, name=None):
    return read_array(str(path) if name is None else f"{path}:{name}", SHAPE)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, ">f8", np.int16, np.uint8, np.bool_])
def test_npy(tmp_path, dtype):
    values = (VALUES * 10).astype(dtype)
    np.save(tmp_path / "a.npy", values)
    array = read(tmp_path / "a.npy")
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, values.astype(float))


def test_fortran_order(tmp_path):
    np.save(tmp_path / "a.npy", np.asfortranarray(VALUES))
    np.testing.assert_array_equal(read(tmp_path / "a.npy"), VALUES)


def test_npz_with_one_array_needs_no_name(tmp_path):
    np.savez(tmp_path / "a.npz", height=VALUES, spacing=2.0)
    np.testing.assert_array_equal(read(tmp_path / "a.npz"), VALUES)
    np.testing.assert_array_equal(read(tmp_path / "a.npz", "height"), VALUES)


def test_npz_with_several_arrays_needs_a_name(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", a=VALUES, b=-VALUES)
    np.testing.assert_array_equal(read(tmp_path / "a.npz", "b"), -VALUES)
    with pytest.raises(ConfigError, match=r"holds the arrays a, b, and no name.*a\.npz:NAME"):
        read(tmp_path / "a.npz")
    with pytest.raises(ConfigError, match="'c' is not in it"):
        read(tmp_path / "a.npz", "c")


@pytest.mark.parametrize("suffix", ["h5", "hdf5"])
def test_hdf5(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    with h5py.File(path, "w") as file:
        file["group/height"] = VALUES
        file["x"] = np.arange(6.0)
    np.testing.assert_array_equal(read(path), VALUES)
    np.testing.assert_array_equal(read(path, "group/height"), VALUES)
    np.testing.assert_array_equal(read(path, "/group/height"), VALUES)
    with pytest.raises(ConfigError, match=r"holds the arrays group/height, x, and 'y' is not"):
        read(path, "y")


def test_netcdf_of_xarray(tmp_path):
    axes = {"y": np.arange(4.0), "x": np.arange(6.0)}
    data = xr.Dataset({"height": (("y", "x"), VALUES, {"units": "m"})}, axes)
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    np.testing.assert_array_equal(read(tmp_path / "a.nc"), VALUES)


def test_packed_netcdf_is_unpacked_as_xarray_does(tmp_path):
    data = xr.Dataset({"height": (("y", "x"), VALUES)})
    packing = {"dtype": "int16", "scale_factor": 0.01, "add_offset": 5.0, "_FillValue": -9999}
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", encoding={"height": packing})
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as unpacked:
        np.testing.assert_allclose(read(tmp_path / "a.nc"), unpacked.height, rtol=1e-14)


def test_missing_values_of_netcdf_are_refused(tmp_path):
    values = np.where(VALUES[2, 3] == VALUES, np.nan, VALUES)
    data = xr.Dataset({"height": (("y", "x"), values)})
    packing = {"dtype": "int16", "scale_factor": 0.01, "_FillValue": -9999}
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", encoding={"height": packing})
    with pytest.raises(ConfigError, match=r"1 values that are NaN.*index \[2, 3\]"):
        read(tmp_path / "a.nc")


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "gif"])
def test_grey_images_are_levels_from_0_to_1(tmp_path, suffix):
    Image.fromarray(LEVELS).save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(read(tmp_path / f"a.{suffix}"), LEVELS / 255)


def test_colour_images_become_grey(tmp_path):
    Image.fromarray(np.stack([LEVELS] * 3, axis=2)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png"), LEVELS / 255)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_images_of_16_bits_are_taken_as_they_are(tmp_path, suffix):
    heights = LEVELS.astype(np.uint16) * 250
    Image.fromarray(heights).save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(read(tmp_path / f"a.{suffix}"), heights)


def test_images_of_real_numbers(tmp_path):
    Image.fromarray(VALUES.astype(np.float32)).save(tmp_path / "a.tiff")
    np.testing.assert_array_equal(read(tmp_path / "a.tiff"), VALUES.astype(np.float32))


def test_a_file_inside_a_package():
    source = "matplotlib/mpl-data/sample_data/jacksboro_fault_dem.npz"
    path = f"{matplotlib.get_data_path()}/sample_data/jacksboro_fault_dem.npz"
    with np.load(path) as archive:
        expected = archive["elevation"]
    for name in ("", ":elevation"):
        array = read_array(f"pkg://{source}{name}", (344, 403))
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("none.npy", r"'none\.npy' does not exist"),
        ("none.npz:name", r"'none\.npz' does not exist"),
        ("pkg://no_such_package/a.npy", "'no_such_package', not installed"),
        ("pkg://no.such.package/a.npy", "No module named 'no'"),
        ("pkg:///a.npy", "cannot be read as an array"),
        ("pkg://matplotlib/none.npy", r"none\.npy' does not exist"),
        (".", "is not a file"),
    ],
)
def test_what_does_not_exist(source, message):
    with pytest.raises(ConfigError, match=message):
        read_array(source, SHAPE)


@pytest.mark.parametrize("suffix", ["npy", "npz", "h5", "nc", "png", "tif"])
@pytest.mark.parametrize("content", [b"", b"not what its name says"])
def test_damaged_files(tmp_path, suffix, content):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"a.{suffix}' cannot be read as an array"):
        read(path)


def test_an_unknown_type(tmp_path):
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(ConfigError, match=r"the type '\.csv'; known are \.bmp, "):
        read(tmp_path / "a.csv")


def test_arrays_that_cannot_be_used(tmp_path):
    path = tmp_path / "a.npy"
    for array, message in [
        (VALUES.T, r"shape \[6, 4\], but the grid has \[4, 6\]: set experiment\.shape=\[6,4\]"),
        (np.where(VALUES.min() < VALUES, VALUES, np.inf), "1 values that are NaN or infinite"),
        (np.full(SHAPE, np.nan), r"24 values .* first at index \[0, 0\]"),
        (VALUES + 1j, "holds complex128 values; real numbers"),
        (np.full(SHAPE, "x"), "holds <U1 values"),
    ]:
        np.save(path, array)
        with pytest.raises(ConfigError, match=message):
            read(path)


def test_pickles_are_not_opened(tmp_path):
    np.save(tmp_path / "a.npy", np.array([object()]), allow_pickle=True)
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "a.npy")


def test_a_finer_grid_lies_on_lines_between_the_values(tmp_path):
    y, x = np.arange(4.0)[:, None], np.arange(6.0)
    np.save(tmp_path / "a.npy", 1 + 2 * y + 3 * x + 4 * x * y)
    finer = read_array(str(tmp_path / "a.npy"), (12, 18), refine=3)
    y, x = (np.clip((np.arange(3 * n) + 0.5) / 3 - 0.5, 0, n - 1) for n in (4, 6))
    y = y[:, None]
    np.testing.assert_allclose(finer, 1 + 2 * y + 3 * x + 4 * x * y, rtol=1e-14)
    with pytest.raises(
        ConfigError, match=r"refined 3 times, but .* set experiment.shape=\[12,18\]"
    ):
        read_array(str(tmp_path / "a.npy"), (4, 6), refine=3)

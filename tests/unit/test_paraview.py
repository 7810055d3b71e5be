"""``fields.h5`` in the reader of VTK, which is that of ParaView."""

from __future__ import annotations

import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline
from vtkmodules.vtkIOHDF import vtkHDFReader

import parcompute as pc
from tests.unit.written import (
    AXES,
    DTYPES,
    EXTENT,
    FACE,
    SHAPES,
    TIMES,
    Written,
    in_file,
    positions,
    values,
)


class Images:
    """The images that VTK makes of a file."""

    def __init__(self, path):
        self.reader = vtkHDFReader()
        self.reader.SetFileName(str(path))
        self.reader.UpdateInformation()
        information = self.reader.GetOutputInformation(0)
        self.times = information.Get(vtkStreamingDemandDrivenPipeline.TIME_STEPS())

    def at(self, time):
        """Return the image, and its arrays by name, at a time."""
        self.reader.UpdateTimeStep(time)
        image = self.reader.GetOutput()
        data = image.GetCellData()
        arrays = [data.GetArray(number) for number in range(data.GetNumberOfArrays())]
        return image, {array.GetName(): vtk_to_numpy(array) for array in arrays}


def centres(image):
    """Return where VTK has the middle of each cell, as [x, y, z]."""
    bounds = [image.GetCell(number).GetBounds() for number in range(image.GetNumberOfCells())]
    return np.array(bounds).reshape(-1, 3, 2).mean(axis=2)


def assert_same_places(image, *axes):
    """Assert that VTK has its cells where the axes, in [z, y, x] order, say."""
    for axis, positions_ in enumerate(np.meshgrid(*axes, indexing="ij")):
        column = len(axes) - 1 - axis
        np.testing.assert_allclose(centres(image)[:, column], positions_.ravel(), atol=1e-12)


@pytest.mark.parametrize("way", ["pwrite", "gzip"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("count", [4, 2])
def test_all_cells_of_all_snapshots(tmp_path, shape, way, count):
    extent = EXTENT[-len(shape) :]
    file = Written(tmp_path / "a.h5", shape, DTYPES, faces=True, way=way, extent=extent)
    file.swarm = True
    file.write(pc.serial(), count)
    images = Images(file.path)
    done = [min(index, count - 1) for index in range(4)]
    assert images.times == tuple(TIMES[index] for index in done)
    for index in range(count):
        image, arrays = images.at(TIMES[index])
        assert {*arrays} == {*DTYPES}  # and none on faces
        for name in DTYPES:
            expected = in_file(values(shape, index, name))
            parts = (2,) if name.startswith("complex") else ()
            assert arrays[name].dtype == expected.dtype
            assert arrays[name].shape == (np.prod(shape), *parts)
            np.testing.assert_array_equal(arrays[name], expected.reshape(-1, *parts))
        cells = dict(zip(AXES[-len(shape) :], shape, strict=True))
        assert_same_places(image, *(positions(axis, n) for axis, n in cells.items()))
        bounds = np.array(image.GetBounds()).reshape(3, 2)[: len(shape)]
        np.testing.assert_allclose(bounds[::-1], [sorted(pair) for pair in extent], atol=1e-12)


def test_one_snapshot(tmp_path):
    file = Written(tmp_path / "a.h5", planned=1)
    file.write(pc.serial(), 1)
    images = Images(file.path)
    assert images.times == (0.0, 0.0)
    _, arrays = images.at(0.0)
    np.testing.assert_array_equal(arrays["float64"], values((7, 10), 0, "float64").ravel())


def test_a_run_that_has_just_begun(tmp_path):
    file = Written(tmp_path / "a.h5", dtypes=["int16"])
    file.write(pc.serial(), 0)
    images = Images(file.path)
    assert images.times == (0.0,) * 4
    image, arrays = images.at(0.0)
    assert image.GetNumberOfCells() == len(arrays["int16"]) == 70


@pytest.mark.parametrize(
    ("region", "chosen"),
    [
        (["1:7:2", "::3"], (slice(1, 7, 2), slice(None, None, 3))),
        (["2:5", ":"], (slice(2, 5), slice(None))),
        (["3", "-4:"], (slice(3, 4), slice(-4, None))),
    ],
    ids=str,
)
def test_regions(tmp_path, region, chosen):
    file = Written(tmp_path / "a.h5", dtypes=["int16", "complex64"], region=region)
    file.extent = EXTENT[1:]
    file.write(pc.serial())
    image, arrays = Images(file.path).at(TIMES[2])
    for name in ("int16", "complex64"):
        expected = in_file(values((7, 10), 2, name)[chosen])
        np.testing.assert_array_equal(arrays[name].ravel(), expected.ravel())
    axes = [positions("y", 7)[chosen[0]], positions("x", 10)[chosen[1]]]
    assert_same_places(image, *axes)
    cells = [step * h for step, h in zip((s.step or 1 for s in chosen), (6 / 7, 7.0), strict=True)]
    bounds = np.array(image.GetBounds()).reshape(3, 2)[1::-1]
    for (low, high), axis, h in zip(bounds, axes, cells, strict=True):
        np.testing.assert_allclose([low, high], [axis.min() - h / 2, axis.max() + h / 2])


def test_while_the_run_goes_on(tmp_path):
    file = Written(tmp_path / "a.h5", way="pwrite")
    file.prepare(pc.serial())
    snapshots = file.open()
    opened = []
    for index in range(4):
        file.add(snapshots, [index])
        snapshots.sync()
        opened.append(Images(file.path))
        assert max(opened[-1].times) == TIMES[index]
        _, arrays = opened[-1].at(TIMES[index])
        np.testing.assert_array_equal(arrays["float64"], values((7, 10), index, "float64").ravel())
    snapshots.close()


def test_a_file_with_fields_on_faces_alone_has_nothing_to_show(tmp_path):
    import h5py

    file = Written(tmp_path / "a.h5", dtypes=[], faces=True)
    file.write(pc.serial())
    with h5py.File(file.path, "r") as data:
        assert list(data) == ["time", "step", "y", "x", "x_face", FACE]

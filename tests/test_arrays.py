import numpy as np
import pytest
import torch

import hsizoo
from hsizoo.arrays import axes_by_name, from_any, release
from hsizoo.cube import HyperCube, LabelMap

VALUES = np.random.default_rng(0).random((6, 5, 8)).astype(np.float32)


@pytest.mark.parametrize(
    "given",
    [
        VALUES.astype(">f4"),
        VALUES.astype(">f8"),
        VALUES.astype(np.longdouble),
        np.asfortranarray(VALUES),
        VALUES[::-1][::-1],
        np.flip(np.ascontiguousarray(np.flip(VALUES, (0, 1, 2))), (0, 1, 2)),
        np.ma.MaskedArray(VALUES),
        torch.from_numpy(VALUES.copy()),
        torch.from_numpy(VALUES.copy()).numpy(),
        torch.from_numpy(VALUES.copy()).requires_grad_(),
        VALUES.tolist(),
    ],
    ids=lambda given: type(given).__name__,
)
def test_a_cube_of_any_array(given):
    cube = HyperCube(given)
    np.testing.assert_array_equal(cube.data, VALUES)
    assert cube.data.dtype == np.float32
    assert cube.data.dtype.isnative
    assert cube.digest == HyperCube(VALUES).digest
    segmenter = hsizoo.create("sa", kind="segmenter")
    maps = segmenter.predict(segmenter.open(cube), [hsizoo.Clicks([(1, 1)])])
    assert maps.shape == (1, 6, 5)


def test_half_precision():
    torch.testing.assert_close(
        torch.tensor(HyperCube(torch.tensor(VALUES).bfloat16()).data),
        torch.tensor(VALUES).bfloat16().float(),
    )
    assert HyperCube(VALUES.astype(np.float16)).data.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_masked_values_are_not_valid(dtype):
    values = (VALUES * 100).astype(dtype)
    masked = np.ma.MaskedArray(values, mask=VALUES > 0.9)
    cube = HyperCube(masked)
    np.testing.assert_array_equal(np.isnan(cube.data), VALUES > 0.9)
    np.testing.assert_array_equal(cube.valid, (VALUES <= 0.9).all(axis=2))
    np.testing.assert_array_equal(masked.data, values)


def test_masked_labels_are_ignored():
    labels = np.ma.MaskedArray([[0, 1], [2, 255]], mask=[[False, False], [False, True]])
    found = LabelMap(labels, {0: "none", 1: "a", 2: "b"})
    assert found.labels.tolist() == [[0, 1], [2, -1]]
    assert found.ignore == {-1}
    assert found.targets == {0, 1, 2}
    assert found.evaluated.tolist() == [[True, True], [True, False]]


@pytest.mark.parametrize("dims", [("y", "x", "band"), ("band", "y", "x"), ("x", "band", "y")])
@pytest.mark.parametrize(("unit", "factor"), [("nm", 1), ("um", 1000), ("", 1)])
def test_xarray(dims, unit, factor):
    xarray = pytest.importorskip("xarray")
    nm = np.linspace(400, 900, 8)
    order = [("y", "x", "band").index(dim) for dim in dims]
    data = xarray.DataArray(
        VALUES.transpose(order),
        dims=dims,
        coords={"wavelength": ("band", nm / factor, {"units": unit} if unit else {})},
    )
    cube = HyperCube(data)
    np.testing.assert_array_equal(cube.data, VALUES)
    np.testing.assert_allclose(cube.wavelengths, nm)
    assert bool(cube.remarks) == (not unit)
    np.testing.assert_allclose(HyperCube(data, wavelengths=nm + 1).wavelengths, nm + 1)


def test_a_coordinate_that_counts_bands_is_no_wavelength():
    xarray = pytest.importorskip("xarray")
    data = xarray.DataArray(VALUES, dims=("y", "x", "band"), coords={"band": np.arange(1, 9)})
    assert HyperCube(data).wavelengths is None


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["band", "lat", "lon"], (1, 2, 0)),
        (["downtrack", "crosstrack", "bands"], (0, 1, 2)),
        (["line", "something", "sample"], (0, 2, 1)),
        (["VNIR/rows", "VNIR/spectral_bands", "VNIR/columns"], (0, 2, 1)),
        (["x", "y"], (1, 0)),
        (["y", "row", "x"], None),
        (["dim_0", "dim_1", "x"], None),
        (["x"], None),
        ([], None),
    ],
)
def test_axes_by_their_names(names, order):
    assert axes_by_name(names) == order


def test_what_is_no_array():
    with pytest.raises(hsizoo.HsizooError, match="field must be one array"):
        from_any([[1, 2], [3]], "field")


def test_arrays_of_other_owners_are_not_released():
    release(torch.zeros(3).numpy())
    release(np.frombuffer(bytearray(8), np.uint8))

import numpy as np
import pytest
import torch

import hsizoo
from hsizoo.arrays import axes_by_name, from_any, release
from hsizoo.cube import HyperCube, LabelMap
from hsizoo.errors import DataError

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


# What xarray and netCDF4 still say about their values


def test_attributes_that_xarray_has_not_applied():
    """As rioxarray leaves them by default."""
    xarray = pytest.importorskip("xarray")
    values = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
    values[0, 0] = -9999
    said = {"_FillValue": -9999, "scale_factor": 0.5, "add_offset": 1.0}
    stored = xarray.DataArray(values, dims=("y", "x", "band"), name="c", attrs=said)
    expected = xarray.decode_cf(stored.to_dataset())["c"].values
    cube = hsizoo.HyperCube(stored)
    np.testing.assert_allclose(cube.data, expected)
    assert np.isnan(expected).sum() == 2
    assert cube.remarks == (
        "values of -9999 are no data (_FillValue)", "values are multiplied by 0.5, plus 1"
    )  # fmt: skip
    labels = xarray.DataArray(values[:, :, 0], dims=("y", "x"), attrs={"_FillValue": -9999})
    names = {int(label): "a" for label in np.unique(values[:, :, 0]) if label >= 0}
    assert hsizoo.LabelMap(labels, names).labels[0, 0] == -1


@pytest.mark.parametrize("said", [{"_FillValue": "none"}, {"scale_factor": "much"}, {"units": 1}])
def test_attributes_of_xarray_that_make_no_sense(said):
    xarray = pytest.importorskip("xarray")
    values = np.arange(24.0).reshape(4, 3, 2)
    cube = hsizoo.HyperCube(xarray.DataArray(values, dims=("y", "x", "band"), attrs=said))
    np.testing.assert_array_equal(cube.data, values)


def test_wavelengths_in_the_attributes_of_xarray():
    xarray = pytest.importorskip("xarray")
    said = {"wavelengths": [0.5, 0.6], "wavelength_units": "um"}
    cube = hsizoo.HyperCube(xarray.DataArray(np.ones((4, 3, 2)), attrs=said))
    np.testing.assert_allclose(cube.wavelengths, [500, 600])


def test_a_data_set_of_xarray_is_refused():
    xarray = pytest.importorskip("xarray")
    with pytest.raises(DataError, match=r"a Dataset of a, b: take one, as in dataset\['NAME'\]"):
        hsizoo.HyperCube(xarray.Dataset({"a": ("x", [1]), "b": ("x", [1])}))


@pytest.mark.parametrize("data", ["c.npy", None, 3, object()])
def test_what_is_no_array_is_refused_by_name(data):
    with pytest.raises(DataError, match=rf"got {type(data).__name__}.*hsizoo\.read_cube"):
        hsizoo.HyperCube(data)


def test_tensors_that_numpy_cannot_hold():
    torch = pytest.importorskip("torch")
    for tensor in (torch.zeros(2, 2, 2).to_sparse(), torch.zeros(2, 2, 2).to(torch.float8_e5m2)):
        with pytest.raises(DataError, match="must be an array of numbers"):
            hsizoo.HyperCube(tensor)


def test_a_variable_of_netcdf4_masks_its_values(tmp_path):
    netcdf4 = pytest.importorskip("netCDF4")
    with netcdf4.Dataset(tmp_path / "c.nc", "w") as file:
        for name, size in (("band", 2), ("y", 4), ("x", 3)):
            file.createDimension(name, size)
        item = file.createVariable("c", "i2", ("band", "y", "x"), fill_value=-1)
        item.scale_factor = 0.5
        item[:] = np.ma.masked_equal(np.arange(24).reshape(2, 4, 3), 0)
        cube = hsizoo.HyperCube(item)
    assert cube.shape == (4, 3, 2)
    assert (~cube.valid).sum() == 1


@pytest.mark.parametrize("how", ["hard", "whole band", "shared", "read-only", "reversed", "view"])
def test_arrays_of_every_make(how):
    values = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
    expected = values.astype(np.float32)
    data = values
    if how == "hard":
        data = np.ma.array(values, mask=values == 5, hard_mask=True)
        expected[values == 5] = np.nan
    elif how == "whole band":
        data = np.ma.array(values, mask=np.broadcast_to([False, True], values.shape))
        expected[:, :, 1] = np.nan
    elif how == "shared":
        data = np.ma.array(values, mask=np.ma.nomask)
    elif how == "read-only":
        data = values.copy()
        data.flags.writeable = False
    elif how == "reversed":
        data, expected = values[::-1, ::-1], expected[::-1, ::-1]
    else:
        data = memoryview(values)
    np.testing.assert_array_equal(hsizoo.HyperCube(data).data, expected)

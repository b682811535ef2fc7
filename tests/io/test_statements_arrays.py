"""Statements in files of arrays, against xarray, h5py, Zarr, SciPy and NumPy."""

import json

import numpy as np
import pytest

from hsizoo.errors import DataError
from hsizoo.io import read_cube, read_labels

h5py = pytest.importorskip("h5py")
xarray = pytest.importorskip("xarray", reason="xarray, the independent oracle, is absent")
zarr = pytest.importorskip("zarr")
scipy_io = pytest.importorskip("scipy.io")

H, W, B = 9, 7, 5
VALUES = np.random.default_rng(5).integers(1, 3000, (H, W, B)).astype(np.int16)
LABELS = np.random.default_rng(6).integers(0, 4, (H, W)).astype(np.uint8)
NM = np.array([450.0, 550, 650, 750, 850])
DIMS = ("y", "x", "band")


def hdf5(path, values=VALUES, attributes=None, root=None, **more):
    with h5py.File(path, "w") as file:
        file.create_dataset("cube", data=values).attrs.update(attributes or {})
        file.attrs.update(root or {})
        for name, value in more.items():
            file[name.replace("__", "/")] = value
    return path


def masked(values, *wrong):
    return np.where(np.isin(values, wrong), np.nan, values.astype(np.float64))


# Fill values in every dress

FIRST = int(VALUES[0, 0, 0])


@pytest.mark.parametrize(
    "value",
    [FIRST, float(FIRST), np.int16(FIRST), np.array([FIRST]), np.array([[FIRST]]), str(FIRST),
     f" {FIRST} ", f"{FIRST}.0", str(FIRST).encode(), np.bytes_(f"{FIRST}\0"),
     np.array([str(FIRST).encode()]), np.array([FIRST, -9999]), f"{{{FIRST}}}"],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("name", ["_FillValue", "missing_value", "NoData", "Data_Ignore_Value"])
def test_a_fill_value_in_every_dress(tmp_path, name, value):
    path = hdf5(tmp_path / "c.h5", attributes={name: value})
    cube = read_cube(path, layout="hwb")
    np.testing.assert_array_equal(cube.data, masked(VALUES, FIRST))


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [("i8", -(2**63)), ("i8", 2**63 - 1), ("u8", 2**64 - 1), ("f8", -1e300), ("f2", -9.0),
     ("i1", -128), ("u4", 2**32 - 1), ("f4", np.nan), ("f4", -np.inf), (">f4", 1e36), (">i2", 7)],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["h5", "zarr2", "zarr3", "attribute"])
def test_fill_values_of_every_kind_of_number(tmp_path, kind, dtype, nodata):
    values = (VALUES % 100 + 8).astype(dtype)
    values[0, 0] = nodata
    near = nodata - 1 if nodata == 2**64 - 1 else nodata + 1 if nodata == -(2**63) else 9
    values[1, 1] = near
    fill = np.dtype(dtype).type(nodata)
    path = tmp_path / "c"
    if kind == "h5":
        hdf5(path, values, {"_FillValue": fill})
    elif kind == "attribute":
        array = zarr.create_array(str(path), data=values, zarr_format=3)
        array.attrs["nodata"] = fill.item() if np.isfinite(fill) else str(fill)
    else:
        zarr.create_array(str(path), data=values, zarr_format=int(kind[-1]), fill_value=fill)
    cube = read_cube(path, layout="hwb")
    assert not cube.valid[0, 0]
    assert cube.valid.sum() == H * W - 1


def test_a_fill_value_of_flags_is_no_missing_value(tmp_path):
    flags = LABELS > 1
    zarr.create_array(str(tmp_path / "m.zarr"), data=flags, fill_value=True)
    np.testing.assert_array_equal(read_labels(tmp_path / "m.zarr")[0], flags)


# CF as xarray decodes it


def to_file(path, found, encoding=None):
    for name, how in (encoding or {}).items():
        found[name].encoding.update(how)
    if path.suffix == ".nc":
        found.to_netcdf(path, engine="h5netcdf")
        return xarray.open_dataset(path, engine="h5netcdf")
    if path.suffix == ".nc3":
        found.to_netcdf(path, engine="scipy")
        return xarray.open_dataset(path, engine="scipy")
    consolidated = path.suffix == ".zarr2"
    found.to_zarr(path, zarr_format=int(path.suffix[-1]), consolidated=consolidated)
    return xarray.open_zarr(path, consolidated=consolidated)


ENDINGS = ["nc", "nc3", "zarr2", "zarr3"]


def scene(dims=DIMS, waves="wavelength", unit="nm", values=None, **attributes):
    values = masked(VALUES, FIRST) / 1e4 if values is None else values
    data = xarray.DataArray(
        values.transpose([DIMS.index(d) for d in dims]), dims=dims, attrs=attributes
    )
    factor = {"nm": 1, "um": 1e-3, "m": 1e-9, "micron": 1e-3, "Angstrom": 10}[unit]
    if waves:
        data = data.assign_coords({waves: ("band", NM * factor, {"units": unit})})
    return xarray.Dataset({"reflectance": data})


def same(path, expected, name="reflectance"):
    cube = read_cube(path)
    wanted = expected[name].squeeze().transpose("y", "x", "band").values
    np.testing.assert_allclose(cube.data, wanted, rtol=1e-6)
    return cube


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("unit", ["nm", "um", "m", "micron", "Angstrom"])
@pytest.mark.parametrize("waves", ["wavelength", "band", "center_wavelength", "wavelengths"])
def test_the_coordinate_of_the_bands(tmp_path, ending, waves, unit):
    path = tmp_path / f"c.{ending}"
    cube = same(path, to_file(path, scene(waves=waves, unit=unit)))
    np.testing.assert_allclose(cube.wavelengths, NM)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_coordinate_that_counts_the_bands_is_no_wavelength(tmp_path, ending):
    found = scene(waves=None).assign_coords(band=np.arange(400, 400 + B))
    path = tmp_path / f"c.{ending}"
    assert same(path, to_file(path, found)).wavelengths is None


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("dims", [("x", "y", "band"), ("band", "x", "y"), ("x", "band", "y")])
def test_columns_before_rows(tmp_path, ending, dims):
    path = tmp_path / f"c.{ending}"
    same(path, to_file(path, scene(dims)))


@pytest.mark.parametrize("ending", ENDINGS)
def test_one_time_and_places_of_all_pixels(tmp_path, ending):
    found = scene(dims=("band", "y", "x")).expand_dims("time")
    place = np.linspace(0, 1, H * W).reshape(H, W)
    found = found.assign_coords(lat=(("y", "x"), place), lon=(("y", "x"), place))
    path = tmp_path / f"c.{ending}"
    np.testing.assert_allclose(same(path, to_file(path, found)).wavelengths, NM)


@pytest.mark.parametrize("ending", ENDINGS)
def test_several_times_are_refused_with_a_way_on(tmp_path, ending):
    found = xarray.concat([scene(), scene()], "time")
    to_file(tmp_path / f"c.{ending}", found)
    with pytest.raises(DataError, match="save one image"):
        read_cube(tmp_path / f"c.{ending}")


PACKED = {
    "scale": {"scale_factor": 1e-4, "_FillValue": -1, "dtype": "int16"},
    "scale and offset": {
        "scale_factor": 1e-4, "add_offset": 0.2, "_FillValue": -32768, "dtype": "int16"
    },
    "unsigned by attribute": {
        "scale_factor": 1e-2, "_FillValue": 255, "dtype": "uint8", "_Unsigned": "true"
    },
    "float32 of -9999": {"_FillValue": -9999.0, "dtype": "float32"},
    "float64 of 1e20": {"_FillValue": 1e20, "dtype": "float64"},
    "chunked": {"chunksizes": (3, 7, 5), "_FillValue": -1, "scale_factor": 1e-4, "dtype": "int16"},
}  # fmt: skip


@pytest.mark.parametrize("ending", ["nc", "zarr2", "zarr3"])
@pytest.mark.parametrize("case", PACKED)
def test_packed_values(tmp_path, ending, case):
    how = dict(PACKED[case])
    if ending != "nc" and "chunksizes" in how:
        how["chunks"] = how.pop("chunksizes")
    path = tmp_path / f"c.{ending}"
    cube = same(path, to_file(path, scene(), {"reflectance": how}))
    assert not cube.valid[0, 0]


def test_bytes_that_are_to_be_taken_as_signed(tmp_path):
    values = (VALUES % 256).astype("u1")
    path = tmp_path / "c.nc"
    found = xarray.Dataset({"cube": (DIMS, values, {"_Unsigned": "false"})})
    found.to_netcdf(path, engine="h5netcdf")
    expected = xarray.open_dataset(path, engine="h5netcdf")["cube"].values
    assert expected.min() < 0
    np.testing.assert_array_equal(read_cube(path).data, expected)


def test_the_valid_range_of_unsigned_bytes(tmp_path):
    """The example of NUG: valid_range = 0b, -2b stands for 0 to 254."""
    values = (VALUES % 256).astype("u1")
    values[0, 0] = 255
    attributes = {"_Unsigned": "true", "valid_range": np.array([0, -2], "i1")}
    path = hdf5(tmp_path / "c.h5", values.view("i1"), attributes)
    np.testing.assert_array_equal(read_cube(path, layout="hwb").data, masked(values, 255))


@pytest.mark.parametrize("name", ["valid_range", "valid_min", "valid_max"])
@pytest.mark.parametrize("packed", [True, False])
def test_valid_values_packed_and_unpacked(tmp_path, name, packed):
    """NUG: limits of the type of the scale factor, wider than the stored one, are unpacked."""
    limits = np.array([200, 2500], "i2") if packed else np.array([0.02, 0.25])
    value = {"valid_range": limits, "valid_min": limits[0], "valid_max": limits[1]}[name]
    path = hdf5(tmp_path / "c.h5", attributes={"scale_factor": 1e-4, name: value})
    low = 200 if name != "valid_max" else -np.inf
    high = 2500 if name != "valid_min" else np.inf
    expected = np.where((low <= VALUES) & (high >= VALUES), VALUES / 1e4, np.nan)
    np.testing.assert_allclose(read_cube(path, layout="hwb").data, expected, rtol=1e-6)


@pytest.mark.parametrize("value", [0, 0.0, "0"])
def test_a_factor_of_0_leaves_a_remark(tmp_path, value):
    path = hdf5(tmp_path / "c.h5", attributes={"scale_factor": value})
    cube = read_cube(path, layout="hwb")
    np.testing.assert_array_equal(cube.data, VALUES)
    assert any("scale_factor is not used" in each for each in cube.remarks)


def test_flags_name_the_classes(tmp_path):
    about = {"flag_values": np.arange(4, dtype="i1"), "flag_meanings": "none wheat maïs soil"}
    found = xarray.Dataset({"m": (("y", "x"), LABELS, about)})
    for ending in ENDINGS:
        path = tmp_path / f"m.{ending}"
        to_file(path, found)
        labels, names = read_labels(path)
        np.testing.assert_array_equal(labels, LABELS)
        assert names == {0: "none", 1: "wheat", 2: "maïs", 3: "soil"}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("dims", [("band", "y", "x"), ("y", "x", "band"), ("time", "y", "x")])
def test_a_mask_with_an_axis_of_one(tmp_path, ending, dims):
    """As rioxarray saves a single band."""
    one = next(iter(set(dims) - {"y", "x"}))
    data = xarray.DataArray(LABELS, dims=("y", "x"), name="m").expand_dims(one, dims.index(one))
    path = tmp_path / f"m.{ending}"
    to_file(path, data.to_dataset())
    np.testing.assert_array_equal(read_labels(path)[0], LABELS)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_mask_of_columns_and_rows(tmp_path, ending):
    path = tmp_path / f"m.{ending}"
    to_file(path, xarray.Dataset({"m": (("x", "y"), LABELS.T)}))
    np.testing.assert_array_equal(read_labels(path)[0], LABELS)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_mask_with_missing_pixels(tmp_path, ending):
    values = LABELS.astype(float)
    values[0, 0] = np.nan
    found = xarray.Dataset({"m": (("y", "x"), values)})
    path = tmp_path / f"m.{ending}"
    expected = to_file(path, found, {"m": {"_FillValue": -128, "dtype": "int8"}})["m"].values
    assert np.isnan(expected[0, 0])
    np.testing.assert_array_equal(read_labels(path)[0], np.nan_to_num(expected, nan=-1))


# What a file says of all its arrays


@pytest.mark.parametrize("name", ["wavelength", "wavelengths", "Wavelengths_nm", "wavelength_um"])
@pytest.mark.parametrize("where", ["array", "file", "group"])
@pytest.mark.parametrize("ending", ["h5", "zarr"])
def test_wavelengths_in_attributes(tmp_path, ending, where, name):
    nm = NM / 1000 if name.endswith("um") else NM
    path = tmp_path / f"c.{ending}"
    file = h5py.File(path, "w") if ending == "h5" else zarr.open_group(str(path), mode="w")
    group = file.create_group("scene")
    if ending == "h5":
        array = group.create_dataset("cube", data=VALUES.transpose(2, 0, 1))
    else:
        array = group.create_array("cube", data=VALUES.transpose(2, 0, 1))
    {"array": array, "group": group, "file": file}[where].attrs[name] = nm.tolist()
    if ending == "h5":
        file.close()
    cube = read_cube(path)
    np.testing.assert_array_equal(cube.data, VALUES)
    np.testing.assert_allclose(cube.wavelengths, NM)


def test_a_factor_of_the_whole_file_is_told(tmp_path):
    """It may concern another array, so that it is left to the user."""
    path = hdf5(tmp_path / "c.h5", root={"scale_factor": 1e-4, "_FillValue": -1})
    cube = read_cube(path, layout="hwb")
    np.testing.assert_array_equal(cube.data, VALUES)
    assert any("scale_factor" in each and "whole file" in each for each in cube.remarks)


@pytest.mark.parametrize("kind", ["npz", "mat"])
def test_statements_as_arrays_of_one_number(tmp_path, kind):
    """Files without attributes keep them so."""
    more = {"nodata": FIRST, "scale_factor": 1e-4, "add_offset": 0.5}
    path = tmp_path / f"c.{kind}"
    if kind == "npz":
        np.savez(path, cube=VALUES, layout="hwb", **more)
    else:
        scipy_io.savemat(path, {"cube": VALUES, **more})
    cube = read_cube(path, layout="hwb")
    np.testing.assert_allclose(cube.data, masked(VALUES, FIRST) / 1e4 + 0.5, rtol=1e-6)
    assert any("scale_factor" in each for each in cube.remarks)


# HDF5


@pytest.mark.parametrize(
    "how",
    [{"chunks": (3, 7, 5), "compression": "gzip", "shuffle": True}, {"compression": "lzf"},
     {"chunks": True, "scaleoffset": 0}, {"chunks": True, "fletcher32": True}],
    ids=str,
)  # fmt: skip
def test_filters_of_hdf5(tmp_path, how):
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file.create_dataset("cube", data=VALUES, **how)
    np.testing.assert_array_equal(read_cube(tmp_path / "c.h5", layout="hwb").data, VALUES)


@pytest.mark.parametrize("names", [("a", "b"), ("A", "B")])
def test_dimension_labels(tmp_path, names):
    with h5py.File(tmp_path / "c.h5", "w") as file:
        item = file.create_dataset("cube", data=VALUES.transpose(1, 2, 0))
        for axis, label in enumerate(("Sample", "Band", "Line")):
            item.dims[axis].label = label
    np.testing.assert_array_equal(read_cube(tmp_path / "c.h5").data, VALUES)


@pytest.mark.parametrize("dtype", ["c8", "c16", "O"])
def test_a_file_without_a_cube_of_numbers_says_what_it_has(tmp_path, dtype):
    values = VALUES.astype("c8") if dtype != "O" else np.full((H, W, B), b"text", dtype=object)
    hdf5(tmp_path / "c.h5", values)
    with pytest.raises(DataError, match=r"cube \(9, 7, 5\) (complex|text|object)"):
        read_cube(tmp_path / "c.h5")


def test_flags_of_all_values_are_no_cube(tmp_path):
    path = hdf5(tmp_path / "c.h5", VALUES, flags=VALUES > 5)
    with h5py.File(path, "a") as file:
        file.move("cube", "scene")
    np.testing.assert_array_equal(read_cube(path, layout="hwb").data, VALUES)


def test_class_names_of_matlab_7_3(tmp_path):
    """A cell array: references to arrays of characters."""
    with h5py.File(tmp_path / "m.mat", "w", userblock_size=512) as file:
        file.create_dataset("gt", data=LABELS.T).attrs["MATLAB_class"] = b"uint8"
        cells = []
        for number, name in enumerate(("wheat", "maïs, late", "soil")):
            cell = file.create_dataset(f"#refs#/{number}", data=np.array([[ord(c)] for c in name],
                                       "u2"))  # fmt: skip
            cell.attrs["MATLAB_class"] = b"char"
            cells.append(cell.ref)
        found = file.create_dataset("class_names", (3, 1), h5py.ref_dtype)
        found[:, 0] = cells
        found.attrs["MATLAB_class"] = b"cell"
    with (tmp_path / "m.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(512, b" "))
    labels, names = read_labels(tmp_path / "m.mat")
    np.testing.assert_array_equal(labels, LABELS)
    assert names == {1: "wheat", 2: "maïs, late", 3: "soil"}


def test_logical_masks_and_text_of_matlab_7_3(tmp_path):
    with h5py.File(tmp_path / "m.mat", "w", userblock_size=512) as file:
        item = file.create_dataset("field", data=(LABELS > 1).T.astype("u1"))
        item.attrs.update({"MATLAB_class": b"logical", "MATLAB_int_decode": np.int32(1)})
        text = file.create_dataset("about", data=np.full((4, 3), 65, "u2"))
        text.attrs["MATLAB_class"] = b"char"
    with (tmp_path / "m.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(512, b" "))
    np.testing.assert_array_equal(read_labels(tmp_path / "m.mat")[0], LABELS > 1)


@pytest.mark.parametrize("value", [h5py.Empty("f4"), h5py.Empty("S3"), np.array([], "f4")])
def test_empty_attributes(tmp_path, value):
    path = hdf5(tmp_path / "c.h5", attributes={"_FillValue": value, "scale_factor": value})
    np.testing.assert_array_equal(read_cube(path, layout="hwb").data, VALUES)


# MATLAB to version 7


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("dtype", ["i1", "u1", "?", "i4", "u8", "f4", "f8"])
def test_masks_of_matlab(tmp_path, dtype, compress):
    labels = (LABELS % 2 if dtype == "?" else LABELS).astype(dtype)
    scipy_io.savemat(tmp_path / "m.mat", {"field_gt": labels}, do_compression=compress)
    expected = scipy_io.loadmat(tmp_path / "m.mat")["field_gt"]
    np.testing.assert_array_equal(read_labels(tmp_path / "m.mat")[0], expected)


@pytest.mark.parametrize(
    "value", [{"cube": VALUES}, VALUES.astype("c8")], ids=["struct", "complex"]
)
def test_what_is_not_read_of_matlab_is_named(tmp_path, value):
    scipy_io.savemat(tmp_path / "c.mat", {"s": value})
    with pytest.raises(DataError, match=r"'s' is a .*extract the array"):
        read_cube(tmp_path / "c.mat")


# NumPy


@pytest.mark.parametrize("dtype", ["i1", "u1", ">i2", "u4", "i8", "u8", "f2", ">f4", "f8", "g"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_types_of_numpy(tmp_path, dtype, order, ending):
    values = np.asarray(VALUES % 100, dtype=dtype, order=order)
    path = tmp_path / f"c.{ending}"
    if ending == "npy":
        np.save(path, values)
    else:
        np.savez_compressed(path, values)
    np.testing.assert_array_equal(read_cube(path, layout="hwb").data, VALUES % 100)


@pytest.mark.parametrize("dtype", ["?", "c8", "M8[s]", "U3", [("a", "i2")]], ids=str)
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_arrays_of_no_real_numbers(tmp_path, dtype, ending):
    path = tmp_path / f"c.{ending}"
    values = np.zeros((H, W, B), dtype)
    if ending == "npy":
        np.save(path, values)
    else:
        np.savez(path, cube=values)
    with pytest.raises(DataError, match=r"real numbers"):
        read_cube(path, layout="hwb")


@pytest.mark.parametrize(
    ("name", "factor"), [("wavelength_um", 1e-3), ("wavelengths", 1e-3), ("wl", 1), ("wvl", 1e-3)]
)
def test_wavelengths_of_npz(tmp_path, name, factor):
    np.savez(tmp_path / "c.npz", cube=VALUES.transpose(2, 0, 1), **{name: NM[:, None] * factor})
    cube = read_cube(tmp_path / "c.npz")
    np.testing.assert_array_equal(cube.data, VALUES)
    np.testing.assert_allclose(cube.wavelengths, NM)


@pytest.mark.parametrize("names", [["a, b", "ж", "c d"], ["none", "a, b", "{ж}", "c d"]])
@pytest.mark.parametrize("kind", ["U", "S"])
def test_class_names_of_npz(tmp_path, names, kind):
    listed = np.array(names if kind == "U" else [each.encode() for each in names])
    np.savez(tmp_path / "m.npz", gt=LABELS, class_names=listed)
    assert read_labels(tmp_path / "m.npz")[1] == dict(enumerate(names, 4 - len(names)))


# Zarr


def test_groups_within_groups(tmp_path):
    root = zarr.open_group(str(tmp_path / "c.zarr"), mode="w")
    group = root.create_group("a").create_group("b")
    group.create_array("cube", data=VALUES.transpose(2, 0, 1)).attrs["scale_factor"] = 0.5
    group.create_array("wavelength", data=NM / 1000).attrs["units"] = "um"
    cube = read_cube(tmp_path / "c.zarr")
    np.testing.assert_array_equal(cube.data, VALUES / 2)
    np.testing.assert_allclose(cube.wavelengths, NM)


@pytest.mark.parametrize("consolidated", [True, False])
def test_consolidated_metadata(tmp_path, consolidated):
    path = tmp_path / "c.zarr"
    scene().to_zarr(path, zarr_format=2, consolidated=consolidated)
    same(path, xarray.open_zarr(path, consolidated=consolidated))


def test_shards(tmp_path):
    values = np.tile(VALUES, (8, 8, 1))
    zarr.create_array(
        str(tmp_path / "c.zarr"), data=values, shards=(36, 28, 5), chunks=(9, 7, 5),
        dimension_names=("y", "x", "band"),
    )  # fmt: skip
    np.testing.assert_array_equal(read_cube(tmp_path / "c.zarr").data, values)


@pytest.mark.parametrize("which", ["Delta", "Shuffle", "FixedScaleOffset"])
def test_filters_of_zarr_2(tmp_path, which):
    numcodecs = pytest.importorskip("numcodecs")
    filters = {
        "Delta": [numcodecs.Delta(dtype="<i2")],
        "Shuffle": [numcodecs.Shuffle(elementsize=2)],
        "FixedScaleOffset": [numcodecs.FixedScaleOffset(0, 1, dtype="<i2", astype="<i4")],
    }[which]
    array = zarr.create_array(
        str(tmp_path / "c.zarr"), shape=VALUES.shape, dtype="<i2", zarr_format=2, filters=filters,
        chunks=(3, 7, 5),
    )  # fmt: skip
    array[...] = VALUES
    np.testing.assert_array_equal(read_cube(tmp_path / "c.zarr", layout="hwb").data, VALUES)


def test_a_zarr_store_in_a_zip_is_refused_with_a_way_on(tmp_path):
    store = zarr.storage.ZipStore(str(tmp_path / "c.zarr.zip"), mode="w")
    zarr.create_array(store, data=VALUES)
    store.close()
    with pytest.raises(DataError, match="unpack"):
        read_cube(tmp_path / "c.zarr.zip")


def test_netcdf_of_64_bit_data_is_refused_with_a_way_on(tmp_path):
    (tmp_path / "c.nc").write_bytes(b"CDF\x05" + bytes(100))
    with pytest.raises(DataError, match="nccopy"):
        read_cube(tmp_path / "c.nc")


def test_texts_among_the_arrays_of_a_store(tmp_path):
    path = tmp_path / "c.zarr"
    scene().assign_coords(name=("band", [f"B{n}" for n in range(B)])).to_zarr(
        path, zarr_format=2, consolidated=False
    )
    metadata = [json.loads(each.read_text()) for each in path.rglob(".zarray")]
    assert any(each["dtype"][1] in "UO" for each in metadata)
    same(path, xarray.open_zarr(path, consolidated=False))


@pytest.mark.parametrize(
    ("dtype", "fill", "counts"), [("f4", -9999, True), ("i2", -1, True), ("u1", 255, False)]
)
def test_fill_values_of_hdf5_itself(tmp_path, dtype, fill, counts):
    """They count as Zarr's do; netCDF's default for bytes, 255, is data."""
    values = (VALUES % 200).astype(dtype)
    values[0, 0] = fill
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file.create_dataset("cube", data=values, fillvalue=fill)
    cube = read_cube(tmp_path / "c.h5", layout="hwb")
    np.testing.assert_array_equal(cube.data, masked(values, fill) if counts else values)

"""What a file says about its values, in every format, against independent readers.

Each case writes a file with GDAL (rasterio), xarray, h5py or by hand, lets an independent reader
interpret it, and compares.
"""

import numpy as np
import pytest

import hsizoo
from hsizoo.errors import DataError
from hsizoo.io import read_cube, read_labels

pytestmark = [
    # GDAL notes that an ENVI file without map info has no place; SPy is older than NumPy 2.
    pytest.mark.filterwarnings("ignore:Dataset has no geotransform"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
H, W, B = 9, 7, 5
STORED = np.random.default_rng(0).integers(100, 3000, (H, W, B)).astype(np.int16)
HOLES = [(0, 0), (4, 3), (8, 6)]
NM = np.array([450.0, 550.0, 650.0, 750.0, 850.0])


def stored(dtype="int16", hole=None, some_bands=False):
    """Return values with holes in all bands, or each in one band only."""
    values = STORED.astype(dtype)
    for number, (row, col) in enumerate(HOLES if hole is not None else ()):
        values[row, col, number if some_bands else slice(None)] = hole
    return values


def holes(values):
    """Return values as float64, NaN in all bands of the holes."""
    values = values.astype(np.float64)
    for row, col in HOLES:
        values[row, col] = np.nan
    return values


# GeoTIFF, written and read by GDAL


def write_gdal(path, values, driver="GTiff", finish=None, **how):
    rasterio = pytest.importorskip("rasterio", reason="rasterio, the independent oracle, is absent")
    height, width, bands = values.shape
    with rasterio.open(
        path, "w", driver=driver, height=height, width=width, count=bands, dtype=values.dtype,
        transform=rasterio.Affine(20, 0, 637000, 0, -20, 4480000), crs="EPSG:32616", **how,
    ) as file:  # fmt: skip
        if finish is not None:
            finish(file)
        file.write(values.transpose(2, 0, 1))
    return path


def read_gdal(path):
    """Return values as GDAL sees them: masked, with scale and offset, alpha left out."""
    import rasterio
    from rasterio.enums import ColorInterp

    with rasterio.open(path) as file:
        bands = [n + 1 for n, c in enumerate(file.colorinterp) if c != ColorInterp.alpha]
        values = file.read(bands, masked=True).astype(np.float64)
        scales = np.array([file.scales[n - 1] for n in bands])[:, None, None]
        offsets = np.array([file.offsets[n - 1] for n in bands])[:, None, None]
    return (values * scales + offsets).filled(np.nan).transpose(1, 2, 0)


def mask(file):
    valid = np.full((H, W), 255, np.uint8)
    for row, col in HOLES:
        valid[row, col] = 0
    file.write_mask(valid)


def scaled(file):
    file.scales = [1e-4] * B
    file.offsets = [-0.1] * B


def scaled_by_band(file):
    file.scales = [0.5, 1, 2, 4, 8]
    file.offsets = [0, 1, 2, 3, 4]


def only_scaled(file):
    file.scales = [1e-4] * B


def opaque():
    found = np.full((H, W), 65535)
    for row, col in HOLES:
        found[row, col] = 0
    return found


TIFF = {
    "nodata": (stored(hole=-9999), {"nodata": -9999}),
    "nodata 0": (stored("uint16", 0), {"nodata": 0}),
    "nodata at the top": (stored("uint16", 65535), {"nodata": 65535}),
    "nodata of bytes": (stored("uint8", 255), {"nodata": 255}),
    "nodata nan": (stored("float32", np.nan), {"nodata": np.nan}),
    "nodata -inf": (stored("float32", -np.inf), {"nodata": -np.inf}),
    "nodata of the least float": (
        stored("float32", np.finfo("f4").min), {"nodata": float(np.finfo("f4").min)}
    ),
    "nodata of no binary fraction": (stored("float32", -0.1), {"nodata": -0.1}),
    "nodata of float64": (stored("float64", -1e300), {"nodata": -1e300}),
    "nodata of int32": (stored("int32", -(2**31)), {"nodata": -(2**31)}),
    "nodata that does not occur": (stored(), {"nodata": -9999}),
    "no statement": (stored(), {}),
    "nodata, deflated": (stored(hole=-1), {"nodata": -1, "compress": "deflate"}),
    "nodata, in tiles": (
        stored(hole=-1), {"nodata": -1, "tiled": True, "blockxsize": 16, "blockysize": 16}
    ),
    "nodata, by pixel": (stored(hole=-1), {"nodata": -1, "interleave": "pixel"}),
    "nodata, by band": (stored(hole=-1), {"nodata": -1, "interleave": "band"}),
    "nodata, big-endian": (stored(hole=-1), {"nodata": -1, "ENDIANNESS": "BIG"}),
    "nodata, BigTIFF": (stored(hole=-1), {"nodata": -1, "BIGTIFF": "YES"}),
    "scale and offset": (stored(), {"finish": scaled}),
    "scale and offset by band": (stored(), {"finish": scaled_by_band}),
    "scale alone": (stored("uint16"), {"finish": only_scaled}),
    "scale, offset and nodata": (stored(hole=-9999), {"nodata": -9999, "finish": scaled}),
}  # fmt: skip


@pytest.mark.parametrize("case", TIFF)
def test_geotiff_as_gdal_reads_it(tmp_path, case):
    values, how = TIFF[case]
    path = write_gdal(tmp_path / "c.tif", values, **how)
    expected = read_gdal(path)
    assert np.isnan(expected).any() == ("nodata" in case and "not occur" not in case)
    np.testing.assert_allclose(read_cube(path).data, expected, rtol=1e-6)


@pytest.mark.parametrize("inside", [True, False], ids=["in the file", "beside it"])
def test_geotiff_with_a_mask_as_gdal_reads_it(tmp_path, inside):
    import rasterio

    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside):
        path = write_gdal(tmp_path / "c.tif", stored(), finish=mask)
    assert (tmp_path / "c.tif.msk").exists() != inside
    cube = read_cube(path)
    np.testing.assert_array_equal(cube.data, read_gdal(path))
    assert (~cube.valid).sum() == len(HOLES)
    assert "3 pixels are masked by the file" in cube.remarks


def test_geotiff_with_alpha_as_gdal_reads_it(tmp_path):
    values = np.dstack([STORED, opaque()]).astype(np.uint16)
    import rasterio
    from rasterio.enums import ColorInterp

    def finish(file):
        file.colorinterp = [ColorInterp.gray] * B + [ColorInterp.alpha]

    path = write_gdal(tmp_path / "c.tif", values, finish=finish, photometric="MINISBLACK")
    with rasterio.open(path) as file:
        assert file.colorinterp[B] == ColorInterp.alpha
        np.testing.assert_array_equal(file.read(B + 1), opaque())
    cube = read_cube(path)
    np.testing.assert_array_equal(cube.data, holes(STORED))
    assert cube.bands == B


def test_geotiff_with_more_bands_that_are_not_alpha(tmp_path):
    path = write_gdal(tmp_path / "c.tif", stored("uint16"), photometric="RGB", ALPHA="NO")
    np.testing.assert_array_equal(read_cube(path).data, STORED)


@pytest.mark.parametrize(
    ("where", "unit", "factor"),
    [("band", "nanometers", 1), ("band", "Micrometers", 1000), ("band", None, 1),
     ("image", "nm", 1), ("image", "um", 1000)],
)  # fmt: skip
def test_geotiff_wavelengths_in_tags(tmp_path, where, unit, factor):
    def finish(file):
        values = (NM / factor).tolist()
        if where == "band":
            for number, value in enumerate(values, 1):
                more = {"wavelength_units": unit} if unit else {}
                file.update_tags(number, wavelength=value, **more)
        else:
            file.update_tags(
                wavelength="{" + ", ".join(map(str, values)) + "}", wavelength_units=unit
            )

    path = write_gdal(tmp_path / "c.tif", stored(), finish=finish)
    np.testing.assert_allclose(read_cube(path).wavelengths, NM)


@pytest.mark.parametrize("where", ["band", "image"])
def test_geotiff_bad_bands_in_tags(tmp_path, where):
    good = [1, 0, 1, 1, 0]

    def finish(file):
        if where == "band":
            for number, flag in enumerate(good, 1):
                file.update_tags(number, bbl=flag)
        else:
            file.update_tags(bbl="{1, 0, 1, 1, 0}")

    path = write_gdal(tmp_path / "c.tif", stored(), finish=finish)
    np.testing.assert_array_equal(read_cube(path).data, STORED[:, :, [0, 2, 3]])


def test_geotiff_with_statements_beside_it(tmp_path):
    """GDAL keeps in an ``.aux.xml`` file what it cannot change in the file itself."""
    import rasterio

    path = write_gdal(tmp_path / "c.tif", stored(hole=-5))
    beside = (
        "<PAMDataset>"
        + "".join(
            f'<PAMRasterBand band="{band}"><NoDataValue>-5</NoDataValue><Scale>0.5</Scale>'
            f"<Offset>2</Offset></PAMRasterBand>"
            for band in range(1, B + 1)
        )
        + "</PAMDataset>"
    )
    (tmp_path / "c.tif.aux.xml").write_text(beside)
    with rasterio.open(path) as file:
        assert file.nodata == -5
    np.testing.assert_allclose(read_cube(path).data, read_gdal(path))


def test_statements_beside_a_geotiff_that_are_no_xml_are_left_out(tmp_path):
    path = write_gdal(tmp_path / "c.tif", stored())
    for text in ("<PAMDataset>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", ""):
        (tmp_path / "c.tif.aux.xml").write_text(text)
        cube = read_cube(path)
        np.testing.assert_array_equal(cube.data, STORED)
        assert any("c.tif.aux.xml is not used" in remark for remark in cube.remarks)


def test_bands_of_an_image_without_a_single_value_are_left_out(tmp_path):
    """As in products whose bands in water vapour are all no data."""
    values = stored(hole=-32768)
    values[:, :, [1, 4]] = -32768
    path = write_gdal(tmp_path / "c.tif", values, nodata=-32768)
    cube = read_cube(path)
    np.testing.assert_array_equal(cube.data, read_gdal(path)[:, :, [0, 2, 3]])
    assert (~cube.valid).sum() == len(HOLES)
    assert "2 band(s) (1, 4) without a single value left out" in cube.remarks


@pytest.mark.parametrize(
    ("driver", "ending"), [("HFA", "img"), ("PCIDSK", "pix"), ("JP2OpenJPEG", "jp2")]
)
def test_formats_of_gdal(tmp_path, driver, ending):
    values = stored(hole=-9999)
    how = {"QUALITY": "100", "REVERSIBLE": "YES"} if ending == "jp2" else {}
    path = write_gdal(tmp_path / f"c.{ending}", values, driver, nodata=-9999, **how)
    cube = read_cube(path)
    np.testing.assert_array_equal(cube.data, read_gdal(path))
    assert (~cube.valid).sum() == len(HOLES)
    labels = write_gdal(tmp_path / f"m.{ending}", LABELS[:, :, None], driver, **how)
    np.testing.assert_array_equal(read_labels(labels)[0], LABELS)


def test_classic_netcdf_as_xarray_reads_it(tmp_path):
    found = dataset(("band", "y", "x"), PHYSICAL, {"_FillValue": -9.0, "dtype": "float32"})
    found.to_netcdf(tmp_path / "c.nc", engine="scipy")
    assert (tmp_path / "c.nc").read_bytes()[:3] == b"CDF"
    cube = read_cube(tmp_path / "c.nc")
    np.testing.assert_allclose(cube.data, PHYSICAL, rtol=1e-6)
    np.testing.assert_allclose(cube.wavelengths, NM)


# Masks


LABELS = np.random.default_rng(1).integers(0, 4, (H, W)).astype(np.uint8)


@pytest.mark.parametrize(
    ("nodata", "dtype"), [(255, "uint8"), (0, "uint8"), (-1, "int16"), (np.nan, "float32")]
)
def test_masks_with_nodata_as_gdal_reads_them(tmp_path, nodata, dtype):
    values = LABELS.astype(dtype)
    for row, col in HOLES:
        values[row, col] = nodata
    path = write_gdal(tmp_path / "m.tif", values[:, :, None], nodata=nodata)
    import rasterio

    with rasterio.open(path) as file:
        expected = np.nan_to_num(file.read(1, masked=True).astype(float).filled(-1), nan=-1)
    labels, _ = read_labels(path)
    np.testing.assert_array_equal(labels, expected)
    assert (labels == -1).any()
    assert (read_labels(path, nodata=9)[0] == 9).sum() == (labels == -1).sum()


def test_a_mask_with_a_mask(tmp_path):
    import rasterio

    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        path = write_gdal(tmp_path / "m.tif", LABELS[:, :, None], finish=mask)
    np.testing.assert_array_equal(read_labels(path)[0] == -1, opaque() == 0)


def test_pixels_of_a_mask_without_data_are_no_class(tmp_path):
    values = LABELS.copy()
    for row, col in HOLES:
        values[row, col] = 255
    write_gdal(tmp_path / "a.mask.tif", values[:, :, None], nodata=255)
    hsizoo.io.write_cube(tmp_path / "a.hdr", hsizoo.HyperCube(STORED))
    scene = hsizoo.load_scene("folder", path=str(tmp_path))
    assert scene.label_map.targets == {1, 2, 3}
    np.testing.assert_array_equal(scene.label_map.evaluated, opaque() != 0)
    assert scene.label_map.remarks == (
        "3 pixels of the mask have no data (value 255) and are ignored",
    )
    (tmp_path / "hsizoo.toml").write_text('mask_nodata = "none"')
    assert 255 in hsizoo.load_scene("folder", path=str(tmp_path)).label_map.targets


def test_names_of_classes_in_gdals_categories(tmp_path):
    path = write_gdal(tmp_path / "m.tif", LABELS[:, :, None])
    names = "".join(f"<Category>{name}</Category>" for name in ("none", "a, b", "{c}", "d"))
    (tmp_path / "m.tif.aux.xml").write_text(
        f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{names}</CategoryNames>'
        "</PAMRasterBand></PAMDataset>"
    )
    assert read_labels(path)[1] == {0: "none", 1: "a, b", 2: "{c}", 3: "d"}


# ENVI, read by GDAL and SPy


def write_envi(path, values, interleave="bip", **fields):
    axes = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}[interleave]
    code = {"i2": 2, "f4": 4, "f8": 5, "u2": 12, "u1": 1}[values.dtype.str[1:]]
    values.transpose(axes).astype(values.dtype.newbyteorder("<")).tofile(path.with_suffix(".img"))
    lines = {
        "samples": values.shape[1], "lines": values.shape[0], "bands": values.shape[2],
        "data type": code, "interleave": interleave, "byte order": 0, "header offset": 0,
        "file type": "ENVI Standard",
    }  # fmt: skip
    lines |= {key.replace("_", " "): value for key, value in fields.items()}
    path.write_text("ENVI\n" + "".join(f"{key} = {value}\n" for key, value in lines.items()))
    return path


ENVI = {
    "ignore value": (stored(hole=-9999), {"data_ignore_value": -9999}),
    "ignore value of floats": (stored("float32", -0.1), {"data_ignore_value": -0.1}),
    "ignore value nan": (stored("float32", np.nan), {"data_ignore_value": "nan"}),
    "ignore value 0": (stored("uint16", 0), {"data_ignore_value": 0}),
    "ignore value 1e30": (stored("float32", 1e30), {"data_ignore_value": "1e+30"}),
    "gains": (stored(), {"data_gain_values": "{0.5, 1, 2, 4, 8}"}),
    "offsets": (stored(), {"data_offset_values": "{0, 1, 2, 3, 4}"}),
    "gains and offsets": (
        stored(),
        {"data_gain_values": "{.1, .1, .1, .1, .1}", "data_offset_values": "{1, 1, 1, 1, 1}"},
    ),
    "gains, offsets, ignore value": (
        stored(hole=-1),
        {
            "data_gain_values": "{.1, .1, .1, .1, .1}", "data_offset_values": "{1, 1, 1, 1, 1}",
            "data_ignore_value": -1,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
@pytest.mark.parametrize("case", ENVI)
def test_envi_as_gdal_reads_it(tmp_path, case, interleave):
    pytest.importorskip("rasterio")
    values, fields = ENVI[case]
    path = write_envi(tmp_path / "c.hdr", values, interleave, **fields)
    expected = read_gdal(path.with_suffix(".img"))
    assert np.isnan(expected).any() == ("ignore" in case)
    np.testing.assert_allclose(read_cube(path).data, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("unit", "factor"), [("Nanometers", 1), ("Micrometers", 1000), ("um", 1000), ("nm", 1)]
)
def test_envi_wavelengths_and_bad_bands_as_spy_reads_them(tmp_path, unit, factor):
    envi = pytest.importorskip("spectral.io.envi")
    listed = ", ".join(str(value / factor) for value in NM)
    path = write_envi(
        tmp_path / "c.hdr", stored(), wavelength="{" + listed + "}", wavelength_units=unit,
        bbl="{1, 0, 1, 1, 0}", reflectance_scale_factor=10000,
    )  # fmt: skip
    image = envi.open(str(path))
    good = np.array(image.metadata["bbl"], float) == 1
    cube = read_cube(path)
    np.testing.assert_allclose(cube.wavelengths, np.array(image.bands.centers)[good] * factor)
    # SPy divides by the scale factor too.
    np.testing.assert_allclose(cube.data, np.asarray(image.load())[:, :, good], rtol=1e-6)


# netCDF and Zarr, written and read by xarray


def dataset(dims=("y", "x", "band"), values=STORED, encoding=None, attributes=None, waves=True):
    xarray = pytest.importorskip("xarray", reason="xarray, the independent oracle, is absent")
    order = [("y", "x", "band").index(d) for d in dims]
    data = xarray.DataArray(values.transpose(order), dims=dims, attrs=attributes or {})
    if waves:
        data = data.assign_coords(wavelength=("band", NM, {"units": "nm"}))
    found = xarray.Dataset({"reflectance": data})
    found["reflectance"].encoding = encoding or {}
    return found


def decoded(found):
    """Return values as xarray decodes them, as rows, columns, bands."""
    return found["reflectance"].transpose("y", "x", "band").values.astype(np.float64)


PHYSICAL = holes(STORED) / 1e4

XARRAY = {
    "fill value": (PHYSICAL, {"_FillValue": -9999.0, "dtype": "float32"}),
    "fill value and scale": (
        PHYSICAL,
        {"_FillValue": -9999, "scale_factor": 1e-4, "dtype": "int16"},
    ),
    "fill value, scale and offset": (
        PHYSICAL,
        {"_FillValue": -9999, "scale_factor": 1e-4, "add_offset": 0.1, "dtype": "int16"},
    ),
    "unsigned bytes": (
        np.round(holes(STORED) / 12) / 100,
        {"_FillValue": 255, "scale_factor": 0.01, "dtype": "uint8"},
    ),
    "nan": (PHYSICAL, {"dtype": "float32"}),
    "missing value": (PHYSICAL, {"missing_value": -1.0, "dtype": "float32"}),
}


@pytest.mark.parametrize("dims", [("y", "x", "band"), ("band", "y", "x"), ("y", "band", "x")])
@pytest.mark.parametrize("case", XARRAY)
@pytest.mark.parametrize("ending", ["nc", "zarr2", "zarr3"])
def test_netcdf_and_zarr_as_xarray_reads_them(tmp_path, ending, case, dims):
    xarray = pytest.importorskip("xarray")
    values, encoding = XARRAY[case]
    found = dataset(dims, values, encoding)
    path = tmp_path / f"c.{ending}"
    if ending == "nc":
        found.to_netcdf(path, engine="h5netcdf")
        expected = xarray.open_dataset(path, engine="h5netcdf")
    else:
        found.to_zarr(path, zarr_format=int(ending[-1]), consolidated=False)
        expected = xarray.open_zarr(path, consolidated=False)
    cube = read_cube(path)
    np.testing.assert_allclose(cube.data, decoded(expected), rtol=1e-6)
    assert (~cube.valid).sum() == len(HOLES)
    np.testing.assert_allclose(cube.wavelengths, NM)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (
            {"_Unsigned": "true", "_FillValue": np.int16(-1)},
            lambda v: np.where(v == -1, np.nan, v.view("u2")),
        ),
        (
            {"valid_range": np.array([200, 2500], "i2")},
            lambda v: np.where((v < 200) | (v > 2500), np.nan, v),
        ),
        ({"valid_min": 200}, lambda v: np.where(v < 200, np.nan, v)),
        ({"valid_max": 2500}, lambda v: np.where(v > 2500, np.nan, v)),
        ({"Data_Ignore_Value": -9999.0, "Scale_Factor": 10000.0}, lambda v: v / 1e4),
        (
            {"missing_value": np.array([105, 106], "i2")},
            lambda v: np.where(np.isin(v, [105, 106]), np.nan, v),
        ),
        ({"scale_factor": "much"}, lambda v: v),
        ({"_FillValue": b"none"}, lambda v: v),
        ({"scale_factor": np.ones(3)}, lambda v: v),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, dict) else "",
)  # fmt: skip
def test_attributes_of_hdf5(tmp_path, attributes, expected):
    h5py = pytest.importorskip("h5py")
    values = STORED.copy()
    values[2, 2] = -1 if "_Unsigned" in attributes else 105
    with h5py.File(tmp_path / "c.h5", "w") as file:
        item = file.create_dataset("cube", data=values)
        item.attrs.update(attributes)
    wanted = expected(values).astype(np.float64)
    cube = read_cube(tmp_path / "c.h5", layout="hwb")
    np.testing.assert_allclose(cube.data, wanted, rtol=1e-6)
    silent = {"_Unsigned", "missing_value", "_FillValue"}
    assert bool(cube.remarks) != bool(silent & set(attributes))


@pytest.mark.parametrize("unit", ["nm", "um", "micrometers", "Nanometers", None])
def test_wavelengths_of_hdf5_with_units(tmp_path, unit):
    h5py = pytest.importorskip("h5py")
    factor = 1000 if unit in ("um", "micrometers") else 1
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["cube"] = STORED.transpose(2, 0, 1)
        file["sensor/wavelengths"] = NM / factor
        file["sensor/good_wavelengths"] = np.array([1, 0, 1, 1, 1], "u1")
        if unit:
            file["sensor/wavelengths"].attrs["units"] = unit
    cube = read_cube(tmp_path / "c.h5")
    np.testing.assert_array_equal(cube.data, np.delete(STORED, 1, axis=2))
    np.testing.assert_allclose(cube.wavelengths, np.delete(NM, 1))


@pytest.mark.parametrize(
    "wrong", [np.arange(1, 4), np.array([b"a"] * B), np.zeros(B), np.full(B, np.inf)]
)
def test_wavelengths_that_cannot_be_right_are_left_out(tmp_path, wrong):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["cube"] = STORED
        file["wavelengths"] = wrong
    cube = read_cube(tmp_path / "c.h5", layout="hwb")
    assert cube.wavelengths is None
    np.testing.assert_array_equal(cube.data, STORED)
    given = read_cube(tmp_path / "c.h5", layout="hwb", wavelengths=NM)
    np.testing.assert_allclose(given.wavelengths, NM)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("fill", [-9999, 0])
def test_fill_value_of_zarr(tmp_path, version, fill):
    """Zarr's own fill value stands for no data, but for its default, 0."""
    zarr = pytest.importorskip("zarr")
    values = stored(hole=fill)
    array = zarr.create_array(
        str(tmp_path / "c.zarr"), data=values, zarr_format=version, fill_value=fill
    )
    array.attrs["wavelengths"] = NM.tolist()
    cube = read_cube(tmp_path / "c.zarr")
    np.testing.assert_array_equal(cube.data, holes(STORED) if fill else values)


# Axes


def save(path, values, **more):
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".npz":
        np.savez(path, cube=values, **more)
    elif path.suffix == ".mat":
        pytest.importorskip("scipy.io").savemat(path, {"cube": values, **more})
    elif path.suffix == ".h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            file["cube"] = values
            for name, value in more.items():
                file[name] = value
    else:
        group = pytest.importorskip("zarr").open_group(str(path), mode="w")
        for name, value in {"cube": values, **more}.items():
            group.create_array(name, data=np.asarray(value))
    return path


FORMATS = [".npy", ".npz", ".mat", ".h5", ".zarr"]
ORDERS = {"hwb": (0, 1, 2), "bhw": (2, 0, 1), "hbw": (0, 2, 1)}


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("layout", ORDERS)
def test_the_order_of_the_axes_can_be_said(tmp_path, ending, layout):
    path = save(tmp_path / f"c{ending}", STORED.transpose(ORDERS[layout]))
    np.testing.assert_array_equal(read_cube(path, layout=layout).data, STORED)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("shape", [(5, 9, 7), (9, 5, 7), (7, 7, 7), (30, 31, 29), (200, 50, 50)])
def test_a_doubtful_order_is_asked_for(tmp_path, ending, shape):
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    path = save(tmp_path / f"c{ending}", values)
    with pytest.raises(
        DataError, match=r"which axis of .* holds the bands; say layout=hwb"
    ) as error:
        read_cube(path)
    assert "c" + ending in str(error.value)
    assert "--layout hwb" in str(error.value)


@pytest.mark.parametrize("ending", FORMATS[1:])
@pytest.mark.parametrize("layout", ORDERS)
@pytest.mark.parametrize("beside", ["wavelengths", "gt"])
def test_wavelengths_or_a_mask_tell_the_order(tmp_path, ending, layout, beside):
    more = {"wavelengths": NM} if beside == "wavelengths" else {"gt": LABELS}
    path = save(tmp_path / f"c{ending}", STORED.transpose(ORDERS[layout]), **more)
    cube = read_cube(path)
    np.testing.assert_array_equal(cube.data, STORED)
    assert any("axes read as" in each for each in cube.remarks) == (layout != "hwb")


@pytest.mark.parametrize("layout", ORDERS)
def test_names_of_axes_go_before_the_number_of_wavelengths(tmp_path, layout):
    """All axes are of one size, so that only their names tell."""
    h5py = pytest.importorskip("h5py")
    values = np.random.default_rng(2).random((5, 5, 5)).astype(np.float32)
    with h5py.File(tmp_path / "c.h5", "w") as file:
        item = file.create_dataset("cube", data=values.transpose(ORDERS[layout]))
        for axis, place in enumerate(ORDERS[layout]):
            item.dims[axis].label = ("downtrack", "crosstrack", "bands")[place]
        file["wavelengths"] = NM
    np.testing.assert_array_equal(read_cube(tmp_path / "c.h5").data, values)


def test_columns_before_rows_by_name(tmp_path):
    zarr = pytest.importorskip("zarr")
    zarr.create_array(
        str(tmp_path / "c.zarr"), data=STORED.transpose(1, 0, 2), dimension_names=("x", "y", "band")
    )
    np.testing.assert_array_equal(read_cube(tmp_path / "c.zarr").data, STORED)


# Several images in a file


def test_one_band_on_each_page_is_a_cube(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    with tifffile.TiffWriter(tmp_path / "c.tif") as file:
        for band in range(B):
            file.write(STORED[:, :, band], metadata=None)
    np.testing.assert_array_equal(read_cube(tmp_path / "c.tif").data, STORED)
    rasterio = pytest.importorskip("rasterio")
    with rasterio.open(f"GTIFF_DIR:2:{tmp_path / 'c.tif'}") as file:
        np.testing.assert_array_equal(file.read(1), STORED[:, :, 1])


def test_several_images_in_a_file_are_asked_for(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    with tifffile.TiffWriter(tmp_path / "c.tif") as file:
        file.write(STORED, metadata=None, photometric="minisblack", planarconfig="contig")
        file.write(STORED[:4], metadata=None, photometric="minisblack", planarconfig="contig")
    with pytest.raises(DataError, match=r"has 2 images \(0: 9 × 7 × 5 int16; 1: 4 × 7 × 5 int16\)"):
        read_cube(tmp_path / "c.tif")
    np.testing.assert_array_equal(read_cube(tmp_path / "c.tif", variable="1").data, STORED[:4])
    with pytest.raises(DataError, match="has no image '2'"):
        read_cube(tmp_path / "c.tif", variable="2")


def test_smaller_copies_of_an_image_are_not_images(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    values = np.tile(stored(hole=-1), (40, 40, 1))
    path = write_gdal(tmp_path / "c.tif", values, nodata=-1)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4])
    np.testing.assert_array_equal(read_cube(path).data, read_gdal(path))


# The user's settings


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"nodata": "none"}, lambda: stored(hole=-9999) / 1e4),
        (
            {"nodata": 105},
            lambda: np.where(STORED == 105, np.nan, stored(hole=-9999)) / 1e4,
        ),
        ({"scale": 100}, lambda: holes(STORED) / 100),
        ({"scale": 1}, lambda: holes(STORED)),
        ({"drop_bands": [0]}, lambda: holes(STORED)[:, :, 1:] / 1e4),
    ],
)  # fmt: skip
@pytest.mark.parametrize("how", ["argument", "toml", "toml above"])
def test_settings_go_before_the_file(tmp_path, settings, expected, how):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    path = write_envi(
        folder / "c.hdr", stored(hole=-9999), data_ignore_value=-9999, reflectance_scale_factor=1e4
    )
    if how == "argument":
        cube = read_cube(path, **settings)
    else:
        where = folder if how == "toml" else tmp_path
        ((key, value),) = settings.items()
        (where / "hsizoo.toml").write_text(f"{key} = {value!r}".replace("'", '"'))
        cube = read_cube(path)
        assert f"settings of {where / 'hsizoo.toml'}: {key}" in cube.remarks
    told = " ".join(cube.remarks)
    assert "values are divided by 10000 (reflectance scale factor)" in told
    for key, value in settings.items():
        replaced = key in ("scale", "nodata")
        assert (f"{value}, whatever the file says" in told) == replaced
    np.testing.assert_allclose(cube.data, expected(), rtol=1e-6)

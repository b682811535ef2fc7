"""Statements in images, as GDAL and tifffile write them: TIFF, ENVI, PNG and what lies beside."""

import importlib.util

import numpy as np
import pytest
from PIL import Image

from hsizoo.errors import DataError, MissingRequirement
from hsizoo.io import read_cube, read_labels

rasterio = pytest.importorskip("rasterio", reason="rasterio, the independent oracle, is absent")
tifffile = pytest.importorskip("tifffile")

pytestmark = [
    pytest.mark.filterwarnings("ignore:Dataset has no geotransform"),
    pytest.mark.filterwarnings("ignore:.*not georeferenced"),
]
H, W, B = 9, 7, 5
VALUES = np.random.default_rng(3).integers(1, 3000, (H, W, B)).astype(np.int16)
LABELS = np.random.default_rng(4).integers(0, 4, (H, W)).astype(np.uint8)
HOLES = (np.array([0, 4, 8]), np.array([0, 3, 6]))


def pierced(values, hole):
    values = values.copy()
    values[HOLES] = hole
    return values


def write(path, values, driver="GTiff", finish=None, **how):
    values = np.atleast_3d(values)
    height, width, bands = values.shape
    with rasterio.open(
        path, "w", driver=driver, height=height, width=width, count=bands, dtype=values.dtype,
        transform=rasterio.Affine(20, 0, 637000, 0, -20, 4480000), crs="EPSG:32616", **how,
    ) as file:  # fmt: skip
        file.write(values.transpose(2, 0, 1))
        if finish is not None:
            finish(file)
    return path


def as_gdal(path):
    with rasterio.open(path) as file:
        values = file.read(masked=True).astype(np.float64)
        scales, offsets = (np.array(each)[:, None, None] for each in (file.scales, file.offsets))
    return (values * scales + offsets).filled(np.nan).transpose(1, 2, 0)


def labels_as_gdal(path):
    with rasterio.open(path) as file:
        return file.read(1, masked=True).astype(np.int64).filled(-1)


# Kinds of numbers

EXTREMES = {
    "uint32 greatest": (np.uint32, 2**32 - 1, {}),
    "int32 greatest": (np.int32, 2**31 - 1, {}),
    "int8 least": (np.int8, -128, {}),
    "float64 least": (np.float64, np.finfo(np.float64).min, {}),
    "float32 greatest": (np.float32, float(np.finfo(np.float32).max), {}),
    "float32 1e-30": (np.float32, 1e-30, {}),
    "float32 inf": (np.float32, np.inf, {}),
    "predictor 2": (np.int16, -9999, {"compress": "deflate", "predictor": 2}),
    "packbits": (np.int16, -9999, {"compress": "packbits"}),
    "tiles of one band": (
        np.int16, -9999,
        {"tiled": True, "blockxsize": 16, "blockysize": 16, "interleave": "band"},
    ),
    "strips of one row": (np.int16, -9999, {"blockysize": 1}),
    "big-endian tiles": (
        np.float32, -9999.0,
        {"ENDIANNESS": "BIG", "tiled": True, "blockxsize": 16, "blockysize": 16},
    ),
    "big-endian deflate": (np.int16, -9999, {"ENDIANNESS": "BIG", "compress": "deflate"}),
    "BigTIFF big-endian": (np.uint16, 7, {"ENDIANNESS": "BIG", "BIGTIFF": "YES"}),
}  # fmt: skip


@pytest.mark.parametrize("case", EXTREMES)
def test_nodata_of_every_kind_of_number(tmp_path, case):
    dtype, nodata, how = EXTREMES[case]
    values = pierced((VALUES % 100).astype(dtype), nodata)
    path = write(tmp_path / "c.tif", values, nodata=nodata, **how)
    expected = as_gdal(path)
    assert np.isnan(expected[HOLES]).all()
    np.testing.assert_allclose(read_cube(path).data, expected.astype(np.float32), rtol=1e-6)


@pytest.mark.parametrize("case", [key for key in EXTREMES if "int" in key])
def test_nodata_of_masks_of_every_kind_of_number(tmp_path, case):
    dtype, nodata, how = EXTREMES[case]
    path = write(tmp_path / "m.tif", pierced(LABELS.astype(dtype), nodata), nodata=nodata, **how)
    np.testing.assert_array_equal(read_labels(path)[0], pierced(LABELS.astype(np.int32), -1))


@pytest.mark.parametrize(
    ("dtype", "nodata"), [(np.int64, -(2**63)), (np.int64, 2**63 - 1), (np.uint64, 2**64 - 1)]
)
def test_nodata_of_64_bits_is_one_number_only(tmp_path, dtype, nodata):
    """A float would stand for its neighbours too; rasterio takes it for one."""
    values = VALUES.astype(dtype)
    values[0, 0], values[1, 1] = nodata, nodata + (1 if nodata < 0 else -1)
    labels = LABELS.astype(dtype)
    labels[0, 0] = nodata
    for name, array in (("c.tif", values), ("m.tif", labels)):
        tifffile.imwrite(
            tmp_path / name, array, photometric="minisblack", planarconfig="contig",
            extratags=[(42113, "s", 0, str(nodata), True)],
        )  # fmt: skip
    cube = read_cube(tmp_path / "c.tif")
    assert not cube.valid[0, 0]
    assert cube.valid[1, 1]
    assert read_labels(tmp_path / "m.tif")[0][0, 0] == -1


def has_imagecodecs():
    return importlib.util.find_spec("imagecodecs") is not None


def read_or_named(read, path):
    """Read, or return None if the error names the package that is missing."""
    if has_imagecodecs():
        return read(path)
    with pytest.raises(MissingRequirement, match="pip install imagecodecs"):
        read(path)
    return None


@pytest.mark.parametrize("how", [{"compress": "deflate", "predictor": 3}, {"compress": "lzw"}])
def test_compression_that_needs_a_package(tmp_path, how):
    path = write(tmp_path / "c.tif", VALUES.astype(np.float32), **how)
    values = read_or_named(lambda file: read_cube(file).data, path)
    if values is not None:
        np.testing.assert_array_equal(values, VALUES)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_numbers_are_refused(tmp_path, dtype):
    path = write(tmp_path / "c.tif", VALUES.astype(dtype))
    with pytest.raises(DataError, match=r"complex.*real"):
        read_cube(path)


@pytest.mark.parametrize("text", [" -1 ", "-1\0", "-1.0", "-1e0", "-01"])
def test_nodata_of_tiff_as_text(tmp_path, text):
    extra = [(42113, "s", 0, text, True)]
    values = pierced(VALUES, -1)
    tifffile.imwrite(
        tmp_path / "c.tif", values, photometric="minisblack", planarconfig="contig",
        extratags=extra,
    )  # fmt: skip
    np.testing.assert_array_equal(read_cube(tmp_path / "c.tif").data, as_gdal(tmp_path / "c.tif"))


@pytest.mark.parametrize("text", ["", " ", "none", "n/a"])
def test_nodata_of_tiff_that_is_no_number(tmp_path, text):
    tifffile.imwrite(
        tmp_path / "c.tif", VALUES, photometric="minisblack", planarconfig="contig",
        extratags=[(42113, "s", 0, text, True)],
    )  # fmt: skip
    np.testing.assert_array_equal(read_cube(tmp_path / "c.tif").data, VALUES)


# Statements beside the image


def pam(path, bands, **more):
    """Write GDAL's file beside an image: a list of elements for each band."""
    inside = "".join(
        f'<PAMRasterBand band="{number}">{text}</PAMRasterBand>'
        for number, text in enumerate(bands, 1)
    )
    path.with_name(f"{path.name}.aux.xml").write_text(f"<PAMDataset>{inside}</PAMDataset>")
    return path


def test_nodata_that_differs_by_band(tmp_path):
    """The value of one band is data in another."""
    values = VALUES.copy()
    values[2, 2], values[3, 3] = -1, -2
    path = pam(
        write(tmp_path / "c.tif", values),
        [f"<NoDataValue>{n}</NoDataValue>" for n in (-1, -2, -1, -1, -1)],
    )
    expected = as_gdal(path)
    assert np.isnan(expected[2, 2]).sum() == 4
    np.testing.assert_array_equal(read_cube(path).data, expected)


def test_nodata_of_some_bands_only(tmp_path):
    values = pierced(VALUES, -1)
    path = pam(write(tmp_path / "c.tif", values), ["", "<NoDataValue>-1</NoDataValue>", "", "", ""])
    np.testing.assert_array_equal(read_cube(path).data, as_gdal(path))


@pytest.mark.parametrize("ending", ["img", "dat", "bsq", "", "envi"])
def test_envi_with_statements_beside_it(tmp_path, ending):
    """GDAL keeps beside ENVI what its header has no field for."""

    def finish(file):
        file.scales, file.offsets = [0.5] * B, [2.0] * B
        for band in range(1, B + 1):
            file.update_tags(band, wavelength=400 + 50 * band, wavelength_units="Nanometers")

    name = f"c.{ending}" if ending else "c"
    path = write(tmp_path / name, pierced(VALUES, -1), "ENVI", finish, nodata=-1)
    for source in (path, path.with_suffix(".hdr")):
        cube = read_cube(source)
        np.testing.assert_allclose(cube.data, as_gdal(path), rtol=1e-6)
        assert (~cube.valid).sum() == 3
        np.testing.assert_array_equal(cube.wavelengths, 450 + 50 * np.arange(B))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("how", [{"INTERLEAVE": "BIL"}, {"INTERLEAVE": "BIP"}, {"SUFFIX": "ADD"}])
def test_envi_as_gdal_writes_it(tmp_path, dtype, how):
    values = pierced((VALUES % 250).astype(dtype), 251)
    path = write(tmp_path / "c.img", values, "ENVI", nodata=251, **how)
    np.testing.assert_array_equal(read_cube(path).data, as_gdal(path))


def test_envi_classes_as_gdal_writes_them(tmp_path):
    path = write(tmp_path / "m.img", pierced(LABELS, 255), "ENVI", nodata=255)
    names = "".join(f"<Category>{name}</Category>" for name in ("none", "a, b", "c", "d"))
    pam(path, [f"<CategoryNames>{names}</CategoryNames>"])
    labels, classes = read_labels(path)
    np.testing.assert_array_equal(labels, labels_as_gdal(path))
    assert classes == {0: "none", 1: "a, b", 2: "c", 3: "d"}


def png(path, values, **how):
    with rasterio.open(
        path, "w", driver="PNG", height=H, width=W, count=1, dtype=values.dtype, **how
    ) as file:
        file.write(values, 1)
    return path


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("nodata", [255, 0])
def test_nodata_of_png(tmp_path, dtype, nodata):
    path = png(tmp_path / "m.png", pierced(LABELS.astype(dtype), nodata), nodata=nodata)
    expected = labels_as_gdal(path)
    assert (expected == -1).any()
    np.testing.assert_array_equal(read_labels(path)[0], expected)


def test_statements_beside_png(tmp_path):
    path = tmp_path / "m.png"
    Image.fromarray(pierced(LABELS, 9)).save(path)
    names = "".join(f"<Category>{name}</Category>" for name in ("none", "a", "b", "c"))
    pam(path, [f"<NoDataValue>9</NoDataValue><CategoryNames>{names}</CategoryNames>"])
    labels, classes = read_labels(path)
    np.testing.assert_array_equal(labels, labels_as_gdal(path))
    assert classes == {0: "none", 1: "a", 2: "b", 3: "c"}


# Masks


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("compress", [None, "deflate"])
def test_masks_of_few_bits(tmp_path, bits, compress):
    labels = (LABELS % 2**bits).astype(np.uint8)
    how = {"compress": compress} if compress else {}
    path = write(tmp_path / "m.tif", np.tile(labels, (40, 40)), NBITS=bits, **how)
    read = (lambda file: read_labels(file)[0]) if bits == 1 else read_bits
    found = read(path)
    if found is not None:
        np.testing.assert_array_equal(found, labels_as_gdal(path))


def read_bits(path):
    return read_or_named(lambda file: read_labels(file)[0], path)


def test_a_mask_with_colours(tmp_path):
    def finish(file):
        file.write_colormap(1, {n: (n * 50, 0, 0, 255) for n in range(4)})

    path = write(tmp_path / "m.tif", LABELS, finish=finish, photometric="palette")
    np.testing.assert_array_equal(read_labels(path)[0], LABELS)


def test_a_mask_of_one_band_and_alpha(tmp_path):
    alpha = pierced(np.full((H, W), 255, np.uint8), 0)
    path = write(tmp_path / "m.tif", np.dstack([LABELS, alpha]), ALPHA="YES")
    np.testing.assert_array_equal(read_labels(path)[0], pierced(LABELS.astype(np.int32), -1))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_png_in_colour_is_refused(tmp_path, mode):
    Image.new(mode, (W, H)).save(tmp_path / "m.png")
    with pytest.raises(DataError, match="save the labels as one channel"):
        read_labels(tmp_path / "m.png")


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_tiff_in_colour_is_no_mask(tmp_path, mode):
    Image.new(mode, (W, H)).save(tmp_path / "m.tif")
    with pytest.raises(DataError, match="a mask must be one band"):
        read_labels(tmp_path / "m.tif")


def test_a_mask_of_floats_with_nan_is_asked_about(tmp_path):
    path = write(tmp_path / "m.tif", pierced(LABELS.astype(np.float32), np.nan))
    with pytest.raises(DataError, match="mask_nodata"):
        read_labels(path)
    (tmp_path / "hsizoo.toml").write_text("mask_nodata = nan")
    np.testing.assert_array_equal(read_labels(path)[0], pierced(LABELS.astype(np.int32), -1))


# Several images, and axes


def test_an_array_saved_by_tifffile_without_a_word_on_its_axes(tmp_path):
    """tifffile makes pages of the first axis, whatever it is."""
    values = np.random.default_rng(0).integers(0, 9, (12, 10, 5)).astype(np.uint16)
    for number, axes in enumerate([(0, 1, 2), (2, 0, 1), (0, 2, 1)]):
        path = tmp_path / f"{number}.tif"
        tifffile.imwrite(path, values.transpose(axes), photometric="minisblack")
        if number == 0:
            with pytest.raises(DataError, match="which axis of 12 × 10 × 5 holds the bands"):
                read_cube(path)
        layout = ("hwb", "bhw", "hbw")[number]
        np.testing.assert_array_equal(read_cube(path, layout=layout).data, values)


@pytest.mark.parametrize(
    ("axes", "order"),
    [("YXC", (0, 1, 2)), ("CYX", (2, 0, 1)), ("YXS", (0, 1, 2)), ("ZYX", (2, 0, 1))],
)
def test_axes_that_tifffile_names(tmp_path, axes, order):
    path = tmp_path / "c.tif"
    tifffile.imwrite(path, VALUES.transpose(order), photometric="minisblack",
                     metadata={"axes": axes})  # fmt: skip
    np.testing.assert_array_equal(read_cube(path).data, VALUES)


@pytest.mark.parametrize("axes", ["CYX", "ZYX", "ZCYX"])
def test_hyperstacks_of_imagej(tmp_path, axes):
    values = VALUES.transpose(2, 0, 1).astype(np.uint16)
    if axes == "ZCYX":
        values = np.stack([values, values])
    path = tmp_path / "c.tif"
    tifffile.imwrite(path, values, imagej=True, metadata={"axes": axes})
    np.testing.assert_array_equal(tifffile.imread(path), values)
    if axes == "ZCYX":
        with pytest.raises(DataError, match="save one image"):
            read_cube(path)
    else:
        np.testing.assert_array_equal(read_cube(path).data, VALUES)


@pytest.mark.parametrize("axes", ["CYX", "TCYX", "ZCYX"])
def test_ome(tmp_path, axes):
    values = VALUES.transpose(2, 0, 1).astype(np.uint16)
    path = tmp_path / "c.ome.tif"
    tifffile.imwrite(path, values if axes == "CYX" else values[None], metadata={"axes": axes})
    np.testing.assert_array_equal(read_cube(path).data, VALUES)


def test_smaller_copies_in_sub_images(tmp_path):
    with tifffile.TiffWriter(tmp_path / "c.tif") as file:
        how = {"photometric": "minisblack", "planarconfig": "contig", "metadata": None}
        file.write(VALUES, subifds=1, **how)
        file.write(VALUES[::2, ::2], subfiletype=1, **how)
    np.testing.assert_array_equal(read_cube(tmp_path / "c.tif").data, VALUES)


def test_cloud_optimised(tmp_path):
    values = pierced(np.tile(VALUES, (80, 90, 1)), -1)
    path = write(tmp_path / "c.tif", values, "COG", nodata=-1, compress="deflate")
    np.testing.assert_array_equal(read_cube(path).data, as_gdal(path))


def test_parts_that_were_never_written(tmp_path):
    """GDAL leaves out tiles without data."""
    values = np.full((64, 64, B), -1, np.int16)
    values[:16, :16] = np.tile(VALUES, (2, 3, 1))[:16, :16]
    how = {"tiled": True, "blockxsize": 16, "blockysize": 16, "SPARSE_OK": "TRUE", "nodata": -1}
    with rasterio.open(
        tmp_path / "c.tif", "w", driver="GTiff", height=64, width=64, count=B, dtype="int16", **how
    ) as file:
        window = rasterio.windows.Window(0, 0, 16, 16)
        file.write(values[:16, :16].transpose(2, 0, 1), window=window)
    with pytest.raises(DataError, match=r"tiles without data were left out.*gdal_translate"):
        read_cube(tmp_path / "c.tif")


@pytest.mark.parametrize("driver", ["HFA", "PCIDSK", "NITF"])
def test_more_of_gdals_formats(tmp_path, driver):
    def finish(file):
        file.update_tags(bbl="{1, 0, 1, 1, 1}")

    how = {"nodata": -1, **({"ICORDS": "N"} if driver == "NITF" else {})}
    path = write(tmp_path / "c.img", pierced(VALUES, -1), driver, finish, **how)
    np.testing.assert_array_equal(read_cube(path).data, np.delete(as_gdal(path), 1, axis=2))


# ENVI by hand


def envi(path, values, **fields):
    code = {"u1": 1, "i2": 2, "i4": 3, "f4": 4, "f8": 5, "u2": 12, "i8": 14, "u8": 15}
    big = values.dtype.str[0] == ">"
    path.with_suffix(".img").write_bytes(
        b"x" * int(fields.get("header offset", 0)) + values.transpose(2, 0, 1).tobytes()
    )
    lines = {
        "samples": values.shape[1], "lines": values.shape[0], "bands": values.shape[2],
        "data type": code[values.dtype.str[1:]], "interleave": "bsq", "byte order": int(big),
    }  # fmt: skip
    lines |= fields
    path.write_text("ENVI\n" + "".join(f"{key} = {value}\n" for key, value in lines.items()))
    return path


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<u2", ">f4", "<f8", ">i4", ">i8", "<u8", "u1"])
@pytest.mark.parametrize("offset", [0, 13])
def test_envi_types_and_offsets(tmp_path, dtype, offset):
    values = pierced((VALUES % 200).astype(dtype), 201)
    fields = {"header offset": offset, "data ignore value": 201}
    path = envi(tmp_path / "c.hdr", values, **fields)
    expected = pierced(VALUES % 200, 0).astype(np.float64)
    expected[HOLES] = np.nan  # GDAL does not apply the ignore value to 64 bits
    np.testing.assert_array_equal(read_cube(path).data, expected)
    with rasterio.open(path.with_suffix(".img")) as file:
        np.testing.assert_array_equal(file.read().transpose(1, 2, 0), values)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("u1", -9999), ("u1", 65535), ("<u2", -1), ("<i2", 1e20), ("<i2", 0.5), ("<i2", "nan")],
)
def test_an_ignore_value_beyond_the_type(tmp_path, dtype, value):
    values = (VALUES % 200).astype(dtype)
    path = envi(tmp_path / "c.hdr", values, **{"data ignore value": value})
    np.testing.assert_array_equal(read_cube(path).data, values)


@pytest.mark.parametrize(
    "text", ["{1.0, 0.0, 1.0, 1.0, 1.0}", "{ 1 , 0 ,1,1,1 }", "{1\n 0\n1 1 1}"]
)
def test_bad_bands_in_every_spelling(tmp_path, text):
    path = envi(tmp_path / "c.hdr", VALUES, bbl=text)
    np.testing.assert_array_equal(read_cube(path).data, np.delete(VALUES, 1, axis=2))


def test_frames_between_the_lines_are_refused(tmp_path):
    path = envi(tmp_path / "c.hdr", VALUES, **{"major frame offsets": "{4, 0}"})
    with path.with_suffix(".img").open("ab") as file:
        file.write(b"x" * 20)
    with pytest.raises(DataError, match="major frame offsets"):
        read_cube(path)
    path = envi(tmp_path / "d.hdr", VALUES, **{"major frame offsets": "{0, 0}"})
    np.testing.assert_array_equal(read_cube(path).data, VALUES)


@pytest.mark.parametrize("code", [6, 9, 7, 0])
def test_envi_types_that_are_no_real_numbers(tmp_path, code):
    path = envi(tmp_path / "c.hdr", VALUES, **{"data type": code})
    with pytest.raises(DataError, match="data type"):
        read_cube(path)


def test_envi_ignore_value_of_64_bits(tmp_path):
    values = pierced(VALUES.astype("<u8"), 2**64 - 1)
    values[1, 1] = 2**64 - 2
    path = envi(tmp_path / "c.hdr", values, **{"data ignore value": 2**64 - 1})
    cube = read_cube(path)
    assert (~cube.valid).sum() == 3
    assert cube.valid[1, 1]

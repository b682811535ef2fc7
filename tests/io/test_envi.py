import itertools
import warnings

import numpy as np
import pytest

import hsizoo
from hsizoo.errors import DataError
from hsizoo.io import open_raster, read_cube, read_labels, write_cube, write_mask
from hsizoo.io.envi import TYPES

SHAPE = (3, 4, 5)
AXES = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}
VALUES = np.random.default_rng(0).integers(1, 100, SHAPE)


def write(folder, *, values=VALUES, code=12, interleave="bil", order=0, name="a", **fields):
    """Write an image as ENVI describes it; ``fields`` add to the header, None leaves one out."""
    dtype = np.dtype("<>"[order] + TYPES.get(code, "u1"))
    lines = {
        "samples": values.shape[1],
        "lines": values.shape[0],
        "bands": values.shape[2],
        "header offset": 0,
        "data type": code,
        "interleave": interleave,
        "byte order": order,
    } | {key.replace("_", " "): value for key, value in fields.items()}
    text = "ENVI\n" + "".join(f"{k} = {v}\n" for k, v in lines.items() if v is not None)
    (folder / f"{name}.hdr").write_text(text, encoding="utf-8")
    axes = AXES.get(interleave, AXES["bip"])
    (folder / f"{name}.img").write_bytes(values.transpose(axes).astype(dtype).tobytes())
    return folder / f"{name}.hdr"


@pytest.mark.parametrize(
    ("code", "interleave", "order"), list(itertools.product(TYPES, AXES, (0, 1)))
)
def test_every_type_interleave_and_byte_order_as_spy_reads_it(tmp_path, code, interleave, order):
    envi = pytest.importorskip("spectral.io.envi")
    path = write(tmp_path, code=code, interleave=interleave, order=order)
    cube = read_cube(path)
    np.testing.assert_array_equal(cube.data, VALUES)
    np.testing.assert_array_equal(read_cube(path.with_suffix(".img")).data, VALUES)
    other = envi.open(str(path), str(path.with_suffix(".img"))).open_memmap(interleave="bip")
    np.testing.assert_array_equal(cube.data, other)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_end_of_line(tmp_path, end):
    path = write(tmp_path, wavelength="{400,\n 500, 600,\n700, 800 }", description="{µ\n}")
    path.write_bytes(path.read_text(encoding="utf-8").replace("\n", end).encode("latin-1"))
    assert read_cube(path).wavelengths.tolist() == [400, 500, 600, 700, 800]


@pytest.mark.parametrize(
    ("units", "values", "nm"),
    [
        ("Nanometers", "400, 500, 600, 700, 800", [400, 500, 600, 700, 800]),
        ("Micrometers", "0.4, 0.5, 0.6, 0.7, 0.8", [400, 500, 600, 700, 800]),
        ("um", "0.4, 0.5, 0.6, 0.7, 250", [400, 500, 600, 700, 250000]),
        (None, "0.4, 0.5, 0.6, 0.7, 0.8", [400, 500, 600, 700, 800]),
        ("Unknown", "400, 500, 600, 700, 800", [400, 500, 600, 700, 800]),
        ("Index", "1, 2, 3, 4, 5", None),
    ],
)
def test_units_of_wavelengths(tmp_path, units, values, nm):
    path = write(tmp_path, wavelength=f"{{{values}}}", wavelength_units=units)
    found = read_cube(path).wavelengths
    assert found is None if nm is None else found == pytest.approx(nm)
    assert bool(open_raster(path, "cube").remarks) == (units in (None, "Unknown", "Index"))


def test_bad_bands_scale_nodata_and_default_bands(tmp_path):
    values = VALUES.copy()
    values[1, 2] = 99
    path = write(
        tmp_path,
        values=values,
        bbl="{1, 0, 1, 1, 1}",
        wavelength="{400, 500, 600, 700, 800}",
        reflectance_scale_factor=200,
        data_ignore_value=99,
        default_bands="{5, 3, 1}",
    )
    cube = read_cube(path)
    expected = values[:, :, [0, 2, 3, 4]] / 200
    expected[values[:, :, [0, 2, 3, 4]] == 99] = np.nan
    np.testing.assert_allclose(cube.data, expected, rtol=1e-6)
    assert not cube.valid[1, 2]
    assert cube.wavelengths.tolist() == [400, 600, 700, 800]
    assert cube.rgb_bands == (3, 1, 0)
    path = write(tmp_path, bbl="{1, 1, 0, 1, 1}", default_bands="{5, 3, 1}")
    assert read_cube(path).rgb_bands is None  # its green is left out


def test_a_header_offset_is_skipped(tmp_path):
    path = write(tmp_path, header_offset=7)
    data = path.with_suffix(".img")
    data.write_bytes(b"skipped" + data.read_bytes())
    np.testing.assert_array_equal(read_cube(path).data, VALUES)


def test_the_data_file_is_found_by_name_and_size(tmp_path):
    path = write(tmp_path)
    data = path.with_suffix(".img")
    data.rename(tmp_path / "a")  # no ending, as in the brain data base
    np.testing.assert_array_equal(read_cube(path).data, VALUES)
    np.testing.assert_array_equal(read_cube(tmp_path / "a").data, VALUES)
    (tmp_path / "a.dat").write_bytes(b"of something else")
    np.testing.assert_array_equal(read_cube(path).data, VALUES)
    (tmp_path / "a.dat").write_bytes((tmp_path / "a").read_bytes())
    with pytest.raises(DataError, match=r"may belong to a or a\.dat"):
        read_cube(path)
    path = path.rename(tmp_path / "b.img.hdr")
    (tmp_path / "a").rename(tmp_path / "b.img")
    np.testing.assert_array_equal(read_cube(path).data, VALUES)
    np.testing.assert_array_equal(read_cube(tmp_path / "b.img").data, VALUES)


def test_a_float_cube_stays_on_disk(tmp_path):
    cube = read_cube(write(tmp_path, code=4, interleave="bsq"))
    assert isinstance(cube.data, np.memmap)
    assert not cube.data.flags.owndata


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lines": 4}, r"a\.img has 120 bytes, but a\.hdr describes 160.*4 lines × 4 samples"),
        (
            {"lines": 2, "interleave": "bsq"},
            r"a\.img has 120 bytes, but a\.hdr describes 80",
        ),
        ({"lines": 50_000_000}, r"describes 2000000000"),
        ({"lines": -3}, "lines must be a whole number of 1 or more; got '-3'"),
        ({"lines": "3.0"}, "lines must be a whole number"),
        ({"lines": None}, "lacks the field 'lines'"),
        ({"bands": "10" * 9}, "bytes, but"),
        ({"data_type": 6}, "data type 6 is not supported"),
        ({"interleave": "bzz"}, "interleave must be bsq, bil or bip; got 'bzz'"),
        ({"byte_order": 2}, "byte order must be 0"),
        ({"header_offset": -1}, "header offset must be a whole number of 0"),
        ({"wavelength": "{1, 2"}, "'wavelength' has no closing brace"),
        ({"bbl": "{0, 0, 0, 0, 0}"}, "marks all of its 5 bands as bad"),
        ({"file_compression": 1}, "compressed"),
        ({"Lines ": 9}, "gives 'lines' twice"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path, changes, message):
    path = write(tmp_path, **changes)
    with pytest.raises(DataError, match=message) as error:
        read_cube(path)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize(
    ("changes", "remark"),
    [
        ({"lines": 2}, "the last 40 bytes of a.img are not described and not read"),
        ({"wavelength": "{1, 2}"}, "wavelengths are not used: there are 2 of them for 5 bands"),
        ({"wavelength": "{1, 2, x, 4, 5}"}, "wavelengths are not used: they are not numbers"),
        ({"wavelength": "{1, 2, nan, 4, 5}"}, "wavelengths are not used: nan is among them"),
        ({"wavelength": "{0, 2, 3, 4, 5}"}, "wavelengths are not used: 0 is among them"),
        (
            {"wavelength": "{.4, .5, .6, .7, .8}", "wavelength_units": "Nanometers"},
            "wavelengths are not used: 0.4 to 0.8 Nanometers cannot be right",
        ),
        (
            {"wavelength": "{1, 2, 3, 4, 5}", "wavelength_units": "Index"},
            "wavelengths are not used: their unit is 'Index'",
        ),
        ({"bbl": "{1, 0}"}, "bbl is not used: there are 2 values for 5 bands"),
        ({"bbl": "{a, b, c, d, e}"}, "bbl is not used"),
        ({"reflectance_scale_factor": -1}, "reflectance scale factor is not used: -1 is not"),
        ({"reflectance_scale_factor": "high"}, "reflectance scale factor is not used"),
        ({"data_ignore_value": "none"}, "data ignore value is not used"),
        ({"data_gain_values": "{1, 2}"}, "data gain values is not used: there are 2 values"),
        ({"data_offset_values": "{1, 2, 3, 4, inf}"}, "data offset values is not used"),
        ({"Sensor ": "A", "sensor": "B"}, "the header gives 'sensor' twice; the first is used"),
    ],
)
def test_what_an_image_can_do_without_is_left_out_with_a_remark(tmp_path, changes, remark):
    path = write(tmp_path, interleave="bip", **changes)
    cube = read_cube(path)
    assert any(remark in each for each in cube.remarks)
    np.testing.assert_array_equal(cube.data, VALUES[: changes.get("lines")])


def test_no_data_that_is_nan(tmp_path):
    cube = read_cube(write(tmp_path, data_ignore_value="nan"))
    np.testing.assert_array_equal(cube.data, VALUES)
    assert not cube.remarks


def test_wrong_byte_order_of_floats_is_noticed(tmp_path):
    values = np.random.default_rng(1).random((20, 20, 5))
    path = write(tmp_path, values=values, code=4, order=1)
    path.write_text(path.read_text().replace("byte order = 1", "byte order = 0"))
    with pytest.raises(DataError, match="change the field 'byte order'"):
        read_cube(path)


def test_a_header_without_data_and_data_without_header(tmp_path):
    path = write(tmp_path)
    data = path.with_suffix(".img").rename(tmp_path / "lonely.img")
    with pytest.raises(DataError, match="has no data file beside it"):
        read_cube(path)
    with pytest.raises(DataError, match=r"needs its \.hdr file"):
        read_cube(data)


def test_what_is_written_is_read_here_and_by_spy(tmp_path):
    envi = pytest.importorskip("spectral.io.envi")
    rng = np.random.default_rng(2)
    data = rng.random((150, 3, 4), dtype=np.float32)  # more rows than are written at once
    data[0, 0, 0] = np.nan
    cube = hsizoo.HyperCube(data, [400.5, 500, 600, 700.123456], "x", (3, 1, 0))
    path = write_cube(tmp_path / "c.hdr", cube)
    again = read_cube(path)
    np.testing.assert_array_equal(again.data, data)
    assert again.wavelengths == pytest.approx(cube.wavelengths, rel=1e-9)
    assert again.rgb_bands == (3, 1, 0)
    other = envi.open(str(path))
    np.testing.assert_array_equal(other.open_memmap(), data)
    assert other.bands.centers == pytest.approx(cube.wavelengths)


def test_a_classification_keeps_names_and_place(tmp_path):
    envi = pytest.importorskip("spectral.io.envi")
    place = "{UTM, 1, 1, 637000, 4480000, 20, 20, 16, North, WGS-84}"
    like = open_raster(write(tmp_path, map_info=place), "cube")
    labels = np.array([[0, 1, 2, 0], [0, 0, 2, 2], [1, 1, 1, 1]])
    path = write_mask(
        tmp_path / "m.hdr", labels, class_names={0: "none", 1: "corn", 2: "oats"}, like=like
    )
    again, names = read_labels(path)
    np.testing.assert_array_equal(again, labels)
    assert names == {0: "none", 1: "corn", 2: "oats"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = envi.open(str(path))
    np.testing.assert_array_equal(other.open_memmap()[:, :, 0], labels)
    assert other.metadata["class names"] == ["none", "corn", "oats"]
    assert other.metadata["map info"][:2] == ["UTM", "1"]
    assert open_raster(path, "labels").place == like.place


def test_names_of_classes_cannot_break_the_header(tmp_path):
    names = {0: "none", 1: "corn, green", 2: "{oats}"}
    path = write_mask(tmp_path / "m.hdr", np.array([[0, 1, 2]]), class_names=names)
    assert read_labels(path)[1] == names
    envi = pytest.importorskip("spectral.io.envi")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert envi.open(str(path)).metadata["class names"] == ["none", "corn; green", "(oats)"]
    text = path.read_text().replace("corn; green", "corn, green")
    path.write_text("\n".join(line for line in text.splitlines() if "exact" not in line) + "\n")
    raster = open_raster(path, "labels")
    assert not raster.class_names
    assert raster.remarks == ("class names are not used: there are 4 for 3 classes",)

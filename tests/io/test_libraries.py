"""Reference spectra in ENVI libraries and text; SPy is the oracle of the former."""

import numpy as np
import pytest
import spectral.io.envi as spy

import hsizoo
from hsizoo.errors import DataError
from hsizoo.io import SpectralLibrary, open_raster, read_library, write_cube, write_library
from hsizoo.io.checking import check_file
from hsizoo.io.collection import Collection

NM = [450.0, 550.5, 650.0, 900.0]
SPECTRA = np.array([[0.1, 0.2, 0.3, 0.6], [0.4, 0.3, 0.25, 0.2]], np.float32)
GRASS = ["grass", "soil"]


def envi(folder, values=SPECTRA, dtype="<f4", data_name="lib.sli", **fields):
    """Write an ENVI library with these fields in its header; None leaves one out."""
    code = {"<f4": 4, ">i2": 2, "<u2": 12}[dtype]
    header = {
        "file type": "ENVI Spectral Library", "samples": values.shape[1], "lines": len(values),
        "bands": 1, "header offset": 0, "data type": code, "interleave": "bsq",
        "byte order": int(dtype[0] == ">"),
    }  # fmt: skip
    header |= {key.replace("_", " "): value for key, value in fields.items()}
    lines = [f"{key} = {value}" for key, value in header.items() if value is not None]
    (folder / "lib.hdr").write_text("\n".join(["ENVI", *lines, ""]))
    (folder / data_name).write_bytes(values.astype(dtype).tobytes())
    return folder / "lib.hdr"


def text(folder, content, name="field.csv", encoding="utf-8"):
    (folder / name).write_bytes(content.encode(encoding))
    return folder / name


def test_a_library_of_spy_is_read_from_either_file(tmp_path):
    header = spy.SpectralLibrary(
        SPECTRA, {"spectra names": GRASS, "wavelength": NM, "wavelength units": "Nanometers"}
    )
    header.bands.centers, header.bands.band_unit = NM, "Nanometers"
    header.save(str(tmp_path / "lib"))
    for name in ("lib.hdr", "lib.sli"):
        library = read_library(tmp_path / name)
        np.testing.assert_array_equal(library.spectra, SPECTRA)
        assert library.wavelengths.tolist() == NM
        assert library.names == ("grass", "soil")
    assert library.spectra.dtype == np.float32
    assert not library.spectra.flags.writeable


def test_spy_reads_what_is_written(tmp_path):
    library = SpectralLibrary(["grass, dry", "so{il}"], SPECTRA, NM)
    header = write_library(tmp_path / "out.sli", library)
    assert header == tmp_path / "out.hdr"
    found = spy.open(str(header))
    np.testing.assert_array_equal(found.spectra, SPECTRA)
    assert found.bands.centers == NM
    assert found.names == ["grass; dry", "so(il)"]  # ENVI's list has no quoting
    again = read_library(header)
    assert again.names == library.names  # but our own field keeps them
    assert again.digest == library.digest


@pytest.mark.parametrize("nm", [NM, None])
@pytest.mark.parametrize("name", ["a.csv", "a.sli", "a.hdr"])
def test_written_libraries_come_back(tmp_path, name, nm):
    values = SPECTRA.copy()
    values[1, 2] = np.nan
    library = SpectralLibrary(["1", 'a "b", c'], values, nm)
    again = read_library(write_library(tmp_path / name, library))
    np.testing.assert_array_equal(again.spectra, values)
    assert again.names == library.names
    assert again.digest == library.digest
    with pytest.raises(DataError, match=r"written as \.hdr, \.sli, \.csv, not '\.xls'"):
        write_library(tmp_path / "a.xls", library)
    with pytest.raises(DataError, match=r"there is no folder .*nowhere to write"):
        write_library(tmp_path / "nowhere" / name, library)


def test_a_text_file_beside_an_envi_library_of_its_name_is_text(tmp_path):
    envi(tmp_path)
    library = read_library(text(tmp_path, COLUMNS.replace("grass", "lawn"), "lib.csv"))
    assert library.names == ("lawn", "soil")
    write_cube(tmp_path / "lib.hdr", hsizoo.HyperCube(np.ones((2, 3, 4))))
    assert read_library(tmp_path / "lib.csv").names == ("lawn", "soil")


def test_what_the_header_says_is_applied(tmp_path):
    values = np.array([[1000, -1, 3000, 0], [500, 600, 700, 0]])
    path = envi(
        tmp_path, values, ">i2",
        wavelength="{0.45, 0.55, 0.65, 0.9}", wavelength_units="Micrometers",
        reflectance_scale_factor=10000, data_ignore_value=-1, bbl="{1, 1, 1, 0}",
        spectra_names="{grass,\n soil}",
    )  # fmt: skip
    library = read_library(path)
    expected = np.array([[0.1, np.nan, 0.3], [0.05, 0.06, 0.07]], np.float32)
    np.testing.assert_allclose(library.spectra, expected, rtol=1e-6)
    assert library.wavelengths.tolist() == [450, 550, 650]
    assert library.names == ("grass", "soil")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("{grass, soil}", ("grass", "soil")),
        ("{ grass ,\n soil ,}", ("grass", "soil")),
        ("{\n grass, dry,\n soil, wet, sandy\n}", ("grass, dry", "soil, wet, sandy")),
        (None, ("spectrum 1", "spectrum 2")),
        ("{a, b, c}", ("spectrum 1", "spectrum 2")),
    ],
)
def test_names_with_and_without_commas(tmp_path, names, expected):
    library = read_library(envi(tmp_path, spectra_names=names))
    assert library.names == expected
    unused = [r for r in library.remarks if "there are 3 for 2 spectra" in r]
    assert bool(unused) == (names == "{a, b, c}")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lines": 3}, "has 32 bytes, but lib.hdr describes 48"),
        ({"samples": 10**15}, "describes"),
        ({"lines": "many"}, "lines must be a whole number"),
        ({"bands": 4}, "has bands = 1; got '4'"),
        ({"data_type": 6}, "data type 6 is not supported"),
        ({"file_type": "ENVI Standard"}, "describes an image, not a spectral library"),
        ({"data_ignore_value": 0.1}, "no spectrum with a value"),
    ],
)
def test_faults_of_an_envi_library(tmp_path, fields, message):
    values = np.full_like(SPECTRA, 0.1) if "data_ignore_value" in fields else SPECTRA
    with pytest.raises(DataError, match=message):
        read_library(envi(tmp_path, values, **fields))


def test_a_library_is_no_cube_and_the_message_names_the_command(tmp_path):
    path = envi(tmp_path)
    for file in (path, tmp_path / "lib.sli"):
        with pytest.raises(DataError, match=r"spectral library.*hsizoo apply sa CUBES"):
            open_raster(file, "cube")
        (error,) = check_file(file).errors
        assert "hsizoo apply" in error
    np.save(tmp_path / "c.npy", np.ones((4, 5, 6)))
    assert [member.name for member in Collection(tmp_path).members] == ["c"]


COLUMNS = "wavelength,grass,soil\n450,0.1,0.4\n550.5,0.2,0.3\n650,0.3,0.25\n900,0.6,0.2\n"
ROWS = "name,450,550.5,650,900\ngrass,0.1,0.2,0.3,0.6\nsoil,0.4,0.3,0.25,0.2\n"


@pytest.mark.parametrize(
    "content",
    [
        COLUMNS,
        ROWS,
        COLUMNS.replace(",", ";"),
        COLUMNS.replace(",", "\t"),
        COLUMNS.replace(",", " "),
        COLUMNS.replace(",", ";").replace(".", ","),
        COLUMNS.replace(",", "\t").replace(".", ","),
        ROWS.replace(",", ";").replace(".", ","),
        COLUMNS.replace("\n", "\r\n"),
        COLUMNS.replace("\n", "\r"),
        COLUMNS.replace(",", ", "),
        COLUMNS.replace("\n", ",\n"),
        "# of the field\n\n" + COLUMNS,
        COLUMNS.replace("grass", '"grass"'),
        COLUMNS.replace("wavelength", "Wellenlänge (nm)"),
        "\ufeff" + COLUMNS,
        ROWS.replace("name", ""),
        ROWS.replace("name", "Wavelength"),
        ROWS.replace("name,450,550.5,650,900", "name,X450,X550.5,X650,X900"),
        ROWS.replace("name,450,550.5,650,900", "name,450 nm,550.5 nm,650 nm,900 nm"),
        "Spectrometer 7,here\nnm grass soil\n450 .1 .4\n550.5 .2 .3\n650 .3 .25\n900 .6 2e-1",
        COLUMNS.replace("wavelength", ""),
    ],
    ids=range(22),
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_text_in_many_dresses(tmp_path, content, encoding):
    if encoding == "latin-1" and "\ufeff" in content:
        pytest.skip("has no byte order mark")
    library = read_library(text(tmp_path, content, encoding=encoding))
    assert library.names == ("grass", "soil")
    assert library.wavelengths.tolist() == NM
    np.testing.assert_allclose(library.spectra, SPECTRA, rtol=1e-6)


def test_two_columns_of_a_spectrometer(tmp_path):
    path = text(
        tmp_path,
        "Name: Lawn grass\nX Units: Wavelength (micrometers)\n\n0.9\t60\n0.65\t30\n0.45\t10\n",
        "grass.spectrum.txt",
    )
    library = read_library(path)
    assert library.names == ("Lawn grass",)
    assert library.wavelengths.tolist() == [900, 650, 450]  # from µm, as the remark says
    assert library.spectra.tolist() == [[60, 30, 10]]
    assert any("taken for micrometres" in remark for remark in library.remarks)
    assert "the first 2 line(s) are not numbers and not used" in library.remarks
    library = read_library(text(tmp_path, "Wavelength\tleaf.asd\n350\t0.05\n351\t-1.23e34\n"))
    assert library.names == ("leaf.asd",)
    np.testing.assert_array_equal(library.spectra, np.array([[0.05, np.nan]], np.float32))
    library = read_library(text(tmp_path, "splib07a Record=1: Olivine\n0.1\n0.2\n0.3\n", "ol.txt"))
    assert library.names == ("ol",)
    assert library.wavelengths is None
    assert library.spectra.shape == (1, 3)


NUMBERED = ("spectrum 1", "spectrum 2", "spectrum 3")


def test_text_without_wavelengths(tmp_path):
    for content, names in (
        ("grass,0.1,0.2,0.3\nsoil,0.4,0.3,0.25\n", ("grass", "soil")),
        ("name,b1,b2,b3\n7,0.1,0.2,0.3\n8,0.4,0.3,0.25\n", ("7", "8")),
        ("b1,b2,b3\n0.1,0.2,0.3\n0.4,0.3,0.25\n0.2,0.3,0.1\n", NUMBERED),
        ("0.1,0.2,0.3\n0.4,0.3,0.25\n0.2,0.3,0.1\n", NUMBERED),
        ("name,1,2,3\ngrass,0.1,0.2,0.3\n", ("grass",)),
    ):
        library = read_library(text(tmp_path, content))
        assert library.wavelengths is None
        assert library.names == names
        np.testing.assert_allclose(library.spectra[0], [0.1, 0.2, 0.3], rtol=1e-6)
        assert any("there are no wavelengths" in remark for remark in library.remarks)


def test_rows_of_numbers_under_wavelengths_that_nothing_names(tmp_path):
    bands = np.arange(400, 500, 10)
    values = np.linspace(0.5, 0.1, 10)
    lines = [",".join(map(str, row)) for row in (bands, values, values[::-1])]
    library = read_library(text(tmp_path, "\n".join(lines)))
    assert library.wavelengths.tolist() == bands.tolist()
    np.testing.assert_allclose(library.spectra, [values, values[::-1]], rtol=1e-6)
    # Rising spectra could be wavelengths in µm: nothing is guessed.
    lines = [",".join(map(str, row)) for row in (values[::-1], values, values[::-1])]
    with pytest.raises(DataError, match="line 1 could be wavelengths or a spectrum"):
        read_library(text(tmp_path, "\n".join(lines)))
    with pytest.raises(DataError, match="the first column could be wavelengths or the first band"):
        read_library(text(tmp_path, "0.2,0.3,0.1\n0.3,0.2,0.5\n0.4,0.1,0.7\n"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no line of numbers"),
        ("some notes\nof the field\n", "has no line of numbers"),
        ("wavelength,a,b\n400,1,2\n410,1\n", "line 3 has 2 values, but line 2 has 3"),
        ("wavelength,a\n400,1\n410,O.5\n", "line 3: 'O.5' is not a number"),
        ("wavelength,a\n400,1\n410,1e999\n", "line 3 has a number that is too large"),
        ("wavelength,a\n400,1\n-5,1\n", "line 3: '-5' is not a wavelength above 0"),
        ("wavelength,a\n400,1\n,1\n", "line 3: '' is not a wavelength above 0"),
        ("wavelength (nm),a\n1,1\n2,1\n", "cannot be right"),
        ("wavelength,400,410\n", "has no spectrum below its first line"),
        ("wavelength,a\n400,\n410,nan\n", "no spectrum with a value"),
        ("wavelength,a\n4OO,1\n410,1\n", "line 3 begins with '410', but line 2 with '4OO'"),
        ("name,400,410\ngrass,1\n", "line 1 names 3 columns, but line 2 has 2 values"),
        ("wavelength,a\n400,1_0\n410,1\n", "'1_0' is not a number"),
    ],
)
def test_faults_of_text_name_the_line(tmp_path, content, message):
    with pytest.raises(DataError, match=message) as raised:
        read_library(text(tmp_path, content))
    assert "field.csv" in str(raised.value)


def test_what_is_no_library(tmp_path, monkeypatch):
    np.save(tmp_path / "c.npy", np.ones((4, 5, 6)))
    with pytest.raises(DataError, match=r"c\.npy is NumPy \.npy; reference spectra are read from"):
        read_library(tmp_path / "c.npy")
    (tmp_path / "raw.bin").write_bytes(b"\1\0\2\0" * 100)
    with pytest.raises(DataError, match="is no text"):
        read_library(tmp_path / "raw.bin")
    with pytest.raises(DataError, match="there is no file"):
        read_library(tmp_path / "none.csv")
    with pytest.raises(DataError, match="is not a plain file"):
        read_library(tmp_path)
    monkeypatch.setattr("hsizoo.io.spectra_text._LARGEST", 20)
    with pytest.raises(DataError, match=r"field\.csv has 7\d bytes; text with spectra is read up"):
        read_library(text(tmp_path, COLUMNS))


def test_libraries_from_python_are_checked():
    library = SpectralLibrary(["a", "a", "b"], np.eye(3))
    assert library.materials == ("a", "b")
    assert len(library) == 3
    for names, spectra, nm, message in (
        (["a"], np.ones((2, 3)), None, "1 names for 2 reference spectra"),
        (["a"], np.ones(3), None, r"must be \(spectra, bands\)"),
        ([" "], np.ones((1, 3)), None, "must be printable text; got ' '"),
        (["a"], [[np.nan, np.nan]], None, "'a' has infinite values, or none at all"),
        (["a"], [[1, np.inf]], None, "'a' has infinite values, or none at all"),
        (["a"], [["x", "y"]], None, "must be one array of numbers"),
        (["a"], np.ones((1, 3)), [400, 500], "2 wavelengths"),
        (["a"], np.ones((1, 2)), [0.4, 0.5], "look like micrometres"),
    ):
        with pytest.raises(DataError, match=message):
            SpectralLibrary(names, spectra, nm)
    assert hsizoo.HyperCube(np.ones((1, 1, 2)), [400, 500]).wavelengths.tolist() == [400, 500]

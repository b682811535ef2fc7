"""Products, compared with what h5py, rasterio and SPy read and formulas written out here."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hsizoo.cli import app
from hsizoo.errors import DataError, HsizooError
from hsizoo.io import format_of, open_cube, open_raster, read_cube, write_mask
from hsizoo.io.collection import Collection
from hsizoo.io.products import companions
from hsizoo.io.settings import Settings

h5py = pytest.importorskip("h5py")
pytest.importorskip("tifffile")
rasterio = pytest.importorskip("rasterio")


def _load():
    path = Path(__file__).with_name("product_fixtures.py")
    spec = importlib.util.spec_from_file_location("product_fixtures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = _load()


def check(cube, expected, nm, *, without=make.OUTSIDE):
    """Compare values where there are data, and where there are none."""
    np.testing.assert_array_equal(cube.valid, ~without)
    np.testing.assert_allclose(cube.data[~without], expected[~without], rtol=2e-6)
    assert cube.wavelengths == pytest.approx(nm)


def has(cube, pattern):
    return any(re.search(pattern, remark) for remark in cube.remarks)


# PRISMA


def prisma_by_hand(path, level="L2D"):
    """Value of each wavelength, as the handbook has it: one band at a time."""
    with h5py.File(path) as file:
        found = {}
        for part in ("Vnir", "Swir"):
            stored = file[f"HDFEOS/SWATHS/PRS_{level}_HCO/Data Fields/{part.upper()}_Cube"][()]
            for band, nm in enumerate(file.attrs[f"List_Cw_{part}"]):
                if nm == 0:
                    continue
                if level == "L1":
                    value = stored[:, band] / 100 - 0.5
                else:
                    low, high = (file.attrs[f"L2Scale{part}{end}"] for end in ("Min", "Max"))
                    value = low + stored[:, band] * (float(high) - float(low)) / 65535
                found[float(nm)] = value  # where both have a band, SWIR comes last and stays
        return found


@pytest.mark.parametrize("level", ["L1", "L2C", "L2D"])
def test_prisma(tmp_path, level):
    path = make.prisma(tmp_path, level)
    cube = read_cube(path)
    by_hand = prisma_by_hand(path, level)
    nm = [500, 600, 700, 900, 940, 1000, 1200, 1500, 2400]  # 980, 950 of VNIR overlap with SWIR
    flagged = np.zeros(make.SIZE, bool)
    flagged[make.PRISMA_FLAGGED] = True
    expected = np.stack([by_hand[each] for each in nm], axis=2)
    check(cube, expected, nm, without=make.OUTSIDE | flagged)
    assert np.isnan(cube.data[make.PRISMA_FLAGGED]).sum() == 1  # the flagged band only
    raster = open_raster(path, "cube")
    assert raster.product == f"PRISMA {level}"
    assert [raster.wavelengths[band] for band in raster.bad_bands] == [make.PRISMA_BROKEN]
    assert has(cube, r"2 VNIR band\(s\) from 940 nm on left out")
    assert has(cube, r"1 band\(s\) left out, which the error matrix flags.*: 2000 nm")
    assert has(cube, r"1 pixel\(s\) have a value that the error matrix flags")


def test_errors_of_prisma_need_not_count(tmp_path):
    path = make.prisma(tmp_path)
    assert read_cube(path, nodata="none").valid.all()
    assert read_cube(make.prisma(tmp_path, errors=True)).shape == (*make.SIZE, 10)
    dropped = read_cube(make.prisma(tmp_path), drop_bands=[6])  # 1200 nm, the flagged band
    assert dropped.valid[make.PRISMA_FLAGGED]


@pytest.mark.parametrize(("part", "remark"), [
    ("errors", "PRISMA L2D"),
    ("wavelengths", "List_Cw_Vnir is missing"),
    ("scale", "values are as stored: L2ScaleVnirMin"),
])  # fmt: skip
def test_prisma_without_optional_parts(tmp_path, part, remark):
    cube = read_cube(make.prisma(tmp_path, **{part: True}))
    assert has(cube, remark)
    assert cube.shape[2] == {"errors": 10, "scale": 9, "wavelengths": 14}[part]  # all but 2000 nm
    assert (cube.wavelengths is None) == (part == "wavelengths")


def test_prisma_with_one_cube_or_two_sizes(tmp_path):
    path = make.prisma(tmp_path)
    name = "HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields/SWIR_Cube"
    with h5py.File(path, "a") as file:
        del file[name]
    cube = read_cube(path)
    assert has(cube, "has no SWIR_Cube")
    assert cube.wavelengths == pytest.approx([500, 600, 700, 900, 950, 980])
    with h5py.File(path, "a") as file:
        file[name] = np.ones((12, 7, 11), "u2")
    with pytest.raises(DataError, match=r"VNIR 12 × 10, SWIR 12 × 11.*--layout hbw") as error:
        read_cube(path)
    variable = re.search("--variable '(.*?)'", str(error.value))[1]
    assert read_cube(path, variable=variable, layout="hbw").shape == (12, 11, 7)


# the others in HDF5


def test_neon(tmp_path):
    path = make.neon(tmp_path)
    with h5py.File(path) as file:
        stored = file["HARV/Reflectance/Reflectance_Data"][()]
    good = [0, 1, 2, 3, 6, 8]
    cube = read_cube(path)
    check(cube, stored[:, :, good] / 10000, [make.NEON_NM[band] for band in good])
    assert has(cube, r"3 band\(s\) in the windows of water vapour left out \(1340 to 1445 nm, 1790")
    assert open_raster(path, "cube").product == "NEON AOP reflectance"


def test_neon_without_windows_or_wavelengths(tmp_path):
    path = make.neon(tmp_path)
    with h5py.File(path, "a") as file:
        del file["HARV/Reflectance/Metadata"]
    cube = read_cube(path)
    assert cube.shape == (*make.SIZE, 9)
    assert cube.wavelengths is None
    assert has(cube, "has no usable HARV/Reflectance/Metadata/Spectral_Data/Wavelength")


@pytest.mark.parametrize("name", ["reflectance", "radiance"])
def test_emit(tmp_path, name):
    path = make.emit(tmp_path, name)
    with h5py.File(path) as file:
        stored, row, col = file[name][()], file["location/glt_y"][()], file["location/glt_x"][()]
    good = [0, 1, 2, 3, 5, 6] if name == "reflectance" else list(range(7))
    nm = [make.EMIT_NM[band] for band in good]
    cube = read_cube(path)
    check(cube, stored[:, :, good], nm)
    assert has(cube, "pixels are as the sensor saw them; on the map with orthorectify=true")
    on_map = read_cube(path, orthorectify=True)
    assert on_map.shape == (*make.TABLE, len(good))
    for place in np.ndindex(make.TABLE):  # a pixel at a time
        source = (row[place] - 1, col[place] - 1)
        if row[place] == 0 or make.OUTSIDE[source]:
            assert np.isnan(on_map.data[place]).all()
        else:
            np.testing.assert_array_equal(on_map.data[place], stored[source][good])
    assert not has(on_map, "is not used")


def test_aviris_3_as_xarray_reads_it(tmp_path):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    path = make.aviris3(tmp_path)
    with xarray.open_dataset(
        path, group="reflectance", engine="h5netcdf", phony_dims="sort"
    ) as data:
        expected = data["reflectance"].values.transpose(1, 2, 0)
    check(read_cube(path), expected, make.AVIRIS_NM)
    rows, columns = make.lookup_table()
    on_map = read_cube(path, orthorectify=True)
    assert not on_map.valid[0].any()  # 0: no pixel
    np.testing.assert_array_equal(on_map.data[1], expected[rows[1] - 1, columns[1] - 1])  # below 0


def test_a_wrong_or_missing_table(tmp_path):
    path = make.emit(tmp_path)
    with h5py.File(path, "a") as file:
        file["location/glt_x"][3, 3] = 99
    assert read_cube(path).shape[:2] == make.SIZE
    with pytest.raises(DataError, match=r"points to row 11, column 98, but .* 12 × 10"):
        read_cube(path, orthorectify=True)
    with h5py.File(path, "a") as file:
        del file["location"]
    with pytest.raises(DataError, match="has no lookup table location/glt_y and location/glt_x"):
        read_cube(path, orthorectify=True)
    np.save(tmp_path / "c.npy", np.ones((20, 21, 3), "f4"))
    cube = read_cube(tmp_path / "c.npy", orthorectify=True)
    assert has(cube, "orthorectify=true is not used")


def test_a_layout_cannot_change_a_product(tmp_path):
    cube = read_cube(make.emit(tmp_path), layout="bhw")
    assert cube.shape == (*make.SIZE, 6)
    assert has(cube, "layout=bhw is not used")


# GeoTIFF


def tiff_by_hand(path):
    with rasterio.open(path) as file:
        return file.read().transpose(1, 2, 0).astype(float)


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_enmap(tmp_path, level):
    path = make.enmap(tmp_path, level)
    number = np.arange(1, 7)
    expected = tiff_by_hand(path) * 0.0001 * number + 0.01 * number
    check(read_cube(path), expected, make.DLR_NM)
    raster = open_raster(path, "cube")
    assert raster.product == f"EnMAP {level}"
    assert raster.place  # the georeference of the TIFF


def test_enmap_l1b_has_a_file_per_spectrometer(tmp_path):
    path = make.enmap(tmp_path, "L1B", [*make.DLR_NM, *(nm + 1000 for nm in make.DLR_NM)])
    for part, shift in (("VNIR", 0), ("SWIR", 1000)):
        name = path.name.replace("IMAGE", f"IMAGE_{part}")
        part_path = path.with_name(name)
        part_path.write_bytes(path.read_bytes())
        assert read_cube(part_path).wavelengths == pytest.approx(np.add(make.DLR_NM, shift))


def test_desis(tmp_path):
    path = make.desis(tmp_path)
    check(read_cube(path), tiff_by_hand(path) * 0.0001, make.DLR_NM)
    assert open_raster(path, "cube").product == "DESIS L2A"


@pytest.mark.parametrize(("old", "new", "remark"), [
    ("<level_X>", "<level_X", "metadata of the product are not used: .* is not XML"),
    ("<bandID number=\"1\">", "<!DOCTYPE a><bandID number=\"1\">", "declares a document type"),
    ("</bandCharacterisation>", "<bandID number=\"7\"/></bandCharacterisation>",
     "describes 7 bands, but the image has 6"),
    ("<GainOfBand>0.0001<", "<GainOfBand>0<", "values are not multiplied by anything"),
    ("<OffsetOfBand>0.01<", "<OffsetOfBand>none<", "values are not increased by anything"),
])  # fmt: skip
def test_metadata_that_make_no_sense(tmp_path, old, new, remark):
    path = make.enmap(tmp_path)
    (xml,) = tmp_path.glob("*METADATA.XML")
    assert old in xml.read_text()
    xml.write_text(xml.read_text().replace(old, new, 1))
    cube = read_cube(path)
    assert cube.shape == (*make.SIZE, 6)
    assert has(cube, remark)


def test_other_metadata_beside_an_image(tmp_path):
    path = make.enmap(tmp_path)
    (xml,) = tmp_path.glob("*METADATA.XML")
    xml.write_text("<other/>")
    assert open_raster(path, "cube").product == ""
    xml.unlink()
    np.testing.assert_array_equal(read_cube(path).data, tiff_by_hand(path))


# a folder of bands


@pytest.mark.parametrize(("metadata", "factors"), [(True, (50, 90)), (False, (40, 80))])
def test_hyperion(tmp_path, metadata, factors):
    path = make.hyperion(tmp_path, metadata)
    good = (8, 30, 57, 79, 120, 224)
    expected = np.concatenate(
        [
            tiff_by_hand(path / f"{path.name}_B{band:03d}_L1T.TIF") / factors[band > 70]
            for band in good
        ],
        axis=2,
    )
    cube = read_cube(path)
    check(cube, expected, cube.wavelengths)
    table = [426.82, 650.67, 925.41, 932.64, 1346.25, 2395.50]  # the USGS's, to 0.1 nm
    assert cube.wavelengths == pytest.approx(table, abs=0.05)
    raster = open_raster(path, "cube")
    assert raster.product == "Hyperion"
    assert raster.place
    assert format_of(path) == "bands"


def test_bands_with_wavelengths_in_their_names(tmp_path):
    path = make.bands(tmp_path)
    expected = [tiff_by_hand(path / f"leaf_{nm}nm.tif") for nm in (450, 650, 950)]
    check(
        read_cube(path),
        np.concatenate(expected, axis=2),
        [450, 650, 950],
        without=np.zeros(make.SIZE, bool),
    )


def test_what_is_not_a_folder_of_bands(tmp_path):
    path = make.bands(tmp_path)
    (path / "leaf_450nm.tif").rename(path / "stem_450nm.tif")
    with pytest.raises(DataError, match="neither a Zarr store nor one TIFF per band"):
        read_cube(path)
    (path / "stem_450nm.tif").rename(path / "leaf_450nm.mask.tif")
    with pytest.raises(DataError, match="give a file in it"):
        read_cube(path)
    (path / "leaf_450nm.mask.tif").rename(path / "leaf_450nm.tif")
    make.tiff(path / "leaf_500nm.tif", np.ones((4, 5, 1), "u2"))
    with pytest.raises(DataError, match=r"leaf_500nm.tif has \(4, 5\).* leaf_450nm.tif \(12, 10\)"):
        read_cube(path)
    make.tiff(path / "leaf_500nm.tif", np.ones((*make.SIZE, 2), "u2"))
    with pytest.raises(DataError, match=r"leaf_500nm.tif has 2 bands"):
        read_cube(path)
    with pytest.raises(DataError, match="a mask must be a single file"):
        open_raster(path, "labels")
    for file in path.iterdir():
        make.tiff(file, np.ones((*make.SIZE, 2), "u2"))
    with pytest.raises(DataError, match="neither"):
        read_cube(path)


# ENVI


def spy(header):
    """As SPy reads an image."""
    envi = pytest.importorskip("spectral").io.envi
    data = header.with_suffix("") if header.with_suffix("").exists() else None
    return np.asarray(envi.open(header, data and str(data)).open_memmap(interleave="bip"), float)


def test_aviris_ng(tmp_path):
    path = make.aviris_ng(tmp_path)
    check(read_cube(path), spy(path), make.AVIRIS_NM)
    header = path.read_text()
    path.write_text(header.replace("AVIRIS-NG ", "") + "data ignore value = -1\n")
    assert read_cube(path).valid.all()  # what the header says goes first


def test_specim(tmp_path):
    path = make.specim(tmp_path)
    raw, dark, white, white_dark = (
        spy(path.with_name(f"{name}101.hdr"))
        for name in ("", "DARKREF_", "WHITEREF_", "WHITEDARKREF_")
    )
    # The white reference was exposed half as long as the image.
    expected = (raw - dark.mean(axis=0)) / (white.mean(axis=0) - white_dark.mean(axis=0)) * 5 / 10
    check(read_cube(path), expected, make.LAB_NM, without=np.zeros(make.SIZE, bool))
    np.testing.assert_array_equal(read_cube(path, references=False).data, raw)
    np.testing.assert_array_equal(  # a reference is not its own reference
        read_cube(path.with_name("WHITEREF_101.hdr")).data, white
    )


@pytest.mark.parametrize("name", ["Headwall", "Resonon", "autodark"])
def test_references_of_other_makers(tmp_path, name):
    path = make.WRITERS[name](tmp_path)
    expected = (make.raw() - make.dark(lines=1 if name == "Headwall" else 4).mean(axis=0)) / (
        make.white(lines=1 if name == "Headwall" else 5).mean(axis=0)
        - make.dark(lines=1 if name == "Headwall" else 4).mean(axis=0)
    )
    check(read_cube(path), expected, make.LAB_NM, without=np.zeros(make.SIZE, bool))


def test_references_that_are_saturated_or_dark(tmp_path):
    path = make.specim(tmp_path)
    raw, white = make.raw(), make.white()
    raw[4, 4, 2] = 65535
    white[0, 1, 0] = 65535  # one line saturated: the mean would be wrong
    white[:, :, 4] = 50  # darker than the dark reference
    make.envi(path, raw, make.LAB_NM, tint=10)
    make.envi(path.with_name("WHITEREF_101.hdr"), white, make.LAB_NM, tint=5)
    cube = read_cube(path)
    assert cube.wavelengths == pytest.approx(make.LAB_NM[:4])
    without = np.zeros(make.SIZE, bool)
    without[4, 4] = without[:, 1] = True
    np.testing.assert_array_equal(cube.valid, ~without)
    assert has(cube, r"1 band\(s\) left out: the white reference is saturated, or not brighter")
    assert has(cube, r"1 column\(s\) have no data")
    assert has(cube, r"1 pixel\(s\) are saturated, or have no data")


@pytest.mark.parametrize("ceiling", [{"bit depth": 12}, {"ceiling": 4095}])
def test_the_header_tells_what_is_saturated(tmp_path, ceiling):
    path = make.specim(tmp_path)
    raw = make.raw()
    raw[4, 4, 2] = 4095
    make.envi(path, raw, make.LAB_NM, tint=10, **ceiling)
    assert np.argwhere(~read_cube(path).valid).tolist() == [[4, 4]]


@pytest.mark.parametrize(("name", "cube", "fields", "why"), [
    ("WHITEREF_101", make.white()[:, :5], {}, "WHITEREF_101.hdr has 5 samples and 5 bands, but"),
    ("WHITEREF_101", make.white().astype("f4"), {}, "holds float32, not raw counts"),
    ("WHITEREF_101", make.white(), {"tint": 0}, "an exposure of 0"),
    ("WHITEREF_101", make.white(), {"gain": 2}, "was taken with gain 2, the image 1"),
    ("101", make.raw(), {"reflectance scale factor": 10000}, "scales the values"),
])  # fmt: skip
def test_references_that_cannot_be_used(tmp_path, name, cube, fields, why):
    path = make.specim(tmp_path)
    make.envi(path, make.raw(), make.LAB_NM, tint=10, gain=1)
    make.envi(path.with_name(f"{name}.hdr"), cube, make.LAB_NM, **fields)
    cube = read_cube(path)
    assert has(cube, f"references are not applied, values are as stored: .*{why}")
    scale = fields.get("reflectance scale factor", 1)
    np.testing.assert_allclose(cube.data, make.raw() / scale, rtol=1e-6)


def test_no_data_of_a_raw_image_are_counts(tmp_path):
    path = make.headwall(tmp_path)
    raw, dark = make.raw(), make.dark(lines=1)
    raw[2, 3] = 0
    raw[4, 4] = dark[0, 4]  # a reflectance of 0 is a value
    make.envi(path, raw, make.LAB_NM)
    path.with_suffix(".raw").rename(path.with_suffix(""))
    cube = read_cube(path, nodata=0)
    assert np.argwhere(~cube.valid).tolist() == [[2, 3]]
    np.testing.assert_allclose(cube.data[4, 4], 0, atol=1e-30)
    assert read_cube(path, nodata="none").valid.all()


def test_cubes_called_dark_or_white_are_no_references_alone(tmp_path):
    make.envi(tmp_path / "white.hdr", make.raw(), make.LAB_NM)
    make.envi(tmp_path / "red.hdr", make.raw(), make.LAB_NM)
    assert read_cube(tmp_path / "red.hdr").remarks == ()
    assert len(Collection(tmp_path).members) == 2
    make.envi(tmp_path / "dark.hdr", make.dark(), make.LAB_NM)
    assert has(read_cube(tmp_path / "red.hdr"), "values are .raw - dark. / .white - dark.")
    assert [member.name for member in Collection(tmp_path).members] == ["red"]


def test_one_reference_is_not_enough(tmp_path):
    path = make.specim(tmp_path)
    path.with_name("DARKREF_101.hdr").unlink()
    assert has(read_cube(path), "there is no dark reference for 101.raw")
    path.with_name("DARKREF_101.hdr").write_text("ENVI\nsamples = x\n")
    assert has(read_cube(path), "references are not applied.*DARKREF_101")


def test_exposures_that_are_not_known_or_differ(tmp_path):
    path = make.specim(tmp_path)
    path.with_name("WHITEDARKREF_101.hdr").unlink()
    cube = read_cube(path)
    assert has(cube, "exposures differ, 10 .image. and 5 .white")
    assert has(cube, "the dark reference of the image is used for the white reference too")
    make.envi(path, make.raw(), make.LAB_NM)
    assert has(read_cube(path), "the exposure is not known")


# files that hsizoo does not read


@pytest.mark.parametrize(("name", "content", "advice"), [
    ("EO1H.L1R", b"\x0e\x03\x13\x01" + b"\0" * 99, "is HDF4.*gdalinfo FILE.*gdal_translate"),
    ("a.cu3", b"what ever", "Cubert.*export it there as ENVI"),
    ("a.hyspex", b"HYSPEX" + b"\0" * 99, "HySpex.*convert it to ENVI"),
])  # fmt: skip
def test_what_to_do_with_files_that_are_not_read(tmp_path, name, content, advice):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=advice):
        read_cube(tmp_path / name)


# every product, as a user meets it


def call(*words):
    done = CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.parametrize("product", make.WRITERS)
def test_every_command_takes_every_product(tmp_path, product):
    folder = tmp_path / "data"
    folder.mkdir()
    path = make.WRITERS[product](folder)
    shown = call("data", "check", path).stdout
    assert "1 cube(s), 0 error(s)" in shown
    about = json.loads(call("show", path, "--json").stdout)
    if product not in ("bands", "autodark"):
        assert about["product"]
    out = tmp_path / "mask.png"
    call("segment", "sa", path, "--click", "5,3", "--not", "10,8", "--out", out)
    assert out.exists()
    call("data", "convert", path, tmp_path / "copy.hdr")
    cube, copy = read_cube(path), read_cube(tmp_path / "copy.hdr")
    np.testing.assert_array_equal(copy.data, cube.data)
    assert copy.wavelengths == pytest.approx(cube.wavelengths)
    write_mask(path.with_name(f"{path.stem}.mask.png"), make.SQUARE)
    row = json.loads(
        call(
            "bench", "sa", "--clicks", "1", "-d", f"{folder}/", "--out", tmp_path / "run", "--json"
        ).stdout
    )["table"][0]
    assert row["values"]["dice@max 1c"] > 0.5
    (member,) = Collection(folder).members
    assert member.cube == path
    beside = companions(path, format_of(path))
    assert {path, *beside} - {path} <= set(Collection(folder).files_of(member))


@pytest.mark.parametrize("product", make.WRITERS)
@pytest.mark.filterwarnings("ignore")  # of the libraries, which may well complain
def test_damaged_products_are_read_or_refused(tmp_path, product):
    path = make.WRITERS[product](tmp_path)
    files = sorted(each for each in tmp_path.rglob("*") if each.is_file())
    rng = np.random.default_rng(0)
    for _ in range(15):
        file = files[rng.integers(len(files))]
        good = file.read_bytes()
        damaged = bytearray(good)
        for at in rng.integers(0, min(len(good), 4000), 4):
            damaged[at] = rng.integers(256)
        file.unlink()  # a memory map of the last one may be alive
        file.write_bytes(damaged)
        message = str(tmp_path)
        try:
            read_cube(path)
        except HsizooError as error:
            message = str(error)
        assert str(tmp_path) in message
        file.unlink()
        file.write_bytes(good)


def test_the_settings_of_products_come_from_the_manifest_too(tmp_path):
    path = make.specim(tmp_path)
    (tmp_path / "hsizoo.toml").write_text("references = false\n")
    np.testing.assert_array_equal(read_cube(path).data, make.raw())
    applied = open_cube(path, Settings.of({"references": True}))  # the user goes first
    assert applied.values.dtype == np.float32


# Products that differ a little from their layout


WAVES = "sensor_band_parameters/wavelengths"
NEON = "HARV/Reflectance/Metadata/Spectral_Data/Wavelength"


def rewrite(path, name, values, **attributes):
    with h5py.File(path, "a") as file:
        kept = {key: value for key, value in file[name].attrs.items() if not key.isupper()}
        del file[name]
        file[name] = values
        file[name].attrs.update(kept | attributes)


@pytest.mark.parametrize("how", ["bytes", "texts", "um", "um, Units", "float64", "column"])
@pytest.mark.parametrize("product", ["emit", "neon"])
def test_wavelengths_of_products_in_every_dress(tmp_path, product, how):
    """Texts of any length were once mapped, which ended the process."""
    path = getattr(make, product)(tmp_path)
    name = WAVES if product == "emit" else NEON
    cube = read_cube(path)
    with h5py.File(path) as file:
        nm = file[name][()].astype(float)
    said = [str(each) for each in nm]
    values, more = {
        "bytes": (np.array([each.encode() for each in said]), {}),
        "texts": (np.array(said, dtype=object), {}),
        "um": (nm / 1000, {"units": "um"}),
        "um, Units": (nm / 1000, {"Units": "Micrometers"}),
        "float64": (nm, {}),
        "column": (nm[:, None], {}),
    }[how]
    if how.startswith("um"):  # the only unit
        with h5py.File(path, "a") as file:
            for key in ("units", "Units"):
                file[name].attrs.pop(key, None)
    rewrite(path, name, values, **more)
    found = read_cube(path)
    np.testing.assert_array_equal(found.data, cube.data)
    np.testing.assert_allclose(found.wavelengths, cube.wavelengths, rtol=1e-5)
    assert "no unit" not in " ".join(found.remarks) or how in ("bytes", "texts", "float64")


@pytest.mark.parametrize("value", ["-9999", b"-9999", np.array([-9999.0]), np.float64(-9999)])
@pytest.mark.parametrize("scale", ["10000", np.array([b"10000.0"]), np.float64(1e4)])
def test_attributes_of_neon_in_every_dress(tmp_path, value, scale):
    path = make.neon(tmp_path)
    expected = read_cube(path).data
    with h5py.File(path, "a") as file:
        item = file["HARV/Reflectance/Reflectance_Data"]
        item.attrs["Data_Ignore_Value"], item.attrs["Scale_Factor"] = value, scale
    np.testing.assert_array_equal(read_cube(path).data, expected)

"""Probabilities and colours, read again by others: rasterio, SPy and NumPy."""

from pathlib import Path

import numpy as np
import pytest

from hsizoo import HyperCube
from hsizoo.errors import DataError
from hsizoo.io import (
    class_colours,
    open_cube,
    read_cube,
    read_labels,
    write_cube,
    write_mask,
)
from hsizoo.io.raster import Raster
from hsizoo.io.writing import check_parent, lost_place, write_probabilities

NAMES = {1: "corn & <rye>", 4: "Wälder", 5: "oats"}
TIFF_PLACE = {
    "33550": (20.0, 20.0, 0.0),
    "33922": (0.0, 0.0, 0.0, 637000.0, 4480000.0, 0.0),
    "34735": (1, 1, 0, 1, 3072, 0, 1, 32616),
}


@pytest.fixture
def maps():
    drawn = np.random.default_rng(0).dirichlet([1, 1, 1], (5, 7))
    return drawn.transpose(2, 0, 1).astype(np.float32)


@pytest.mark.parametrize("ending", [".npz", ".tif", ".hdr"])
def test_probabilities_are_a_cube_of_one_band_per_class(tmp_path, maps, ending):
    path = write_probabilities(tmp_path / f"p{ending}", maps, NAMES)
    cube = read_cube(path)
    np.testing.assert_array_equal(cube.data, maps.transpose(1, 2, 0))
    assert cube.remarks == ()


@pytest.mark.parametrize("name", ["m.NPZ", "m.PNG", "m.HDR"])
def test_endings_in_capitals(tmp_path, name):
    labels = np.array([[0, 1], [2, 2]])
    path = write_mask(tmp_path / name, labels)
    assert path.name in {each.name for each in tmp_path.iterdir()}
    np.testing.assert_array_equal(read_labels(path)[0], labels)


@pytest.mark.parametrize("name", ["c.NPZ", "c.NPY"])
def test_cubes_with_endings_in_capitals(tmp_path, name, maps):
    path = write_cube(tmp_path / name, HyperCube(maps.transpose(1, 2, 0)))
    assert [each.name for each in tmp_path.iterdir()] == [name]
    np.testing.assert_array_equal(read_cube(path, layout="hwb").data, maps.transpose(1, 2, 0))


def test_numpy_reads_them(tmp_path, maps):
    write_probabilities(tmp_path / "p.npy", maps, NAMES)
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), maps)
    with np.load(write_probabilities(tmp_path / "p.npz", maps, NAMES)) as found:
        np.testing.assert_array_equal(found["probabilities"], maps)
        assert found["class_numbers"].tolist() == [1, 4, 5]
        assert found["class_names"].tolist() == list(NAMES.values())


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_gdal_reads_bands_names_and_place(tmp_path, maps):
    rasterio = pytest.importorskip("rasterio")
    pytest.importorskip("tifffile")
    like = Raster(path=tmp_path / "c.tif", values=np.zeros((5, 7, 2)), place=TIFF_PLACE)
    with rasterio.open(write_probabilities(tmp_path / "p.tif", maps, NAMES, like=like)) as file:
        np.testing.assert_array_equal(file.read(), maps)
        assert file.descriptions == tuple(NAMES.values())
        assert file.crs.to_epsg() == 32616
        assert tuple(file.bounds) == (637000, 4479900, 637140, 4480000)
    write_probabilities(tmp_path / "q.hdr", maps, NAMES)
    with rasterio.open(tmp_path / "q.img") as file:
        np.testing.assert_array_equal(file.read(), maps)
        assert file.descriptions == tuple(NAMES.values())


def test_spy_reads_the_names_of_envi_bands(tmp_path, maps):
    envi = pytest.importorskip("spectral.io.envi")
    place = {"map info": "UTM, 1, 1, 637000, 4480000, 20, 20, 16, North, WGS-84"}
    like = Raster(path=tmp_path / "c.hdr", values=np.zeros((5, 7, 2)), place=place)
    names = {1: "corn, {early}", 2: "rye", 3: "oats"}
    image = envi.open(write_probabilities(tmp_path / "p.hdr", maps, names, like=like))
    np.testing.assert_array_equal(image.open_memmap(), maps.transpose(1, 2, 0))
    assert image.metadata["band names"] == ["corn; (early)", "rye", "oats"]
    assert open_cube(tmp_path / "p.hdr").place == place


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("p.png", (3, 5, 7), "written as .npz, .tif, .tiff, .hdr, .npy, not '.png'"),
        ("p", (3, 5, 7), ".npy, but this name has no extension"),
        ("p.npz", (2, 5, 7), "3 classes; got shape \\(2, 5, 7\\)"),
        ("p.npz", (5, 7), "3 classes; got shape"),
        ("none/p.npz", (3, 5, 7), r"there is no folder .*none to write p\.npz into"),
    ],
)
def test_what_cannot_be_written(tmp_path, name, shape, message):
    with pytest.raises(DataError, match=message):
        write_probabilities(tmp_path / name, np.zeros(shape, np.float32), NAMES)


def test_masks_in_tiff_have_the_colours_of_their_classes(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    pytest.importorskip("tifffile")
    labels = np.random.default_rng(0).integers(0, 200, (5, 7))
    like = Raster(path=tmp_path / "c.tif", values=np.zeros((5, 7, 2)), place=TIFF_PLACE)
    with rasterio.open(write_mask(tmp_path / "m.tif", labels, like=like)) as file:
        np.testing.assert_array_equal(file.read(1), labels)
        colours = file.colormap(1)
    assert [colours[n][:3] for n in range(256)] == [tuple(c) for c in class_colours(256).tolist()]
    np.testing.assert_array_equal(read_labels(tmp_path / "m.tif")[0], labels)
    many = labels + 300  # too many for a palette
    np.testing.assert_array_equal(read_labels(write_mask(tmp_path / "n.tif", many))[0], many)


def test_a_lost_georeference_is_told(tmp_path):
    tiff = Raster(path=tmp_path / "c.tif", values=np.zeros((5, 7, 2)), place=TIFF_PLACE)
    assert lost_place("m.tif", tiff) == lost_place("m.png", None) == ""
    assert lost_place("a/m.hdr", tiff).startswith("m.hdr has no georeference")
    assert lost_place("m.png", tiff).endswith("write it as .tif")


def test_a_folder_that_takes_no_files_is_told_before_the_work(tmp_path, monkeypatch):
    check_parent(tmp_path / "a.png")
    (tmp_path / "old.png").touch()
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)
    check_parent(tmp_path / "old.png")  # may still be replaced
    with pytest.raises(DataError, match=r"cannot be written into, so a\.png needs another place"):
        check_parent(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"no folder ~/none to .* only the shell replaces ~"):
        check_parent(Path("~/none/a.png"))

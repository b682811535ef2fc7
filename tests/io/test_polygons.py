"""Masks as polygons: what others read is what was written."""

import json

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely

from hsizoo.errors import DataError, OptionError
from hsizoo.io import open_cube
from hsizoo.io.polygons import write_polygons
from hsizoo.io.raster import to_labels
from hsizoo.io.reading import open_labels
from hsizoo.io.settings import Settings

NAMES = {0: "background", 1: "corn", 2: 'so"y, {2}'}


@pytest.fixture
def labels():
    found = np.zeros((20, 30), dtype=np.int32)
    found[2:9, 3:12] = 1
    found[4:6, 5:8] = 0  # a hole
    found[10:18, 14:29] = 2
    found[9, 12] = 1  # touches the first by a corner only
    return found


@pytest.fixture
def placed(tmp_path):
    """A georeferenced cube, as rasterio writes it."""
    path = tmp_path / "cube.tif"
    transform = rasterio.Affine(10, 0, 500000, 0, -10, 5400000)
    with rasterio.open(
        path, "w", driver="GTiff", height=20, width=30, count=3, dtype="float32",
        crs="EPSG:32632", transform=transform,
    ) as file:  # fmt: skip
        file.write(np.random.default_rng(0).random((3, 20, 30), dtype=np.float32))
    return open_cube(path)


@pytest.mark.parametrize("ending", [".geojson", ".gpkg"])
def test_pixels_come_back(labels, placed, tmp_path, ending):
    path = tmp_path / f"m{ending}"
    written = write_polygons(path, labels, NAMES, like=placed)
    assert written.polygons == 3
    raster = open_labels(path, Settings(), like=placed)
    found, names = to_labels(raster), raster.class_names
    for number, name in ((1, "corn"), (2, 'so"y, {2}')):
        (own,) = [key for key, value in names.items() if value == name]
        np.testing.assert_array_equal(found == own, labels == number)


def test_a_geopackage_is_in_the_coordinates_of_the_image(labels, placed, tmp_path):
    write_polygons(tmp_path / "m.gpkg", labels, NAMES, like=placed)
    about, _, shapes, columns = pyogrio.raw.read(tmp_path / "m.gpkg")
    assert "32632" in about["crs"]
    geometries = shapely.from_wkb(shapes)
    of = dict(zip(columns[0].tolist(), geometries, strict=False))
    assert of['so"y, {2}'].bounds == (500140, 5399820, 500290, 5399900)
    assert sum(each.area for each in geometries) == 100 * (labels > 0).sum()
    assert sorted(columns[1].tolist()) == [1, 1, 2]


def test_geojson_is_in_degrees(labels, placed, tmp_path):
    write_polygons(tmp_path / "m.geojson", labels, NAMES, like=placed)
    document = json.loads((tmp_path / "m.geojson").read_text())
    assert "crs" not in document
    for feature in document["features"]:
        for x, y in feature["geometry"]["coordinates"][0]:
            assert 8.9 < x < 9.1
            assert 48.7 < y < 48.8


def test_without_a_georeference_coordinates_are_pixels(labels, tmp_path):
    written = write_polygons(tmp_path / "m.geojson", labels == 2, {1: "a"})
    (feature,) = json.loads((tmp_path / "m.geojson").read_text())["features"]
    assert shapely.geometry.shape(feature["geometry"]).bounds == (14, 10, 29, 18)
    assert feature["properties"] == {"class": "a", "number": 1}
    assert "x is the column" in " ".join(written.remarks)
    write_polygons(tmp_path / "m.gpkg", labels, NAMES)
    assert pyogrio.read_info(tmp_path / "m.gpkg")["features"] == 3


def test_simplified_outlines_keep_their_distance(tmp_path):
    row, col = np.indices((80, 80))
    disc = np.hypot(row - 40, col - 40) < 30
    exact = write_polygons(tmp_path / "a.geojson", disc, {1: "disc"})
    simple = write_polygons(tmp_path / "b.geojson", disc, {1: "disc"}, tolerance=1.0)
    one, two = (
        shapely.from_geojson(
            json.dumps(json.loads(each.path.read_text())["features"][0]["geometry"])
        )
        for each in (exact, simple)
    )
    assert shapely.get_num_coordinates(two) < shapely.get_num_coordinates(one) / 3
    assert one.exterior.hausdorff_distance(two.exterior) <= 1.0 + 1e-9
    assert "at most 1 pixels" in " ".join(simple.remarks)


def test_nothing_is_a_file_too(placed, tmp_path):
    for ending in (".geojson", ".gpkg"):
        empty = np.zeros((20, 30), dtype=bool)
        assert write_polygons(tmp_path / f"m{ending}", empty, {1: "a"}, like=placed).polygons == 0
    assert json.loads((tmp_path / "m.geojson").read_text())["features"] == []


def test_what_does_not_fit_is_refused(labels, tmp_path):
    with pytest.raises(DataError, match=r"polygons are written as \.geojson, \.gpkg"):
        write_polygons(tmp_path / "m.shp", labels, NAMES)
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(OptionError, match="tolerance"):
            write_polygons(tmp_path / "m.gpkg", labels, NAMES, tolerance=wrong)
    for wrong in (labels.astype(float), labels[0], labels - 1):
        with pytest.raises(DataError, match="labels must be"):
            write_polygons(tmp_path / "m.gpkg", wrong, NAMES)
    with pytest.raises(DataError, match="no folder"):
        write_polygons(tmp_path / "none" / "m.geojson", labels, NAMES)

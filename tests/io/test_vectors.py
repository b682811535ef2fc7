"""Polygons as masks, against rasterio itself and squares drawn by hand."""

import json

import numpy as np
import pytest

import hsizoo
from hsizoo.errors import DataError
from hsizoo.io import Settings, open_cube, open_labels, read_labels, write_cube

rasterio = pytest.importorskip("rasterio")
shapely = pytest.importorskip("shapely")
pyogrio = pytest.importorskip("pyogrio")

SHAPE = (30, 40)
UTM, DEGREES = "EPSG:32632", "EPSG:4326"
TRANSFORM = rasterio.Affine(10, 0, 600_000, 0, -10, 5_300_000)
CUBE = np.random.default_rng(0).uniform(0.1, 0.9, (*SHAPE, 3)).astype(np.float32)
ON_MAP = [
    shapely.Polygon([(600_021, 5_299_977), (600_183, 5_299_961), (600_072, 5_299_759)]),
    shapely.Polygon(
        [(600_101, 5_299_901), (600_347, 5_299_913), (600_311, 5_299_733), (600_127, 5_299_741)],
        [[(600_151, 5_299_871), (600_253, 5_299_872), (600_249, 5_299_791)]],
    ),
]
CROPS = ["oats", "corn"]


def as_rasterio_draws(transform=TRANSFORM):
    return rasterio.features.rasterize(
        [(ON_MAP[0], 2), (ON_MAP[1], 1)], out_shape=SHAPE, transform=transform
    )


def cube(path, *, transform=TRANSFORM, crs=UTM):
    """A georeferenced GeoTIFF or ENVI file."""
    driver = {".tif": "GTiff", ".img": "ENVI"}[path.suffix]
    with rasterio.open(
        path, "w", driver, SHAPE[1], SHAPE[0], 3, crs, transform, dtype="float32"
    ) as file:
        file.write(CUBE.transpose(2, 0, 1))
    return open_cube(path)


def without_place(folder):
    write_cube(folder / "plain.hdr", hsizoo.HyperCube(CUBE))
    return open_cube(folder / "plain.hdr")


def feature(geometry, **properties):
    if not isinstance(geometry, dict):
        geometry = shapely.geometry.mapping(geometry)
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def geojson(path, *features, **more):
    content = {"type": "FeatureCollection", "features": list(features), **more}
    path.write_text(json.dumps(content))
    return path


def with_gdal(path, crs=UTM, **more):
    pyogrio.raw.write(
        path, shapely.to_wkb(np.array(ON_MAP)), [np.array(CROPS, dtype=object)], ["Class"],
        geometry_type="Polygon", crs=crs, **more,
    )  # fmt: skip
    return path


def projected():
    warp = rasterio.warp.transform_geom
    return [warp(UTM, DEGREES, shapely.geometry.mapping(each)) for each in ON_MAP]


@pytest.mark.parametrize("ending", [".tif", ".img"])
@pytest.mark.parametrize("kind", ["gpkg", "shp", "degrees.gpkg", "geojson", "utm.geojson"])
def test_polygons_on_the_map_of_the_cube(tmp_path, ending, kind):
    like = cube(tmp_path / f"a{ending}")
    path = tmp_path / f"mask.{kind}"
    if kind == "degrees.gpkg":
        pyogrio.raw.write(
            path, shapely.to_wkb(np.array([shapely.geometry.shape(each) for each in projected()])),
            [np.array(CROPS, dtype=object)], ["class"], geometry_type="Polygon", crs=DEGREES,
        )  # fmt: skip
    elif kind == "geojson":  # longitude and latitude, as RFC 7946 asks
        geojson(path, *(feature(g, label=c) for g, c in zip(projected(), CROPS, strict=True)))
    elif kind == "utm.geojson":
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32632"}}
        features = (feature(g, label=c) for g, c in zip(ON_MAP, CROPS, strict=True))
        geojson(path, *features, crs=crs)
    else:
        with_gdal(path)
    labels, names = read_labels(path, like=like)
    expected = as_rasterio_draws()
    assert (expected == 1).sum() > 200
    assert (expected == 2).sum() > 50
    np.testing.assert_array_equal(labels, expected)
    assert names == {1: "corn", 2: "oats"}
    remarks = " ".join(open_labels(path, like=like).remarks)
    assert ("projected from EPSG:4326" in remarks) == (kind in ("degrees.gpkg", "geojson"))
    assert "several classes; the later polygon wins" in remarks


def test_a_rotated_cube_whose_system_is_not_stated(tmp_path):
    turned = rasterio.Affine(9, 3, 600_000, 3, -9, 5_299_900)
    like = cube(tmp_path / "a.tif", transform=turned, crs=None)
    path = with_gdal(tmp_path / "mask.gpkg")
    np.testing.assert_array_equal(read_labels(path, like=like)[0], as_rasterio_draws(turned))
    assert "taken to be on the map of a.tif" in " ".join(open_labels(path, like=like).remarks)


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_polygons_whose_system_is_not_stated(tmp_path):
    like = cube(tmp_path / "a.tif")
    features = [feature(g, label=c) for g, c in zip(ON_MAP, CROPS, strict=True)]
    for path in (
        with_gdal(tmp_path / "mask.gpkg", crs=None),
        with_gdal(tmp_path / "mask.shp", crs=None),
        geojson(tmp_path / "mask.geojson", *features),  # beyond any longitude
    ):
        np.testing.assert_array_equal(read_labels(path, like=like)[0], as_rasterio_draws())
        remarks = " ".join(open_labels(path, like=like).remarks)
        assert "not stated; it is taken to be that of a.tif" in remarks


def test_pixels_are_columns_and_rows(tmp_path):
    like = without_place(tmp_path)
    path = geojson(tmp_path / "a.geojson", feature(shapely.box(3, 5, 10, 7), name="square"))
    labels, names = read_labels(path, like=like)
    expected = np.zeros(SHAPE)
    expected[5:7, 3:10] = 1
    np.testing.assert_array_equal(labels, expected)
    assert names == {1: "square"}
    assert "x = column, y = row" in " ".join(open_labels(path, like=like).remarks)


def test_a_pixel_belongs_to_a_polygon_if_its_centre_does(tmp_path):
    like = without_place(tmp_path)
    path = geojson(tmp_path / "a.geojson", feature(shapely.box(3.6, 5.4, 6.6, 7.4), name="a"))
    expected = np.zeros(SHAPE)
    expected[5:7, 4:7] = 1
    np.testing.assert_array_equal(read_labels(path, like=like)[0], expected)


def test_pixels_over_a_georeferenced_cube(tmp_path):
    like = cube(tmp_path / "a.tif")
    path = geojson(tmp_path / "a.geojson", feature(shapely.box(3, 5, 10, 7), name="square"))
    with pytest.raises(DataError, match=r'outside the image.*mask_coordinates = "pixels"'):
        read_labels(path, like=like)
    (tmp_path / "hsizoo.toml").write_text('mask_coordinates = "pixels"')
    assert read_labels(path, like=like)[0][5:7, 3:10].all()
    assert "hsizoo.toml" not in " ".join(open_cube(tmp_path / "a.tif").remarks)


def test_map_coordinates_for_a_cube_without_place(tmp_path):
    like = without_place(tmp_path)
    path = with_gdal(tmp_path / "mask.gpkg")
    with pytest.raises(DataError, match=r"map coordinates \(EPSG:32632\), but .*no georeference"):
        read_labels(path, like=like)
    with pytest.raises(DataError, match="all polygons lie outside the image"):
        open_labels(path, Settings(mask_coordinates="pixels"), like=like)
    square = geojson(tmp_path / "a.geojson", feature(shapely.box(3, 5, 10, 7), name="a"))
    with pytest.raises(DataError, match="cannot be placed on the map"):
        open_labels(square, Settings(mask_coordinates="map"), like=like)


def drawn(folder, *features, settings=None, **more):
    """Draw over a cube without georeference."""
    path = geojson(folder / "a.geojson", *features, **more)
    raster = open_labels(path, settings, like=without_place(folder))
    return raster.values, dict(raster.class_names), " | ".join(raster.remarks)


LEFT, RIGHT = shapely.box(0, 0, 10, 10), shapely.box(8, 0, 18, 10)


@pytest.mark.parametrize(
    "properties",
    [
        ({"class": "b"}, {"class": "a"}),
        ({"LABEL": "b"}, {"Label": "a"}),
        ({"name": "b", "class": None}, {"name": "a"}),
        ({"id": "b"}, {"id": "a"}),
        ({"name": "first", "classification": {"name": "b"}}, {"classification": {"name": "a"}}),
    ],
)
def test_the_property_that_tells_the_class(tmp_path, properties):
    features = [feature(g, **p) for g, p in zip((LEFT, RIGHT), properties, strict=True)]
    labels, names, _ = drawn(tmp_path, *features)
    assert names == {1: "a", 2: "b"}
    assert labels[0, [0, 7, 8, 17, 18]].tolist() == [2, 2, 1, 1, 0]


def test_the_property_of_the_settings(tmp_path):
    features = [feature(LEFT, crop="oats", area=3), feature(RIGHT, crop="corn", area=4)]
    with pytest.raises(DataError, match=r"properties: area, crop.*class_property ="):
        drawn(tmp_path, *features)
    with pytest.raises(DataError, match=r"the property 'crops'.* Did you mean 'crop'"):
        drawn(tmp_path, *features, settings=Settings(class_property="crops"))
    names = drawn(tmp_path, *features, settings=Settings(class_property="crop"))[1]
    assert names == {1: "corn", 2: "oats"}
    labels, names, remarks = drawn(tmp_path, *features, settings=Settings(class_property="none"))
    assert (names, np.unique(labels).tolist()) == ({}, [0, 1])
    assert "several classes" not in remarks


@pytest.mark.parametrize(("one", "other"), [(7, 3), ("7", "3"), (7.0, 3.0)])
def test_numbers_stay_as_they_are(tmp_path, one, other):
    labels, names, _ = drawn(tmp_path, feature(LEFT, label=one), feature(RIGHT, label=other))
    assert (np.unique(labels).tolist(), names) == ([0, 3, 7], {})


def test_a_negative_number_is_no_label(tmp_path):
    with pytest.raises(DataError, match="the class -1 is not a number from 0"):
        drawn(tmp_path, feature(LEFT, label=-1))


def test_overlaps_are_counted_by_class(tmp_path):
    labels, _, remarks = drawn(
        tmp_path, feature(LEFT, name="a"), feature(RIGHT, name="b"), feature(LEFT, name="a")
    )
    assert "20 pixels lie in polygons of several classes" in remarks  # a over b over a
    assert labels[0, 8] == 1
    remarks = drawn(tmp_path, feature(LEFT, name="a"), feature(RIGHT, name="a"))[2]
    assert "several classes" not in remarks


def test_what_is_left_out_is_told(tmp_path):
    labels, _, remarks = drawn(
        tmp_path,
        feature(LEFT, name="a"),
        feature(shapely.Point(3, 3), name="a"),
        feature(RIGHT),
        feature(shapely.box(90, 0, 99, 9), name="a"),
        {"type": "Feature", "geometry": None, "properties": {"name": "a"}},
        feature(shapely.box(20.6, 0.6, 20.9, 0.9), name="tiny"),
    )
    assert (labels == 1).sum() == 100
    assert "2 of 6 features have no polygon and are left out: feature 2, feature 5" in remarks
    assert "1 of 6 features have no class and are left out: feature 3" in remarks
    assert "1 of 6 features lie outside the image: feature 4" in remarks
    assert "no pixel is left of: tiny" in remarks


def test_a_polygon_that_crosses_itself_is_repaired(tmp_path):
    ring = [[0, 0], [10, 10], [10, 0], [0, 10], [0, 0]]
    bow = {"type": "Polygon", "coordinates": [ring]}
    labels, _, remarks = drawn(tmp_path, feature(bow, name="a"))
    assert "crossed themselves and were repaired: feature 1" in remarks
    assert labels[5, 0]
    assert not labels[0, 5]


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        ({"type": "Polygon", "coordinates": [[[0, 0], [5, 5], [0, 0], [0, 0]]]}, "has no area"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [5, 5]]]}, "feature 2 is not GeoJSON"),
        ({"type": "Polygon", "coordinates": [["a", "b"]]}, "feature 2 is not GeoJSON"),
        ({"type": "Polygon"}, "feature 2 is not GeoJSON"),
        ({"type": "Circle", "coordinates": []}, "feature 2 is not GeoJSON"),
        ([1, 2], "feature 2 is not GeoJSON"),
        (
            {"type": "Polygon", "coordinates": [[[0, 0], [5, 1e999], [5, 5], [0, 0]]]},
            "is not JSON: Infinity is not a number",
        ),
    ],
)
def test_a_broken_geometry_is_named(tmp_path, geometry, message):
    broken = {"type": "Feature", "geometry": geometry, "properties": {"name": "a"}}
    with pytest.raises(DataError, match=message):
        drawn(tmp_path, feature(LEFT, name="a"), broken)


def test_the_list_of_features_that_qupath_writes(tmp_path):
    path = tmp_path / "a.json"
    inside = {"classification": {"name": "Tumor", "color": [200, 0, 0]}}
    path.write_text(json.dumps([{**feature(LEFT, **inside), "id": "PathAnnotationObject"}]))
    labels, names = read_labels(path, like=without_place(tmp_path))
    assert (labels.sum(), names) == (100, {1: "Tumor"})


def test_one_feature_and_one_geometry(tmp_path):
    like = without_place(tmp_path)
    for content in (feature(LEFT), shapely.geometry.mapping(LEFT)):
        (tmp_path / "a.geojson").write_text(json.dumps(content))
        assert read_labels(tmp_path / "a.geojson", like=like)[0].sum() == 100


def test_no_polygon_at_all_is_an_empty_mask(tmp_path):
    labels, _, remarks = drawn(tmp_path)
    assert not labels.any()
    assert "there is no polygon in it" in remarks


@pytest.mark.parametrize(
    "content",
    ['{"type": "FeatureCollection", "features": [', '{"type": "Feature", "a":' + "[" * 100_000],
)
def test_what_is_not_json(tmp_path, content):
    path = tmp_path / "a.geojson"
    path.write_text(content)
    with pytest.raises(DataError, match=r"a\.geojson is not JSON"):
        read_labels(path, like=without_place(tmp_path))


@pytest.mark.parametrize("crs", [3, {"type": "name"}, {"properties": {"name": 4}}])
def test_a_crs_without_a_name(tmp_path, crs):
    with pytest.raises(DataError, match="its crs has no name"):
        drawn(tmp_path, feature(LEFT, name="a"), crs=crs)


def test_an_unknown_crs(tmp_path):
    like = cube(tmp_path / "a.tif")
    crs = {"type": "name", "properties": {"name": "urn:nowhere"}}
    path = geojson(tmp_path / "a.geojson", feature(LEFT, name="a"), crs=crs)
    with pytest.raises(DataError, match="its coordinate system urn:nowhere is unknown"):
        read_labels(path, like=like)


def test_a_geopackage_with_several_layers(tmp_path):
    like = cube(tmp_path / "a.tif")
    path = with_gdal(tmp_path / "mask.gpkg", layer="north")
    with_gdal(path, layer="south", append=True)
    with pytest.raises(DataError, match=r"2 layers with geometries \(north, south\); choose one"):
        read_labels(path, like=like)
    with pytest.raises(DataError, match=r"no layer 'sooth'\. Did you mean 'south'"):
        read_labels(path, variable="sooth", like=like)
    np.testing.assert_array_equal(
        read_labels(path, variable="south", like=like)[0], as_rasterio_draws()
    )


def test_a_damaged_geopackage(tmp_path):
    path = with_gdal(tmp_path / "mask.gpkg")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match="cannot be read as GeoPackage polygons; it is damaged"):
        read_labels(path, like=cube(tmp_path / "a.tif"))


def test_polygons_need_their_cube_and_are_none(tmp_path):
    path = geojson(tmp_path / "a.geojson", feature(LEFT, name="a"))
    with pytest.raises(DataError, match=r"Name the cube: .*read_labels\(MASK, like="):
        read_labels(path)
    with pytest.raises(DataError, match=r"is a mask \(GeoJSON polygons\), not a cube"):
        open_cube(path)

"""Labels to learn from, of every kind."""

import json

import numpy as np
import pytest

import hsizoo
from hsizoo.errors import DataError
from hsizoo.io import Settings, write_cube, write_mask
from hsizoo.mapping.training_labels import read_training_labels
from hsizoo.session.source import read_source


@pytest.fixture
def read(cube):
    return lambda given, source=cube: read_training_labels(
        given, read_source(source, Settings()), Settings()
    )


def table(path, *lines):
    path.write_text("\n".join(("row,col,class", *lines)))
    return path


def test_all_labels_of_a_mask_are_used_and_no_others(read, labels, tmp_path):
    for ending in (".png", ".npz", ".hdr"):
        found = read(write_mask(tmp_path / f"m{ending}", labels)).label_map
        np.testing.assert_array_equal(np.where(found.evaluated, found.labels, 0), labels)
        assert found.targets == {3, 5, 8}
        assert dict(found.class_names) == {3: "class 3", 5: "class 5", 8: "class 8"}


def test_names_of_a_mask_are_kept_and_zero_is_unlabelled_whatever_its_name(read, labels, tmp_path):
    names = {0: "soil", 3: "corn", 5: "rye", 8: "oats"}
    found = read(write_mask(tmp_path / "m.hdr", labels, class_names=names))
    assert dict(found.label_map.class_names) == {3: "corn", 5: "rye", 8: "oats"}
    assert found.remarks == (f"{tmp_path / 'm.hdr'}: label 0 (soil) is taken as unlabelled",)
    names[0] = "Unclassified"
    assert read(write_mask(tmp_path / "m.hdr", labels, class_names=names)).remarks == ()


def test_an_array_and_a_label_map(read, labels):
    plain = read(labels).label_map
    assert plain.targets == {3, 5, 8}
    np.testing.assert_array_equal(np.where(plain.evaluated, plain.labels, 0), labels)
    some = hsizoo.LabelMap(labels, {3: "corn", 5: "rye", 8: "oats"}, [0], targets=[3, 8])
    found = read(some).label_map
    assert dict(found.class_names) == {3: "corn", 8: "oats"}
    assert found.evaluated.sum() == 8


def test_a_table(read, tmp_path):
    found = read(table(tmp_path / "l.csv", "2,2,rye", "11,17,corn", "2,2,rye")).label_map
    assert found.labels[2, 2] == 2
    assert found.labels[11, 17] == 1
    assert found.evaluated.sum() == 2
    assert dict(found.class_names) == {1: "corn", 2: "rye"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("1,1,a", "12,3,b"), "line 3: the pixel \\(row=12, col=3\\) is outside fields, .*0 to 11"),
        (("1,1,a", "3,18,b"), "line 3: .* outside fields, .* the columns 0 to 17"),
        (("1,1,a", "-1,3,b"), "line 3: .* outside"),
        (("1,1,a", "0,0,b"), "line 3: .* has no data in fields; choose another pixel"),
        (("1,1,a", "2,2,b", "1,1,b"), "line 4: .*col=1\\) is b, but a in line 2; keep one"),
        (("1,1,1", "1,1,2"), "line 3: .* is class 2, but class 1 in line 2"),
        (("1,1,a", "1,2,a"), "two classes or more; found only a"),
        (("1,1,0", "1,2,0"), "two classes or more; found none"),
    ],
)
def test_faults_of_a_table(read, tmp_path, lines, message):
    with pytest.raises(DataError, match=message):
        read(table(tmp_path / "l.csv", *lines))


def test_labels_on_pixels_without_data_are_left_out(read, labels):
    more = labels.copy()
    more[0, 0] = 3
    found = read(more)
    np.testing.assert_array_equal(found.label_map.labels, read(labels).label_map.labels)
    assert found.remarks == ("the labels: 1 labelled pixel(s) without data are left out",)
    more[0, 0] = 9
    with pytest.raises(DataError, match="no labelled pixel of class 9 has data in fields"):
        read(more)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.ones((11, 18), int), "11 rows and 18 columns of labels, but fields has 12 rows"),
        (np.full((12, 18), 0.5), "whole numbers"),
        (np.ones((12, 18), bool), "whole numbers"),
        (np.arange(216).reshape(12, 18) - 5, "found -5 to 210"),
        (np.arange(216).reshape(12, 18) + 65500, "found 65500 to 65715"),
        (np.zeros((12, 18), int), "found none"),
        (hsizoo.LabelMap([[0, 1]], {0: "a", 1: "b"}), "has the class 0, which is unlabelled"),
    ],
)
def test_what_is_no_map_of_labels(read, given, message):
    with pytest.raises(DataError, match=message):
        read(given)


def test_a_mask_without_data_somewhere(read, labels):
    ones = np.where(labels == 0, -1, labels)  # as read where the file says "no data"
    np.testing.assert_array_equal(read(ones).label_map.labels, read(labels).label_map.labels)


def test_polygons_in_pixels(read, cube, tmp_path):
    pytest.importorskip("rasterio")
    pytest.importorskip("shapely")
    boxes = {"rye": (2, 1, 4, 3), "corn": (8, 5, 12, 6)}  # left, top, right, bottom
    features = [
        {
            "type": "Feature",
            "properties": {"class": name},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[x, y], [u, y], [u, v], [x, v], [x, y]]],
            },
        }
        for name, (x, y, u, v) in boxes.items()
    ]
    path = tmp_path / "p.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    with pytest.raises(DataError, match="polygons need the image as a file"):
        read(path)
    found = read(path, write_cube(tmp_path / "c.hdr", cube))
    assert dict(found.label_map.class_names) == {1: "corn", 2: "rye"}
    expected = np.zeros(cube.shape[:2])
    expected[1:3, 2:4] = 2
    expected[5:6, 8:12] = 1
    shown = np.where(found.label_map.evaluated, found.label_map.labels, 0)
    np.testing.assert_array_equal(shown, expected)
    assert all(remark.startswith(str(path)) for remark in found.remarks)

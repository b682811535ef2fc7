"""COCO annotations as masks."""

import json

import numpy as np
import pytest

import hsizoo
from hsizoo.errors import DataError
from hsizoo.io import open_cube, open_labels, read_labels, write_cube
from hsizoo.io.coco import decode_counts, decode_runs

pytest.importorskip("rasterio")

SHAPE = (6, 8)
MASK = np.zeros(SHAPE, bool)
MASK[1:4, 2:6] = True
MASK[4:, :2] = True
# As pycocotools 2.0.11 encodes MASK.
RUNS = {"size": [6, 8], "counts": "4240M1200000;"}
SQUARE = [[2, 1, 6, 1, 6, 4, 2, 4], [0, 4, 2, 4, 2, 6, 0, 6]]


@pytest.fixture
def cube(tmp_path):
    path = tmp_path / "day1" / "a.hdr"
    path.parent.mkdir()
    write_cube(path, hsizoo.HyperCube(np.ones((*SHAPE, 3))))
    return open_cube(path)


def document(*annotations, images=None, categories=None):
    rows = [
        {"id": n, "image_id": 5, "category_id": 3, "iscrowd": 0, **row}
        for n, row in enumerate(annotations, start=1)
    ]
    return {
        "images": images or [{"id": 5, "file_name": "a.png", "height": 6, "width": 8}],
        "annotations": rows,
        "categories": categories or [{"id": 3, "name": "liver"}, {"id": 9, "name": "colon"}],
    }


def drawn(folder, cube, *annotations, **more):
    path = folder / "coco.json"
    path.write_text(json.dumps(document(*annotations, **more)))
    raster = open_labels(path, like=cube)
    return raster.values, dict(raster.class_names), " | ".join(raster.remarks)


def in_columns(mask):
    """Uncompressed run lengths, written down one by one."""
    counts, inside, length = [], False, 0
    for value in mask.T.ravel().tolist():
        if value != inside:
            counts, inside, length = [*counts, length], value, 0
        length += 1
    return [*counts, length]


@pytest.mark.parametrize(
    "segmentation", [SQUARE, RUNS, {"size": [6, 8], "counts": in_columns(MASK)}]
)
def test_an_object(tmp_path, cube, segmentation):
    labels, names, _ = drawn(tmp_path, cube, {"segmentation": segmentation})
    np.testing.assert_array_equal(labels, 3 * MASK)
    assert names == {3: "liver", 9: "colon"}
    np.testing.assert_array_equal(read_labels(tmp_path / "coco.json", like=cube)[0], labels)


def test_objects_of_several_categories(tmp_path, cube):
    labels, _, remarks = drawn(
        tmp_path,
        cube,
        {"segmentation": SQUARE},
        {"segmentation": [[4, 0, 8, 0, 8, 2, 4, 2]], "category_id": 9, "iscrowd": 1},
        {"segmentation": []},
    )
    assert labels[1].tolist() == [0, 0, 3, 3, 9, 9, 9, 9]
    assert "2 pixels lie in objects of several categories; the later one wins" in remarks
    assert "1 crowd regions (iscrowd) count as their category" in remarks
    assert "1 annotations without a segmentation are left out: annotation 3" in remarks


def test_a_category_0_is_no_background(tmp_path, cube):
    categories = [{"id": 0, "name": "liver"}, {"id": 1, "name": "colon"}]
    labels, names, remarks = drawn(
        tmp_path, cube, {"segmentation": SQUARE, "category_id": 0}, categories=categories
    )
    np.testing.assert_array_equal(labels, MASK)
    assert names == {1: "liver", 2: "colon"}
    assert "plus 1" in remarks


def test_folders_tell_images_of_one_name(tmp_path, cube):
    images = [{"id": 4, "file_name": "day2/a.png"}, {"id": 5, "file_name": "day1\\a.png"}]
    labels, _, remarks = drawn(tmp_path, cube, {"segmentation": SQUARE}, images=images)
    assert labels.any()
    assert "calls the image day1/a.png" in remarks
    images[1]["file_name"] = "day3/a.png"
    with pytest.raises(DataError, match=r"several images that may be .*day2/a\.png, day3/a\.png"):
        drawn(tmp_path, cube, images=images)
    with pytest.raises(
        DataError, match=r"has no image of the name a; its images are called b\.png"
    ):
        drawn(tmp_path, cube, images=[{"id": 5, "file_name": "b.png"}])


def test_a_changed_file_is_read_anew(tmp_path, cube):
    assert not drawn(tmp_path, cube)[0].any()
    assert drawn(tmp_path, cube, {"segmentation": SQUARE})[0].any()


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[1, 2, 3]], r"annotation 1 .*must be \[x1, y1"),
        ([["a"] * 6], "annotation 1 cannot be used"),
        (3, "annotation 1 cannot be used"),
        ([[0, 0, 5, 5, 0, 0]], "annotation 1 has no area"),
        ([[0, 0, 5, 1e999, 5, 0]], "is not JSON"),
        ({"size": [8, 6], "counts": [48]}, r"its size is \[8, 6\], but the cube has \[6, 8\]"),
        ({"size": [6, 8], "counts": [40, 9]}, "add up to 49, not to 6 × 8 pixels"),
        ({"size": [6, 8], "counts": [50, -2]}, "must be whole numbers from 0"),
        ({"size": [6, 8], "counts": "ü"}, "not compressed run lengths"),
        ({"size": [6, 8], "counts": "P" * 30}, "not compressed run lengths"),
        ({"size": [6, 8]}, "must be whole numbers from 0"),
        ({"counts": [48]}, "its size is None"),
    ],
)
def test_a_broken_segmentation_is_named(tmp_path, cube, segmentation, message):
    with pytest.raises(DataError, match=message):
        drawn(tmp_path, cube, {"segmentation": segmentation})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": 3}, "its images must be a list of objects"),
        ({"categories": None}, "its categories must be a list of objects"),
        ({"images": [{"id": 5}]}, "an image has no file_name or no id"),
        ({"images": [{"id": 5, "file_name": "a.png"}] * 2}, "two images of the name a.png"),
        ({"images": [{"id": 5, "file_name": "a.png", "height": 7}]}, r"has \(7, 8\) .*correct"),
        ({"categories": [{"id": -1, "name": "x"}]}, "a category has no name or no id from 0"),
        ({"categories": [{"id": 4, "name": "x"}]}, "is of category 3, which is not there"),
        ({"categories": [{"id": 3, "name": n} for n in "xy"]}, "two categories of the id 3"),
        ({"annotations": [{"id": 1, "image_id": 77}]}, "belongs to the image 77, which is not"),
        ({"annotations": [{"id": 1, "image_id": 5}]}, "annotation 1 has no category_id"),
    ],
)
def test_a_broken_file_is_explained(tmp_path, cube, change, message):
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(document({"segmentation": SQUARE}) | change))
    with pytest.raises(DataError, match=message):
        open_labels(path, like=cube)


def test_run_lengths_of_many_masks():
    """Against an encoder written for this test, after the description of the format."""
    rng = np.random.default_rng(0)
    for number in range(200):
        shape = tuple(rng.integers(1, 60, 2).tolist())
        mask = rng.random(shape) < rng.random()
        if number % 2:
            mask[: shape[0] // 2] = number % 4 == 1
        counts = in_columns(mask)
        np.testing.assert_array_equal(decode_runs(counts, list(shape), shape), mask)
        assert decode_counts(encoded(counts)) == counts


def encoded(counts):
    text = ""
    for place, count in enumerate(counts):
        rest = count - counts[place - 2] if place > 2 else count
        while True:
            group, rest = rest & 31, rest >> 5
            last = rest == (-1 if group & 16 else 0)
            text += chr(48 + group + (0 if last else 32))
            if last:
                break
    return text

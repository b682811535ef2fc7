"""Colours of classes: told apart, whatever their number, and always the same."""

import itertools

import numpy as np
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from hsizoo.io import class_colours, write_mask


@pytest.mark.parametrize("count", [0, 1, 2, 16, 40, 255, 256, 257, 3000, 65536])
def test_no_two_are_alike_and_a_longer_palette_begins_with_the_shorter(count):
    colours = class_colours(count)
    assert colours.shape == (count, 3)
    assert len(np.unique(colours, axis=0)) == count
    np.testing.assert_array_equal(class_colours(min(count, 7)), colours[:7])


# CIEDE2000, another measure than the one that chose them: about 2 is just seen side by side.
@pytest.mark.parametrize(("count", "least"), [(8, 20), (17, 9), (41, 9)])
def test_they_look_different(count, least):
    lab = rgb2lab(np.vstack([class_colours(count), [[255, 255, 255]]])[None] / 255)[0]
    apart = [float(deltaE_ciede2000(a, b)) for a, b in itertools.combinations(lab, 2)]
    assert min(apart) > least


def test_a_palette_that_was_given_out_is_no_ones_to_change():
    class_colours(4)[:] = 7
    assert class_colours(4)[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("classes", [16, 40])
def test_png_and_envi_have_them(tmp_path, classes):
    labels = np.arange(classes + 1).reshape(1, -1)
    expected = class_colours(classes + 1)
    with Image.open(write_mask(tmp_path / "map.png", labels)) as image:
        np.testing.assert_array_equal(np.asarray(image.convert("RGB"))[0], expected)
    header = write_mask(tmp_path / "map.hdr", labels).read_text()
    (line,) = (line for line in header.splitlines() if line.startswith("class lookup"))
    numbers = [int(part) for part in line.partition("{")[2].rstrip("}").split(",")]
    np.testing.assert_array_equal(np.array(numbers).reshape(-1, 3), expected)

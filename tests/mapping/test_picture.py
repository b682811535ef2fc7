"""A map with its legend as a picture."""

import numpy as np
import pytest

from hsizoo.io import class_colours
from hsizoo.mapping.picture import map_png

pytest.importorskip("matplotlib")


def share(pixels, label):
    """Share of a picture's pixels with the colour of a label."""
    return (np.abs(pixels * 255 - class_colours(label + 1)[label]).max(axis=2) < 1).mean()


def test_colours_take_the_room_of_their_classes(pixels_of):
    labels = np.repeat([1, 1, 2, 4], 10)[None].repeat(30, axis=0)
    pixels = pixels_of(map_png(labels, {1: "corn", 2: "rye", 3: "peas", 4: "oats"}, "field"))
    shares = [share(pixels, label) for label in (1, 2, 3, 4)]
    assert shares[0] / shares[1] == pytest.approx(2, rel=0.05)
    assert shares[1] / shares[3] == pytest.approx(1, rel=0.05)
    assert shares[2] == 0  # not in the map, so not in the legend


def test_long_names_and_large_images_fit(pixels_of):
    names = {n: f"class {n} of a very long name that goes on and on" * 3 for n in range(1, 30)}
    labels = np.arange(1, 30)[:, None].repeat(9000, axis=1)
    pixels_of(map_png(labels, names, "wide"))  # looks at the edges
    pixels_of(map_png(labels.T, names, "tall"))

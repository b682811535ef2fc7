"""Maps side by side, from records written by hand."""

import base64
import zlib

import numpy as np
import pytest

from hsizoo.io import class_colours
from hsizoo.protocols.few_label.map_sheet import map_sheet_files, map_sheet_png
from hsizoo.protocols.few_label.splits import Split

pytest.importorskip("matplotlib")
CLASSES = [(1, "corn"), (4, "wheat"), (9, "oak")]


def record(label, scene, found, seed=0, oa=0.5):
    found = np.array(found)
    height, width = found.shape
    split = Split((height, width), np.array([0]), np.arange(1, height * width // 2), (), ())
    result = {
        "labels": [number for number, _ in CLASSES],
        "classes": [name for _, name in CLASSES],
        "split": split.record(),
        "scores": {"oa": oa},
        "map": base64.b64encode(zlib.compress(found.astype("<u2").tobytes())).decode(),
    }
    identity = {"scene": scene, "seed": seed}
    return {"label": label, "status": "done", "identity": identity, "result": result}


def share(pixels, colour):
    """Share of the picture that has a colour of 0 to 255."""
    return (np.abs(255 * pixels - colour).max(axis=2) < 1.5).mean()


def test_one_sheet_per_scene_with_the_colours_of_the_maps(pixels_of):
    halves = np.repeat([[1], [2]], [20, 20], axis=0) + np.zeros((1, 40), dtype=int)
    records = [
        record("rf", "field", halves),
        record("svm", "field", np.full((40, 40), 3), oa=None),
        record("rf", "field", np.full((40, 40), 2), seed=1),
        record("rf", "wood", np.full((4, 90), 1)),
    ]
    sheets = dict(map_sheet_files(records))
    assert list(sheets) == ["maps/all-field.png", "maps/all-wood.png"]
    pixels = pixels_of(sheets["maps/all-field.png"])
    colours = class_colours(4).astype(float)
    pale = 255 + 0.35 * (colours - 255)
    # The upper half is known, the lower is not; the panel of svm has one class in both.
    assert share(pixels, colours[1]) > 0.15
    assert share(pixels, pale[2]) == pytest.approx(share(pixels, pale[3]), rel=0.1)
    assert share(pixels, pale[1]) < 0.01  # known only
    assert share(pixels, colours[2]) < 0.02  # but for the legend


def test_many_panels_and_classes_without_a_pixel(pixels_of):
    known = np.ones((6, 8), dtype=bool)
    panels = [(f"component {number}", np.full((6, 8), 2), known) for number in range(7)]
    one = map_sheet_png(panels, ["a", "b", "c"], "field")
    assert one == map_sheet_png(panels, ["a", "b", "c"], "field")
    colours = class_colours(4).astype(float)
    pixels = pixels_of(one)
    assert share(pixels, colours[2]) > 0.3
    assert share(pixels, colours[1]) == share(pixels, colours[3]) == 0


def test_nothing_to_draw():
    assert list(map_sheet_files([])) == []

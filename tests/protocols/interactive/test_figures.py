import io
import struct
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from hsizoo.errors import MissingRequirement
from hsizoo.protocols.interactive.figures import curve_png


def record(label, *curves):
    if not curves:
        return {"label": label, "status": "failed"}
    samples = [
        {"label": number, "dice": list(curve), "dice_max": list(curve)}
        for number, curve in enumerate(curves)
    ]
    return {
        "label": label,
        "status": "done",
        "subject": "pig",
        "identity": {"scene": "a", "seed": 0},
        "result": {"samples": samples},
    }


RECORDS = [
    record("sa", (0.1, 0.5, 0.6), (0.3, 0.4, 0.9)),
    record("pcc:aggregate=mean", (0.2, 0.2, 0.2)),
]


def decode(png):
    """Pixels (H, W, 3) from 0 to 1, after a look at the file's head."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    pixels = imread(io.BytesIO(png))[..., :3]
    assert pixels.shape == (height, width, 3)
    return pixels


def painted(png, color):
    """Number of pixels of exactly this colour."""
    return int((np.abs(decode(png) - to_rgb(color)).max(axis=2) < 0.003).sum())


def test_is_a_picture_of_useful_size():
    height, width, _ = decode(curve_png(RECORDS, "field")).shape
    assert 600 <= height <= 2000
    assert 900 <= width <= 3000


def test_the_same_records_give_the_same_bytes():
    png = curve_png(RECORDS, "field")
    assert curve_png(RECORDS, "field") == png
    assert curve_png(RECORDS, "another") != png
    assert curve_png([RECORDS[0], record("pcc:aggregate=mean", (0.2, 0.2, 0.3))], "field") != png


def test_each_component_has_its_line():
    both = curve_png(RECORDS, "field")
    # More than the marker in a legend.
    assert painted(both, "C0") > 500
    assert painted(both, "C1") > 500
    assert painted(curve_png(RECORDS[:1], "field"), "C1") == 0


def test_a_component_that_failed_leaves_the_others():
    png = curve_png([record("ace"), *RECORDS], "field")
    assert painted(png, "C1") > 500
    assert painted(png, "C2") > 500


@pytest.mark.parametrize("records", [[], [record("ace")]])
def test_without_any_result_the_picture_is_empty(records):
    assert decode(curve_png(records, "field")).size


def test_one_click_is_a_point():
    assert painted(curve_png([record("sa", (0.5,))], "field"), "C0") > 50


def test_draws_nothing_on_other_figures():
    """No pyplot: a notebook's figures and settings stay as they are."""
    before = set(sys.modules)
    curve_png(RECORDS, "field")
    assert "matplotlib.pyplot" not in set(sys.modules) - before


def test_needs_matplotlib(monkeypatch):
    for module in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingRequirement, match=r"pip install 'hsizoo\[report\]'"):
        curve_png(RECORDS, "field")


def test_each_setting_has_its_panels_and_what_it_does_not_touch_is_in_all():
    strong = [{**record("sa", (0.3, 0.2)), "conditions": {"noise": each}} for each in "01"]
    one, two = (decode(curve_png(records, "field")) for records in (strong[:1], strong))
    assert two.shape[0] > 1.3 * one.shape[0]
    fixed = record("pcc", (0.8, 0.9))
    both = curve_png([*strong, fixed], "field")
    alone = curve_png([strong[0], fixed], "field")
    assert painted(both, "C1") > 1.5 * painted(alone, "C1")

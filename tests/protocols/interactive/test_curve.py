"""The picture of Dice over clicks, and the curves in it."""

import io
import struct
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from hsizoo.errors import MissingRequirement
from hsizoo.protocols.interactive.curve import curve_png, mean_curve


def record(label, *curves):
    if not curves:
        return {"label": label, "status": "failed"}
    samples = [
        {"label": number, "class": f"class {number}", "dice": list(curve), "dice_max": list(curve)}
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


class TestMeanCurve:
    def test_by_hand(self, stored):
        records = [
            stored.done(stored.sample(1, (0.2, 0.6)), stored.sample(2, (0.4, 0.6))),
            stored.lost(),
            stored.done(stored.sample(1, (0.9, 0.6)), scene="b"),
        ]
        mean, low, high, band = mean_curve(records)
        assert mean == pytest.approx([0.5, 0.6])
        # Variance (0.09 + 0.01 + 0.16) / 2 = 0.13, over three samples.
        error = (0.13 / 3) ** 0.5
        assert low == pytest.approx([0.5 - error, 0.6])
        assert high == pytest.approx([0.5 + error, 0.6])
        assert band == "one standard error over samples"

    def test_of_three_subjects_the_band_is_their_bootstrap(self, stored):
        records = [
            stored.done(stored.sample(1, (value, 0.6)), subject=name, scene=name)
            for name, value in (("a", 0.2), ("b", 0.5), ("c", 0.8))
        ]
        mean, low, high, band = mean_curve(records)
        assert band == "95 % bootstrap over subjects"
        # Of 27 draws one is all a: more than 2.5 %, so the lowest value is the low end.
        assert (low[0], mean[0], high[0]) == pytest.approx((0.2, 0.5, 0.8))
        assert (low[1], high[1]) == pytest.approx((0.6, 0.6))

    def test_of_another_metric(self, stored):
        mean, low, high, _ = mean_curve([stored.done(stored.sample(dice=(0.2, 0.6)))], "dice_max")
        assert mean == pytest.approx([0.3, 0.7])
        assert low == high == mean  # of a single sample nothing is known about the spread

    def test_of_nothing(self, stored):
        assert mean_curve([stored.lost()]) == ([], [], [], "")


def test_seeds_are_averaged_first(stored):
    done, sample = stored.done, stored.sample
    runs = [done(sample(1, (0.2, 0.4)), sample(2, (0.6, 0.8)), seed=seed) for seed in range(4)]
    assert mean_curve(runs)[0] == mean_curve(runs[:1])[0]
    mean, *_ = mean_curve([done(sample(1, (0.2, 0.4))), done(sample(1, (0.4, 0.4)), seed=1)])
    assert mean == pytest.approx([0.3, 0.4])

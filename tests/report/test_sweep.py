"""The picture of a sweep."""

import numpy as np
import pytest

from hsizoo.errors import MissingRequirement
from hsizoo.report.sweep import sweep_png, swept


def row(component, oa, *, pseudo=None, seconds=1.0, **conditions):
    return {
        "component": component, "conditions": conditions, "oa": oa, "oa_sd": 0.02,
        "pseudo_right": pseudo, "fit_seconds": seconds,
    }  # fmt: skip


ROWS = [
    row("ipg+cnn2d", 0.7, pseudo=0.9, seconds=3, iterations="10", shots="5"),
    row("ipg+cnn2d", 0.8, pseudo=0.92, seconds=9, iterations="50", shots="5"),
    row("ipg+cnn2d", None, seconds=None, iterations="100", shots="5"),
    row("cnn2d", 0.6, iterations="", shots="5"),
]


def test_a_condition_of_one_value_is_not_swept_over():
    assert swept(ROWS) == ["iterations"]
    assert swept([]) == []
    assert swept([row("svm", 0.5)]) == []


@pytest.mark.parametrize("words", [("10", "50", "100"), ("pca", "off", "a name that is very long")])
def test_nothing_is_cut_whatever_is_swept(pixels_of, words):
    rows = [
        {**each, "conditions": {**each["conditions"], "iterations": words[number]}}
        for number, each in enumerate(ROWS[:3])
    ]
    rows += ROWS[3:]
    picture = sweep_png(rows, "iterations", "IPG")
    assert pixels_of(picture).shape[1] == 1500
    assert picture == sweep_png(rows, "iterations", "IPG")


def test_pseudo_labels_and_time_are_drawn(pixels_of):
    without = [{**each, "pseudo_right": None} for each in ROWS]
    slower = [{**each, "fit_seconds": each["fit_seconds"] and 2 * each["fit_seconds"] ** 2}
              for each in ROWS]  # fmt: skip
    whole = pixels_of(sweep_png(ROWS, "iterations", "IPG"))
    fewer = pixels_of(sweep_png(without, "iterations", "IPG"))
    assert (whole[:500] != fewer[:500]).any()
    half = whole.shape[1] // 2
    other = pixels_of(sweep_png(slower, "iterations", "IPG"))
    assert (whole[:, half:] != other[:, half:]).any()


def test_numbers_that_would_touch_are_drawn_apart(pixels_of):
    def gaps(*shots):
        """Distances between the vertical lines of the grid, in pixels."""
        rows = [row("svm", 0.5, shots=str(each)) for each in shots]
        pixels = pixels_of(sweep_png(rows, "shots", "SVM"))
        line = pixels[140, 100 : pixels.shape[1] // 2 - 20].min(axis=1) < 0.97
        return np.diff(np.flatnonzero(line[1:] & ~line[:-1])).tolist()

    assert gaps(10, 20, 30) == pytest.approx([300, 300], abs=15)
    apart = gaps(1, 4, 16, 64, 256)
    assert apart == pytest.approx([apart[0]] * 4, abs=3)


@pytest.mark.usefixtures("without_matplotlib")
def test_needs_matplotlib():
    with pytest.raises(MissingRequirement, match="report"):
        sweep_png(ROWS, "iterations", "x")

"""The picture of a sweep."""

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


@pytest.mark.usefixtures("without_matplotlib")
def test_needs_matplotlib():
    with pytest.raises(MissingRequirement, match="report"):
        sweep_png(ROWS, "iterations", "x")

"""The picture of a sweep."""

from dataclasses import replace

import numpy as np
import pytest

from hsizoo.errors import MissingRequirement
from hsizoo.protocols.few_label.protocol import FewLabelProtocol
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.report.rows import Row
from hsizoo.report.sweep import sweep_png as sweep_png_of
from hsizoo.report.sweep import swept


def row(component, oa, *, pseudo=None, seconds=1.0, spread=0.02, **conditions):
    return Row(
        component=component,
        conditions=conditions,
        values={"oa": oa, "pseudo_right": pseudo, "fit_seconds": seconds},
        deviations={} if oa is None else {"oa": spread},
    )


def sweep_png(rows, key, title):
    return sweep_png_of(FewLabelProtocol, rows, key, title)


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
        replace(each, conditions={**each.conditions, "iterations": words[number]})
        for number, each in enumerate(ROWS[:3])
    ]
    rows += ROWS[3:]
    picture = sweep_png(rows, "iterations", "IPG")
    assert pixels_of(picture).shape[1] == 1500
    assert picture == sweep_png(rows, "iterations", "IPG")


def test_pseudo_labels_and_time_are_drawn(pixels_of):
    without = [replace(each, values={**each.values, "pseudo_right": None}) for each in ROWS]
    slower = [
        replace(each, values={**each.values, "fit_seconds": (each["fit_seconds"] or 0) ** 2})
        for each in ROWS
    ]
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


def test_the_spread_over_seeds_is_drawn(pixels_of):
    rows = [replace(each, deviations={"oa": 0.1}) for each in ROWS]
    assert (
        pixels_of(sweep_png(rows, "iterations", "IPG"))
        != pixels_of(sweep_png(ROWS, "iterations", "IPG"))
    ).any()


def test_without_panels_of_its_own_a_protocol_has_its_headline(pixels_of):
    def picture(**after):
        rows = [
            Row(
                component="x",
                conditions={"noise": value},
                values={"dice@0.5 1c": dice, "dice@0.5 5c": after.get("five")},
            )
            for value, dice in (("0", 0.5), ("0.1", 0.4), ("0.5", 0.1))
        ]
        return pixels_of(sweep_png_of(InteractiveProtocol, rows, "noise", "x"))

    one, five = picture(), picture(five=0.3)
    assert one.shape[1] == 7 * 150
    assert (one != five).any()


def test_what_failed_everywhere_is_not_drawn_and_not_in_the_legend(pixels_of):
    failed = [row("svm", None, seconds=None, iterations=each, shots="5") for each in ("10", "50")]
    failed.append(row("rf", None, seconds=None, iterations="", shots="5"))
    assert (
        pixels_of(sweep_png([*ROWS, *failed], "iterations", "IPG"))
        == pixels_of(sweep_png(ROWS, "iterations", "IPG"))
    ).all()


@pytest.mark.usefixtures("without_matplotlib")
def test_needs_matplotlib():
    with pytest.raises(MissingRequirement, match="report"):
        sweep_png(ROWS, "iterations", "x")

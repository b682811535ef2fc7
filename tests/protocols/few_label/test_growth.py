"""The growth of pseudo labels, from records written by hand."""

import numpy as np
import pytest

from hsizoo.protocols.few_label.growth import growth, growth_files, growth_png


def step(new, checked, right, **more):
    return {"pixels": list(range(new)), "new_checked": checked, "new_right": right, **more}


def record(label, history, status="done"):
    about = {"label": label, "status": status, "identity": {"seed": 0}}
    if status == "done":
        about["result"] = {"pseudo_labels": {"history": history}} if history is not None else {}
    return about


ONE = [step(2, 0, 0, coverage=0.5), step(3, 2, 1, coverage=0.7)]
TWO = [step(4, 0, 0, coverage=0.7), step(1, 2, 2, coverage=0.9), step(9, 9, 9, coverage=1.0)]


def test_growth_is_the_mean_over_runs_up_to_the_shortest():
    found = growth([record("ipg+rf", ONE), record("ipg+rf", TWO), record("ipg+rf", None, "failed")])
    curves = found["ipg+rf"]
    assert curves["labels"].tolist() == [3, 5]
    assert np.isnan(curves["right"][0])
    assert curves["right"][1] == 0.75
    assert curves["coverage"] == pytest.approx([0.6, 0.8])


def test_only_rows_that_tell_their_rounds():
    records = [record("rf", None), record("lp+rf", [{"labels": 7}]), record("ipg+rf", ONE)]
    assert list(growth(records)) == ["ipg+rf"]
    assert growth([record("x", [step(1, 1, 1)])])["x"]["labels"].tolist() == [1]


def test_one_round_is_seen_under_many(pixels_of):
    pytest.importorskip("matplotlib")
    one, many = record("ipg+rf | iterations=1", TWO[:1]), record("ipg+rf | iterations=3", TWO)
    blue = np.array([0x1F, 0x77, 0xB4]) / 255
    pixels = pixels_of(growth_png([one, many], "field"))
    above_the_legend = pixels[: round(0.8 * len(pixels))]
    assert (np.abs(above_the_legend - blue).max(axis=2) < 0.01).sum() > 3 * 60  # three marks


def test_the_picture():
    pytest.importorskip("matplotlib")
    records = [record("ipg+rf", ONE), record("ipg:stride=2+rf", TWO)]
    picture = growth_png(records, "field")
    assert picture.startswith(b"\x89PNG")
    assert picture == growth_png(records, "field")
    assert picture != growth_png(records[:1], "field")


def test_there_is_a_picture_only_where_labels_grow():
    pytest.importorskip("matplotlib")
    assert list(growth_files([record("rf", None), record("ipg+rf", None, "failed")], "field")) == []
    ((name, picture),) = growth_files([record("ipg+rf", ONE)], "field")
    assert (name, picture) == ("growth.png", growth_png([record("ipg+rf", ONE)], "field"))

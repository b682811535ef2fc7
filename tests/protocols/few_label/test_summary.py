"""What an experiment's page says of a run of classifiers."""

from hsizoo.protocols.few_label.scores import SCORES
from hsizoo.protocols.few_label.tables import COLUMNS, differences_csv
from hsizoo.report.summary import RunReport, summary_md


def row(component, oa, seeds=5, failed=0, pseudo=None, **conditions):
    figures = dict.fromkeys(COLUMNS) | {f"{score}_sd": None for score in SCORES}
    if oa is not None:
        figures |= {**dict.fromkeys(SCORES, oa), "macro_precision": oa - 0.1, "leak": 0.5}
        figures |= {"oa_sd": 0.01, "fit_seconds": 12.3, "predict_seconds": 0.5}
    about = {"seeds": seeds, "scenes": 1, "failed_cells": failed}
    return {
        "component": component, "conditions": conditions, **figures, "pseudo_right": pseudo, **about
    }  # fmt: skip


def difference(a, b, value, low=None, wins=0.8, losses=0.2, respect="component"):
    return [
        {
            "metric": metric, "a": a, "b": b, "differ_in": respect, "difference": value,
            "low": low, "high": None if low is None else value + 0.01, "wins": wins,
            "losses": losses, "unit": "seed", "units": 5,
        }
        for metric in ("oa", "aa")
    ]  # fmt: skip


RUN = {
    "description": "Why.", "datasets": ["indian-pines"], "shots": 5, "draw": "random", "seeds": 3,
    "sweep": {"iterations": [10, 50]},
}  # fmt: skip
ROWS = [
    row("ipg+cnn2d", 0.7, pseudo=0.93, iterations="10"),
    row("ipg+cnn2d", 0.8, pseudo=0.95, iterations="50"),
    row("cnn2d", 0.6, iterations=""),
    row("svm", None, seeds=0, failed=3, iterations=""),
]
LINES = [
    *difference("ipg+cnn2d | iterations=10", "ipg+cnn2d | iterations=50", -0.1, -0.12,
                wins=0.0, losses=1.0, respect="iterations"),
    *difference("ipg+cnn2d | iterations=10", "cnn2d", 0.1),
    *difference("ipg+cnn2d | iterations=50", "cnn2d", 0.2),
]  # fmt: skip


def page(run=RUN, rows=ROWS, lines=LINES, cells=()):
    notes = ["not tested: oats"]
    results = {"run": run, "table": rows, "notes": notes, "cells": list(cells)}
    results["pictures"] = ["iterations.png", "growth.png"]
    return summary_md("T", "D", "hsizoo", [RunReport("it", results, differences_csv(lines))])


def test_recall_and_precision_stand_side_by_side():
    text = page()
    assert "| AA (recall) | precision |" in text
    assert ("| ipg+cnn2d | 50 | 80.00 ± 1.00 | 80.00 | 70.00 | 80.00 | 95.0 | 50.0 | 12 | 0.5 | 5 "
            "| 0 |") in text  # fmt: skip
    assert "| svm | — | — | — | — | — | — | — | — | — | 0 | 3 |" in text
    assert "several published codes call AA" in text
    assert "\n- not tested: oats\n" in text
    assert "Dice" not in text


def test_settings_are_told_once():
    assert (
        "dataset `indian-pines`; 5 label(s) per class; draw random; seed(s) 0, 1, 2; iterations "
        "over 10, 50."
    ) in page()
    run = {**RUN, "seeds": [4], "sweep": {"draw": ["random", "fixed"], "dataset": ["a", "b"]}}
    assert "\n5 label(s) per class; seed(s) 4; draw over random, fixed; dataset over a, b." in page(
        run
    )


def test_differences_are_to_the_best_whichever_way_the_file_has_them():
    text = page()
    # What the sweep does not touch is compared at each of its values.
    assert "| iterations=10 | ipg+cnn2d | cnn2d | +10.00 | +10.00 | 80 % | 5 seed(s) |" in text
    assert "| iterations=50 | ipg+cnn2d | cnn2d | +20.00 | +20.00 | 80 % | 5 seed(s) |" in text
    assert "| ipg+cnn2d | 50 | 10 | +10.00 [+9.00, +12.00] |" in text
    assert "| 100 % | 5 seed(s) |" in text
    assert "![iterations](it/iterations.png)\n\n![growth](it/growth.png)" in text


def test_what_failed_is_said():
    cell = {
        "status": "failed", "label": "svm", "identity": {"scene": "field"},
        "error": {"type": "DataError", "message": "no labels\nmore"},
    }  # fmt: skip
    text = page(cells=[cell])
    assert "- svm on field: DataError: no labels" in text
    assert "T\n" in page(rows=[], lines=[])

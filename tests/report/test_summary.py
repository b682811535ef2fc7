"""The page of an experiment, from what its runs left behind."""

import json
from dataclasses import asdict

from hsizoo.protocols.few_label.protocol import FewLabelProtocol
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.report.figures import Layout
from hsizoo.report.rows import Row
from hsizoo.report.summary import RunReport, summary_md

RUN = {
    "description": "",
    "datasets": ["phantom"],
    "options": {"robot": "paper", "clicks": 5},
    "seeds": [0],
    "training": None,
    "sweep": {},
}
MADE = {
    "versions": {"hsizoo": "1", "torch": "2", "numpy": "3", "python": "4"},
    "git": "abc",
    "processor": "P",
    "cores": 2,
    "threads": 1,
    "device": "cpu",
}


def row(name, value, ends=None, failed=0, **conditions):
    return Row(
        component=name,
        conditions=conditions,
        values={
            **dict.fromkeys(column.name for column in InteractiveProtocol.columns),
            "dice@0.5 1c": value,
            "dice@0.5 5c": value,
        },
        intervals={"dice@0.5 5c": ends} if ends else {},
        samples=9,
        failed_cells=failed,
        unit="subject",
        units=3 if ends else 1,
    )


def results(*rows, protocol=InteractiveProtocol, run=None, **about):
    made = {
        "protocol": protocol.name,
        "layout": Layout.of(protocol).to_json(),
        "table": [asdict(each) for each in rows],
        "differences": [],
        "ranks": [],
        "notes": [],
        "pictures": [],
        "run": {**RUN, **(run or {})},
        "cells": [{"label": "x", "status": "done", "provenance": MADE}],
        **about,
    }
    return json.loads(json.dumps(made))  # as it is read from its file


def page(*reports, description=""):
    return summary_md("Title", description, "hsizoo bench --config x.toml", reports)


def lines_of(text, start):
    return [line for line in text.splitlines() if line.startswith(start)]


def difference(a, b, differ_in, figure, low=None, high=None, metric="dice@0.5 5c", **about):
    figures = {"difference": figure}
    if low is not None:
        figures |= {"low": low, "high": high, "above_0": 0.5}
    return {
        "metric": metric, "a": a, "b": b, "differ_in": differ_in, **figures,
        **{f"by_class_{key}": value for key, value in figures.items()},
        "wins": 0.25, "losses": 0.75, "unit": "subject", "units": 3, "samples": 9, **about,
    }  # fmt: skip


def test_a_table_with_intervals_and_ranks():
    ranks = [
        {"component": name, "conditions": {}, "metric": metric, "shares": [share, 1 - share]}
        for metric, part in (("auc", 0.5), ("dice@0.5 5c", 1))
        for name, share in (("x", 0.126 * part), ("y", 0.874 * part))
    ]
    made = results(
        row("x", 0.5, [0.41, 0.59]), row("y", 0.61239, [0.5, 0.7]), ranks=ranks,
        pictures=["curve.png"],
    )  # fmt: skip
    text = page(RunReport("one", made))
    assert "| x | 0.5000 | 0.500 [0.410, 0.590] | 13 % | 9 |" in text
    assert "| y | 0.6124 | 0.612 [0.500, 0.700] | 87 % | 9 |" in text
    assert "| component | dice@0.5 1c | dice@0.5 5c | first (dice@0.5 5c) | samples |" in text
    assert "\n*dice@0.5 1c*: mean Dice at threshold 0.5 after 1 click; *dice@0.5 5c*: " in text
    assert "*auc*" not in text  # no row has a value
    assert "- commit: abc" in text
    assert (
        "\nprotocol interactive; dataset `phantom`; robot paper; clicks 5; seed(s) 0; "
        "units: 3 subject(s).\n"
    ) in text
    assert text.endswith("![curve](one/curve.png)\n")


def test_the_best_minus_the_others_whichever_way_they_were_compared():
    made = results(row("x", 0.5, [0, 1]), row("y", 0.7, [0, 1]), row("z", 0.6, [0, 1]))
    made["differences"] = [
        difference("x", "y", "component", -0.2, -0.3, 0.05),
        difference("y", "z", "component", 0.1, 0.05, 0.2),
    ]
    text = page(RunReport("one", made))
    assert lines_of(text, "| y | ") == [
        lines_of(text, "| y | ")[0],
        "| y | z | +0.100 [+0.050, +0.200] | +0.100 [+0.050, +0.200] | 25 % | 3 subject(s) |",
        "| y | x | +0.200 [-0.050, +0.300] | +0.200 [-0.050, +0.300] | 75 % | 3 subject(s) |",
    ]


def test_perturbations_are_measured_against_the_first_and_other_values_against_the_best():
    made = results(
        row("x", 0.5, scorer="a", perturbation="none"),
        row("x", 0.6, scorer="a", perturbation="noise"),
        row("x", 0.7, scorer="b", perturbation="none"),
    )
    clean = "x | scorer=a, perturbation=none"
    made["differences"] = [
        difference(clean, "x | scorer=a, perturbation=noise", "perturbation", -0.1),
        difference(clean, "x | scorer=b, perturbation=none", "scorer", -0.2),
    ]
    text = page(RunReport("one", made))
    assert "| x \\| scorer=a | none | noise | -0.100 | -0.100 | 25 % |" in text
    assert "| x \\| perturbation=none | b | a | +0.200 | +0.200 | 75 % |" in text
    assert "| of | first perturbation | minus |" in text
    assert "| of | best scorer | minus |" in text


def test_what_is_missing_old_or_failed_is_said():
    failed = {
        "label": "x", "status": "failed", "identity": {"scene": "s1"},
        "error": {"type": "ValueError", "message": "no\nmore"},
    }  # fmt: skip
    made = results(row("x", None, failed=2))
    made["cells"] = [failed, failed]
    text = page(RunReport("one", made, changed=True), RunReport("two", None), description="Why.")
    assert "Why." in text
    assert "## two\n\nNot run yet." in text
    assert "This run has changed in the experiment file" in text
    assert lines_of(text, "- x on") == ["- x on s1: ValueError: no"]
    assert "| x | 9 | 2 |" in text


def test_trainings_with_what_differs_between_them():
    kept = {"kept_epoch": 3, "metrics": {"score": 1.0, "dice@0.5 1c": 0.25}, "hours": 0.1}
    one = {
        "component": "net", "dataset": "d", "seed": 0, "settings": {"epochs": 3, "lr": 0.1},
        "digest": "0123456789abcdef", "subjects": {"train": ["a", "b"]}, "provenance": MADE, **kept,
    }  # fmt: skip
    two = {**one, "seed": 1, "settings": {"epochs": 3, "lr": 0.2}}
    three = {key: one[key] for key in ("component", "dataset", "settings")} | {
        "seed": 2, "error": "no",
    }  # fmt: skip
    text = page(RunReport("one", results(row("net", 0.5), trainings=[one, two, three])))
    assert lines_of(text, "| net | 0.") == [
        "| net | 0.5000 | 0.5000 | 9 |",
        "| net | 0.1 | 0 | 2 | 3 | 0.250 | 6.0 | `0123456789ab` |",
        "| net | 0.2 | 1 | 2 | 3 | 0.250 | 6.0 | `0123456789ab` |",
        "| net | 0.1 | 2 | failed | — | — | — | — |",
    ]


def classifier(name, oa, *, pseudo=None, seeds=5, failed=0, **conditions):
    values = dict.fromkeys(column.name for column in FewLabelProtocol.columns)
    if oa is not None:
        values |= {"oa": oa, "aa": oa, "kappa": oa, "macro_precision": oa - 0.1}
        values |= {"overlap": 0.5, "within": 0.25}
        values |= {"fit_seconds": 12.3, "predict_seconds": 0.5, "pseudo_right": pseudo}
    return Row(
        component=name,
        conditions=conditions,
        values=values,
        deviations={} if oa is None else {"oa": 0.01},
        samples=seeds and 1,
        seeds=seeds,
        failed_cells=failed,
    )


class TestFewLabels:
    ROWS = (
        classifier("ipg+cnn2d", 0.7, pseudo=0.93, iterations="10"),
        classifier("ipg+cnn2d", 0.8, pseudo=0.95, iterations="50"),
        classifier("cnn2d", 0.6, iterations=""),
        classifier("svm", None, seeds=0, failed=3, iterations=""),
    )
    PAIRS = (
        ("ipg+cnn2d | iterations=10", "ipg+cnn2d | iterations=50", -0.1, -0.12, -0.09),
        ("ipg+cnn2d | iterations=10", "cnn2d", 0.1, None, None),
        ("ipg+cnn2d | iterations=50", "cnn2d", 0.2, None, None),
    )
    RUN = {  # noqa: RUF012
        "datasets": ["indian-pines"], "options": {"shots": 5, "draw": "random"}, "seeds": [0, 1, 2],
        "sweep": {"iterations": [10, 50]},
    }  # fmt: skip

    def page(self, rows=ROWS, pairs=PAIRS, run=RUN, **about):
        lines = [
            difference(a, b, "component", one, low, high, metric=metric, unit="seed", units=5)
            for metric in ("oa", "aa")
            for a, b, one, low, high in pairs
        ]
        lines = [{k: v for k, v in line.items() if "by_class" not in k} for line in lines]
        made = results(
            *rows, protocol=FewLabelProtocol, run=run, differences=lines,
            pictures=["iterations.png", "growth.png"], **about,
        )  # fmt: skip
        return page(RunReport("it", made))

    def test_recall_and_precision_stand_side_by_side(self):
        text = self.page(notes=["not tested: oats"])
        assert (
            "| component | iterations | OA % | AA (recall) % | precision % | kappa ×100 | pseudo % "
            "| overlap % | within % | s/fit | s/image | seeds | failed |"
        ) in text
        assert (
            "| ipg+cnn2d | 50 | 80.00 ± 1.00 | 80.00 | 70.00 | 80.00 | 95.0 | 50.0 | 25.0 | 12 "
            "| 0.5 | 5 | 0 |"
        ) in text
        assert "| svm | — | — | — | — | — | — | — | — | — | — | 0 | 3 |" in text
        assert "\n- not tested: oats\n" in text
        assert "Dice" not in text
        assert "sd over seeds |" not in text

    def test_settings_are_told_once(self):
        assert (
            "protocol few-label; dataset `indian-pines`; shots 5; draw random; seed(s) 0, 1, 2; "
            "iterations over 10, 50."
        ) in self.page()
        run = {**self.RUN, "seeds": [4], "sweep": {"draw": ["random", "fixed"], "dataset": ["a"]}}
        assert (
            "\nprotocol few-label; shots 5; seed(s) 4; draw over random, fixed; dataset over a."
        ) in self.page(run=run)

    def test_differences_are_to_the_best_whichever_way_they_are_stored(self):
        text = self.page()
        # What the sweep does not touch is compared at each of its values.
        assert "| iterations=10 | ipg+cnn2d | cnn2d | +10.00 | +10.00 | 25 % | 5 seed(s) |" in text
        assert "| iterations=50 | ipg+cnn2d | cnn2d | +20.00 | +20.00 | 25 % | 5 seed(s) |" in text
        assert "| ipg+cnn2d | 50 | 10 | +10.00 [+9.00, +12.00] |" in text
        assert "| of | best component | minus | OA % | AA (recall) % | better in | units |" in text
        assert "![iterations](it/iterations.png)\n\n![growth](it/growth.png)" in text

    def test_nothing(self):
        assert self.page(rows=(), pairs=()).startswith("# Title\n")

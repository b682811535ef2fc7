"""The page of an experiment, from what its runs left behind."""

from hsizoo.report.columns import COLUMNS
from hsizoo.report.summary import RunReport, summary_md

RUN = {
    "description": "",
    "datasets": ["phantom"],
    "robot": "paper",
    "clicks": 5,
    "seeds": 1,
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


def row(name, value, ends=None, **about):
    figures = {**dict.fromkeys(COLUMNS), "dice@0.5 1c": value, "dice@0.5 5c": value}
    intervals = {"dice@0.5 5c": ends} if ends else {}
    return {
        "component": name, **about, **figures, "samples": 9, "failed_cells": 0, "unit": "subject",
        "units": 3 if ends else 1, "intervals": intervals, "training_seeds": 0, "seed_sd": {},
    }  # fmt: skip


def results(*rows, ranks=(), **about):
    cells = [{"label": "x", "status": "done", "provenance": MADE}]
    return {"run": RUN, "table": list(rows), "ranks": list(ranks), "cells": cells, **about}


def page(*reports, description=""):
    return summary_md("Title", description, "hsizoo bench --config x.toml", reports)


def lines_of(text, start):
    return [line for line in text.splitlines() if line.startswith(start)]


HEAD = (
    "metric,a,b,differ_in,difference,low,high,above_0,by_class_difference,by_class_low,"
    "by_class_high,by_class_above_0,unit,units,samples\n"
)


def difference(a, b, differ_in, figure, low="", high=""):
    figures = f"{figure},{low},{high},"
    return f"dice@0.5 5c,{a},{b},{differ_in},{figures},{figures},subject,3,9\n"


def test_a_table_with_intervals_and_ranks():
    ranks = [
        {"component": name, "metric": "dice@0.5 5c", "shares": [share, 1 - share]}
        for name, share in (("x", 0.126), ("y", 0.874))
    ]
    made = results(row("x", 0.5, [0.41, 0.59]), row("y", 0.61239, [0.5, 0.7]), ranks=ranks)
    text = page(RunReport("one", made))
    assert "| x | 0.500 | 0.500 [0.410, 0.590] | 13 % | 9 |" in text
    assert "| y | 0.612 | 0.612 [0.500, 0.700] | 87 % | 9 |" in text
    assert "| component | dice@0.5 1c | dice@0.5 5c | first (dice@0.5 5c) | samples |" in text
    assert "- commit: abc" in text
    assert "units: 3 subject(s)." in text
    assert text.endswith("![Dice over clicks](one/curve.png)\n")


def test_the_best_minus_the_others_whichever_way_they_were_compared():
    made = results(row("x", 0.5, [0, 1]), row("y", 0.7, [0, 1]), row("z", 0.6, [0, 1]))
    differences = HEAD + difference("x", "y", "component", -0.2, -0.3, 0.05)
    differences += difference("y", "z", "component", 0.1, 0.05, 0.2)
    text = page(RunReport("one", made, differences))
    assert lines_of(text, "| y | ") == [
        lines_of(text, "| y | ")[0],
        "| y | z | +0.100 [+0.050, +0.200] | +0.100 [+0.050, +0.200] |",
        "| y | x | +0.200 [-0.050, +0.300] | +0.200 [-0.050, +0.300] |",
    ]


def test_perturbations_are_measured_against_the_first_and_other_values_against_the_best():
    made = results(
        row("x", 0.5, scorer="a", perturbation="none"),
        row("x", 0.6, scorer="a", perturbation="noise"),
        row("x", 0.7, scorer="b", perturbation="none"),
    )
    differences = HEAD + difference(
        '"x | scorer=a, perturbation=none"', '"x | scorer=a, perturbation=noise"',
        "perturbation", -0.1,
    )  # fmt: skip
    differences += difference(
        '"x | scorer=a, perturbation=none"', '"x | scorer=b, perturbation=none"', "scorer", -0.2
    )
    text = page(RunReport("one", made, differences))
    assert "| x \\| scorer=a | none | noise | -0.100 | -0.100 |" in text
    assert "| x \\| perturbation=none | b | a | +0.200 | +0.200 |" in text
    assert "| of | first perturbation | minus |" in text
    assert "| of | best scorer | minus |" in text


def test_what_is_missing_old_or_failed_is_said():
    failed = {
        "label": "x", "status": "failed", "identity": {"scene": "s1"},
        "error": {"type": "ValueError", "message": "no\nmore"},
    }  # fmt: skip
    made = results({**row("x", None), "failed_cells": 2})
    made["cells"] = [failed, failed]
    text = page(RunReport("one", made, changed=True), RunReport("two", None), description="Why.")
    assert "Why." in text
    assert "## two\n\nNot run yet." in text
    assert "describes this run otherwise now" in text
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
        "| net | 0.500 | 0.500 | 9 |",
        "| net | 0.1 | 0 | 2 | 3 | 0.250 | 6.0 | `0123456789ab` |",
        "| net | 0.2 | 1 | 2 | 3 | 0.250 | 6.0 | `0123456789ab` |",
        "| net | 0.1 | 2 | failed | — | — | — | — |",
    ]

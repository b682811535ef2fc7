"""An option may be called like anything that a table says; it is never mixed up with it."""

import csv
import io
import json
from dataclasses import asdict

import pytest
from rich.console import Console

from hsizoo.protocols.few_label.protocol import FewLabelProtocol
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.protocols.mask_metrics import THRESHOLD_GRID
from hsizoo.report.comparison import classes_csv, compare, differences_csv, table_csv
from hsizoo.report.console_table import fitting_table
from hsizoo.report.figures import Layout
from hsizoo.report.rows import Row
from hsizoo.report.summary import RunReport, summary_md
from hsizoo.report.sweep import sweep_png, swept

NAMES = [
    "units", "unit", "samples", "component", "intervals", "failed_cells", "class", "metric",
    "seeds", "scenes", "mean", "low", "values", "conditions", "shares", "name", "label", "auc",
    "oa", "oa sd", "auc low",
]  # fmt: skip


def clicked(label, subject, dice, value, name):
    sample = {
        "label": 1, "class": "liver", "dice": [dice], "dice_max": [dice], "iou": [dice],
        "dice_grid": {"1": [dice] * len(THRESHOLD_GRID)},
    }  # fmt: skip
    return {
        "status": "done",
        "label": label,
        "subject": subject,
        "identity": {"dataset": "d", "scene": subject, "seed": 0},
        "conditions": {name: value},
        "result": {
            "samples": [sample],
            "seconds": {"open": 1.0, "predict": [0.5]},
            "objects": [1],
        },
    }


@pytest.fixture(params=["interactive", "few-label"])
def run(request, classified):
    """Makes the protocol, and records of a run over 1, 2 and, of a component, nothing."""
    cells = [("x", "1", 0.25), ("x", "2", 0.5), ("y", "", 0.75)]

    def make(name):
        if request.param == "interactive":
            return InteractiveProtocol, [
                clicked(label, subject, dice + 0.01 * place, value, name)
                for label, value, dice in cells
                for place, subject in enumerate("abc")
            ]
        return FewLabelProtocol, [
            classified(label, seed, oa + 0.01 * seed, conditions={name: value})
            for label, value, oa in cells
            for seed in range(3)
        ]

    return make


@pytest.mark.parametrize("name", NAMES)
def test_rows_and_differences(run, name):
    comparison = compare(*run(name))
    reference = compare(*run("harmless"))
    for row, other in zip(comparison.rows, reference.rows, strict=True):
        assert list(row.conditions) == [name]
        assert row == Row(**{**asdict(other), "conditions": row.conditions})
        assert Row.from_json(json.loads(json.dumps(asdict(row)))) == row
    assert {(line["a"], line["b"]) for line in comparison.differences} == {
        (f"x | {name}=1", f"x | {name}=2"),
        (f"x | {name}=1", "y"),
        (f"x | {name}=2", "y"),
    }
    assert [line["shares"] for line in comparison.ranks] == [
        line["shares"] for line in reference.ranks
    ]


@pytest.mark.parametrize("name", NAMES)
def test_csv(run, name):
    comparison = compare(*run(name))
    reference = compare(*run("harmless"))
    for write in (table_csv, classes_csv):
        mine, others = (list(csv.reader(io.StringIO(write(c)))) for c in (comparison, reference))
        assert mine[1:] == others[1:]
        assert len(set(mine[0])) == len(mine[0])
        assert len(mine[0]) == len(others[0])
    mine, others = (
        list(csv.DictReader(io.StringIO(differences_csv(each)))) for each in (comparison, reference)
    )
    names = ("a", "b", "differ_in")
    assert [{k: v for k, v in line.items() if k not in names} for line in mine] == [
        {k: v for k, v in line.items() if k not in names} for line in others
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_table_in_the_terminal(run, name):
    protocol, records = run(name)
    out = Console(width=500)
    with out.capture() as captured:
        table, left_out = fitting_table(
            Layout.of(protocol), compare(protocol, records).rows, "title", 500
        )
        out.print(table)
    lines = captured.get().splitlines()[1:5]
    assert lines[0].startswith(f"component  {name}")
    assert [line.split()[:2] for line in lines[1:]] == [["x", "1"], ["x", "2"], ["y", "—"]]
    assert left_out == []


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_an_experiment(run, name):
    def page(name):
        protocol, records = run(name)
        comparison = compare(protocol, records)
        results = {
            "protocol": protocol.name,
            "layout": Layout.of(protocol).to_json(),
            "table": [asdict(row) for row in comparison.rows],
            "differences": comparison.differences,
            "ranks": comparison.ranks,
            "notes": [],
            "pictures": [],
            "run": {
                "description": "", "datasets": ["d"], "options": {}, "seeds": [0],
                "training": None, "sweep": {name: [1, 2]},
            },
            "cells": [],
        }  # fmt: skip
        return summary_md("T", "", "c", [RunReport("r", json.loads(json.dumps(results)))])

    mine, other = page(name).splitlines(), page("harmless").splitlines()
    assert len(mine) == len(other)
    # The same but for the name, which a figure never has.
    for line, its in zip(mine, other, strict=True):
        assert line in (its, its.replace("harmless", name))


@pytest.mark.parametrize("name", ["component", "oa", "seeds"])
def test_the_picture_of_the_sweep(run, pixels_of, name):
    protocol, records = run(name)
    rows = compare(protocol, records).rows
    assert swept(rows) == [name]
    assert pixels_of(sweep_png(protocol, rows, name, "title")).size

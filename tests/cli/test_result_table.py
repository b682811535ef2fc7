"""The table in a terminal of any width."""

from hsizoo.cli.result_table import fitting_table
from hsizoo.report.columns import COLUMNS
from rich.console import Console


def row(name, **about):
    figures = dict.fromkeys(COLUMNS, 0.51239)
    intervals = {column: [0.25, 0.75] for column in COLUMNS if column.startswith("dice")}
    return {
        "component": name, **about, **figures, "samples": 9, "failed_cells": 0,
        "intervals": intervals, "seed_sd": {"dice@0.5 end": 0.0123},
    }  # fmt: skip


def shown(rows, width):
    out = Console(width=width, record=True, quiet=False, file=None)
    with out.capture() as captured:
        made, left_out = fitting_table(rows, "title", out)
        out.print(made)
    return captured.get(), left_out


def test_intervals_conditions_and_the_spread_over_seeds():
    text, left_out = shown([row("net", noise="0.1"), row("net", noise="")], 400)
    assert left_out == []
    first, second = text.splitlines()[2:4]
    assert "0.512 [0.250, 0.750]" in first
    assert "0.0123" in first
    assert first.split()[:2] == ["net", "0.1"]
    assert second.split()[:2] == ["net", "—"]
    assert "[0.250" not in first.split("0.5124")[1]  # NoC and seconds have none


def test_a_narrow_terminal_leaves_out_columns_before_intervals_and_never_cuts():
    rows = [row("net")]
    wide, few = shown(rows, 120)
    assert "0.512 [0.250, 0.750]" in wide
    assert few
    assert "95 % intervals" not in few
    narrow, left_out = shown(rows, 70)
    assert left_out[0] == "95 % intervals"
    assert "0.5124" in narrow
    assert "…" not in narrow

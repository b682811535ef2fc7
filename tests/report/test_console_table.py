"""The table of a run in a terminal of any width."""

import re

import pytest
from rich.console import Console

from hsizoo.interfaces import Column
from hsizoo.protocols.few_label.protocol import FewLabelProtocol
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.report.console_table import fitting_table
from hsizoo.report.figures import Layout
from hsizoo.report.rows import Row, summarise

CLICKS = Layout.of(InteractiveProtocol)
FEW_LABELS = Layout.of(FewLabelProtocol)


def row(name, value=0.51239, spread=0.0123, **conditions):
    with_interval = [column.name for column in CLICKS.columns if column.interval]
    return Row(
        component=name,
        conditions=conditions,
        values=dict.fromkeys((column.name for column in CLICKS.columns), value),
        intervals=dict.fromkeys(with_interval, (0.25, 0.75)),
        deviations={} if spread is None else {"dice@0.5 5c": spread},
        samples=9,
    )


def shown(layout, rows, width, *, colours=False, digits=None):
    out = Console(width=width, color_system="standard" if colours else None, force_terminal=colours)
    with out.capture() as captured:
        made, left_out = fitting_table(layout, rows, "[i]title[/i]", width, digits=digits)
        out.print(made)
    return captured.get(), left_out


def test_intervals_conditions_and_the_spread_over_seeds():
    rows = [row("net", noise="0.1"), row("net", noise="", spread=None)]
    text, left_out = shown(CLICKS, rows, 400)
    assert left_out == []
    head, first, second = text.splitlines()[1:4]
    assert head.split()[:2] == ["component", "noise"]
    assert head.endswith("s/click  sd over seeds  samples")
    assert "0.512 [0.250, 0.750]" in first
    assert "0.0123" in first
    assert first.split()[:2] == ["net", "0.1"]
    assert second.split()[:2] == ["net", "—"]
    assert second.split()[-2:] == ["—", "9"]
    # Six kinds of Dice have intervals; IoU, AUC, NoC, NoF and seconds have none, to save width.
    assert first.count("[0.250, 0.750]") == 6
    assert first.rpartition("]")[2].split()[:6] == [
        "0.5124", "0.5124", "0.51", "0.5124", "0.51", "0.51",
    ]  # fmt: skip


def test_a_single_seed_has_no_column_for_its_spread():
    text, _ = shown(CLICKS, [row("net", spread=None)], 400)
    assert "sd over seeds" not in text


def test_a_narrow_terminal_leaves_out_columns_before_intervals_and_never_cuts():
    rows = [row("net")]
    wide, few = shown(CLICKS, rows, 120)
    assert "0.512 [0.250, 0.750]" in wide
    assert few[:3] == ["s/open", "iou@0.5 5c", "nof85"]
    assert "95 % intervals" not in few
    narrow, left_out = shown(CLICKS, rows, 70)
    assert left_out[0] == "95 % intervals"
    assert "0.5124" in narrow
    for width in (10, 30, 70):
        assert "…" not in shown(CLICKS, rows, width)[0]


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("several", [False, True])
def test_headline_columns_are_there_at_any_width_and_no_figure_is_cut(width, several):
    names = ["samsa2-nano (trained on phantom)", "sa"]
    conditions = [{"perturbation": "noise:strength=0.3"}, {"perturbation": ""}] if several else []
    values = (0.61239, 0.51231)
    rows = [row(*each) for each in zip(names, values, strict=True)]
    for each, mine in zip(rows, conditions, strict=False):
        each.conditions = mine
    text, left_out = shown(CLICKS, rows, width)
    assert all(len(line) <= width for line in text.splitlines())
    wide = "[0.250, 0.750]" in text
    for heading in ("dice@0.5 1c", "dice@max 1c", "dice@0.5 5c"):
        assert heading in text
        assert heading not in left_out
    for figure in ("0.612", "0.512") if wide else ("0.6124", "0.5123"):
        assert len(re.findall(rf"(?<![\d.]){re.escape(figure)}(?!\d)", text)) >= 3
    for word in [*names[0].split(), "samples", *(["noise:strength=0.3"] if width > 40 else [])]:
        assert several or ":" in word or word in text
    assert "…" not in text


def test_a_headline_is_never_left_out_even_if_its_column_might_be():
    columns = [Column(name=name, meaning="", leave_out=1) for name in ("first", "second")]
    layout = Layout(tuple(columns), ("second",), "samples")
    rows = [Row(component="x" * 20, values={"first": 0.5, "second": 0.25})]
    text, left_out = shown(layout, rows, 30)
    assert left_out == ["first"]
    assert "0.2500" in text


def test_names_are_not_broken_where_that_saves_no_part():
    rows = [row("samsa2-nano (trained on phantom)", spread=None)]
    text, _ = shown(CLICKS, rows, 60)
    assert text.count("samsa2-nano (trained on phantom)") == 2
    text, _ = shown(CLICKS, rows, 50)
    assert "samsa2-nano (trained on phantom)" not in text


def test_digits_on_request():
    text, _ = shown(CLICKS, [row("net")], 400, digits=1)
    assert "0.5 [0.2, 0.8]" in text
    assert "0.0" in text.splitlines()[2].split()[-2]


def test_classifiers_have_per_cent_with_their_spread_and_count_seeds(classified):
    records = [classified("svm", seed, oa, kappa=None) for seed, oa in enumerate((0.4521, 0.5021))]
    records += [classified("ipg+svm", 0, 0.6, pseudo=0.987)]
    rows = summarise(FewLabelProtocol, records)
    text, left_out = shown(FEW_LABELS, rows, 200)
    head, svm, ipg = (line.split("  ") for line in text.splitlines()[1:4])
    head, svm, ipg = ([cell.strip() for cell in line if cell] for line in (head, svm, ipg))
    assert left_out == []
    assert head == [
        "component", "OA %", "AA (recall) %", "precision %", "kappa ×100", "pseudo %", "overlap %",
        "within %", "s/fit", "s/image", "seeds",
    ]  # fmt: skip
    assert svm == ["svm", *["47.71 ± 3.54"] * 3, "—", "—", "50.0", "25.0", "1.5", "0.5", "2"]
    assert ipg == ["ipg+svm", *["60.00"] * 3, "50.00", "98.7", "50.0", "25.0", "1", "0.5", "1"]


def test_what_no_classifier_has_is_no_column_and_is_not_said_to_be_left_out(classified):
    rows = summarise(FewLabelProtocol, [classified("svm", seed, 0.5) for seed in range(2)])
    text, _ = shown(FEW_LABELS, rows, 200)
    assert "pseudo" not in text
    assert "untested" not in text
    _, left_out = shown(FEW_LABELS, rows, 50)
    assert left_out == ["s/image", "within %", "overlap %", "kappa ×100", "s/fit", "precision %"]


def test_the_best_of_several_is_bold_and_failures_are_counted():
    rows = [row("best", 0.9), row("worst", 0.1), row("lost", None)]
    rows[2].failed_cells = 3
    rows[2].intervals = {}
    text, _ = shown(CLICKS, rows, 400, colours=True)
    best, worst, lost = text.splitlines()[2:5]
    # Of NoC, NoF and the seconds the lower one is the better.
    assert (best.count("\x1b[1m"), worst.count("\x1b[1m")) == (8, 4)
    assert "\x1b[1m" not in lost
    assert "lost \x1b[31m(3 failed)" in lost
    assert "\x1b[1m" not in shown(CLICKS, rows[:1], 400, colours=True)[0].splitlines()[2]


@pytest.mark.parametrize("name", ["x[bold]", "[red]"])
def test_names_are_no_markup(name):
    column = Column(name="y", meaning="", title="[b]y")
    layout = Layout((column,), ("y",), "samples")
    text, _ = shown(layout, [Row(component=name, conditions={name: name}, values={"y": 1.0})], 99)
    title, head, line = text.splitlines()[:3]
    assert title.strip() == "[i]title[/i]"
    assert head.split() == ["component", name, "[b]y", "samples"]
    assert line.split() == [name, name, "1.0000", "0"]


def test_nothing():
    text, left_out = shown(CLICKS, [], 400)
    assert "dice@0.5 1c" in text
    assert left_out == []

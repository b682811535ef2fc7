"""The table of a run as text."""

from hsizoo.protocols.few_label.protocol import FewLabelProtocol
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.report.figures import Layout
from hsizoo.report.rows import Row, summarise
from hsizoo.report.text_table import text_table

CLICKS = Layout.of(InteractiveProtocol)
EMPTY = dict.fromkeys(column.name for column in InteractiveProtocol.columns)


def row(name, value, **about):
    values = {**EMPTY, "dice@0.5 1c": value, "noc85": 4.5678, "s/click": 0.0123}
    return Row(component=name, values=values, samples=9, **about)


def test_columns_without_a_value_are_left_out_and_the_best_is_known():
    table = text_table(CLICKS, [row("a", 0.51239), row("b", 0.6), row("c", None)])
    assert table.head == ["component", "dice@0.5 1c", "noc85", "s/click", "samples"]
    assert table.lines == [
        ["a", "0.5124", "4.57", "0.012", "9"],
        ["b", "0.6000", "4.57", "0.012", "9"],
        ["c", "—", "4.57", "0.012", "9"],
    ]
    assert {place for place in table.best if place[1] == 1} == {(1, 1)}
    assert table.marked("<", ">")[1][1] == "<0.6000>"
    assert table.marked("<", ">")[0][1] == "0.5124"


def test_digits_of_all_figures_but_seconds():
    rows = [row("a", 0.51239, intervals={"dice@0.5 1c": (0.41239, 0.61239)})]
    (line,) = text_table(CLICKS, rows, digits=1).lines
    assert line == ["a", "0.5 [0.4, 0.6]", "4.6", "0.012", "9"]
    (line,) = text_table(CLICKS, rows, digits=4).lines
    assert line == ["a", "0.5124 [0.4124, 0.6124]", "4.5678", "0.012", "9"]
    (line,) = text_table(CLICKS.at_most(1), [row("a", 0.51239)]).lines
    assert line[1:3] == ["0.5", "4.6"]


def test_conditions_failures_and_spread(classified, lost):
    records = [classified("svm", seed, 0.4 + seed / 10) for seed in range(2)]
    table = text_table(Layout.of(FewLabelProtocol), summarise(FewLabelProtocol, records), digits=1)
    assert table.lines[0][1] == "45.0 ± 7.1"
    rows = [
        row("a", 0.5, conditions={"noise": "0.1"}, deviations={"dice@0.5 1c": 0.0123}),
        row("b", 0.5, conditions={"noise": ""}, failed_cells=2),
    ]
    table = text_table(CLICKS, rows)
    assert table.names == 2
    assert table.head[-3:] == ["sd over seeds", "samples", "failed"]
    assert table.lines[0][:2] + table.lines[0][-3:] == ["a", "0.1", "0.012", "9", "0"]
    assert table.lines[1][:2] + table.lines[1][-3:] == ["b", "—", "—", "9", "2"]


def test_nothing():
    table = text_table(CLICKS, [])
    assert table.head == ["component", "samples"]
    assert table.lines == []

"""Which differences are significant, and against what."""

import pytest

from hsizoo.errors import NameLookupError
from hsizoo.interfaces import Column
from hsizoo.report.baseline import against, component_of
from hsizoo.report.comparison import Comparison
from hsizoo.report.figures import Layout
from hsizoo.report.rows import Row

UP = Column(name="up", meaning="", compared=True)
DOWN = Column(name="down", meaning="", compared=True, better="lower")
LAYOUT = Layout((UP, DOWN), ("up",), "samples")


def row(name, up, **conditions):
    return Row(component=name, values={"up": up, "down": -up}, conditions=conditions)


def line(metric, a, b, difference, low, high, differ_in="component"):
    return {
        "metric": metric, "a": a, "b": b, "differ_in": differ_in, "difference": difference,
        "low": low, "high": high, "wins": 0.75, "losses": 0.25, "units": 5, "unit": "subject",
    }  # fmt: skip


ROWS = [row("a", 0.5), row("b (seen)", 0.9), row("c", 0.7)]
LINES = [
    line("up", "a", "b (seen)", -0.4, -0.5, -0.3),
    line("up", "a", "c", -0.2, -0.5, 0.1),
    line("up", "b (seen)", "c", 0.2, 0.1, 0.3),
    line("down", "a", "b (seen)", 0.4, 0.3, 0.5),
    line("down", "b (seen)", "c", -0.2, -0.3, -0.1),
]
TABLE = Comparison((UP, DOWN), ROWS, LINES, [], [])


def test_the_best_is_the_baseline_unless_one_is_named():
    found = against(LAYOUT, TABLE)
    assert {each.baseline for each in found.differences} == {"b (seen)"}
    assert [each.row for each in found.differences] == ["a", "a", "c", "c"]
    named = against(LAYOUT, TABLE, "c")
    assert {each.baseline for each in named.differences} == {"c"}
    assert [each.row for each in named.differences] == ["a", "b (seen)", "b (seen)"]


def test_signs_and_verdicts_follow_the_direction_and_what_is_better():
    found = against(LAYOUT, TABLE, "b")  # without its mark
    second = {(each.row, each.column.name): each for each in found.differences}
    assert (second["c", "up"].difference, second["c", "up"].low) == (-0.2, -0.3)
    assert second["c", "up"].high == -0.1
    assert (second["c", "up"].wins, second["c", "up"].losses) == (0.25, 0.75)
    assert [found.verdict("a", name) for name in ("up", "down")] == ["worse", "worse"]
    assert against(LAYOUT, TABLE, "a").verdict("b (seen)", "down") == "better"
    assert against(LAYOUT, TABLE, "c").verdict("a", "up") == ""  # its interval has 0 in it


def test_rows_are_compared_within_their_setting():
    rows = [row(name, value, noise=noise) for noise, name, value in (
        ("0", "a", 0.9), ("0", "b", 0.8), ("1", "a", 0.5), ("1", "b", 0.6))]  # fmt: skip
    names = [each.name for each in rows]
    lines = [
        line("up", names[0], names[1], 0.1, 0.05, 0.2),
        line("up", names[2], names[3], -0.1, -0.2, -0.05),
        line("up", names[0], names[2], 0.4, 0.3, 0.5, "noise"),
        line("up", names[1], names[3], 0.2, 0.1, 0.3, "noise"),
    ]
    found = against(LAYOUT, Comparison((UP,), rows, lines, [], []))
    assert [(each.row, each.baseline) for each in found.differences] == [
        (names[1], names[0]), (names[2], names[3]),
    ]  # fmt: skip


def test_a_baseline_that_is_not_there_is_an_error_that_names_those_that_are():
    with pytest.raises(NameLookupError, match=r"'d', the baseline.*Components: a, b, c"):
        against(LAYOUT, TABLE, "d")
    assert against(LAYOUT, Comparison((UP,), [], [], [], []), "d").differences == []


def test_marks_are_no_part_of_a_name():
    assert component_of("samsa2-nano (trained on x, seen)") == "samsa2-nano"
    assert component_of("sa:order=mean") == "sa:order=mean"

"""Each row of a table against a baseline, in pairs, and which differences are significant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hsizoo.errors import NameLookupError, did_you_mean
from hsizoo.interfaces import Column
from hsizoo.report.comparison import Comparison
from hsizoo.report.figures import Layout, headline_of
from hsizoo.report.rows import Row

__all__ = ["Against", "Difference", "against", "component_of"]

Verdict = Literal["better", "worse", ""]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A row minus its baseline, in one column.

    Parameters
    ----------
    row, baseline : str
        Names of the rows.
    column : Column
    difference : float
    low, high : float or None
        95 % interval; None if there are too few units.
    wins, losses : float
        Shares of pairs in which the row is better, and worse.
    units : int
    unit : str
    verdict : {"better", "worse", ""}
        What the row is, if the interval does not include 0.
    """

    row: str
    baseline: str
    column: Column
    difference: float
    low: float | None
    high: float | None
    wins: float
    losses: float
    units: int
    unit: str
    verdict: Verdict


@dataclass(frozen=True)
class Against:
    """All rows against their baselines.

    Parameters
    ----------
    words : str
        What the baseline is, in words.
    differences : list of Difference
        In the order of the rows, one per compared column.
    """

    words: str
    differences: list[Difference]

    def verdict(self, row: str, column: str) -> Verdict:
        """Return what a row is in a column; empty if nothing is known."""
        return next(
            (
                each.verdict
                for each in self.differences
                if each.row == row and each.column.name == column
            ),
            "",
        )


def component_of(label: str) -> str:
    """Return the name of a row's component, without its marks and conditions.

    Examples
    --------
    >>> component_of("samsa2-nano (trained on phantom) | shots=5")
    'samsa2-nano'
    """
    return label.partition(" | ")[0].partition(" (")[0]


def against(layout: Layout, comparison: Comparison, baseline: str | None = None) -> Against:
    """Compare each row with its baseline.

    Parameters
    ----------
    layout : Layout
    comparison : Comparison
    baseline : str, optional
        Component of the baseline, with or without its marks.  Default: the best row by the
        headline among those that differ from the row in one respect.

    Raises
    ------
    NameLookupError
        If no row is of this component.
    """
    rows = comparison.rows
    if not rows:
        return Against("", [])
    headline = next(
        column for column in layout.columns if column.name == headline_of(layout.headline, rows)
    )
    offered: Sequence[Row] = rows
    if baseline is not None:
        offered = [row for row in rows if baseline in (row.component, component_of(row.component))]
        if not offered:
            known = list(dict.fromkeys(component_of(row.component) for row in rows))
            raise NameLookupError(
                f"no row of the table is of {baseline!r}, the baseline."
                f"{did_you_mean(baseline, known)}  Components: {', '.join(known)}"
            )
    sign = 1 if headline.better == "lower" else -1
    known_rows = [row for row in offered if row[headline.name] is not None]
    ordered = sorted(known_rows, key=lambda row: sign * (row[headline.name] or 0.0))
    pairs: dict[tuple[str, str], dict[str, tuple[Mapping[str, Any], int]]] = {}
    for line in comparison.differences:
        pairs.setdefault((line["a"], line["b"]), {})[line["metric"]] = line, 1
        pairs.setdefault((line["b"], line["a"]), {})[line["metric"]] = line, -1
    columns = [column for column in layout.columns if column.compared]
    found = []
    for row in rows:
        against_row = _baseline(row, ordered, pairs)
        if against_row is not None:
            lines = pairs[row.name, against_row.name]
            found += [
                _difference(row, against_row, column, *lines[column.name])
                for column in columns
                if column.name in lines
            ]
    words = baseline or f"the best by {headline.heading}"
    return Against(words, found)


def _baseline(
    row: Row,
    ordered: Sequence[Row],
    pairs: Mapping[tuple[str, str], Mapping[str, tuple[Mapping[str, Any], int]]],
) -> Row | None:
    """The best other row that differs in the component only, or else in one condition only."""
    others = [each for each in ordered if each is not row and (row.name, each.name) in pairs]
    offered = [each for each in others if each.component != row.component] or others
    if not offered or (row in ordered and ordered.index(row) < ordered.index(offered[0])):
        return None  # it is its own baseline
    return offered[0]


def _difference(
    row: Row, baseline: Row, column: Column, line: Mapping[str, Any], sign: int
) -> Difference:
    ends = sorted(sign * line[each] for each in ("low", "high")) if "low" in line else None
    verdict: Verdict = ""
    if ends is not None and (ends[0] > 0 or ends[1] < 0):
        verdict = "better" if (ends[0] > 0) == (column.better != "lower") else "worse"
    return Difference(
        row=row.name,
        baseline=baseline.name,
        column=column,
        difference=sign * line["difference"],
        low=None if ends is None else ends[0],
        high=None if ends is None else ends[1],
        wins=line["wins" if sign == 1 else "losses"],
        losses=line["losses" if sign == 1 else "wins"],
        units=line["units"],
        unit=line["unit"],
        verdict=verdict,
    )

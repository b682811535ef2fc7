"""The table of a run as text, cell by cell, for Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hsizoo.interfaces import Column
from hsizoo.report.figures import (
    Layout,
    best_of,
    count_of,
    figure,
    headline_of,
    shown_columns,
    spread_of,
)
from hsizoo.report.rows import Row, row_name

__all__ = ["TextTable", "filled_columns", "text_table"]


@dataclass(frozen=True)
class TextTable:
    """A table of texts.

    Parameters
    ----------
    head : list of str
    lines : list of list of str
    names : int
        Number of leading columns that name a row; all others are figures.
    best : set of (int, int)
        Line and column of each figure that is the best of its column.
    """

    head: list[str]
    lines: list[list[str]]
    names: int
    best: frozenset[tuple[int, int]]

    def marked(self, before: str, after: str) -> list[list[str]]:
        """Return the lines with the best figures between two marks."""
        return [
            [
                f"{before}{cell}{after}" if (number, place) in self.best else cell
                for place, cell in enumerate(line)
            ]
            for number, line in enumerate(self.lines)
        ]


def filled_columns(layout: Layout, rows: Sequence[Row]) -> list[Column]:
    """Return the columns shown to people in which some row has a value."""
    return [
        column
        for column in shown_columns(layout.columns, rows)
        if any(row[column.name] is not None for row in rows)
    ]


def text_table(
    layout: Layout,
    rows: Sequence[Row],
    ranks: Sequence[Mapping[str, Any]] = (),
    *,
    digits: int | None = None,
) -> TextTable:
    """Return the table of a run as text.

    Parameters
    ----------
    layout : Layout
    rows : sequence of Row
    ranks : sequence of mapping, optional
        See `hsizoo.report.comparison.Comparison`; they add a column.
    digits : int, optional
        See `hsizoo.report.figures.figure`.
    """
    columns = filled_columns(layout, rows)
    conditions = list(rows[0].conditions) if rows else []
    headline = headline_of(layout.headline, rows)
    first = {
        row_name(line["component"], line["conditions"]): line["shares"][0]
        for line in ranks
        if line["metric"] == headline
    }
    spread = spread_of(layout, rows, 3 if digits is None else digits)
    failed = any(row.failed_cells for row in rows)
    head = ["component", *conditions, *(column.heading for column in columns)]
    head += ["sd over seeds"] * (spread is not None) + [f"first ({headline})"] * bool(first)
    head += [layout.count, *["failed"] * failed]
    names, lines, best = 1 + len(conditions), [], set()
    for number, row in enumerate(rows):
        line = [row.component, *(row.conditions[key] or "—" for key in conditions)]
        line += [figure(row, column, digits=digits) for column in columns]
        if spread is not None:
            line.append(spread[number])
        if first:
            share = first.get(row.name)
            line.append("—" if share is None else f"{100 * share:.0f} %")
        line.append(count_of(layout, row))
        line += [str(row.failed_cells)] * failed
        lines.append(line)
        for place, column in enumerate(columns, start=names):
            if row[column.name] is not None and row[column.name] == best_of(column, rows):
                best.add((number, place))
    return TextTable(head, lines, names, frozenset(best))

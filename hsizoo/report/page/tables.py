"""Tables of the page: texts with the values behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hsizoo.interfaces import Column
from hsizoo.report.baseline import Against
from hsizoo.report.comparison import Comparison
from hsizoo.report.figures import Layout, best_of, count_of, figure, headline_of, scaled
from hsizoo.report.rows import Row, row_name
from hsizoo.report.text_table import TextTable, filled_columns

__all__ = [
    "Cell",
    "Head",
    "PageTable",
    "as_text",
    "class_table",
    "difference_table",
    "main_table",
    "plain_table",
    "rank_table",
]

_MARKS = {"better": "▲", "worse": "▼", "": ""}
_DIGITS = 3


@dataclass(frozen=True)
class Head:
    """Heading of a column, and what it means."""

    text: str
    meaning: str = ""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of a table.

    Parameters
    ----------
    text : str
    small : str
        What is told below it: an interval.
    value : str, optional
        The figure with full precision.
    kind : str
        Classes of the element.
    mark, verdict : str
        Whether a figure differs significantly from the baseline.
    row : int, optional
        Number of the row of the main table that it opens.
    """

    text: str
    small: str = ""
    value: str | None = None
    kind: str = ""
    mark: str = ""
    verdict: str = ""
    row: int | None = None


@dataclass(frozen=True)
class PageTable:
    """A table.

    Parameters
    ----------
    head : list of Head
    lines : list of list of Cell
    names : int
        Number of leading columns that name a line.
    """

    head: list[Head]
    lines: list[list[Cell]]
    names: int


def main_table(layout: Layout, comparison: Comparison, compared: Against) -> PageTable:
    """Return the table of the run, with marks of significant differences."""
    rows = comparison.rows
    columns = filled_columns(layout, rows)
    conditions = list(rows[0].conditions) if rows else []
    failed = any(row.failed_cells for row in rows)
    head = [Head("component"), *map(Head, conditions)]
    head += [Head(column.heading, column.meaning) for column in columns]
    head += [Head(layout.count), *([Head("failed cells")] if failed else [])]
    lines = []
    for number, row in enumerate(rows):
        line = [Cell(text=row.component, kind="name", row=number)]
        line += [Cell(text=row.conditions[key] or "—", kind="name") for key in conditions]
        line += [_figure(row, column, rows, compared) for column in columns]
        line.append(Cell(text=count_of(layout, row), value=count_of(layout, row)))
        if failed:
            line.append(Cell(text=str(row.failed_cells), value=str(row.failed_cells)))
        lines.append(line)
    return PageTable(head, lines, 1 + len(conditions))


def _figure(row: Row, column: Column, rows: Sequence[Row], compared: Against) -> Cell:
    value = row[column.name]
    best = value is not None and value == best_of(column, rows)
    verdict = compared.verdict(row.name, column.name)
    text, bracket, ends = figure(row, column).partition(" [")
    return Cell(
        text=text,
        small=bracket.strip() + ends,
        value=None if value is None else repr(value),
        kind="best" if best else "",
        mark=_MARKS[verdict],
        verdict=verdict,
    )


def as_text(table: PageTable) -> TextTable:
    """Return a table as texts, for Markdown and LaTeX; a star marks significant differences."""
    lines = [
        [f"{cell.text}{'*' * bool(cell.mark)} {cell.small}".strip() for cell in line]
        for line in table.lines
    ]
    best = {
        (number, place)
        for number, line in enumerate(table.lines)
        for place, cell in enumerate(line)
        if cell.kind == "best"
    }
    return TextTable([head.text for head in table.head], lines, table.names, frozenset(best))


def difference_table(compared: Against, headline: Column) -> PageTable:
    """Return all rows minus their baselines in the headline column."""
    head = ["row", "minus", "difference", "95 % interval", "better in", "units"]
    lines = []
    for each in compared.differences:
        if each.column.name != headline.name:
            continue
        value = f"{scaled(each.difference, each.column):+.{_DIGITS}f}"
        ends = "—"
        if each.low is not None and each.high is not None:
            low, high = (
                f"{scaled(end, each.column):+.{_DIGITS}f}" for end in (each.low, each.high)
            )
            ends = f"[{low}, {high}]"
        lines.append(
            [
                Cell(text=each.row, kind="name"),
                Cell(text=each.baseline, kind="name"),
                Cell(
                    text=value,
                    value=repr(each.difference),
                    mark=_MARKS[each.verdict],
                    verdict=each.verdict,
                ),
                Cell(text=ends),
                Cell(text=f"{100 * each.wins:.0f} %", value=repr(each.wins)),
                Cell(text=f"{each.units} {each.unit}(s)"),
            ]
        )
    return PageTable([Head(text) for text in head], lines, 2)


def class_table(layout: Layout, comparison: Comparison) -> PageTable:
    """Return the mean of each class by row, in the headline column."""
    columns = {column.name: column for column in layout.columns}
    headline = columns[headline_of(layout.headline, comparison.rows)]
    shown = [line for line in comparison.classes if line["metric"] == headline.name]
    names = list(dict.fromkeys(_name(line) for line in shown))
    classes: dict[str, dict[str, Mapping[str, Any]]] = {}
    for line in shown:
        classes.setdefault(line["class"], {})[_name(line)] = line
    lines = []
    for each, found in classes.items():
        cells = [Cell(text=each, kind="name")]
        for name in names:
            if name not in found:
                cells.append(Cell(text="—"))
                continue
            one, ends = found[name], ""
            text = f"{scaled(one['mean'], headline):.{_DIGITS}f}"
            if "low" in one:
                low, high = (f"{scaled(one[end], headline):.{_DIGITS}f}" for end in ("low", "high"))
                ends = f"[{low}, {high}]"
            cells.append(Cell(text=text, small=ends, value=repr(one["mean"])))
        lines.append(cells)
    return PageTable([Head("class"), *map(Head, names)], lines, 1)


def _name(line: Mapping[str, Any]) -> str:
    return row_name(line["component"], line["conditions"])


def rank_table(layout: Layout, comparison: Comparison) -> PageTable | None:
    """Return how often each row has each rank; None if there are no ranks."""
    headline = headline_of(layout.headline, comparison.rows) if comparison.rows else ""
    shown = [line for line in comparison.ranks if line["metric"] == headline]
    if not shown:
        return None
    most = max(len(line["shares"]) for line in shown)
    head = [Head("row"), *(Head(f"rank {rank}") for rank in range(1, most + 1))]
    lines = []
    for line in shown:
        shares = [
            Cell(text=f"{100 * share:.0f} %", value=repr(float(share))) for share in line["shares"]
        ]
        shares += [Cell(text="—")] * (most - len(shares))
        lines.append([Cell(text=_name(line), kind="name"), *shares])
    return PageTable(head, lines, 1)


def plain_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> PageTable:
    """Return a table of words."""
    cells = [
        [
            *(Cell(text=text, kind="name") for text in line[:-1]),
            Cell(text=line[-1], kind="name long"),
        ]
        for line in lines
    ]
    return PageTable([Head(text) for text in head], cells, len(head))

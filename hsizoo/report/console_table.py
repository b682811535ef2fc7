"""Table of a run for the terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from hsizoo.report.figures import (
    Layout,
    best_of,
    count_of,
    figure,
    headline_of,
    shown_columns,
    spread_of,
)
from hsizoo.report.rows import Row

__all__ = ["fitting_table"]

_GAP = 2  # spaces between columns
_NAMES = 12  # characters of the names at least, where there is too little room


@dataclass(frozen=True)
class _Column:
    """A column with its cells, in rich's markup."""

    heading: str
    cells: Sequence[str]
    is_figure: bool = True

    @property
    def width(self) -> int:
        """Characters of the widest cell."""
        return max(Text.from_markup(each).cell_len for each in (self.heading, *self.cells))


def fitting_table(
    layout: Layout,
    rows: Sequence[Row],
    title: str,
    width: int,
    *,
    digits: int | None = None,
) -> tuple[Group, list[str]]:
    """Return the table with as many columns as fit, and the headings of the omitted ones.

    The best figure of each column is bold.  If there are several seeds and no column shows its
    standard deviation, that of the headline gets a separate column.  If not even the first columns
    fit with their intervals, the intervals are omitted.  If they do not fit without, the table is
    wrapped: the columns follow in parts below each other, and no figure is cut.

    Parameters
    ----------
    layout : Layout
    rows : sequence of Row
    title : str
    width : int
        Of the terminal.
    digits : int, optional
        See `hsizoo.report.figures.figure`.
    """
    headline = headline_of(layout.headline, rows)
    order = sorted(
        (c for c in layout.columns if c.leave_out and c.name != headline),
        key=lambda c: c.leave_out,
    )
    for intervals in (True, False):
        left_out: list[str] = [] if intervals else ["95 % intervals"]
        without: list[str] = []
        for column in (None, *order):
            if column is not None:
                without.append(column.name)
                left_out += [column.heading] if column in shown_columns([column], rows) else []
            columns = _columns(layout, rows, without, digits, intervals=intervals)
            if sum(each.width + _GAP for each in columns) - _GAP <= width:
                return Group(_titled(title), _draw(columns)), left_out
        if not any(row.intervals for row in rows):
            break
    parts = [each for part in _wrapped(columns, width) for each in (part, Text())]
    return Group(_titled(title), *parts[:-1]), left_out


def _columns(
    layout: Layout,
    rows: Sequence[Row],
    without: Collection[str],
    digits: int | None,
    *,
    intervals: bool,
) -> list[_Column]:
    failed = [f" [red]({row.failed_cells} failed)[/]" if row.failed_cells else "" for row in rows]
    names = [escape(row.component) + note for row, note in zip(rows, failed, strict=True)]
    found = [_Column("component", names, is_figure=False)]
    for key in rows[0].conditions if rows else ():
        cells = [escape(row.conditions[key]) or "—" for row in rows]
        found.append(_Column(escape(key), cells, is_figure=False))
    for column in shown_columns(layout.columns, rows):
        if column.name in without:
            continue
        best, cells = best_of(column, rows), []
        for row in rows:
            with_interval = intervals and not column.brief
            text = escape(figure(row, column, intervals=with_interval, digits=digits))
            is_best = row[column.name] is not None and row[column.name] == best
            cells.append(f"[bold]{text}[/]" if is_best else text)
        found.append(_Column(escape(column.heading), cells))
    spread = spread_of(layout, rows, 4 if digits is None else digits)
    if spread is not None:
        found.append(_Column("sd over seeds", spread))
    return [*found, _Column(layout.count, [count_of(layout, row) for row in rows])]


def _titled(title: str) -> Text:
    return Text(title, style="italic")


def _draw(columns: Sequence[_Column], narrow: int | None = None) -> Table:
    """Draw columns side by side; names are wrapped if there is a limit to their width."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        if column.is_figure:
            made.add_column(column.heading, justify="right", no_wrap=True, min_width=column.width)
        else:
            made.add_column(
                column.heading, no_wrap=narrow is None, overflow="fold", max_width=narrow
            )
    for line in zip(*(column.cells for column in columns), strict=True):
        made.add_row(*line)
    return made


def _wrapped(columns: Sequence[_Column], width: int) -> Iterator[Table]:
    """Draw the figures in parts below each other, each beside the names of the rows."""
    first, *more = (column for column in columns if not column.is_figure)
    cells = [
        "\n".join([name, *(f"{each.heading}={each.cells[row]}" for each in more)])
        for row, name in enumerate(first.cells)
    ]
    names = _Column(first.heading, cells, is_figure=False)
    figures = [column for column in columns if column.is_figure]
    whole = max(_Column(first.heading, each.splitlines()).width for each in (*cells, ""))
    room = width - _GAP - max(column.width for column in figures)
    narrow = min(whole, max(_NAMES, min(room, 2 * width // 5)))
    parts = _parts(figures, width - narrow)
    if whole <= room and len(unbroken := _parts(figures, width - whole)) == len(parts):
        narrow, parts = whole, unbroken
    for part in parts:
        yield _draw([names, *part], narrow)


def _parts(columns: Sequence[_Column], room: int) -> list[list[_Column]]:
    """Divide columns into parts that fit, each with one at least."""
    parts: list[list[_Column]] = []
    left = 0
    for column in columns:
        if not parts or column.width + _GAP > left:
            parts.append([])
            left = room
        parts[-1].append(column)
        left -= column.width + _GAP
    return parts

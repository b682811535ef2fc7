"""Table of a run for the terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hsizoo.report.figures import Layout, best_of, count_of, figure, shown_columns, spread_of
from hsizoo.report.rows import Row

__all__ = ["console_table", "fitting_table"]

_WIDE = 10_000  # a narrow console would report its own width for every table


def fitting_table(
    layout: Layout, rows: Sequence[Row], title: str, width: int
) -> tuple[Table, list[str]]:
    """Return the table with as many columns as fit, and the headings of the omitted ones.

    If not even the first columns fit with their intervals, the intervals are omitted.
    """
    order = sorted((c for c in layout.columns if c.leave_out), key=lambda c: c.leave_out)
    for intervals in (True, False):
        left_out: list[str] = [] if intervals else ["95 % intervals"]
        without: list[str] = []
        for column in (None, *order):
            if column is not None:
                without.append(column.name)
                left_out += [column.heading] if column in shown_columns([column], rows) else []
            made = console_table(layout, rows, title, without, intervals=intervals)
            if Console(width=_WIDE).measure(made).maximum <= width:
                return made, left_out
        if not any(row.intervals for row in rows):
            break
    return made, left_out


def console_table(
    layout: Layout,
    rows: Sequence[Row],
    title: str,
    without: Collection[str] = (),
    *,
    intervals: bool = True,
) -> Table:
    """Return the table of a run, with the best figure of each column in bold.

    If there are several seeds and no column shows its standard deviation, that of the headline
    gets a separate column.
    """
    columns = [c for c in shown_columns(layout.columns, rows) if c.name not in without]
    conditions = list(rows[0].conditions) if rows else []
    spread = spread_of(layout, rows, 4)
    made = Table(
        title=escape(title), box=None, pad_edge=False, header_style="bold", title_justify="left"
    )
    made.add_column("component", no_wrap=True, overflow="fold")
    for condition in conditions:
        made.add_column(escape(condition), overflow="fold")
    headings = [column.heading for column in columns]
    for heading in [*headings, *["sd over seeds"] * (spread is not None), layout.count]:
        made.add_column(escape(heading), justify="right", no_wrap=True, overflow="fold")
    best = {column.name: best_of(column, rows) for column in columns}
    for number, row in enumerate(rows):
        figures = []
        for column in columns:
            text = escape(figure(row, column, intervals=intervals and not column.brief))
            is_best = row[column.name] is not None and row[column.name] == best[column.name]
            figures.append(f"[bold]{text}[/]" if is_best else text)
        if spread is not None:
            figures.append(spread[number])
        note = f" [red]({row.failed_cells} failed)[/]" if row.failed_cells else ""
        settings = [escape(row.conditions[key]) or "—" for key in conditions]
        made.add_row(escape(row.component) + note, *settings, *figures, count_of(layout, row))
    return made

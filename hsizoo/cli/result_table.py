"""The table of a run of scorers and segmenters."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hsizoo.cli.console import table
from hsizoo.protocols.interactive.tables import Row, conditions_of
from hsizoo.report.columns import COLUMNS, LEAST_IMPORTANT_FIRST, LOWER_IS_BETTER

__all__ = ["fitting_table", "result_table"]


def fitting_table(rows: Sequence[Row], title: str, out: Console) -> tuple[Table, list[str]]:
    """The table with as many columns as fit the console, and those that were left out.

    Where not even the first columns fit with their intervals, these are left out first.
    """
    for intervals in (True, False):
        left_out: list[str] = [] if intervals else ["95 % intervals"]
        shown = [row if intervals else {**row, "intervals": {}} for row in rows]
        for column in ("", *LEAST_IMPORTANT_FIRST):
            left_out += [column] if column else []
            made = result_table(shown, title, left_out)
            # Measured where there is room, as a narrow console's answer is its own width.
            if Console(width=10_000).measure(made).maximum <= out.width:
                return made, left_out
        if not any(row.get("intervals") for row in rows):
            break
    return made, left_out


def result_table(rows: Sequence[Row], title: str, without: Sequence[str] = ()) -> Table:
    """The paper's columns and a few more, the best of each column in bold.

    With three subjects or more a Dice has its 95 % interval in brackets; with several training
    seeds their standard deviation of the last column stands at the end.
    """
    columns = [column for column in COLUMNS if column not in without]
    conditions = list(conditions_of(rows[0])) if rows else []
    # A row that nobody trained has no training seeds; a run of such rows has no such column.
    spread = ["sd over seeds"] if any(row.get("seed_sd") for row in rows) else []
    made = table("component", *conditions, *columns, *spread, "samples", title=title)
    best = {}
    for column in COLUMNS:
        values = [row[column] for row in rows if row[column] is not None]
        if len(values) > 1:
            best[column] = (min if column in LOWER_IS_BETTER else max)(values)
    for shown in made.columns[1 + len(conditions) :]:
        shown.justify, shown.no_wrap = "right", True
    for row in rows:
        cells = [
            f"[bold]{_figure(row, column)}[/]"
            if row[column] is not None and row[column] == best.get(column)
            else _figure(row, column)
            for column in columns
        ]
        if spread:
            sd = (row.get("seed_sd") or {}).get("dice@0.5 end")
            cells.append("—" if sd is None else f"{sd:.4f}")
        note = f" [red]({row['failed_cells']} failed)[/]" if row["failed_cells"] else ""
        settings = [escape(row[key]) or "—" for key in conditions]
        made.add_row(escape(row["component"]) + note, *settings, *cells, str(row["samples"]))
    return made


def _figure(row: Row, column: str) -> str:
    value, ends = row[column], (row.get("intervals") or {}).get(column)
    if value is None:
        return "—"
    if ends and column.startswith("dice"):
        return escape(f"{value:.3f} [{ends[0]:.3f}, {ends[1]:.3f}]")
    if column.startswith("s/"):
        return f"{value:.2g}" if value < 10 else f"{value:.0f}"
    return f"{value:.2f}" if column.startswith("noc") else f"{value:.4f}"

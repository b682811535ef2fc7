"""The table of a run, and the display while it goes on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from hsizoo.cli.console import table
from hsizoo.report.columns import COLUMNS, LEAST_IMPORTANT_FIRST, LOWER_IS_BETTER
from hsizoo.report.interactive import Row, summarise

if TYPE_CHECKING:
    from hsizoo.engine.cells import Cell

__all__ = ["RunDisplay", "fitting_table", "result_table"]


def fitting_table(rows: Sequence[Row], title: str, out: Console) -> tuple[Table, list[str]]:
    """The table with as many columns as fit the console, and those that were left out."""
    left_out: list[str] = []
    for column in ("", *LEAST_IMPORTANT_FIRST):
        left_out += [column] if column else []
        made = result_table(rows, title, left_out)
        # Measured where there is room, as a narrow console's answer is its own width.
        if Console(width=10_000).measure(made).maximum <= out.width:
            break
    return made, left_out


def result_table(rows: Sequence[Row], title: str, without: Sequence[str] = ()) -> Table:
    """The paper's columns and a few more, the best of each column in bold."""
    columns = [column for column in COLUMNS if column not in without]
    made = table("component", *columns, "samples", title=title)
    best = {}
    for column in COLUMNS:
        values = [row[column] for row in rows if row[column] is not None]
        if len(values) > 1:
            best[column] = (min if column in LOWER_IS_BETTER else max)(values)
    for shown in made.columns[1:]:
        shown.justify, shown.no_wrap = "right", True
    for row in rows:
        cells = [
            f"[bold]{_number(row[column], column)}[/]"
            if row[column] is not None and row[column] == best.get(column)
            else _number(row[column], column)
            for column in columns
        ]
        note = f" [red]({row['failed_cells']} failed)[/]" if row["failed_cells"] else ""
        made.add_row(escape(row["component"]) + note, *cells, str(row["samples"]))
    return made


def _number(value: float | None, column: str) -> str:
    if value is None:
        return "—"
    if column.startswith("s/"):
        return f"{value:.2g}" if value < 10 else f"{value:.0f}"
    return f"{value:.2f}" if column.startswith("noc") else f"{value:.4f}"


class RunDisplay:
    """Progress while a run goes on: a live table in a terminal, a line per cell elsewhere."""

    def __init__(self, out: Console) -> None:
        self.out = out
        self.done = self.total = 0
        self._records: list[Mapping[str, Any]] = []
        self._drawn = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=out,
        )
        self._all = self._bar.add_task("cells", total=None)
        self._tasks: dict[str, Any] = {}
        self._live = Live(self._bar, console=out, transient=True, refresh_per_second=5)

    def __enter__(self) -> None:
        if self.out.is_terminal:
            self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def planned(self, cells: Sequence[Cell], reused: int) -> None:
        """Hear what is to be done."""
        self.total = len(cells) + reused
        self.done = reused
        self._bar.update(self._all, total=self.total, completed=reused)
        if reused:
            self.out.print(
                f"{reused} of {self.total} cells were done before "
                "(--overwrite always computes them anew)",
                style="dim",
            )

    def progress(self, cell: Cell, done: int, total: int) -> None:
        """Hear how far a cell is."""
        if cell.key not in self._tasks:
            self._tasks[cell.key] = self._bar.add_task(escape(cell.label), total=total)
        self._bar.update(self._tasks[cell.key], completed=done)

    def finished(self, cell: Cell, record: Mapping[str, Any]) -> None:
        """Hear what became of a cell."""
        self.done += 1
        self._bar.update(self._all, completed=self.done)
        if task := self._tasks.pop(cell.key, None):
            self._bar.remove_task(task)
        if not self.out.is_terminal:
            self.out.print(
                f"[{self.done}/{self.total}] {cell.label}: {record['status']}, "
                f"{record['seconds']:.1f} s",
                markup=False,
            )
            return
        self._records.append({**record, "label": cell.job["label"]})
        # Adding up all records for each of thousands of cells would cost more than the cells.
        if time.monotonic() - self._drawn > 1 or self.done == self.total:
            shown, _ = fitting_table(summarise(self._records), "this run so far", self.out)
            self._live.update(Group(shown, self._bar))
            self._drawn = time.monotonic()

"""The table of a run, and the displays while a run or a training goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from hsizoo.cli.console import table
from hsizoo.protocols.interactive.tables import Row, conditions_of, summarise
from hsizoo.report.columns import COLUMNS, LEAST_IMPORTANT_FIRST, LOWER_IS_BETTER

if TYPE_CHECKING:
    from hsizoo.engine.cells import Cell
    from hsizoo.training import Step

__all__ = ["RunDisplay", "TrainDisplay", "fitting_table", "result_table"]


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


class RunDisplay:
    """Progress while a run goes on: a live table in a terminal, a line per cell elsewhere.

    Parameters
    ----------
    out : Console
    table_of : callable, optional
        Makes the table from the records so far.  Default: that of the interactive protocol.
    """

    def __init__(
        self,
        out: Console,
        table_of: Callable[[Sequence[Mapping[str, Any]]], Table] | None = None,
    ) -> None:
        self.out = out
        self._table_of = table_of or self._interactive_table
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
        """Hear how far a cell is; another total begins another phase of it."""
        if cell.key not in self._tasks:
            self._tasks[cell.key] = self._bar.add_task(escape(cell.label), total=total)
        self._bar.update(self._tasks[cell.key], total=total, completed=done)

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
        self._records.append({**record, **cell.job["row"]})
        # Adding up all records for each of thousands of cells would cost more than the cells.
        if time.monotonic() - self._drawn > 1 or self.done == self.total:
            self._live.update(Group(self._table_of(self._records), self._bar))
            self._drawn = time.monotonic()

    def _interactive_table(self, records: Sequence[Mapping[str, Any]]) -> Table:
        return fitting_table(summarise(records), "this run so far", self.out)[0]


class TrainDisplay:
    """Progress while a training goes on: a bar in a terminal, a line per validation elsewhere."""

    def __init__(self, out: Console) -> None:
        self.out = out
        self.done = self.total = self.safe = 0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=out,
            transient=True,
        )
        self._task = self._bar.add_task("reading labels", total=None)

    def __enter__(self) -> None:
        if self.out.is_terminal:
            self._bar.start()

    def __exit__(self, *_: object) -> None:
        if self.out.is_terminal:  # otherwise it would print an empty line
            self._bar.stop()

    def prepared(self, done: int, total: int) -> None:
        """Hear of how many scenes the labels are read."""
        self._bar.update(self._task, completed=done, total=total)

    def planned(self, done: int, total: int) -> None:
        """Hear how much is to be done."""
        self.done, self.total, self.safe = done, total, done
        if done:
            self.out.print(f"going on after step {done} of {total}", style="dim")
        self._bar.reset(self._task, total=total, completed=done, description="training")

    def stepped(self, step: Step) -> None:
        """Hear of a step."""
        self.done = step.step
        text = f"epoch {step.epoch}  loss {step.loss:.3f}"
        self._bar.update(self._task, completed=step.step, description=text)

    def validated(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Hear how good the weights are."""
        shown = ", ".join(f"{key} {value:.4f}" for key, value in metrics.items() if "dice" in key)
        self.out.print(f"epoch {epoch}, step {self.done} of {self.total}: validation {shown}")

    def saved(self, step: int) -> None:
        """Hear that all steps up to this one are safe."""
        self.safe = step

    def warned(self, text: str) -> None:
        """Hear what makes it slower than it could be."""
        self.out.print(text, style="yellow", markup=False, soft_wrap=True)

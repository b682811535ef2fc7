"""Progress display of a run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zlib import crc32

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hsizoo.engine.run_cells import RunEvents
from hsizoo.report.console_table import fitting_table
from hsizoo.report.figures import Layout
from hsizoo.report.rows import summarise

if TYPE_CHECKING:
    from hsizoo.engine.cells import Cell
    from hsizoo.interfaces import Protocol

__all__ = ["RunDisplay", "SceneSample"]

_PAUSE = 1.0  # seconds between two drawings
_LONGEST = 0.2  # seconds that a drawing may take


class RunDisplay:
    """Progress display of a run: a live table in a terminal, a line per cell elsewhere.

    Parameters
    ----------
    out : Console
    protocol : type of Protocol
        Protocol that defines the live table.
    """

    def __init__(self, out: Console, protocol: type[Protocol]) -> None:
        self.out = out
        self._protocol = protocol
        self.done = self.total = 0
        self._sample = SceneSample()
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

    @property
    def events(self) -> RunEvents:
        """Callbacks that are shown here."""
        return RunEvents(
            planned=self.planned,
            progress=self.progress,
            finished=self.finished,
            reading=self.reading,
        )

    def __enter__(self) -> None:
        if self.out.is_terminal:
            self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def reading(self, done: int, total: int) -> None:
        """Show how many MiB of the files have been read for their digests."""
        text = "reading files (MiB)"
        self._bar.update(self._all, completed=done, total=total, description=text)

    def planned(self, cells: Sequence[Cell], reused: int) -> None:
        """Set the number of cells."""
        self._bar.update(self._all, description="cells")
        self.total = len(cells) + reused
        self.done = reused
        self._bar.update(self._all, total=self.total, completed=reused)
        if reused:
            self.out.print(
                f"{reused} of {self.total} cells were already done "
                "(use --overwrite always to recompute them)",
                style="dim",
            )

    def progress(self, cell: Cell, done: int, total: int) -> None:
        """Update the progress of a cell; its total may change between phases."""
        if cell.key not in self._tasks:
            self._tasks[cell.key] = self._bar.add_task(escape(cell.label), total=total)
        self._bar.update(self._tasks[cell.key], total=total, completed=done)

    def finished(self, cell: Cell, record: Mapping[str, Any]) -> None:
        """Show the outcome of a cell."""
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
        self._sample.add({**record, **cell.job["row"]})
        began = time.monotonic()
        if began - self._drawn > _PAUSE or self.done == self.total:
            self._live.update(Group(self._table(), self._bar))
            self._drawn = time.monotonic()
            # Of ten thousands of cells the table would take longer than the next cells.
            if self._drawn - began > _LONGEST:
                self._sample.halve()

    def _table(self) -> Group:
        """Table of the results so far."""
        records, seen = self._sample.records, self._sample.seen
        rows = summarise(self._protocol, records)
        layout = Layout.of(self._protocol)
        part = f", by {len(records)} of {seen} cells" if len(records) < seen else ""
        return fitting_table(layout, rows, f"this run so far{part}", self.out.width)[0]


class SceneSample:
    """Records of a share of the scenes: all of a scene, so that rows stay comparable.

    Attributes
    ----------
    records : list of mapping
        Those kept; failed ones always are.
    seen : int
        Number of all records.
    """

    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = []
        self.seen = 0
        self._step = 1

    def add(self, record: Mapping[str, Any]) -> None:
        """Keep a record if it belongs to the sample."""
        self.seen += 1
        if self._has(record):
            self.records.append(record)

    def halve(self) -> None:
        """Drop about half of the scenes, unless none would be left."""
        self._step *= 2
        kept = [record for record in self.records if self._has(record)]
        if kept:
            self.records = kept
        else:
            self._step //= 2

    def _has(self, record: Mapping[str, Any]) -> bool:
        if self._step == 1 or record["status"] == "failed":
            return True
        identity = record["identity"]
        return crc32(f"{identity['scene']} {identity['seed']}".encode()) % self._step == 0

"""Progress display of trainings that are done elsewhere, several at once."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

__all__ = ["TrainingsDisplay"]


class TrainingsDisplay:
    """A bar per training in a terminal, and a line per training that ends everywhere.

    Parameters
    ----------
    out : Console
    """

    def __init__(self, out: Console) -> None:
        self.out = out
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=out,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Leave the terminal to others, until there is more to show."""
        for task in self._tasks.values():
            self._bar.remove_task(task)
        self._tasks.clear()
        if self.out.is_terminal:  # otherwise it would print an empty line
            self._bar.stop()

    def reading(self, done: int, total: int) -> None:
        """Show how many MiB of the files have been read for their digests."""
        self._show("reading files (MiB)", done, total)
        if done >= total:
            self.stop()

    def progress(self, what: str, done: int, total: int) -> None:
        """Show the steps of a training."""
        self._show(what, done, total)

    def trained(self, what: str, number: int, total: int) -> None:
        """Show that a training is done."""
        self._remove(what)
        self.out.print(f"trained {number} of {total}: {what}", markup=False, soft_wrap=True)

    def failed(self, what: str, error: Mapping[str, str]) -> None:
        """Show that a training failed."""
        self._remove(what)
        self.out.print(f"{what}: {error['message']}", style="red", markup=False)

    def _show(self, what: str, done: int, total: int) -> None:
        if not self.out.is_terminal:
            return
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(escape(what), total=total)
            self._bar.start()
        self._bar.update(self._tasks[what], completed=done, total=total)

    def _remove(self, what: str) -> None:
        if what in self._tasks:
            self._bar.remove_task(self._tasks.pop(what))

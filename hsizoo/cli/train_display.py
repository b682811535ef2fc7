"""Progress display of a training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from hsizoo.training.run import TrainEvents

if TYPE_CHECKING:
    from hsizoo.training import Step

__all__ = ["TrainDisplay", "show_training"]


@contextlib.contextmanager
def show_training(out: Console, what: str, number: int, total: int) -> Iterator[TrainEvents]:
    """Show one of several trainings; the value of this context receives the details."""
    out.print(f"training {number} of {total}: {what}", markup=False, soft_wrap=True)
    display = TrainDisplay(out)
    with display:
        yield display.events


class TrainDisplay:
    """Progress display of a training: a bar in a terminal, a line per validation elsewhere."""

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

    @property
    def events(self) -> TrainEvents:
        """Callbacks that are shown here."""
        return TrainEvents(
            prepared=self.prepared,
            planned=self.planned,
            stepped=self.stepped,
            validated=self.validated,
            saved=self.saved,
            warned=self.warned,
            stopping=self.stopping,
            reading=self.reading,
        )

    def __enter__(self) -> None:
        if self.out.is_terminal:
            self._bar.start()

    def __exit__(self, *_: object) -> None:
        if self.out.is_terminal:  # otherwise it would print an empty line
            self._bar.stop()

    def reading(self, done: int, total: int) -> None:
        """Show how many MiB of the files have been read for their digests."""
        text = "reading files (MiB)"
        self._bar.update(self._task, completed=done, total=total, description=text)

    def prepared(self, done: int, total: int) -> None:
        """Show for how many scenes labels have been read."""
        text = "reading labels"
        self._bar.update(self._task, completed=done, total=total, description=text)

    def planned(self, done: int, total: int) -> None:
        """Set the number of steps."""
        self.done, self.total, self.safe = done, total, done
        if done:
            self.out.print(f"resuming after step {done} of {total}", style="dim")
        self._bar.reset(self._task, total=total, completed=done, description="training")

    def stepped(self, step: Step) -> None:
        """Show a finished step."""
        self.done = step.step
        text = f"epoch {step.epoch}  loss {step.loss:.3f}"
        self._bar.update(self._task, completed=step.step, description=text)

    def validated(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Show validation metrics."""
        shown = ", ".join(f"{key} {value:.4f}" for key, value in metrics.items() if "dice" in key)
        self.out.print(f"epoch {epoch}, step {self.done} of {self.total}: validation {shown}")

    def saved(self, step: int) -> None:
        """Record that all steps up to this one are saved."""
        self.safe = step

    def stopping(self) -> None:
        """Say that Ctrl-C was noticed."""
        self.out.print(
            "\nfinishing this step, to save it; press Ctrl-C again to stop at once", style="yellow"
        )

    def warned(self, text: str) -> None:
        """Show a warning about performance."""
        self.out.print(text, style="yellow", markup=False, soft_wrap=True)

"""Progress of an experiment: its trainings, then the cells of each run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from rich.console import Console

from hsizoo.cli.run_display import RunDisplay
from hsizoo.cli.train_display import show_training
from hsizoo.cli.trainings_display import TrainingsDisplay
from hsizoo.interfaces import Protocol
from hsizoo.runs.bench import RunEvents
from hsizoo.runs.experiment import ExperimentEvents
from hsizoo.training.run import TrainEvents

__all__ = ["STOPPED", "experiment_display"]

STOPPED = (
    "\nstopped: finished trainings and cells, and the last checkpoint of a training, are stored; "
    "run the same command to resume"
)


@contextlib.contextmanager
def experiment_display(errors: Console) -> Iterator[ExperimentEvents]:
    """Show an experiment while it runs; nobody but its tables may write to stdout meanwhile."""
    display = TrainingsDisplay(errors)

    @contextlib.contextmanager
    def training(what: str, number: int, total: int) -> Iterator[TrainEvents]:
        display.stop()  # a terminal has room for one
        with show_training(errors, what, number, total) as events:
            yield events

    @contextlib.contextmanager
    def benching(name: str, protocol: type[Protocol]) -> Iterator[RunEvents]:
        display.stop()
        errors.print(f"run {name}", markup=False)
        shown = RunDisplay(errors, protocol)
        with shown:
            yield shown.events

    with display, contextlib.redirect_stdout(sys.stderr):
        yield ExperimentEvents(
            training=training,
            benching=benching,
            failed=display.failed,
            trained=display.trained,
            progress=display.progress,
            reading=display.reading,
        )

"""The trainings of an experiment on other machines, several at once.

Each is a cell whose result is its run folder, which must be on storage that all machines share.  A
training that is repeated elsewhere, since its node was lost, goes on from its last checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from hsizoo.engine.cells import Cell
from hsizoo.engine.executors import Executor, Outcome
from hsizoo.runs.dependencies import Dependencies
from hsizoo.runs.sweep import PlannedTraining
from hsizoo.training.folder import TrainingFolder
from hsizoo.training.run import TrainEvents, train

__all__ = ["TrainingWork", "train_elsewhere"]


class TrainingWork:
    """Does trainings from their jobs; see `hsizoo.engine.executors.Work`."""

    def __call__(
        self, job: Mapping[str, Any], progress: Callable[[int, int], None]
    ) -> dict[str, Any]:
        """Do one training, or resume it."""
        steps = {"total": 0}

        def planned(done: int, total: int) -> None:
            steps["total"] = total
            progress(done, total)

        train(
            job["component"],
            job["dataset"],
            out=job["folder"],
            device=job["device"],
            publish=False,  # only its experiment means it
            events=TrainEvents(
                planned=planned, stepped=lambda step: progress(step.step, steps["total"])
            ),
            seed=job["seed"],
            **job["settings"],
        )
        return {}

    def depends(self, jobs: Iterable[Mapping[str, Any]]) -> Dependencies:
        """What the jobs need on another machine."""
        return Dependencies.of({**job, "component": job["untrained"]} for job in jobs)


def train_elsewhere(
    places: Mapping[PlannedTraining, Path],
    executor: Executor,
    finished: Callable[[PlannedTraining, dict[str, str] | None], None],
) -> None:
    """Do trainings by an executor.

    Parameters
    ----------
    places : mapping of PlannedTraining to Path
        Run folder of each; those that have a result are left alone.
    executor : Executor
    finished : callable
        Called with each training that was done, and its error or None.
    """
    due = {
        planned: path for planned, path in places.items() if TrainingFolder(path).result() is None
    }
    cells = {_cell(planned, path): planned for planned, path in due.items()}
    for outcome in executor.run(list(cells), TrainingWork()):
        planned = cells[outcome.cell]
        finished(planned, outcome.error or _unseen(outcome, due[planned]))


def _cell(planned: PlannedTraining, path: Path) -> Cell:
    job = {
        "component": planned.component,
        "untrained": planned.untrained,
        "kind": "segmenter",
        "dataset": planned.dataset,
        "folder": str(path.resolve()),
        "seed": planned.seed,
        "settings": planned.settings,
    }
    return Cell({"training": path.name}, job, str(planned))


def _unseen(outcome: Outcome, path: Path) -> dict[str, str] | None:
    """The error of a result that this machine cannot see."""
    if TrainingFolder(path).result() is not None:
        return None
    message = (
        f"it was done on another machine, but {outcome.cell.job['folder']} has no result here; "
        "choose a folder on storage that all machines share, with --out"
    )
    return {"type": "StoreError", "message": message, "where": "", "traceback": ""}

"""Several trainings, each in a folder of its own: one after the other, or side by side.

Side by side each is a cell of an executor whose result is its run folder, which must be on storage
that all machines share.  A training that is repeated elsewhere, since its node was lost, goes on
from its last checkpoint.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hsizoo.engine.cells import Cell
from hsizoo.engine.executors import Executor, Outcome, make_executor
from hsizoo.engine.run_cells import check_run_options
from hsizoo.errors import HsizooError
from hsizoo.progress import listening
from hsizoo.runs.case import seeds_of
from hsizoo.runs.datasets import Datasets
from hsizoo.runs.dependencies import Dependencies, weights_of
from hsizoo.runs.sweep import PlannedTraining
from hsizoo.training.folder import TrainingFolder
from hsizoo.training.run import TrainEvents, TrainResult, default_folder, train
from hsizoo.weights.sent import SentWeights

__all__ = [
    "Trained",
    "TrainingWork",
    "TrainingsEvents",
    "do_trainings",
    "plan_trainings",
    "train_several",
]

Trained = TrainResult | dict[str, str]
"""What came of a training: its result, or the error."""


@dataclass
class TrainingsEvents:
    """Callbacks of several trainings.

    ``training`` is called with the description of one that is done in this process, its number from
    1, and their number; it returns a context manager whose value receives the details.  For those
    that are done by an executor, ``progress`` is called with the description, the number of steps
    done and their total, and ``trained`` when one is done, with the number of those done and of all
    that were to be done there.  ``failed`` is called with the description of a training and its
    error.  ``reading`` is that of `hsizoo.training.run.TrainEvents`, while all are planned.
    """

    training: Callable[[str, int, int], AbstractContextManager[TrainEvents]] = (
        lambda what, number, total: nullcontext(TrainEvents())
    )
    failed: Callable[[str, Mapping[str, str]], None] = lambda what, error: None
    trained: Callable[[str, int, int], None] = lambda what, number, total: None
    progress: Callable[[str, int, int], None] = lambda what, done, total: None
    reading: Callable[[int, int], None] = lambda done, total: None


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
            publish=False,  # the driver does, or nobody
            events=TrainEvents(
                planned=planned, stepped=lambda step: progress(step.step, steps["total"])
            ),
            seed=job["seed"],
            **job["how"],
            **job["settings"],
        )
        return {}

    def depends(self, jobs: Iterable[Mapping[str, Any]]) -> Dependencies:
        """What the jobs need on another machine."""
        return Dependencies.of(map(_before, jobs))

    def weights(self, jobs: Iterable[Mapping[str, Any]]) -> list[SentWeights]:
        """The weights that the trainings start from."""
        return weights_of(map(_before, jobs))


def _before(job: Mapping[str, Any]) -> dict[str, Any]:
    """A job that names its component as it is before the training."""
    return {**job, "component": job["untrained"]}


def plan_trainings(
    component: str,
    dataset: str,
    *,
    seeds: int | Sequence[int] = 1,
    folds: int = 0,
    fold: int | None = None,
    out: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> dict[PlannedTraining, Path]:
    """Return the trainings of `train_several` with their folders; see there for the parameters.

    Raises
    ------
    HsizooError
        For all that can be known before the first one begins.
    """
    chosen = range(folds) if folds and fold is None else [fold or 0]
    datasets, places = Datasets(), {}
    for number in chosen:
        divided = {"folds": folds, "fold": number} if folds or number else {}
        for seed in seeds_of(seeds):
            given = {**settings, **divided}
            planned = PlannedTraining(component, dataset, seed, tuple(given.items()))
            # What it checks must be right wherever the folder is.
            place = default_folder(component, dataset, {**given, "seed": seed})
            places[planned] = place if out is None else Path(out) / planned.folder(datasets)
    return places


def train_several(
    component: str,
    dataset: str = "phantom",
    *,
    seeds: int | Sequence[int] = 1,
    folds: int = 0,
    fold: int | None = None,
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    jobs: int = 1,
    executor: str | Executor = "local",
    fresh: bool = False,
    checkpoint_steps: int = 100,
    state_memory: int = 2048,
    publish: bool = True,
    events: TrainingsEvents | None = None,
    **settings: Any,
) -> dict[PlannedTraining, Trained]:
    """Train a segmenter several times, with several seeds and folds, or go on with that.

    Parameters
    ----------
    component, dataset : str
        See `hsizoo.train`.
    seeds : int or sequence of int, default 1
        A number of seeds, counted from 0, or the seeds themselves.
    folds : int, default 0
        Number of folds to divide the subjects into; 0 for none.
    fold : int, optional
        The fold to hold out, from 0.  Default: each of them in turn.
    out : path, optional
        Folder of the run folders.  Default: each has the folder that `hsizoo.train` gives it.
    device : str, default "auto"
        See `hsizoo.create`.
    jobs : int, default 1
        Number of trainings at once; 1 trains in this process.
    executor : str or Executor, default "local"
        Where trainings are done, see `hsizoo.bench`.  Elsewhere than on this machine, `out` must be
        on storage that all machines share.
    fresh, checkpoint_steps, state_memory, publish
        See `hsizoo.train`.
    events : TrainingsEvents, optional
        Callbacks.
    **settings
        See `hsizoo.train`; all but those above.

    Returns
    -------
    dict of PlannedTraining to TrainResult or dict
        In the order fold by fold, seed by seed.  One that failed has its error instead: ``type``,
        ``message``, ``where``, ``traceback``; it does not end the others.

    Raises
    ------
    HsizooError
        For all that can be known before the first one begins.
    """
    events = events or TrainingsEvents()
    check_run_options(jobs, "never")
    with listening(events.reading):
        places = plan_trainings(
            component, dataset, seeds=seeds, folds=folds, fold=fold, out=out, **settings
        )
    if fresh:
        for place in places.values():
            with TrainingFolder(place) as folder:
                folder.clear()
    return do_trainings(
        places,
        device=device,
        jobs=jobs,
        executor=executor,
        publish=publish,
        events=events,
        checkpoint_steps=checkpoint_steps,
        state_memory=state_memory,
    )


def do_trainings(
    places: Mapping[PlannedTraining, Path],
    *,
    device: str,
    jobs: int,
    executor: str | Executor,
    publish: bool,
    events: TrainingsEvents,
    **how: Any,
) -> dict[PlannedTraining, Trained]:
    """Do trainings, each in its folder; one that failed has its error instead of a result.

    Parameters
    ----------
    places : mapping of PlannedTraining to Path
        Run folder of each; what is done there is not done again.
    device, jobs, executor, publish, events
        See `train_several`.
    **how
        Further arguments of `hsizoo.train` that do not change the result.
    """
    lost: Mapping[PlannedTraining, dict[str, str]] = {}
    # Trainings in this process show every step, and finish it when they are stopped.
    is_elsewhere = executor != "local" or jobs > 1
    if is_elsewhere:
        where = make_executor(executor, jobs, device)[0] if isinstance(executor, str) else executor
        lost = _train_elsewhere(places, where, how, events)
        device = "cpu"  # nothing is computed here, where there may be no GPU
    found: dict[PlannedTraining, Trained] = {}
    for number, (planned, place) in enumerate(places.items(), start=1):
        if planned in lost:
            found[planned] = lost[planned]
            continue
        shown: AbstractContextManager[TrainEvents] = (
            nullcontext(TrainEvents())
            if is_elsewhere
            else events.training(str(planned), number, len(places))
        )
        try:
            with shown as train_events:
                found[planned] = train(
                    planned.component,
                    planned.dataset,
                    out=place,
                    device=device,
                    publish=publish,
                    events=train_events,
                    seed=planned.seed,
                    **how,
                    **planned.settings,
                )
        # Like a cell: what ends one training must not end the others.
        except (Exception, SystemExit) as problem:  # noqa: BLE001
            found[planned] = error = _error(problem, place)
            events.failed(str(planned), error)
    return found


def _train_elsewhere(
    places: Mapping[PlannedTraining, Path],
    executor: Executor,
    how: Mapping[str, Any],
    events: TrainingsEvents,
) -> dict[PlannedTraining, dict[str, str]]:
    """Do trainings by an executor; return the errors."""
    due = {
        planned: place
        for planned, place in places.items()
        if TrainingFolder(place).result() is None
    }
    cells = {_cell(planned, place, how): planned for planned, place in due.items()}
    lost = {}

    def progress(cell: Cell, done: int, total: int) -> None:
        events.progress(cell.label, done, total)

    for number, outcome in enumerate(executor.run(list(cells), TrainingWork(), progress), start=1):
        planned = cells[outcome.cell]
        error = outcome.error or _unseen(outcome, due[planned])
        if error is None:
            events.trained(str(planned), number, len(cells))
        else:
            lost[planned] = _told(error, due[planned])
            events.failed(str(planned), lost[planned])
    return lost


def _cell(planned: PlannedTraining, place: Path, how: Mapping[str, Any]) -> Cell:
    job = {
        "component": planned.component,
        "untrained": planned.untrained,
        "kind": "segmenter",
        "dataset": planned.dataset,
        "folder": str(place.resolve()),
        "seed": planned.seed,
        "settings": planned.settings,
        "how": dict(how),
    }
    return Cell({"training": place.name}, job, str(planned))


def _unseen(outcome: Outcome, place: Path) -> dict[str, str] | None:
    """The error of a result that this machine cannot see."""
    if TrainingFolder(place).result() is not None:
        return None
    message = (
        f"it was done on another machine, but {outcome.cell.job['folder']} has no result here; "
        "choose a folder on storage that all machines share, with --out"
    )
    return {"type": "StoreError", "message": message, "where": "", "traceback": ""}


def _error(problem: BaseException, place: Path) -> dict[str, str]:
    own = isinstance(problem, HsizooError)
    error = {
        "type": type(problem).__name__,
        "message": str(problem) or repr(problem),
        "traceback": "" if own else "".join(traceback.format_exception(problem)),
    }
    return _told(error, place)


def _told(error: Mapping[str, str], place: Path) -> dict[str, str]:
    """An error as records of a run have it."""
    message = f"training failed: {error['message']}"
    return {**error, "message": message, "where": f"trainings/{place.name}"}

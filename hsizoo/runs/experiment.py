"""Running an experiment: train what is to be trained, bench it, write it up.

::

    <folder>/trainings/<component>-seed<n>-<hash>/    a training's run folder, shared by the runs
    <folder>/<run>/                                   a run folder as `hsizoo bench` makes it
    <folder>/summary.md                               all runs that there are so far

Finished trainings and cells are kept; the same call resumes an experiment that was stopped.
"""

from __future__ import annotations

import os
import shlex
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hsizoo.engine.executors import Executor, make_executor
from hsizoo.engine.store import Store
from hsizoo.errors import HsizooError
from hsizoo.interfaces import Protocol
from hsizoo.report.summary import RunReport, summary_md
from hsizoo.runs.bench import Overwrite, RunEvents, RunResult, run_cases
from hsizoo.runs.case import Case
from hsizoo.runs.datasets import Datasets
from hsizoo.runs.experiment_file import Experiment, read_experiment
from hsizoo.runs.folders import DEFAULT_FOLDER
from hsizoo.runs.stored import is_readable, read_results
from hsizoo.runs.sweep import PlannedCase, PlannedTraining, plan_run
from hsizoo.runs.trainings import train_elsewhere
from hsizoo.training.run import TrainEvents, TrainResult, train

__all__ = ["ExperimentEvents", "ExperimentResult", "run_experiment"]

_ON_THE_PAGE = ("described", "run", "ranks", "differences", "notes", "pictures")


@dataclass
class ExperimentEvents:
    """Callbacks of an experiment.

    ``training`` is called with a description of the training, its number from 1, and the number of
    trainings of the run; ``benching`` with the name of a run and its protocol.  Each returns a
    context manager whose value receives the details.  ``failed`` is called with the description of
    a training and its error; ``trained`` with one that was done on another machine, the number of
    those done, and of all that were to be done there.
    """

    training: Callable[[str, int, int], AbstractContextManager[TrainEvents]] = (
        lambda what, number, total: nullcontext(TrainEvents())
    )
    benching: Callable[[str, type[Protocol]], AbstractContextManager[RunEvents]] = (
        lambda name, protocol: nullcontext(RunEvents())
    )
    failed: Callable[[str, Mapping[str, str]], None] = lambda what, error: None
    trained: Callable[[str, int, int], None] = lambda what, number, total: None


@dataclass(frozen=True)
class ExperimentResult:
    """A finished experiment, or those runs of it that were asked for.

    Parameters
    ----------
    folder : Path
    summary : Path
        The page of text.
    runs : dict of str to RunResult
        By name; ``failures`` has trainings and cells that failed.
    """

    folder: Path
    summary: Path
    runs: dict[str, RunResult] = field(default_factory=dict)

    @property
    def failures(self) -> list[dict[str, Any]]:
        """The failed records of all runs."""
        return [record for result in self.runs.values() for record in result.failures]


def run_experiment(
    config: str | os.PathLike[str] | Experiment,
    *,
    only: str | Sequence[str] = (),
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    jobs: int = 1,
    executor: str | Executor = "local",
    overwrite: Overwrite = "failed",
    allow_untrained: bool = False,
    events: ExperimentEvents | None = None,
) -> ExperimentResult:
    """Run an experiment, or go on with one that was stopped.

    Parameters
    ----------
    config : path or Experiment
        The file; see `hsizoo.runs.experiment_file`.
    only : str or sequence of str, optional
        Names of the runs to do.  Default: all.
    out : path, optional
        Default: ``hsizoo-runs/<name of the file>``.
    device, jobs, executor, overwrite, allow_untrained
        See `hsizoo.bench`.  A finished training is never done again: delete its folder for that.
    events : ExperimentEvents, optional

    Returns
    -------
    ExperimentResult
        What fails, a training or a cell, does not end the rest.

    Raises
    ------
    HsizooError
        For what can be known before anything is computed, and where a folder cannot be written.
    """
    if not isinstance(config, Experiment):
        config = read_experiment(Path(config))
    events = events or ExperimentEvents()
    chosen = config.choose([only] if isinstance(only, str) else only)
    datasets = Datasets()
    # All are looked at before the first is begun.
    runs = [plan_run(run, datasets, allow_untrained=allow_untrained) for run in chosen]
    folder = Path(out or Path(DEFAULT_FOLDER) / config.path.stem)
    result = ExperimentResult(folder, folder / "summary.md")
    file = {"file": config.path.name, "digest": config.digest}
    for run in runs:
        described = run.description
        wanted = {each.training: None for each in run.cases if each.training is not None}
        places = {each: folder / "trainings" / each.folder(datasets) for each in wanted}
        where = make_executor(executor, jobs, device)[0] if isinstance(executor, str) else executor
        # Trainings in this process show every step, and finish it when they are stopped.
        lost_there = {} if executor == "local" else _train_elsewhere(places, where, events)
        trained = _train_all(places, lost_there, device, events)
        cases, lost = _cases(run.cases, trained)
        about = {
            "experiment": file,
            "described": described.to_json(),
            "run": run.to_json(),
            "trainings": [_about(planned, datasets, done) for planned, done in trained.items()],
        }
        with events.benching(described.name, run.protocol) as run_events:
            result.runs[described.name] = run_cases(
                cases,
                folder / described.name,
                f"{config.title}: {described.name}",
                selection=described.selection,
                device=device,
                jobs=jobs,
                executor=executor,
                overwrite=overwrite,
                allow_untrained=allow_untrained or described.allow_untrained,
                events=run_events,
                datasets=datasets,
                lost=lost,
                about=about,
                protocol=run.protocol,
            )
        _write_summary(config, folder)
    return result


_Trained = dict[PlannedTraining, "TrainResult | dict[str, str]"]
"""Trainings by what was wanted: the result, or the error."""


def _train_elsewhere(
    places: Mapping[PlannedTraining, Path], executor: Executor, events: ExperimentEvents
) -> dict[PlannedTraining, dict[str, str]]:
    """Do the trainings of a run by an executor; return the errors."""
    lost = {}
    count = 0

    def finished(planned: PlannedTraining, error: dict[str, str] | None) -> None:
        nonlocal count
        count += 1
        if error is None:
            events.trained(str(planned), count, len(places))
        else:
            message = f"training failed: {error['message']}"
            lost[planned] = {**error, "message": message, "where": _where(places[planned])}
            events.failed(str(planned), lost[planned])

    train_elsewhere(places, executor, finished)
    return lost


def _where(place: Path) -> str:
    return f"trainings/{place.name}"


def _train_all(
    places: Mapping[PlannedTraining, Path],
    lost: Mapping[PlannedTraining, dict[str, str]],
    device: str,
    events: ExperimentEvents,
) -> _Trained:
    """Do the trainings of a run, each in its folder; what was done elsewhere is read there."""
    found: _Trained = {}
    for number, (planned, place) in enumerate(places.items(), start=1):
        if planned in lost:
            found[planned] = lost[planned]
            continue
        try:
            with events.training(str(planned), number, len(places)) as train_events:
                found[planned] = train(
                    planned.component,
                    planned.dataset,
                    out=place,
                    device=device,
                    publish=False,  # only this experiment means them
                    events=train_events,
                    seed=planned.seed,
                    **planned.settings,
                )
        # Like a cell: what ends one training must not end the others.
        except (Exception, SystemExit) as problem:  # noqa: BLE001
            error = _error(problem, _where(place))
            found[planned] = error
            events.failed(str(planned), error)
    return found


def _error(problem: BaseException, where: str) -> dict[str, str]:
    own = isinstance(problem, HsizooError)
    return {
        "type": type(problem).__name__,
        "message": f"training failed: {str(problem) or repr(problem)}",
        "where": where,
        "traceback": "" if own else "".join(traceback.format_exception(problem)),
    }


def _cases(
    planned: Sequence[PlannedCase], trained: _Trained
) -> tuple[list[Case], list[dict[str, Any]]]:
    """The cases that can be run, and a failed record for each that cannot."""
    cases, lost = [], []
    for each in planned:
        done = trained[each.training] if each.training is not None else None
        if done is None:
            cases.append(each.case)
        elif isinstance(done, TrainResult):
            cases.append(each.with_weights(str(done.folder.resolve())))
        else:
            about = {"dataset": each.case.dataset, "scene": "(training)", "seed": 0}
            lost.append(
                {
                    "label": each.case.label,
                    "conditions": dict(each.case.conditions),
                    "training_seed": each.case.training_seed,
                    "status": "failed",
                    "identity": about,
                    "error": done,
                }
            )
    return cases, lost


def _about(
    planned: PlannedTraining, datasets: Datasets, done: TrainResult | dict[str, str]
) -> dict[str, Any]:
    """What is kept of a training beside the results that came of it."""
    about: dict[str, Any] = {
        "component": planned.component,
        "dataset": planned.dataset,
        "seed": planned.seed,
        "settings": dict(planned.settings),
        "folder": f"trainings/{planned.folder(datasets)}",
    }
    if not isinstance(done, TrainResult):
        return {**about, "error": done["message"]}
    kept = ("digest", "kept_epoch", "metrics", "hours", "subjects", "provenance")
    return {**about, **{key: done.card[key] for key in kept}}


def _write_summary(config: Experiment, folder: Path) -> None:
    """Write up all runs that are there, also those of earlier calls."""
    reports = []
    for run in config.runs:
        results = read_results(folder / run.name)
        if results is not None and not is_readable(results, *_ON_THE_PAGE):
            results = None  # made by another version
        # By what the file said: the plugins of another run need not be here now.
        changed = results is not None and results["described"] != run.to_json()
        reports.append(RunReport(run.name, results, changed))
    command = shlex.join(["hsizoo", "bench", "--config", config.path.name])
    text = summary_md(config.title, config.description, command, reports)
    Store(folder).write("summary.md", text.encode())

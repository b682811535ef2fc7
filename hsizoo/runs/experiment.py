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
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hsizoo.engine.executors import Executor
from hsizoo.engine.store import Store
from hsizoo.interfaces import Protocol
from hsizoo.progress import listening
from hsizoo.report.summary import RunReport, summary_md
from hsizoo.runs.bench import Overwrite, RunEvents, RunResult, run_cases
from hsizoo.runs.case import Case
from hsizoo.runs.datasets import Datasets
from hsizoo.runs.experiment_file import Experiment, read_experiment
from hsizoo.runs.folders import DEFAULT_FOLDER
from hsizoo.runs.stored import is_readable, read_results
from hsizoo.runs.sweep import PlannedCase, PlannedTraining, plan_run
from hsizoo.runs.trainings import Trained, TrainingsEvents, do_trainings
from hsizoo.training.run import TrainResult

__all__ = ["ExperimentEvents", "ExperimentResult", "run_experiment"]

_ON_THE_PAGE = ("described", "run", "ranks", "differences", "notes", "pictures")


@dataclass
class ExperimentEvents(TrainingsEvents):
    """Callbacks of an experiment: those of its trainings, and one for its tables.

    ``benching`` is called with the name of a run and its protocol; it returns a context manager
    whose value receives the details.
    """

    benching: Callable[[str, type[Protocol]], AbstractContextManager[RunEvents]] = (
        lambda name, protocol: nullcontext(RunEvents())
    )


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
    keep_masks: bool = False,
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
    device, jobs, executor, overwrite, allow_untrained, keep_masks
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
    with listening(events.reading):  # all are looked at before the first is begun
        runs = [plan_run(run, datasets, allow_untrained=allow_untrained) for run in chosen]
    folder = Path(out or Path(DEFAULT_FOLDER) / config.path.stem)
    result = ExperimentResult(folder, folder / "summary.md")
    file = {"file": config.path.name, "digest": config.digest}
    for run in runs:
        described = run.description
        wanted = {each.training: None for each in run.cases if each.training is not None}
        with listening(events.reading):
            places = {each: folder / "trainings" / each.folder(datasets) for each in wanted}
        trained = do_trainings(
            places,
            device=device,
            jobs=jobs,
            executor=executor,
            publish=False,  # only this experiment means them
            events=events,
        )
        cases, lost = _cases(run.cases, trained)
        command = ["hsizoo", "bench", "--config", config.path.name, "--only", described.name]
        about = {
            "command": shlex.join(command),
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
                keep_masks=keep_masks,
                events=run_events,
                datasets=datasets,
                lost=lost,
                about=about,
                protocol=run.protocol,
            )
        _write_summary(config, folder)
    return result


def _cases(
    planned: Sequence[PlannedCase], trained: Mapping[PlannedTraining, Trained]
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

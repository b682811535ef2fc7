"""Running an experiment: train what is to be trained, bench it, write it up.

::

    <folder>/trainings/<component>-seed<n>-<hash>/    a training's run folder, shared by the runs
    <folder>/<run>/                                   a run folder as `hsizoo bench` makes it
    <folder>/summary.md                               all runs that there are so far

Whatever was finished is kept; the same call goes on where an earlier one was stopped.
"""

from __future__ import annotations

import json
import os
import shlex
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hsizoo.engine.store import Store
from hsizoo.errors import HsizooError
from hsizoo.report.summary import RunReport, summary_md
from hsizoo.runs.bench import Overwrite, RunEvents, RunResult, run_cases
from hsizoo.runs.experiment_file import Experiment, Run, read_experiment
from hsizoo.runs.few_label_experiment import cases_of, check_cases, check_keys, is_few_label, plain
from hsizoo.runs.fewlabel import FewLabelCase, FewLabelResult, run_few_label_cases
from hsizoo.runs.plan import Case
from hsizoo.runs.sweep import Part, Planned, check, parts_of
from hsizoo.training.run import TrainEvents, TrainResult, train

__all__ = ["ExperimentEvents", "ExperimentResult", "run_experiment"]

DEFAULT_FOLDER = "hsizoo-runs"


@dataclass
class ExperimentEvents:
    """Who hears what while an experiment goes on.

    ``training`` is told a training in words, its number from 1 and how many the run has;
    ``benching`` the name of a run, and ``classifying`` that of a run of classifiers; each gives a
    context whose value hears the details.  ``failed`` is told a training in words, and its error.
    """

    training: Callable[[str, int, int], AbstractContextManager[TrainEvents]] = (
        lambda what, number, total: nullcontext(TrainEvents())
    )
    benching: Callable[[str], AbstractContextManager[RunEvents]] = lambda name: nullcontext(
        RunEvents()
    )
    failed: Callable[[str, Mapping[str, str]], None] = lambda what, error: None
    classifying: Callable[[str], AbstractContextManager[RunEvents]] = lambda name: nullcontext(
        RunEvents()
    )


@dataclass(frozen=True)
class ExperimentResult:
    """A finished experiment, or those runs of it that were asked for.

    Parameters
    ----------
    folder : Path
    summary : Path
        The page of text.
    runs : dict of str to RunResult or FewLabelResult
        By name; ``failures`` has trainings and cells that failed.
    """

    folder: Path
    summary: Path
    runs: dict[str, RunResult | FewLabelResult] = field(default_factory=dict)

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
    device, jobs, overwrite, allow_untrained
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
    # All are looked at before the first is begun.
    of_classifiers = {run.name: _cases_of(run) for run in chosen if is_few_label(run)}
    parts = {run.name: _parts_of(run, allow_untrained) for run in chosen
             if run.name not in of_classifiers}  # fmt: skip
    folder = Path(out or Path(DEFAULT_FOLDER) / config.path.stem)
    result = ExperimentResult(folder, folder / "summary.md")
    file = {"file": config.path.name, "digest": config.digest}
    how: dict[str, Any] = {"device": device, "jobs": jobs, "overwrite": overwrite}
    for run in chosen:
        about: dict[str, Any] = {"experiment": file, "run": _plain(run, run.name in of_classifiers)}
        target, title = folder / run.name, f"{config.title}: {run.name}"
        how |= {"split": run.split, "scenes": run.scenes}
        if run.name in of_classifiers:
            with events.classifying(run.name) as heard:
                result.runs[run.name] = run_few_label_cases(
                    of_classifiers[run.name], target, title, events=heard, about=about, **how
                )
        else:
            trained = _train_all(run, parts[run.name], folder, device, events)
            cases, lost = _cases(parts[run.name], trained)
            about["trainings"] = [_about(planned, done) for planned, done in trained.items()]
            with events.benching(run.name) as heard:
                result.runs[run.name] = run_cases(
                    cases,
                    target,
                    title,
                    allow_untrained=allow_untrained or run.allow_untrained,
                    events=heard,
                    lost=lost,
                    about=about,
                    **how,
                )
        _write_summary(config, folder)
    return result


def _cases_of(run: Run) -> list[FewLabelCase]:
    check_keys(run, classify=True)
    cases = cases_of(run)
    check_cases(run, cases)
    return cases


def _parts_of(run: Run, allow_untrained: bool) -> list[Part]:
    check_keys(run, classify=False)
    parts = parts_of(run)
    check(run, parts, allow_untrained=allow_untrained)
    return parts


_Trained = dict[Planned, "TrainResult | dict[str, str]"]
"""Trainings by what was wanted: the result, or the error."""


def _train_all(
    run: Run, parts: Sequence[Part], folder: Path, device: str, events: ExperimentEvents
) -> _Trained:
    """Do the trainings of a run, each in a folder of its own."""
    wanted = {part.training: None for part in parts if part.training is not None}
    found: _Trained = {}
    for number, planned in enumerate(wanted, start=1):
        try:
            with events.training(str(planned), number, len(wanted)) as heard:
                found[planned] = train(
                    planned.component,
                    planned.dataset,
                    out=folder / "trainings" / planned.folder,
                    device=device,
                    publish=False,  # only this experiment means them
                    events=heard,
                    seed=planned.seed,
                    **planned.settings,
                )
        # Like a cell: what ends one training must not end the others.
        except (Exception, SystemExit) as problem:  # noqa: BLE001
            error = _error(problem, f"trainings/{planned.folder}")
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


def _cases(parts: Sequence[Part], trained: _Trained) -> tuple[list[Case], list[dict[str, Any]]]:
    """The cases that can be run, and a failed record for each that cannot."""
    cases, lost = [], []
    for part in parts:
        done = trained[part.training] if part.training is not None else None
        if done is None:
            cases.append(part.case)
        elif isinstance(done, TrainResult):
            cases.append(part.with_weights(str(done.folder.resolve())))
        else:
            about = {"dataset": part.case.dataset, "scene": "(training)", "seed": 0}
            lost.append(
                {
                    "label": part.case.name,
                    "conditions": dict(part.case.conditions),
                    "training_seed": part.case.training_seed,
                    "status": "failed",
                    "identity": about,
                    "error": done,
                }
            )
    return cases, lost


def _about(planned: Planned, done: TrainResult | dict[str, str]) -> dict[str, Any]:
    """What is kept of a training beside the results that came of it."""
    about: dict[str, Any] = {
        "component": planned.component,
        "dataset": planned.dataset,
        "seed": planned.seed,
        "settings": dict(planned.settings),
        "folder": f"trainings/{planned.folder}",
    }
    if not isinstance(done, TrainResult):
        return {**about, "error": done["message"]}
    kept = ("digest", "kept_epoch", "metrics", "hours", "subjects", "provenance")
    return {**about, **{key: done.card[key] for key in kept}}


def _plain(run: Run, classify: bool) -> dict[str, Any]:
    """A run's description as JSON has it."""
    found: dict[str, Any] = json.loads(json.dumps(plain(run, classify)))
    return found


def _write_summary(config: Experiment, folder: Path) -> None:
    """Write up all runs that are there, also those of earlier calls."""
    reports = []
    for run in config.runs:
        results = _read(folder / run.name / "results.json")
        was = (results or {}).get("run")
        # By what it was: the plugins of another run need not be here now.
        changed = was is not None and was != _plain(run, "shots" in was)
        reports.append(RunReport(run.name, results, _differences(folder / run.name), changed))
    text = summary_md(
        config.title,
        config.description,
        shlex.join(["hsizoo", "bench", "--config", config.path.name]),
        reports,
    )
    Store(folder).write("summary.md", text.encode())


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _differences(folder: Path) -> str:
    try:
        return (folder / "differences.csv").read_text(encoding="utf-8")
    except OSError:
        return ""

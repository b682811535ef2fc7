"""Measure a paper's rows again, and join ours with the published ones."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from hsizoo.engine.executors import Executor
from hsizoo.engine.store import Store
from hsizoo.errors import OptionError
from hsizoo.papers.page import page_md
from hsizoo.papers.paper import Claim, Ours, Paper, PublishedRow, Setup, find_paper
from hsizoo.report.rows import Row
from hsizoo.runs.bench import Overwrite, RunResult
from hsizoo.runs.experiment import ExperimentEvents, run_experiment
from hsizoo.runs.experiment_file import Experiment, read_experiment
from hsizoo.runs.folders import DEFAULT_FOLDER
from hsizoo.zoo.factory import with_data_dir

__all__ = ["Judged", "Line", "Reproduction", "judge", "plan_reproduction", "reproduce"]

Verdict = Literal["holds", "does not hold", "open", "not measured"]

PAGE = "reproduction.md"


@dataclass(frozen=True)
class Line:
    """A row of the paper beside ours.

    Parameters
    ----------
    published : PublishedRow
    ours : Row, optional
        None if it was not measured.
    comparable : bool
        Whether our figures may be compared with the published ones.
    why : str
        Why not, or why it was not measured.
    """

    published: PublishedRow
    ours: Row | None
    comparable: bool
    why: str


@dataclass(frozen=True)
class Judged:
    """A claim of the paper, and what our figures say of it.

    Parameters
    ----------
    claim : Claim
    verdict : {"holds", "does not hold", "open", "not measured"}
        By the 95 % interval of the paired difference; ``open`` if that contains 0, or if there are
        too few units for an interval.
    difference : float, optional
        The row that should be better minus the other one.
    interval : (float, float), optional
    """

    claim: Claim
    verdict: Verdict
    difference: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Reproduction:
    """A paper's rows, measured again.

    Parameters
    ----------
    paper : Paper
    setup : Setup
    folder : Path
        Where the runs are.
    lines : list of Line
    claims : list of Judged
        Those on rows of the setup.
    runs : dict of str to RunResult
    page : Path
        The page that tells all of it.
    """

    paper: Paper
    setup: Setup
    folder: Path
    lines: list[Line]
    claims: list[Judged]
    runs: dict[str, RunResult]
    page: Path


def plan_reproduction(
    name: str,
    *,
    on: str | None = None,
    quick: bool = False,
    data_dir: str | None = None,
    out: str | os.PathLike[str] | None = None,
) -> tuple[Paper, Setup, Experiment, Path]:
    """Return what `reproduce` would run, and where.

    Raises
    ------
    NameLookupError, OptionError, PluginError, DataError
    """
    paper, beside = find_paper(name)
    setup = paper.setup_named(on)
    if quick and not setup.quick:
        raise OptionError(f"{paper.title}: the setup {setup.name!r} has no quick way; leave it out")
    experiment = read_experiment(beside / (setup.quick if quick else setup.experiment))
    if data_dir is not None:
        experiment = _read_from(experiment, data_dir)
    folder = Path(out or Path(DEFAULT_FOLDER) / "-".join(_words(name, setup, quick)))
    return paper, setup, experiment, folder


def reproduce(
    name: str,
    *,
    on: str | None = None,
    quick: bool = False,
    data_dir: str | None = None,
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    jobs: int = 1,
    executor: str | Executor = "local",
    overwrite: Overwrite = "failed",
    events: ExperimentEvents | None = None,
) -> Reproduction:
    """Measure a paper's tables again; the same call resumes a run that was stopped.

    Parameters
    ----------
    name : str
        One of `paper_names`.
    on : str, optional
        Name of the setup.  Default: the first, which needs no download.
    quick : bool, default False
        Run the short experiment of the setup.
    data_dir : str, optional
        Folder with the files of the setup's dataset.
    out : path, optional
        Default: ``hsizoo-runs/reproduce-NAME-SETUP``, and ``-quick``.
    device, jobs, executor, overwrite
        See `hsizoo.bench`.
    events : ExperimentEvents, optional

    Returns
    -------
    Reproduction
        What failed is a line without a row of ours.

    Raises
    ------
    NameLookupError
        If there is no such paper or setup.
    HsizooError
        See `hsizoo.runs.experiment.run_experiment`.
    """
    paper, setup, experiment, folder = plan_reproduction(
        name, on=on, quick=quick, data_dir=data_dir, out=out
    )
    done = run_experiment(
        experiment,
        out=folder,
        device=device,
        jobs=jobs,
        executor=executor,
        overwrite=overwrite,
        events=events,
    )
    planned = {(run.name, each) for run in experiment.runs for each in run.components}
    lines = [
        _line(row, row.ours_in(setup.name, quick), setup, done.runs, planned) for row in paper.row
    ]
    ours = {line.published.name: line.ours for line in lines}
    here = {row.name for row in paper.row if row.ours_in(setup.name, quick)}
    claims = [
        judge(claim, ours, done.runs)
        for claim in paper.claim
        if {claim.better, claim.worse} <= here
    ]
    command = f"hsizoo {' '.join(_words(name, setup, quick, command=True))}"
    made = Reproduction(paper, setup, folder, lines, claims, done.runs, folder / PAGE)
    Store(folder).write(PAGE, page_md(made, command).encode())
    return made


def judge(claim: Claim, ours: Mapping[str, Row | None], runs: Mapping[str, RunResult]) -> Judged:
    """Judge a claim by the paired difference of our two rows.

    Parameters
    ----------
    claim : Claim
    ours : mapping of str to Row or None
        By the name of the paper's row.
    runs : mapping of str to RunResult
    """
    better, worse = ours.get(claim.better), ours.get(claim.worse)
    if better is None or worse is None:
        return Judged(claim, "not measured")
    for run in runs.values():
        for line in run.comparison.differences:
            sign = {(better.name, worse.name): 1, (worse.name, better.name): -1}.get(
                (line["a"], line["b"])
            )
            if sign is None or line["metric"] != claim.column:
                continue
            difference = sign * line["difference"]
            if "low" not in line:
                return Judged(claim, "open", difference)
            low, high = sorted((sign * line["low"], sign * line["high"]))
            verdict: Verdict = "holds" if low > 0 else "does not hold" if high < 0 else "open"
            return Judged(claim, verdict, difference, (low, high))
    return Judged(claim, "not measured")


def _line(
    row: PublishedRow,
    wanted: Ours | None,
    setup: Setup,
    runs: Mapping[str, RunResult],
    planned: Collection[tuple[str, str]],
) -> Line:
    if wanted is None:
        return Line(row, None, False, f"not part of the setup {setup.name}")
    found = _find(wanted, runs)
    if found is None:
        failed = any(
            component == wanted.component and wanted.run in ("", run) for run, component in planned
        )
        return Line(row, None, False, "failed" if failed else "left out by --quick")
    return Line(row, found, setup.comparable and not row.remark, row.remark)


def _find(wanted: Ours, runs: Mapping[str, RunResult]) -> Row | None:
    for name, run in runs.items():
        if wanted.run not in ("", name):
            continue
        for row in run.table:
            # Marks follow the label: "samsa2-nano (trained on phantom)".
            same = row.component.partition(" (")[0] == wanted.component
            if same and wanted.conditions.items() <= row.conditions.items() and row.samples:
                return row
    return None


def _read_from(experiment: Experiment, data_dir: str) -> Experiment:
    """Read the datasets of all runs from a folder."""
    runs = tuple(
        replace(run, datasets=tuple(with_data_dir(each, data_dir) for each in run.datasets))
        for run in experiment.runs
    )
    return replace(experiment, runs=runs)


def _words(name: str, setup: Setup, quick: bool, command: bool = False) -> list[str]:
    if command:
        return ["reproduce", name, "--on", setup.name, *(["--quick"] if quick else [])]
    return ["reproduce", name, setup.name, *(["quick"] if quick else [])]

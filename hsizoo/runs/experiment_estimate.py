"""`estimate_experiment`: what the runs of an experiment would compute, without computing it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hsizoo.engine.run_cells import Overwrite
from hsizoo.runs.datasets import Datasets
from hsizoo.runs.estimate import Estimate, estimate
from hsizoo.runs.experiment_file import Experiment, read_experiment
from hsizoo.runs.folders import DEFAULT_FOLDER
from hsizoo.runs.request import Request
from hsizoo.runs.sweep import PlannedRun, plan_run

__all__ = ["estimate_experiment"]


def estimate_experiment(
    config: str | os.PathLike[str] | Experiment,
    *,
    only: Sequence[str] = (),
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    jobs: int = 1,
    overwrite: Overwrite = "failed",
    allow_untrained: bool = False,
    calibrate: bool = False,
) -> dict[str, Estimate]:
    """Estimate the runs of an experiment by name; nothing is computed, and nothing is written.

    Parameters
    ----------
    config : path or Experiment
        The file; see `hsizoo.runs.experiment_file`.
    only, out, device, jobs, overwrite, allow_untrained
        See `hsizoo.runs.experiment.run_experiment`.
    calibrate : bool, default False
        See `hsizoo.runs.estimate.estimate`.

    Returns
    -------
    dict of str to Estimate
        Without trainings, and with the cells of one training seed; the notes say how many there
        are of both.

    Raises
    ------
    HsizooError
        For what can be known before anything is computed.
    """
    experiment = config if isinstance(config, Experiment) else read_experiment(Path(config))
    datasets = Datasets()
    runs = [
        plan_run(run, datasets, allow_untrained=allow_untrained) for run in experiment.choose(only)
    ]
    folder = Path(out or Path(DEFAULT_FOLDER) / experiment.path.stem)
    found = {}
    for run in runs:
        name = run.description.name
        made = estimate(
            _request(run, folder / name, f"{experiment.title}: {name}", datasets),
            device=device,
            jobs=jobs,
            overwrite=overwrite,
            allow_untrained=True,  # `plan_run` has refused what may not be
            calibrate=calibrate,
        )
        found[name] = replace(made, notes=[*made.notes, *_notes(run)])
    return found


def _notes(run: PlannedRun) -> list[str]:
    trainings = {each.training for each in run.cases if each.training is not None}
    if not trainings:
        return []
    seeds = len({each.seed for each in trainings})
    return [
        f"{len(trainings)} training(s) are not counted, and of the components that are trained "
        f"one training seed of {seeds}; what earlier calls did of them is not known here"
    ]


def _request(run: PlannedRun, folder: Path, title: str, datasets: Datasets) -> Request:
    training = run.description.training
    cases = []
    for each in run.cases:
        if each.training is None or training is None:
            cases.append(each.case)
        elif each.training.seed == training.seeds[0]:
            cases.append(each.with_weights("none"))  # the weights are yet to come
    return Request(
        cases=cases,
        folder=folder,
        lender=None,
        title=title,
        selection=run.description.selection,
        datasets=datasets,
        about={},
    )

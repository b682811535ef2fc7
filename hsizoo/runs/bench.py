"""`bench`: run components on a dataset by the interactive protocol, and keep every finished cell.

>>> import hsizoo
>>> result = hsizoo.bench(["sa", "pcc"], "indian-pines", clicks=5)        # doctest: +SKIP
>>> result.table[0]["dice@0.5 1c"]                                       # doctest: +SKIP

With ``jobs`` above 1, a script must be guarded by ``if __name__ == "__main__":``, as always with
processes in Python.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from hsizoo.cube import Scene
from hsizoo.engine.cells import Cell
from hsizoo.engine.provenance import provenance
from hsizoo.engine.running import Overwrite, RunEvents, check_run_options, made_with, run_due
from hsizoo.engine.store import Store
from hsizoo.errors import DataError, MissingRequirement, NameLookupError
from hsizoo.interfaces import InteractiveSegmenter
from hsizoo.protocols.interactive.figures import curve_png
from hsizoo.protocols.interactive.loop import InteractiveProtocol
from hsizoo.protocols.interactive.robots import Robot
from hsizoo.protocols.interactive.tables import Row, samples_csv, table_csv
from hsizoo.protocols.perturbations import perturbation_from_config
from hsizoo.report.comparison import Comparison, classes_csv, compare, differences_csv
from hsizoo.runs.plan import KEPT, Case, dataset_of, make_perturbation, plan, seeds_of
from hsizoo.zoo.device import resolve_device, worker_devices
from hsizoo.zoo.factory import make_robot, resolve
from hsizoo.zoo.recipe import Resolved

__all__ = ["Overwrite", "RunEvents", "RunResult", "bench", "run_cases"]

DEFAULT_FOLDER = "hsizoo-runs"


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    Parameters
    ----------
    folder : Path
        Where its records are.
    records : list of dict
        One per cell, in the order of the components and scenes.
    table : list of Row
        One per component and perturbation, in the order given; see
        `hsizoo.protocols.interactive.tables`,
        and `hsizoo.report.comparison` for the intervals.
    failures : list of dict
        Those records whose ``status`` is "failed".
    files : dict of str to str
        What was written into the folder for people, and a remark on each.
    """

    folder: Path
    records: list[dict[str, Any]]
    table: list[Row]
    failures: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


def bench(
    components: Sequence[str],
    dataset: str,
    *,
    clicks: int = 5,
    robot: str | Robot = "paper",
    seeds: int | Sequence[int] = 1,
    perturbations: str | Sequence[str] = "none",
    split: str | None = None,
    scenes: Sequence[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    jobs: int = 1,
    overwrite: Overwrite = "failed",
    allow_untrained: bool = False,
    events: RunEvents | None = None,
) -> RunResult:
    """Run scorers and segmenters on a dataset by the interactive protocol.

    Parameters
    ----------
    components : sequence of str
        Names of scorers and segmenters, with options if need be.
    dataset : str
        Name of a dataset, with options if need be.
    clicks : int, default 5
        Clicks per sample.
    robot : str or Robot, default "paper"
        The simulated user: ``paper``, ``ritm``, ``largest-component``, ``random``, with options
        (``paper:first=centroid``, ``ritm:jitter=2``).
    seeds : int or sequence of int, default 1
        A number of seeds, counted from 0, or the seeds themselves.  They matter only where the
        robot, the perturbation or the component draws at random.
    perturbations : str or sequence of str, default "none"
        What is done to the cubes: ``noise:strength=0.1``, ``shading``, ``dropped-bands``,
        ``spectral-shift:unit=nm``; each makes its own rows.  ``none`` leaves them as they are.
    split : str, optional
        Only scenes of this split.  Default: ``test`` where the dataset has one, otherwise all.
    scenes : sequence of str, optional
        Only the scenes of these names; overrides `split`.
    out : path, optional
        The run folder.  Default: ``hsizoo-runs/<dataset>``.  Any number of runs may share one:
        cells are told apart by everything that they depend on.
    device : str, default "auto"
        See `hsizoo.create`.
    jobs : int, default 1
        Number of processes; 1 computes in this one.  With several GPUs and ``device="auto"`` or
        ``"cuda"`` each process has its own.
    overwrite : {"failed", "never", "always"}, default "failed"
        Which stored cells are computed anew: those that failed, none, or all.
    allow_untrained : bool, default False
        Run segmenters that `hsizoo train` should have trained first, or whose weights are random,
        marked as such in every table.  Otherwise they are an error.
    events : RunEvents, optional
        Callbacks.

    Returns
    -------
    RunResult
        A component that fails on a scene does not end the run; see `RunResult.failures`.

    Raises
    ------
    NameLookupError, OptionError, MissingRequirement, ProtocolError, StoreError
        For what can be known before anything is computed; nothing is lost.
    """
    components = [components] if isinstance(components, str) else components
    scenes = [scenes] if isinstance(scenes, str) else scenes
    if not components:
        raise NameLookupError("name at least one component; `hsizoo list` shows them")
    events = events or RunEvents()
    perturbations = [perturbations] if isinstance(perturbations, str) else perturbations
    if not perturbations:
        raise NameLookupError("name at least one perturbation; none is the cube as it is")
    protocol = InteractiveProtocol(
        robot=make_robot(robot) if isinstance(robot, str) else robot, clicks=clicks
    )
    cases = [
        Case(
            component=component,
            dataset=dataset,
            protocol=protocol,
            seeds=seeds_of(seeds),
            perturbation=make_perturbation(perturbation),
            conditions={} if list(perturbations) == ["none"] else {"perturbation": perturbation},
        )
        for perturbation in dict.fromkeys(perturbations)
        for component in dict.fromkeys(components)
    ]
    who = robot if isinstance(robot, str) else robot.name
    name = resolve(dataset, "dataset").entry.spec.name
    return run_cases(
        cases,
        Path(out or Path(DEFAULT_FOLDER) / name),
        f"{dataset}, robot {who}",
        split=split,
        scenes=scenes,
        device=device,
        jobs=jobs,
        overwrite=overwrite,
        allow_untrained=allow_untrained,
        events=events,
    )


def run_cases(
    cases: Sequence[Case],
    folder: Path,
    title: str,
    *,
    split: str | None = None,
    scenes: Sequence[str] | None = None,
    device: str = "auto",
    jobs: int = 1,
    overwrite: Overwrite = "failed",
    allow_untrained: bool = False,
    events: RunEvents | None = None,
    lost: Sequence[Mapping[str, Any]] = (),
    about: Mapping[str, Any] | None = None,
) -> RunResult:
    """Run any cases into one folder: what `bench` and an experiment have in common.

    Parameters
    ----------
    cases : sequence of Case
    folder : Path
        The run folder.
    title : str
        Of the picture.
    split, scenes, device, jobs, overwrite, allow_untrained, events
        See `bench`.
    lost : sequence of mapping
        Failed records of what could not even be tried, shown with the others.
    about : mapping, optional
        Further plain values to keep in ``results.json``.
    """
    check_run_options(jobs, overwrite)
    events = events or RunEvents()
    _forget()
    device = resolve_device(device) if jobs == 1 else device
    devices = [device] if jobs == 1 else worker_devices(device)
    cells = plan(cases, split=split, scenes=scenes, allow_untrained=allow_untrained)
    with Store(folder) as store:
        finished = run_due(
            store,
            cells,
            run_cell,
            jobs=jobs,
            devices=devices,
            overwrite=overwrite,
            events=events,
            before=lambda waiting: _build_once(waiting, devices[0], jobs),
        )
        finished += map(dict, lost)
        comparison = compare(finished)
        failures = [record for record in finished if record["status"] == "failed"]
        files = _write_views(store, finished, comparison, title, about or {})
        return RunResult(store.folder, finished, comparison.rows, failures, files)


def _build_once(cells: Sequence[Cell], device: str, jobs: int) -> None:
    """Build each component now: a bad value is said before anything is computed."""
    for job in {cell.job["component"]: cell.job for cell in cells}.values():
        _component(job["component"], job["weights"], device)
    if jobs > 1:
        _component.cache_clear()  # the processes have their own


def _forget() -> None:
    """What an earlier run of this process built or loaded may have changed on the disk since."""
    for kept in (_component, dataset_of, _scene, _spoilt):
        kept.cache_clear()


def run_cell(job: Mapping[str, Any], progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Compute one cell from its job; worker processes call this."""
    spoilt = job["perturbation"] and json.dumps(job["perturbation"])
    scene = _spoilt(job["dataset"], job["index"], spoilt, job["seed"] if spoilt else 0)
    component, segmenter = _component(job["component"], job["weights"], job["device"])
    protocol = InteractiveProtocol.from_config(job["protocol"])
    result = protocol.run(segmenter, scene, seed=job["seed"], progress=progress)
    return {
        "result": result,
        "subject": scene.subject,
        "split": scene.split,
        "digests": {"cube": scene.cube.digest, "labels": scene.label_map.digest},
        "provenance": provenance(job["device"], component.distributions),
    }


@lru_cache(maxsize=KEPT)  # the components of a run take turns on each scene
def _component(
    name: str, weights: tuple[str, str | None] | None, device: str
) -> tuple[Resolved, InteractiveSegmenter]:
    """The component with the very weights that the cell's key stands for, and what it builds."""
    if weights is None:
        component = resolve(name, "segmenter")
    else:
        path, digest = weights
        # Not "auto" again: a training may have ended since.
        component = resolve(name, "segmenter", weights=path)
        if (component.weights.digest if component.weights else None) != digest:
            raise DataError(f"the weights {path} changed while the run went on; start it again")
    return component, component.build(device)


@lru_cache(maxsize=1)  # cells come scene by scene: all components share one loaded scene
def _scene(dataset: str, index: int) -> Scene:
    return dataset_of(dataset).scene(index)


@lru_cache(maxsize=1)
def _spoilt(dataset: str, index: int, perturbation: str | None, seed: int) -> Scene:
    scene = _scene(dataset, index)
    if perturbation is None:
        return scene
    return perturbation_from_config(json.loads(perturbation)).apply(scene, seed)


def _write_views(
    store: Store,
    records: Sequence[Mapping[str, Any]],
    comparison: Comparison,
    title: str,
    about: Mapping[str, Any],
) -> dict[str, str]:
    """Write what people read: tables and a picture of this command's records."""
    files = {
        "table.csv": "one line per row of the table, with intervals",
        "differences.csv": "one line per pair of rows, paired",
        "classes.csv": "one line per class of each row",
        "samples.csv": "one line per click",
    }
    for name, text in zip(
        files,
        (
            table_csv(comparison.rows),
            differences_csv(comparison),
            classes_csv(comparison),
            samples_csv(records),
        ),
        strict=True,
    ):
        store.write(name, text.encode())
    cells = [made_with(record) for record in records]
    whole = {**about, "table": comparison.rows, "ranks": comparison.ranks, "cells": cells}
    store.write("results.json", json.dumps(whole, indent=1).encode())
    files["results.json"] = "the table, the ranks, and what each cell was made with"
    try:
        store.write("curve.png", curve_png(records, title))
        files["curve.png"] = "Dice over clicks"
    except MissingRequirement as error:
        (store.folder / "curve.png").unlink(missing_ok=True)  # or it would show an older run
        files["curve.png"] = f"not drawn: {error}"
    return files

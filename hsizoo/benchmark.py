"""`bench`: run components on a dataset by the interactive protocol, and keep every finished cell.

>>> import hsizoo
>>> result = hsizoo.bench(["sa", "pcc"], "indian-pines", clicks=5)        # doctest: +SKIP
>>> result.table[0]["dice@0.5 1c"]                                       # doctest: +SKIP

With ``jobs`` above 1, a script must be guarded by ``if __name__ == "__main__":``, as always with
processes in Python.
"""

from __future__ import annotations

import datetime
import json
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from hsizoo.cube import Scene
from hsizoo.engine.cells import Cell
from hsizoo.engine.device import resolve_device, worker_devices
from hsizoo.engine.executors import Outcome, execute
from hsizoo.engine.provenance import provenance
from hsizoo.engine.store import Store
from hsizoo.errors import (
    DataError,
    MissingRequirement,
    NameLookupError,
    OptionError,
    ProtocolError,
    did_you_mean,
)
from hsizoo.factory import Resolved, make_robot, resolve
from hsizoo.interfaces import InteractiveSegmenter, SceneDataset
from hsizoo.protocol.interactive import InteractiveProtocol
from hsizoo.protocol.robots import Robot
from hsizoo.report.figures import curve_png
from hsizoo.report.interactive import Row, samples_csv, summarise, table_csv

__all__ = ["Overwrite", "RunEvents", "RunResult", "bench", "make_robot"]

Overwrite = Literal["never", "failed", "always"]

DEFAULT_FOLDER = "hsizoo-runs"


@dataclass
class RunEvents:
    """What a caller may want to hear of while a run goes on; the command line draws from it."""

    planned: Callable[[Sequence[Cell], int], None] = lambda cells, reused: None
    progress: Callable[[Cell, int, int], None] = lambda cell, done, total: None
    finished: Callable[[Cell, Mapping[str, Any]], None] = lambda cell, record: None


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
        One per component, in the order given; see `hsizoo.report.interactive`.
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
        robot or the component draws at random.
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
    if jobs < 1:
        raise OptionError(f"jobs must be at least 1; got {jobs}")
    if overwrite not in (choices := ("never", "failed", "always")):
        raise OptionError(f"overwrite must be one of {', '.join(choices)}; got {overwrite!r}")
    events = events or RunEvents()
    # What an earlier run of this process built or loaded may have changed on the disk since.
    for kept in (_component, _dataset, _scene):
        kept.cache_clear()
    protocol = InteractiveProtocol(
        robot=make_robot(robot) if isinstance(robot, str) else robot, clicks=clicks
    )
    device = resolve_device(device) if jobs == 1 else device
    devices = [device] if jobs == 1 else worker_devices(device)
    resolved = [resolve(name, "segmenter") for name in dict.fromkeys(components)]
    source = resolve(dataset, "dataset")
    chosen = _choose_scenes(source, split, scenes)
    marks = _marks(resolved, source, chosen, allow_untrained)
    cells = _plan(resolved, marks, source, chosen, protocol, _seeds(seeds))

    with Store(out or Path(DEFAULT_FOLDER) / source.entry.spec.name) as store:
        records = {cell.key: store.load(cell.key) for cell in cells}
        # By key: two names may mean the same component.
        due = {cell.key: cell for cell in cells if _is_due(records[cell.key], overwrite)}
        waiting = list(due.values())
        # Each component is built once now: a bad value is said before anything is computed.
        for job in {cell.job["component"]: cell.job for cell in waiting}.values():
            _component(job["component"], job["weights"], devices[0])
        if jobs > 1:
            _component.cache_clear()  # the processes have their own
        events.planned(waiting, len(records) - len(waiting))
        for outcome in execute(
            waiting, run_cell, jobs=jobs, devices=devices, on_progress=events.progress
        ):
            record = _record(outcome)
            store.save(outcome.cell.key, record)
            records[outcome.cell.key] = record
            events.finished(outcome.cell, record)
        # The label is what the user typed this time; the same cell may have had another before.
        finished = [{**(records[cell.key] or {}), "label": cell.job["label"]} for cell in cells]
        table = summarise(finished)
        failures = [record for record in finished if record["status"] == "failed"]
        who = robot if isinstance(robot, str) else robot.name
        files = _write_views(store, finished, table, f"{dataset}, robot {who}")
        return RunResult(store.folder, finished, table, failures, files)


def run_cell(job: Mapping[str, Any], progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Compute one cell from its job; worker processes call this."""
    scene = _scene(job["dataset"], job["index"])
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


@lru_cache(maxsize=16)  # the components of a run take turns on each scene
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


def _marks(
    resolved: Sequence[Resolved], source: Resolved, indices: Sequence[int], allowed: bool
) -> dict[str, str]:
    """What every table must say of a component beside its name, by label.

    Raises
    ------
    ProtocolError
        For the first one that nobody trained, unless that is allowed.
    """
    infos = _dataset(source.label).scenes()
    subjects = {infos[index].subject for index in indices}
    marks = {}
    for component in resolved:
        words = []
        if component.is_untrained():
            words.append("untrained")
            how = (
                f"Train it with: hsizoo train {shlex.quote(component.label)} --dataset "
                f"{shlex.quote(source.label)}   (or run"
            )
        elif component.starts_at_random:
            words.append("random encoder" if component.weights else "random weights")
            how = "No weights for it are published yet   (run"
        if words and component.weights is None and not allowed:
            raise ProtocolError(
                f"{component.label} has not been trained, so its result would mean nothing. "
                f"{how} it as it is with --allow-untrained)"
            )
        if component.weights and _saw(component.weights.card, source, subjects):
            words.append("seen")  # some of these subjects were trained or chosen on
        marks[component.label] = f" ({', '.join(words)})" if words else ""
    return marks


def _saw(card: Mapping[str, Any], source: Resolved, subjects: set[str]) -> bool:
    """Whether weights were trained, or chosen, on subjects of this dataset that are now tested."""
    about = card.get("dataset") or {}
    if about.get("component") != source.entry.full_name:
        return False
    used = card.get("subjects") or {}
    return bool(subjects & {*used.get("train", ()), *used.get("val", ())})


@lru_cache(maxsize=2)
def _dataset(text: str) -> SceneDataset:
    dataset: SceneDataset = resolve(text, "dataset").build()
    return dataset


@lru_cache(maxsize=1)  # cells come scene by scene: all components share one loaded scene
def _scene(dataset: str, index: int) -> Scene:
    return _dataset(dataset).scene(index)


def _seeds(seeds: int | Sequence[int]) -> list[int]:
    chosen = list(range(seeds)) if isinstance(seeds, int) else [int(seed) for seed in seeds]
    if not chosen or min(chosen) < 0:
        raise OptionError(f"seeds must be at least one number from 0; got {seeds!r}")
    return list(dict.fromkeys(chosen))


def _choose_scenes(source: Resolved, split: str | None, names: Sequence[str] | None) -> list[int]:
    """Indices of the scenes to run."""
    infos = _dataset(source.label).scenes()
    known = [info.name for info in infos]
    if names is not None:
        for name in names:
            if name not in known:
                raise NameLookupError(
                    f"{source.label} has no scene {name!r}.{did_you_mean(name, known)} "
                    f"It has {len(known)}: {', '.join(known[:8])}{', …' if len(known) > 8 else ''}"
                )
        return [known.index(name) for name in dict.fromkeys(names)]
    splits = sorted({info.split for info in infos if info.split})
    if split is None:
        split = "test" if "test" in splits else "all"
    if split == "all":
        return list(range(len(infos)))
    if split not in splits:
        raise ProtocolError(
            f"{source.label} has no split {split!r}; "
            f"it has: {', '.join([*splits, 'all'])}.{did_you_mean(split, splits)}"
        )
    return [index for index, info in enumerate(infos) if info.split == split]


def _plan(
    components: Sequence[Resolved],
    marks: Mapping[str, str],
    source: Resolved,
    indices: Sequence[int],
    protocol: InteractiveProtocol,
    seeds: Sequence[int],
) -> list[Cell]:
    """All cells of a run, scene by scene."""
    infos = _dataset(source.label).scenes()
    labels = {component.label: component.label + marks[component.label] for component in components}
    about_data = {**source.identity(), "data_version": type(_dataset(source.label)).version}
    return [
        Cell(
            identity={
                "component": component.identity(),
                "dataset": about_data,
                "scene": infos[index].name,
                "protocol": protocol.config(),
                "seed": seed,
            },
            job={
                "component": component.label,
                "weights": _weights_of(component),
                "label": labels[component.label],
                "dataset": source.label,
                "index": index,
                "protocol": protocol.config(),
                "seed": seed,
            },
            label=f"{labels[component.label]} · {infos[index].name}"
            + (f" · seed {seed}" if len(seeds) > 1 else ""),
        )
        for index in indices
        for seed in seeds
        for component in components
    ]


def _weights_of(component: Resolved) -> tuple[str, str | None] | None:
    """The weights to load, as plain values: where they are, and their digest."""
    if not component.is_trainable:
        return None
    return (
        (str(component.weights.path), component.weights.digest)
        if component.weights
        else ("none", None)
    )


def _write_views(
    store: Store, records: Sequence[Mapping[str, Any]], table: Sequence[Row], title: str
) -> dict[str, str]:
    """Write what people read: tables and a picture of this command's records."""
    files = {"table.csv": "one line per component", "samples.csv": "one line per click"}
    store.write("table.csv", table_csv(table).encode())
    store.write("samples.csv", samples_csv(records).encode())
    brief = [
        {
            key: record.get(key)
            for key in ("label", "key", "status", "identity", "provenance", "error")
        }
        for record in records
    ]
    store.write("results.json", json.dumps({"table": table, "cells": brief}, indent=1).encode())
    files["results.json"] = "the table, and what each cell was made with"
    try:
        store.write("curve.png", curve_png(records, title))
        files["curve.png"] = "Dice over clicks"
    except MissingRequirement as error:
        (store.folder / "curve.png").unlink(missing_ok=True)  # or it would show an older run
        files["curve.png"] = f"not drawn: {error}"
    return files


def _is_due(record: Mapping[str, Any] | None, overwrite: Overwrite) -> bool:
    status = (record or {}).get("status")
    if status not in ("done", "failed") or overwrite == "always":
        return True
    return overwrite == "failed" and status == "failed"


def _record(outcome: Outcome) -> dict[str, Any]:
    """What the store keeps of a cell."""
    about = {
        "key": outcome.cell.key,
        "identity": dict(outcome.cell.identity),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seconds": outcome.seconds,
    }
    if outcome.error is not None:
        return {"status": "failed", **about, "error": outcome.error}
    assert outcome.result is not None
    return {"status": "done", **about, **outcome.result}

"""`bench_few_labels`: classifiers that learn from a few labels per class, every cell kept at once.

>>> import hsizoo
>>> result = hsizoo.bench_few_labels(["svm", "lp"], "indian-pines")      # doctest: +SKIP
>>> result.table[0]["oa"]                                                # doctest: +SKIP
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from hsizoo.cube import Scene
from hsizoo.engine.cells import Cell
from hsizoo.engine.memory import PeakMemory
from hsizoo.engine.provenance import provenance
from hsizoo.engine.running import Overwrite, RunEvents, check_run_options, made_with, run_due
from hsizoo.engine.store import Store
from hsizoo.errors import MissingRequirement, NameLookupError
from hsizoo.progress import listening
from hsizoo.protocols.few_label import FewLabelProtocol, check_training_map
from hsizoo.protocols.few_label.confusion import write_confusions
from hsizoo.protocols.few_label.growth import growth, growth_png
from hsizoo.protocols.few_label.map_sheet import write_map_sheets
from hsizoo.protocols.few_label.maps import write_maps
from hsizoo.protocols.few_label.tables import (
    Row,
    classes_csv,
    confusion_csv,
    differences,
    differences_csv,
    name_of,
    notes,
    runs_csv,
    summarise,
    table_csv,
)
from hsizoo.report.sweep import sweep_png, swept
from hsizoo.runs.plan import choose_scenes, dataset_of, seeds_of
from hsizoo.zoo.device import resolve_device, worker_devices
from hsizoo.zoo.factory import resolve
from hsizoo.zoo.names import parse_composition
from hsizoo.zoo.registry import registry
from hsizoo.zoo.spec import Kind

__all__ = [
    "FewLabelCase",
    "FewLabelResult",
    "are_classifiers",
    "bench_few_labels",
    "plan_few_labels",
    "run_few_label_cases",
]

DEFAULT_FOLDER = "hsizoo-runs"

_ORDER: tuple[Kind, ...] = ("segmenter", "scorer", "classifier", "pseudo-labeler")
_MAPS = "classification of the whole image, lowest seed, as PNG and ENVI"


@dataclass(frozen=True)
class FewLabelResult:
    """A finished run.

    Parameters
    ----------
    folder : Path
        Where its records are.
    records : list of dict
        One per component, scene and seed.
    table : list of Row
        One per component, in the order given; see `hsizoo.protocols.few_label.tables`.
    differences : list of dict
        One per pair of components and score, paired over seeds.
    failures : list of dict
        Those records whose ``status`` is "failed".
    files : dict of str to str
        What was written into the folder for people, and a remark on each.
    notes : list of str
        What to know of classes that are small, untested or absent; see
        `hsizoo.protocols.few_label.tables.notes`.
    """

    folder: Path
    records: list[dict[str, Any]]
    table: list[Row]
    differences: list[dict[str, Any]]
    failures: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class FewLabelCase:
    """One component on one dataset under one setting: a row of the table, or a part of one.

    Parameters
    ----------
    component, dataset : str
        Names, with options if need be.
    protocol : FewLabelProtocol
    seeds : sequence of int
    name : str, optional
        What tables call the component.  Default: `component`.
    conditions : mapping of str to str
        What tells this case from others of that name, in words.
    """

    component: str
    dataset: str
    protocol: FewLabelProtocol
    seeds: Sequence[int]
    name: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What tables call the component."""
        return self.name or self.component


def are_classifiers(components: Sequence[str]) -> bool:
    """Whether components are classifiers, which are benched with few labels, and not segmenters.

    Parameters
    ----------
    components : sequence of str
        Names.

    Raises
    ------
    NameLookupError
        If one is not known, some are classifiers and some are scorers or segmenters, or one is a
        pseudo-labeler that feeds no classifier.
    """
    kinds = {text: _kind_of(text) for text in components}
    if lonely := [text for text, kind in kinds.items() if kind == "pseudo-labeler"]:
        raise NameLookupError(
            f"{lonely[0]!r} makes pseudo labels and classifies nothing; name a classifier that "
            f"learns from them: {lonely[0]}+cnn2d"
        )
    classifiers = [text for text, kind in kinds.items() if kind == "classifier"]
    others = [text for text, kind in kinds.items() if kind != "classifier"]
    if classifiers and others:
        raise NameLookupError(
            f"{classifiers[0]!r} is a classifier, which learns from a few labels, and "
            f"{others[0]!r} answers to clicks; these are two protocols and two tables: bench them "
            "in two commands"
        )
    return bool(classifiers)


def _kind_of(text: str) -> str:
    names = parse_composition(text)
    if len(names) == 2:
        return "classifier"
    kind = registry().find(names[0], _ORDER).spec.kind
    return "segmenter" if kind == "scorer" else kind


def bench_few_labels(
    components: Sequence[str],
    dataset: str,
    *,
    shots: int = 5,
    draw: str = "random",
    seeds: int | Sequence[int] = 10,
    patch: int = 9,
    block: int = 16,
    split: str | None = None,
    scenes: Sequence[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    jobs: int = 1,
    overwrite: Overwrite = "failed",
    events: RunEvents | None = None,
) -> FewLabelResult:
    """Run classifiers on a dataset with a few labels per class.

    Parameters
    ----------
    components : sequence of str
        Names of classifiers, with options if need be, or ``labeler+classifier``.
    dataset : str
        Name of a dataset, with options if need be.
    shots : int, default 5
        Labels per class.
    draw : {"random", "fixed", "block-disjoint", "official"}, default "random"
        How they are drawn; see `hsizoo.protocols.few_label.splits`.
    seeds : int or sequence of int, default 10
        A number of seeds, counted from 0, or the seeds themselves.
    patch, block : int
        See `hsizoo.protocols.few_label.FewLabelProtocol`.
    split : str, optional
        Only scenes of this split.  Default: ``test`` where the dataset has one, otherwise all.
        Each scene is a task of its own: labels of one never serve another.
    scenes : sequence of str, optional
        Only the scenes of these names; overrides `split`.
    out : path, optional
        The run folder.  Default: ``hsizoo-runs/<dataset>-few-labels``.
    device, jobs, overwrite, events
        See `hsizoo.bench`.

    Returns
    -------
    FewLabelResult
        A component that fails on a scene does not end the run.

    Raises
    ------
    NameLookupError, OptionError, MissingRequirement, ProtocolError, StoreError
        For what can be known before anything is computed; nothing is lost.
    """
    components = [components] if isinstance(components, str) else components
    scenes = [scenes] if isinstance(scenes, str) else scenes
    if not components:
        raise NameLookupError("name at least one classifier; `hsizoo list` shows them")
    protocol = FewLabelProtocol(shots=shots, draw=draw, patch=patch, block=block)
    cases = [
        FewLabelCase(component=name, dataset=dataset, protocol=protocol, seeds=seeds_of(seeds))
        for name in dict.fromkeys(components)
    ]
    name = resolve(dataset, "dataset").entry.spec.name
    return run_few_label_cases(
        cases,
        Path(out or Path(DEFAULT_FOLDER) / f"{name}-few-labels"),
        f"{dataset}, {shots} label(s) per class, draw {draw}",
        split=split,
        scenes=scenes,
        device=device,
        jobs=jobs,
        overwrite=overwrite,
        events=events,
        about={"protocol": protocol.config()},
    )


def run_few_label_cases(
    cases: Sequence[FewLabelCase],
    folder: Path,
    title: str,
    *,
    split: str | None = None,
    scenes: Sequence[str] | None = None,
    device: str = "auto",
    jobs: int = 1,
    overwrite: Overwrite = "failed",
    events: RunEvents | None = None,
    about: Mapping[str, Any] | None = None,
) -> FewLabelResult:
    """Run any cases into one folder: what `bench_few_labels` and an experiment have in common.

    Parameters
    ----------
    cases : sequence of FewLabelCase
    folder : Path
        The run folder.
    title : str
        Of the pictures.
    split, scenes, device, jobs, overwrite, events
        See `bench_few_labels`.
    about : mapping, optional
        Further plain values to keep in ``results.json``.
    """
    check_run_options(jobs, overwrite)
    for kept in (dataset_of, _scene):  # an earlier run's may have changed on the disk since
        kept.cache_clear()
    device = resolve_device(device) if jobs == 1 else device
    devices = [device] if jobs == 1 else worker_devices(device)
    cells = plan_few_labels(cases, split, scenes)
    with Store(folder) as store:
        records = run_due(
            store,
            cells,
            run_cell,
            jobs=jobs,
            devices=devices,
            overwrite=overwrite,
            events=events or RunEvents(),
            before=lambda waiting: _build_once(waiting, devices[0]),
        )
        table, pairs = summarise(records), differences(records)
        failures = [record for record in records if record["status"] == "failed"]
        files = _write_views(store, records, table, pairs, title, about or {})
        folder = store.folder
        return FewLabelResult(folder, records, table, pairs, failures, files, notes(records))


def plan_few_labels(
    cases: Sequence[FewLabelCase],
    split: str | None = None,
    scenes: Sequence[str] | None = None,
) -> list[Cell]:
    """All cells: scene by scene, seed by seed, so that a stopped run has whole comparisons.

    Raises
    ------
    NameLookupError, OptionError, MissingRequirement, ProtocolError, DataError
        For what can be known without computing anything.
    """
    found = {name: resolve(name, "classifier") for name in {case.component for case in cases}}
    cells: dict[tuple[str, int, int], list[Cell]] = {}
    for dataset in dict.fromkeys(case.dataset for case in cases):
        about_data = {
            **resolve(dataset, "dataset").identity(),
            "data_version": dataset_of(dataset).version,
        }
        infos = dataset_of(dataset).scenes()
        mine = [case for case in cases if case.dataset == dataset]
        for index in choose_scenes(dataset, split, scenes):
            if any(case.protocol.draw == "official" for case in mine):
                check_training_map(infos[index].name, dataset_of(dataset).training_map(index))
            for case in mine:
                for seed in case.seeds:
                    identity = {
                        "component": found[case.component].identity(),
                        "dataset": about_data,
                        "scene": infos[index].name,
                        "protocol": case.protocol.config(),
                        "seed": seed,
                    }
                    job = {
                        "component": case.component,
                        "dataset": dataset,
                        "index": index,
                        "protocol": case.protocol.config(),
                        "seed": seed,
                        "row": {"label": case.label, "conditions": dict(case.conditions)},
                    }
                    name = name_of(case.label, case.conditions)
                    label = " · ".join([name, infos[index].name, f"seed {seed}"])
                    cells.setdefault((dataset, index, seed), []).append(Cell(identity, job, label))
    return [cell for group in cells.values() for cell in group]


def _build_once(cells: Sequence[Cell], device: str) -> None:
    """Build each component now: a bad value is said before anything is computed."""
    for name in {cell.job["component"]: None for cell in cells}:
        resolve(name, "classifier").build(device)


def run_cell(job: Mapping[str, Any], progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Compute one cell from its job; worker processes call this.

    `progress` hears what the component tells by `hsizoo.tell_progress`.
    """
    scene = _scene(job["dataset"], job["index"])
    protocol = FewLabelProtocol.from_config(job["protocol"])
    official = protocol.draw == "official"
    training_map = dataset_of(job["dataset"]).training_map(job["index"]) if official else None
    component = resolve(job["component"], "classifier")
    classifier = component.build(job["device"])
    memory = PeakMemory(job["device"])
    with listening(progress):
        result = protocol.run(classifier, scene, seed=job["seed"], training_map=training_map)
    return {
        "result": {**result, "absent": _absent(scene), "megabytes": memory.megabytes()},
        "subject": scene.subject,
        "split": scene.split,
        "digests": {"cube": scene.cube.digest, "labels": scene.label_map.digest},
        "provenance": provenance(job["device"], component.distributions),
    }


def _absent(scene: Scene) -> list[str]:
    """Names of classes that have no labelled pixel with a usable spectrum."""
    present = set(np.unique(scene.label_map.labels[scene.evaluated]).tolist())
    names = scene.label_map.class_names
    return [names[label] for label in sorted(scene.label_map.targets) if label not in present]


@lru_cache(maxsize=1)  # cells come scene by scene
def _scene(dataset: str, index: int) -> Scene:
    return dataset_of(dataset).scene(index)


def _write_views(
    store: Store,
    records: Sequence[Mapping[str, Any]],
    table: Sequence[Row],
    pairs: Sequence[Mapping[str, Any]],
    title: str,
    about: Mapping[str, Any],
) -> dict[str, str]:
    """Write what people read: tables, maps and pictures of this command's records."""
    files = {
        "table.csv": (table_csv(table), "one line per row of the table"),
        "differences.csv": (differences_csv(pairs), "one line per pair of rows, paired"),
        "runs.csv": (runs_csv(records), "one line per row, scene and seed"),
        "classes.csv": (classes_csv(records), "recall and precision of each class"),
        "confusion.csv": (confusion_csv(records), "confusion matrices, summed over seeds"),
    }
    for name, (text, _) in files.items():
        store.write(name, text.encode())
    drawn = _draw(store, records, table, title)
    cells = [made_with(record) for record in records]
    said: dict[str, Any] = {"table": table, "differences": pairs, "notes": notes(records)}
    said["pictures"] = [name for name in drawn if name.endswith(".png")]
    whole = {**about, **said, "cells": cells}
    store.write("results.json", json.dumps(whole, indent=1).encode())
    remarks = {name: remark for name, (_, remark) in files.items()}
    remarks["results.json"] = "the table, and what each cell was made with"
    if write_maps(store.folder / "maps", records):
        remarks["maps"] = _MAPS
    return remarks | drawn


def _draw(
    store: Store, records: Sequence[Mapping[str, Any]], table: Sequence[Row], title: str
) -> dict[str, str]:
    """Draw the pictures, and remove those that only an earlier command had; say what is missing."""
    remarks: dict[str, str] = {}
    earlier = _pictures_there(store.folder)
    drawn = {
        f"{key}.png": (partial(sweep_png, table, key), f"accuracy and time against {key}")
        for key in swept(table)
    }
    if growth(records):
        remark = "how many pseudo labels there are after each round, and how many are right"
        drawn["growth.png"] = partial(growth_png, records), remark
    try:
        if write_confusions(store.folder / "confusion", records):
            remarks["confusion"] = "confusion matrices as pictures, summed over seeds"
        if write_map_sheets(store.folder / "maps", records):
            remarks["maps"] = f"{_MAPS}; side by side in all-SCENE.png"
        for name, (draw, remark) in drawn.items():
            store.write(name, draw(title))
            remarks[name] = remark
    except MissingRequirement as error:
        remarks["pictures"] = f"not drawn: {error}"
    for name in earlier - set(remarks):
        (store.folder / name).unlink(missing_ok=True)
    return remarks


def _pictures_there(folder: Path) -> set[str]:
    """Names of pictures beside the tables that the last command drew."""
    try:
        names = json.loads((folder / "results.json").read_text(encoding="utf-8"))["pictures"]
    except (OSError, ValueError, KeyError):  # none, damaged, or that of segmenters
        return set()
    return {Path(name).name for name in names}

"""From stored records to observations: which records make a row, and what each sample is worth."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from hsizoo.protocols.interactive.metrics import THRESHOLD_GRID, curve_auc, failed, noc
from hsizoo.report.columns import WITH_INTERVAL
from hsizoo.report.statistics import Observations

__all__ = [
    "RowName",
    "Unit",
    "by_row",
    "choose_unit",
    "done",
    "observe",
    "tuned_scores",
    "values_of",
]

Unit = Literal["subject", "scene", "seed"]
"""What a bootstrap draws again; see `hsizoo.report.statistics`."""

Record = Mapping[str, Any]
RowName = tuple[str, tuple[tuple[str, str], ...]]
"""Label and conditions: what tells one row from another."""


def by_row(records: Iterable[Record]) -> dict[RowName, list[Record]]:
    """The records of each row, in the order of first appearance.

    A record names its row by ``label`` and, where a run has several conditions, by ``conditions``:
    a perturbation, a number of training subjects, an option.  What a record does not say is empty.
    """
    records = list(records)
    conditions = dict.fromkeys(key for each in records for key in each.get("conditions") or ())
    rows: dict[RowName, list[Record]] = defaultdict(list)
    for record in records:
        mine = {**dict.fromkeys(conditions, ""), **(record.get("conditions") or {})}
        rows[record["label"], tuple(mine.items())].append(record)
    return dict(rows)


def done(records: Iterable[Record]) -> list[Record]:
    """Those that have a result."""
    return [record for record in records if record["status"] == "done"]


def choose_unit(records: Sequence[Record]) -> Unit:
    """The subject; the scene where there is one subject; the seed where there is one scene."""
    finished = done(records)
    if len({(_dataset(record), record["subject"]) for record in finished}) > 1:
        return "subject"
    if len({(_dataset(record), record["identity"]["scene"]) for record in finished}) > 1:
        return "scene"
    return "seed"


def observe(records: Sequence[Record], unit: Unit, curve: str | None = None) -> Observations:
    """The observations of one row; runs of one sample with several seeds are averaged before.

    Where the seed is the unit they are not.

    Parameters
    ----------
    records : sequence of mapping
        Of one row.
    unit : {"subject", "scene", "seed"}
    curve : str, optional
        Take this metric after every click, in place of `WITH_INTERVAL`.
    """
    records = done(records)
    found: dict[Any, list[Any]] = defaultdict(list)
    about: dict[Any, tuple[Any, Any]] = {}
    tuned = tuned_scores(records, 1) if curve is None else None
    for number, record in enumerate(records):
        dataset, scene = _dataset(record), record["identity"]["scene"]
        seeds = (record["identity"]["seed"], record.get("training_seed"))
        whose = {
            "subject": (dataset, record.get("subject")),
            "scene": (dataset, scene),
            "seed": seeds,
        }[unit]
        for place, sample in enumerate(record["result"]["samples"]):
            key = (dataset, scene, sample["label"], *(seeds if unit == "seed" else ()))
            about[key] = whose, (dataset, sample.get("class", sample["label"]))
            if curve is None:
                values = values_of(sample)
                if tuned is not None:
                    values["dice@tuned 1c"] = tuned[number][place]
                found[key].append([values[column] for column in WITH_INTERVAL])
            else:
                found[key].append(sample[curve])
    averaged = np.zeros((0, len(WITH_INTERVAL)))
    if found:
        averaged = np.array([np.mean(each, axis=0) for each in found.values()], dtype=np.float64)
    return Observations(
        list(found),
        [about[key][0] for key in found],
        [about[key][1] for key in found],
        averaged,
    )


def values_of(sample: Mapping[str, Any]) -> dict[str, float]:
    """Every figure of one sample but the tuned one; NaN for what so few clicks do not tell."""
    clicks = len(sample["dice"])

    def after(key: str, click: int) -> float:
        return float(sample[key][click - 1]) if click <= clicks else float("nan")

    return {
        "dice@0.5 1c": after("dice", 1),
        "dice@max 1c": after("dice_max", 1),
        "dice@0.5 5c": after("dice", 5),
        "dice@max 5c": after("dice_max", 5),
        "dice@0.5 end": after("dice", clicks),
        "dice@tuned 1c": float("nan"),
        "iou@0.5 5c": after("iou", 5),
        "auc": float(curve_auc(sample["dice"])),
        "noc85": float(noc(sample["iou"], 0.85, clicks)),
        "nof85": float(failed(sample["iou"], 0.85)),
    }


def tuned_scores(records: Sequence[Record], click: int) -> list[list[float]] | None:
    """Dice of each sample at a threshold that its subject's samples had no part in choosing.

    For each subject the threshold is the one of `THRESHOLD_GRID` with the highest mean Dice over
    all samples of the *other* subjects (ties: the lowest); its own samples are scored there.  With
    a single subject, classes take the place of subjects; with a single class there is no honest
    threshold and the result is None.

    Returns
    -------
    list of list of float, or None
        For each record, one value for each of its samples.
    """
    subjects = {record["subject"] for record in records}
    groups: dict[Any, list[list[float]]] = defaultdict(list)
    places: dict[Any, list[tuple[int, int]]] = defaultdict(list)
    for number, record in enumerate(records):
        for place, sample in enumerate(record["result"]["samples"]):
            if str(click) not in sample["dice_grid"]:
                return None
            group = record["subject"] if len(subjects) > 1 else sample["label"]
            groups[group].append(sample["dice_grid"][str(click)])
            places[group].append((number, place))
    if len(groups) < 2:
        return None
    # In millionths, as they are stored: whole numbers, whose sums and differences are exact.  A
    # rounding error would let a subject's own samples decide between thresholds that tie.
    grids = {group: np.rint(1e6 * np.array(values)) for group, values in groups.items()}
    total = sum(grid.sum(axis=0) for grid in grids.values())
    scores = [[0.0] * len(record["result"]["samples"]) for record in records]
    for group, grid in grids.items():
        assert grid.shape[1] == len(THRESHOLD_GRID)
        chosen = grid[:, np.argmax(total - grid.sum(axis=0))] / 1e6
        for (number, place), value in zip(places[group], chosen.tolist(), strict=True):
            scores[number][place] = value
    return scores


def _dataset(record: Record) -> str:
    return json.dumps(record["identity"].get("dataset"), sort_keys=True)

"""From stored records to observations: the figures of each class of each scene."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hsizoo.interfaces import Observation, Record
from hsizoo.protocols.interactive.curve_metrics import curve_auc, failed, noc
from hsizoo.protocols.mask_metrics import THRESHOLD_GRID

__all__ = ["observe", "observe_curves", "seconds", "tuned_scores", "values_of"]


def observe(records: Sequence[Record]) -> list[list[Observation]]:
    """Read the observations of one row; see `hsizoo.Protocol.observe`."""
    tuned = tuned_scores(records, 1)
    found = []
    for number, record in enumerate(records):
        mine = []
        for place, sample in enumerate(record["result"]["samples"]):
            values = values_of(sample)
            if tuned is not None:
                values["dice@tuned 1c"] = tuned[number][place]
            mine.append(Observation(label=sample["label"], category=sample["class"], values=values))
        found.append(mine)
    return found


def observe_curves(records: Sequence[Record], key: str) -> list[list[Observation]]:
    """Read a per-click metric of each class of each scene: the columns are "1", "2", …."""
    return [
        [
            Observation(
                label=sample["label"],
                category=sample["class"],
                values={str(click): value for click, value in enumerate(sample[key], start=1)},
            )
            for sample in record["result"]["samples"]
        ]
        for record in records
    ]


def values_of(sample: Mapping[str, Any]) -> dict[str, float]:
    """Every figure of one sample but the tuned one; NaN where there were too few clicks."""
    clicks = len(sample["dice"])

    def after(key: str, click: int) -> float:
        return float(sample[key][click - 1]) if click <= clicks else float("nan")

    return {
        "dice@0.5 1c": after("dice", 1),
        "dice@max 1c": after("dice_max", 1),
        "dice@0.5 5c": after("dice", 5),
        "dice@max 5c": after("dice_max", 5),
        "dice@0.5 end": after("dice", clicks),
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


def seconds(record: Record) -> dict[str, float | None]:
    """Seconds to open the image of a cell, and the median for a further click on one object.

    The first click is left out where there are others, since it may warm up caches; a click that
    nobody made is left out as well.
    """
    result = record["result"]
    clicks = list(zip(result["seconds"]["predict"], result["objects"], strict=True))
    per_object = [spent / objects for spent, objects in clicks[len(clicks) > 1 :] if objects]
    return {
        "s/open": result["seconds"]["open"],
        "s/click": statistics.median(per_object) if per_object else None,
    }

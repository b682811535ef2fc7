"""Observations from stored records: the figures of each class of each scene."""

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
    """Return the observations of one row; see `hsizoo.Protocol.observe`."""
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
    """Return a per-click metric of each class of each scene, with columns "1", "2", …."""
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
    """Return all figures of a sample except the tuned one; NaN if there are too few clicks."""
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
    """Return the Dice of each sample at a threshold tuned on other subjects.

    The threshold for a subject is the one of `THRESHOLD_GRID` with the highest mean Dice over all
    samples of the *other* subjects (ties: the lowest).  With a single subject, classes are used
    instead of subjects; with a single class there is no held-out threshold and the result is None.

    Returns
    -------
    list of list of float, or None
        One list per record, with one value per sample.
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
    # Integers (millionths, as stored), so that sums and differences are exact.  With rounding
    # errors, a subject's own samples could decide between tied thresholds.
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
    """Return the seconds to open the image, and the median per further click on one object.

    The first click is left out if there are others, since it may warm up caches; so are clicks
    that no sample made.
    """
    result = record["result"]
    clicks = list(zip(result["seconds"]["predict"], result["objects"], strict=True))
    per_object = [spent / objects for spent, objects in clicks[len(clicks) > 1 :] if objects]
    return {
        "s/open": result["seconds"]["open"],
        "s/click": statistics.median(per_object) if per_object else None,
    }

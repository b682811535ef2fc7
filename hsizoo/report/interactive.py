"""The interactive protocol's table, derived from stored records.

Nothing here runs a component: every figure follows from the curves that the records hold.
"""

from __future__ import annotations

import csv
import io
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hsizoo.protocol.metrics import THRESHOLD_GRID, curve_auc, failed, noc
from hsizoo.report.columns import COLUMNS

__all__ = [
    "COLUMNS",
    "Row",
    "mean_curve",
    "samples_csv",
    "summarise",
    "table_csv",
]

Row = dict[str, Any]
"""One component: ``component``, the `COLUMNS`, ``samples``, ``failed_cells``."""


def summarise(records: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Make one row per component, in the order of first appearance.

    Parameters
    ----------
    records : sequence of mapping
        Of one dataset and one protocol, with a ``label``.

    Returns
    -------
    list of Row
        A value that cannot be had (5 clicks of a run with 3; a component that failed everywhere)
        is None.  Means are over samples (classes of scenes), seeds being averaged before; a
        subject that shows more classes, or in more scenes, counts more.
    """
    rows = []
    for label in dict.fromkeys(record["label"] for record in records):
        mine = [record for record in records if record["label"] == label]
        done = [record for record in mine if record["status"] == "done"]
        row: Row = {"component": label, **dict.fromkeys(COLUMNS)}
        row["samples"] = len(_by_sample(done))
        row["failed_cells"] = len(mine) - len(done)
        if done:
            row |= _figures(done)
        rows.append(row)
    return rows


def _figures(records: Sequence[Mapping[str, Any]]) -> Row:
    samples = [sample for record in records for sample in record["result"]["samples"]]
    clicks = len(samples[0]["dice"])

    def mean(key: str, click: int) -> float | None:
        return statistics.fmean(s[key][click - 1] for s in samples) if click <= clicks else None

    seconds = [record["result"]["seconds"] for record in records]
    # Per object; the first click is left out where there are others, since it may warm up caches.
    per_click = [
        spent / objects
        for record in records
        for spent, objects in list(
            zip(record["result"]["seconds"]["predict"], record["result"]["objects"], strict=True)
        )[1 if clicks > 1 else 0 :]
        if objects
    ]
    return {
        "dice@0.5 1c": mean("dice", 1),
        "dice@max 1c": mean("dice_max", 1),
        "dice@0.5 5c": mean("dice", 5),
        "dice@0.5 end": mean("dice", clicks),
        "dice@tuned 1c": tuned_dice(records, 1),
        "iou@0.5 5c": mean("iou", 5),
        "auc": statistics.fmean(curve_auc(s["dice"]) for s in samples),
        "noc85": statistics.fmean(noc(s["iou"], 0.85, clicks) for s in samples),
        "nof85": statistics.fmean(failed(s["iou"], 0.85) for s in samples),
        "s/open": statistics.median(s["open"] for s in seconds),
        "s/click": statistics.median(per_click) if per_click else None,
    }


def _by_sample(records: Iterable[Mapping[str, Any]]) -> dict[tuple[str, int], list[Any]]:
    """The samples of finished records, those that differ by the seed only together."""
    groups: dict[tuple[str, int], list[Any]] = defaultdict(list)
    for record in records:
        for sample in record["result"]["samples"]:
            groups[record["identity"]["scene"], sample["label"]].append(sample)
    return groups


def tuned_dice(records: Sequence[Mapping[str, Any]], click: int) -> float | None:
    """Mean Dice at a threshold that each subject's samples had no part in choosing.

    For each subject the threshold is the one of `THRESHOLD_GRID` with the highest mean Dice over
    all samples of the *other* subjects (ties: the lowest); its own samples are scored there.  With
    a single subject, classes take the place of subjects; with a single class there is no honest
    threshold and the result is None.
    """
    subjects = {record["subject"] for record in records}
    groups: dict[Any, list[list[float]]] = defaultdict(list)
    for record in records:
        for sample in record["result"]["samples"]:
            if str(click) not in sample["dice_grid"]:
                return None
            group = record["subject"] if len(subjects) > 1 else sample["label"]
            groups[group].append(sample["dice_grid"][str(click)])
    if len(groups) < 2:
        return None
    # In millionths, as they are stored: whole numbers, whose sums and differences are exact.  A
    # rounding error would let a subject's own samples decide between thresholds that tie.
    grids = {group: np.rint(1e6 * np.array(values)) for group, values in groups.items()}
    total = sum(grid.sum(axis=0) for grid in grids.values())
    scores = [grid[:, np.argmax(total - grid.sum(axis=0))] for grid in grids.values()]
    assert grids[next(iter(grids))].shape[1] == len(THRESHOLD_GRID)
    return float(np.concatenate(scores).mean() / 1e6)


def mean_curve(
    records: Iterable[Mapping[str, Any]], key: str = "dice"
) -> tuple[list[float], list[float]]:
    """Mean of a per-click metric over all samples, and its standard error, click by click.

    The runs of one sample with several seeds are averaged first: they are no further samples.
    """
    done = [record for record in records if record["status"] == "done"]
    if not done:
        return [], []
    curves = np.array(
        [np.mean([sample[key] for sample in runs], axis=0) for runs in _by_sample(done).values()]
    )
    error = curves.std(axis=0, ddof=1) / np.sqrt(len(curves)) if len(curves) > 1 else 0 * curves[0]
    return curves.mean(axis=0).tolist(), error.tolist()


def table_csv(rows: Sequence[Row]) -> str:
    """The table as CSV, one line per component, full precision."""
    return _csv(["component", *COLUMNS, "samples", "failed_cells"], rows)


def samples_csv(records: Iterable[Mapping[str, Any]]) -> str:
    """Every sample after every click as CSV, one line each."""
    head = ["component", "scene", "subject", "seed", "class", "pixels", "click", "row", "col",
            "positive", "dice", "iou", "dice_max", "best_threshold"]  # fmt: skip
    lines = []
    for record in records:
        if record["status"] != "done":
            continue
        for sample in record["result"]["samples"]:
            for k in range(len(sample["dice"])):
                # An exhausted robot made no click here; the last values stand.
                made = sample["clicks"][k] if k < len(sample["clicks"]) else ("", "", "")
                lines.append(
                    {
                        "component": record["label"],
                        "scene": record["identity"]["scene"],
                        "subject": record["subject"],
                        "seed": record["identity"]["seed"],
                        "class": sample["class"],
                        "pixels": sample["pixels"],
                        "click": k + 1,
                        **dict(zip(("row", "col", "positive"), made, strict=True)),
                        **{key: sample[key][k] for key in head[-4:]},
                    }
                )
    return _csv(head, lines)


def _csv(head: Sequence[str], lines: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, head, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()

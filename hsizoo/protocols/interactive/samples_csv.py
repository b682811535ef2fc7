"""All clicks of a run as CSV."""

from __future__ import annotations

from collections.abc import Iterable

from hsizoo.interfaces import Record
from hsizoo.report.csv_text import csv_with_conditions
from hsizoo.report.rows import done

__all__ = ["samples_csv"]


def samples_csv(records: Iterable[Record]) -> str:
    """Format every sample after every click as CSV, one line each."""
    records = done(records)
    conditions = dict.fromkeys(key for record in records for key in record.get("conditions") or ())
    figures = ["dice", "iou", "dice_max", "best_threshold"]
    head = ["scene", "subject", "seed", "class", "pixels", "click", "row", "col", "positive"]
    trained = any(record.get("training_seed") is not None for record in records)
    if trained:
        head.insert(head.index("seed"), "training_seed")
    lines = []
    for record in records:
        about = {
            "component": record["label"],
            "scene": record["identity"]["scene"],
            "subject": record["subject"],
            "seed": record["identity"]["seed"],
        }
        if trained:
            about["training_seed"] = record.get("training_seed")
        mine = {**dict.fromkeys(conditions, ""), **(record.get("conditions") or {})}
        for sample in record["result"]["samples"]:
            for k in range(len(sample["dice"])):
                # An exhausted robot made no click here; the last values are repeated.
                made = sample["clicks"][k] if k < len(sample["clicks"]) else ("", "", "")
                line = {
                    **about,
                    "class": sample["class"],
                    "pixels": sample["pixels"],
                    "click": k + 1,
                    **dict(zip(("row", "col", "positive"), made, strict=True)),
                    **{key: sample[key][k] for key in figures},
                }
                lines.append((mine, line))
    return csv_with_conditions([*head, *figures], lines)

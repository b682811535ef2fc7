"""Runs, classes and confusion matrices as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hsizoo.interfaces import Record
from hsizoo.protocols.few_label.columns import SCORES
from hsizoo.protocols.few_label.overlap import LEAKS
from hsizoo.report.csv_text import to_csv
from hsizoo.report.rows import done, row_name

__all__ = ["classes_csv", "confusion_csv", "runs_csv"]


def runs_csv(records: Sequence[Record]) -> str:
    """Format one line per run as CSV."""
    head = ["component", "scene", "seed", "split", *SCORES, *LEAKS]
    head += ["train", "test", "fit_seconds", "predict_seconds", "megabytes"]
    lines = [
        {
            **_about(record),
            "split": record["result"]["split"]["digest"][:16],
            **{score: record["result"]["scores"][score] for score in SCORES},
            **{key: record["result"]["leak"].get(key) for key in LEAKS},
            "train": len(record["result"]["split"]["train"]),
            "test": sum(map(sum, record["result"]["confusion"])),
            "fit_seconds": record["result"]["seconds"]["fit"],
            "predict_seconds": record["result"]["seconds"]["predict"],
            "megabytes": record["result"]["megabytes"]["host"],
        }
        for record in done(records)
    ]
    return to_csv(head, lines)


def classes_csv(records: Sequence[Record]) -> str:
    """Format recall and precision as CSV, one line per class of each run."""
    lines = [
        {**_about(record), "class": name, "test": sum(row), "recall": recall, "precision": precise}
        for record in done(records)
        for name, row, recall, precise in zip(
            record["result"]["classes"],
            record["result"]["confusion"],
            record["result"]["scores"]["recall"],
            record["result"]["scores"]["precision"],
            strict=True,
        )
    ]
    return to_csv(["component", "scene", "seed", "class", "test", "recall", "precision"], lines)


def confusion_csv(records: Sequence[Record]) -> str:
    """Format confusion matrices, summed over seeds, as CSV: one line per pair of classes."""
    totals: dict[tuple[str, str, str, str], int] = {}
    for record in done(records):
        about, result = _about(record), record["result"]
        for true, row in zip(result["classes"], result["confusion"], strict=True):
            for called, count in zip(result["classes"], row, strict=True):
                key = about["component"], about["scene"], true, called
                totals[key] = totals.get(key, 0) + count
    head = ["component", "scene", "true", "called", "pixels"]
    return to_csv(
        head, [dict(zip(head, (*key, count), strict=True)) for key, count in totals.items()]
    )


def _about(record: Record) -> dict[str, Any]:
    identity = record["identity"]
    name = row_name(record["label"], record.get("conditions") or {})
    return {"component": name, "scene": identity["scene"], "seed": identity["seed"]}

"""All clicks of a run as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hsizoo.engine.records import marks
from hsizoo.interfaces import Record
from hsizoo.report.csv_text import csv_blocks, names_of_conditions
from hsizoo.report.rows import done

__all__ = ["samples_csv"]

_FIGURES = ("dice", "iou", "dice_max", "best_threshold")


def samples_csv(records: Sequence[Record]) -> Iterator[bytes]:
    """Format every sample after every click as CSV, one line each, in pieces."""
    records = done(records)
    conditions = dict.fromkeys(
        key for mark in marks(records) for key in mark.row.get("conditions") or ()
    )
    head = ["scene", "subject", "seed", "class", "pixels", "click", "row", "col", "positive"]
    trained = any(mark.row.get("training_seed") is not None for mark in marks(records))
    if trained:
        head.insert(head.index("seed"), "training_seed")
    head += _FIGURES
    names = names_of_conditions(conditions, head)
    return csv_blocks(
        ["component", *names.values(), *head], _lines(records, list(conditions), trained=trained)
    )


def _lines(
    records: Sequence[Record], conditions: Sequence[str], *, trained: bool
) -> Iterator[list[Any]]:
    for record in records:
        mine = record.get("conditions") or {}
        identity = record["identity"]
        about = [record["label"], *(mine.get(key, "") for key in conditions)]
        about += [identity["scene"], record["subject"]]
        about += [record.get("training_seed")] * trained + [identity["seed"]]
        for sample in record["result"]["samples"]:
            own = [*about, sample["class"], sample["pixels"]]
            clicks = sample["clicks"]
            figures = zip(*(sample[key] for key in _FIGURES), strict=True)
            for number, each in enumerate(figures):
                # An exhausted robot made no click here; the last values are repeated.
                made = clicks[number] if number < len(clicks) else ("", "", "")
                yield [*own, number + 1, *made, *each]

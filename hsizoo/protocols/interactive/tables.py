"""The interactive protocol's table, derived from stored records.

Nothing here runs a component: every figure follows from the curves that the records hold.
"""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hsizoo.protocols.interactive.samples import by_row, choose_unit, done, observe
from hsizoo.report.columns import COLUMNS, WITH_INTERVAL
from hsizoo.report.statistics import FEWEST_UNITS, draw_units, interval, over_samples

__all__ = ["Row", "conditions_of", "mean_curve", "samples_csv", "summarise", "table_csv", "to_csv"]

Row = dict[str, Any]
"""One component: ``component``, its conditions if the run has any, the `COLUMNS`, ``samples``,
``failed_cells``.  `hsizoo.report.comparison` adds intervals."""

_OTHERS = frozenset({"component", *COLUMNS, "samples", "failed_cells", "unit", "units",
                     "intervals", "training_seeds", "seed_sd"})  # fmt: skip


def conditions_of(row: Row) -> dict[str, str]:
    """What a row is of, besides its component; empty text where a condition does not touch it."""
    return {key: value for key, value in row.items() if key not in _OTHERS}


def summarise(records: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Make one row per component and condition, in the order of first appearance.

    Parameters
    ----------
    records : sequence of mapping
        Of one run, with a ``label`` and perhaps ``conditions``.

    Returns
    -------
    list of Row
        A value that cannot be had (5 clicks of a run with 3; a component that failed everywhere)
        is None.  Means are over samples (classes of scenes), seeds being averaged before; a
        subject that shows more classes, or in more scenes, counts more.
    """
    grouped = by_row(records)
    rows = []
    for (label, pairs), mine in grouped.items():
        finished = done(mine)
        row: Row = {"component": label, **dict(pairs), **dict.fromkeys(COLUMNS)}
        row["samples"] = 0
        row["failed_cells"] = len(mine) - len(finished)
        if finished:
            observed = observe(finished, "subject")
            means = observed.values.mean(axis=0).tolist()
            row |= {
                column: None if np.isnan(mean) else mean
                for column, mean in zip(WITH_INTERVAL, means, strict=True)
            }
            row |= _seconds(finished)
            row["samples"] = len(observed.keys)
        rows.append(row)
    return rows


def _seconds(records: Sequence[Mapping[str, Any]]) -> Row:
    results = [record["result"] for record in records]
    # Per object; the first click is left out where there are others, since it may warm up caches.
    per_click = [
        spent / objects
        for result in results
        for spent, objects in list(
            zip(result["seconds"]["predict"], result["objects"], strict=True)
        )[1 if len(result["objects"]) > 1 else 0 :]
        if objects
    ]
    return {
        "s/open": statistics.median(result["seconds"]["open"] for result in results),
        "s/click": statistics.median(per_click) if per_click else None,
    }


def mean_curve(
    records: Sequence[Mapping[str, Any]], key: str = "dice"
) -> tuple[list[float], list[float], list[float], str]:
    """Mean of a per-click metric over all samples, click by click, and a band around it.

    Returns
    -------
    mean, low, high : list of float
    band : str
        What the band is: the 95 % interval of the bootstrap over subjects, or, of too few of them,
        one standard error over samples.
    """
    records = done(records)
    if not records:
        return [], [], [], ""
    unit = choose_unit(records)
    rows = observe(records, unit, key)
    order = {name: place for place, name in enumerate(dict.fromkeys(rows.units))}
    mean = rows.values.mean(axis=0)
    if len(order) >= FEWEST_UNITS:
        low, high = interval(over_samples(rows, order, draw_units(len(order)))[1:])
        return mean.tolist(), low.tolist(), high.tolist(), f"95 % bootstrap over {unit}s"
    count = len(rows.values)
    error = rows.values.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else 0 * mean
    low, high = mean - error, mean + error
    return mean.tolist(), low.tolist(), high.tolist(), "one standard error over samples"


def table_csv(rows: Sequence[Row]) -> str:
    """The table as CSV, one line per row, full precision."""
    conditions = list(conditions_of(rows[0])) if rows else []
    head = ["component", *conditions, *COLUMNS, "samples", "failed_cells", "unit", "units"]
    head += [f"{column} {end}" for column in WITH_INTERVAL for end in ("low", "high")]
    trained = any(row.get("training_seeds") for row in rows)
    if trained:
        head += ["training_seeds", *(f"{column} seed sd" for column in WITH_INTERVAL)]
    lines = []
    for row in rows:
        line = {key: value for key, value in row.items() if key not in ("intervals", "seed_sd")}
        for column, ends in (row.get("intervals") or {}).items():
            line |= zip((f"{column} low", f"{column} high"), ends, strict=True)
        if trained:
            line |= {f"{column} seed sd": sd for column, sd in (row.get("seed_sd") or {}).items()}
        else:
            line.pop("training_seeds", None)
        lines.append(line)
    return to_csv(head, lines)


def samples_csv(records: Iterable[Mapping[str, Any]]) -> str:
    """Every sample after every click as CSV, one line each."""
    records = done(records)
    conditions = dict.fromkeys(key for record in records for key in record.get("conditions") or ())
    head = ["component", *conditions, "scene", "subject", "seed", "class", "pixels", "click", "row",
            "col", "positive", "dice", "iou", "dice_max", "best_threshold"]  # fmt: skip
    trained = any(record.get("training_seed") is not None for record in records)
    if trained:
        head.insert(head.index("seed"), "training_seed")
    lines = []
    for record in records:
        about = {
            "component": record["label"],
            **(record.get("conditions") or {}),
            "scene": record["identity"]["scene"],
            "subject": record["subject"],
            "seed": record["identity"]["seed"],
        }
        if trained:
            about["training_seed"] = record.get("training_seed")
        for sample in record["result"]["samples"]:
            for k in range(len(sample["dice"])):
                # An exhausted robot made no click here; the last values stand.
                made = sample["clicks"][k] if k < len(sample["clicks"]) else ("", "", "")
                lines.append(
                    {
                        **about,
                        "class": sample["class"],
                        "pixels": sample["pixels"],
                        "click": k + 1,
                        **dict(zip(("row", "col", "positive"), made, strict=True)),
                        **{key: sample[key][k] for key in head[-4:]},
                    }
                )
    return to_csv(head, lines)


def to_csv(head: Sequence[str], lines: Iterable[Mapping[str, Any]]) -> str:
    """Lines as CSV; what a line lacks is left empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, head, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()

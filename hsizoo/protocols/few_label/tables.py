"""The few-label protocol's tables, derived from stored records.

A figure of one seed is the mean over scenes; a row gives mean and standard deviation over seeds.
Two rows are compared seed by seed: under one draw the same seed gives both the same training
pixels.
"""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hsizoo.protocols.few_label.scores import SCORES
from hsizoo.protocols.interactive.samples import RowName, by_row, choose_unit, done
from hsizoo.protocols.interactive.tables import to_csv
from hsizoo.report.statistics import (
    FEWEST_UNITS,
    Observations,
    draw_units,
    interval,
    over_samples,
)

__all__ = [
    "COLUMNS",
    "Row",
    "classes_csv",
    "classes_of",
    "confusion_csv",
    "differences",
    "differences_csv",
    "name_of",
    "notes",
    "runs_csv",
    "summarise",
    "table_csv",
]

Row = dict[str, Any]
"""One component under one setting: ``component``, ``conditions`` (what was swept over, in words;
empty text where it does not touch the component), each of `COLUMNS`, the standard deviation over
seeds of each of `SCORES` (``oa_sd``, …; None for one seed), ``seeds``, ``scenes``,
``failed_cells``."""

COLUMNS = {
    **SCORES,
    "leak": "share of test pixels whose patch overlaps a training patch",
    "untested": "classes without a test pixel, mean over runs",
    "pseudo_right": "share of pseudo labels that are right, of those whose truth is known",
    "fit_seconds": "median seconds to learn, pseudo labels included",
    "predict_seconds": "median seconds to classify the whole image",
    "megabytes": "largest memory beyond what the process held before",
}

Records = Sequence[Mapping[str, Any]]


def name_of(component: str, conditions: Mapping[str, str]) -> str:
    """A row's name in one text.

    Examples
    --------
    >>> name_of("ipg+cnn2d", {"iterations": "50", "shots": ""})
    'ipg+cnn2d | iterations=50'
    """
    words = ", ".join(f"{key}={value}" for key, value in conditions.items() if value)
    return f"{component} | {words}" if words else component


def classes_of(records: Records) -> dict[tuple[int, str], int]:
    """The place of every class of a run, from 1, by its label and name, in ascending order.

    It is the class's number, and so its colour, in every map and picture of the run, also where a
    scene lacks classes that others have.
    """
    found = {
        (label, name)
        for record in done(records)
        for label, name in zip(record["result"]["labels"], record["result"]["classes"], strict=True)
    }
    return {each: place for place, each in enumerate(sorted(found), start=1)}


def notes(records: Records) -> list[str]:
    """What to know of classes that are small, untested or absent in some run; nothing if none is.

    A class is named once, however many runs it concerns.
    """
    found: dict[str, dict[str, None]] = {}
    for record in done(records):
        result = record["result"]
        for key, names in (
            ("learnt from fewer pixels than asked for, at most half of a class",
             result["split"]["short"]),
            ("learnt from but not tested, for want of pixels", result["split"]["untested"]),
            ("neither learnt nor tested, for want of labelled pixels with a usable spectrum",
             result.get("absent", ())),
        ):  # fmt: skip
            if names:
                found.setdefault(key, {}).update(dict.fromkeys(names))
    many = len({(each["identity"]["scene"], each["identity"]["seed"]) for each in done(records)})
    some = " (in some runs)" if many > 1 else ""
    return [f"{key}{some}: {', '.join(names)}" for key, names in found.items()]


def summarise(records: Records) -> list[Row]:
    """One row per component and setting, in the order of first appearance.

    None stands for what cannot be had.
    """
    rows = []
    for (label, pairs), mine in by_row(records).items():
        finished = done(mine)
        row: Row = {"component": label, "conditions": dict(pairs), **dict.fromkeys(COLUMNS)}
        row |= {f"{score}_sd": None for score in SCORES}
        row["seeds"] = len({each["identity"]["seed"] for each in finished})
        row["scenes"] = len({each["identity"]["scene"] for each in finished})
        row["failed_cells"] = len(mine) - len(finished)
        if finished:
            for score in SCORES:
                means = [_mean(values) for values in _by_seed(finished, score)]
                known = [mean for mean in means if mean is not None]
                row[score] = statistics.fmean(known) if known else None
                row[f"{score}_sd"] = statistics.stdev(known) if len(known) > 1 else None
            row |= _rest([each["result"] for each in finished])
        rows.append(row)
    return rows


def _by_seed(records: Records, score: str) -> Iterable[list[float | None]]:
    seeds: dict[int, list[float | None]] = {}
    for record in records:
        value = record["result"]["scores"][score]
        seeds.setdefault(record["identity"]["seed"], []).append(value)
    return seeds.values()


def _rest(results: Sequence[Mapping[str, Any]]) -> Row:
    """What is not a score."""
    pseudo = [each["pseudo_labels"]["right"] for each in results if "pseudo_labels" in each]
    host = [each["megabytes"]["host"] for each in results]
    return {
        "leak": statistics.fmean(each["leak"]["overlap"] for each in results),
        "untested": statistics.fmean(len(each["split"]["untested"]) for each in results),
        "pseudo_right": _mean(pseudo),
        "fit_seconds": statistics.median(each["seconds"]["fit"] for each in results),
        "predict_seconds": statistics.median(each["seconds"]["predict"] for each in results),
        "megabytes": max((each for each in host if each is not None), default=None),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def differences(records: Records) -> list[dict[str, Any]]:
    """Each pair of rows that differ in one respect, by each score, on the runs that both have.

    Returns
    -------
    list of dict
        ``metric``, ``a``, ``b``, ``differ_in`` (``component``, or the condition), ``difference``
        (a minus b), ``low`` and ``high`` (95 % interval of the paired bootstrap; None with fewer
        units than `FEWEST_UNITS`), ``wins`` and ``losses`` (share of runs in which a is better,
        and worse), ``unit`` (what the bootstrap draws), ``units``.
    """
    unit = choose_unit(records)
    grouped = [(row, done(mine)) for row, mine in by_row(records).items()]
    lines = []
    for (one, mine), (two, theirs) in itertools.combinations(grouped, 2):
        respects = _respects(one, two)
        values = {_run(each): _scores(each) for each in mine}
        others = {_run(each): _scores(each) for each in theirs}
        shared = [run for run in values if run in others]
        if len(respects) != 1 or not shared:
            continue
        whose = {_run(each): each["subject"] if unit == "subject" else each["identity"][unit]
                 for each in mine}  # fmt: skip
        apart = np.array([values[run] - others[run] for run in shared])
        about = {"a": name_of(one[0], dict(one[1])), "b": name_of(two[0], dict(two[1]))}
        about["differ_in"] = respects[0]
        lines += _pair(about, unit, [whose[run] for run in shared], shared, apart)
    return lines


def _respects(one: RowName, two: RowName) -> list[str]:
    """What tells two rows apart; an empty condition is like any."""
    apart = ["component"] if one[0] != two[0] else []
    for (key, mine), (_, other) in zip(one[1], two[1], strict=True):
        apart += [key] if mine != other and mine and other else []
    return apart


def _pair(
    about: Mapping[str, str], unit: str, units: Sequence[Any], runs: Sequence[Any], apart: Any
) -> list[dict[str, Any]]:
    order = {name: place for place, name in enumerate(dict.fromkeys(units))}
    lines = []
    for place, metric in enumerate(SCORES):
        known = np.flatnonzero(~np.isnan(apart[:, place])).tolist()
        if not known:
            continue
        column = apart[known, place][:, None]
        mine = [units[number] for number in known]
        observed = Observations([runs[number] for number in known], mine, mine, column)
        line = {"metric": metric, **about, "difference": float(column.mean())}
        line |= {"low": None, "high": None, "wins": float((column > 0).mean())}
        line["losses"] = float((column < 0).mean())
        if len(set(mine)) >= FEWEST_UNITS:
            draws = over_samples(observed, order, draw_units(len(order)))[1:, 0]
            line["low"], line["high"] = interval(draws).tolist()
        lines.append({**line, "unit": unit, "units": len(set(mine))})
    return lines


def _run(record: Mapping[str, Any]) -> tuple[str, str, int]:
    identity = record["identity"]
    dataset = json.dumps(identity["dataset"], sort_keys=True)
    return dataset, identity["scene"], identity["seed"]


def _scores(record: Mapping[str, Any]) -> Any:
    found = record["result"]["scores"]
    return np.array([np.nan if found[score] is None else found[score] for score in SCORES])


def table_csv(rows: Sequence[Row]) -> str:
    """The table as CSV, full precision."""
    scores = [name for score in SCORES for name in (score, f"{score}_sd")]
    rest = [column for column in COLUMNS if column not in SCORES]
    conditions = list(rows[0]["conditions"]) if rows else []
    head = ["component", *conditions, *scores, *rest, "seeds", "scenes", "failed_cells"]
    lines = [{**row["conditions"], **{key: row[key] for key in row if key != "conditions"}}
             for row in rows]  # fmt: skip
    return to_csv(head, lines)


def differences_csv(lines: Sequence[Mapping[str, Any]]) -> str:
    """All differences as CSV, full precision."""
    head = ["metric", "a", "b", "differ_in", "difference", "low", "high", "wins", "losses"]
    return to_csv([*head, "unit", "units"], lines)


def runs_csv(records: Records) -> str:
    """Every run as CSV, one line each."""
    head = ["component", "scene", "seed", "split", *SCORES, "leak_overlap", "leak_contains"]
    head += ["train", "test", "fit_seconds", "predict_seconds", "megabytes"]
    lines = [
        {
            **_about(record),
            "split": record["result"]["split"]["digest"][:16],
            **{score: record["result"]["scores"][score] for score in SCORES},
            "leak_overlap": record["result"]["leak"]["overlap"],
            "leak_contains": record["result"]["leak"]["contains"],
            "train": len(record["result"]["split"]["train"]),
            "test": sum(map(sum, record["result"]["confusion"])),
            "fit_seconds": record["result"]["seconds"]["fit"],
            "predict_seconds": record["result"]["seconds"]["predict"],
            "megabytes": record["result"]["megabytes"]["host"],
        }
        for record in done(records)
    ]
    return to_csv(head, lines)


def classes_csv(records: Records) -> str:
    """Recall and precision of each class of each run as CSV."""
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


def confusion_csv(records: Records) -> str:
    """Confusion matrices as CSV, summed over seeds: one line per true class and called class."""
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


def _about(record: Mapping[str, Any]) -> dict[str, Any]:
    identity = record["identity"]
    name = name_of(record["label"], record.get("conditions") or {})
    return {"component": name, "scene": identity["scene"], "seed": identity["seed"]}

"""The rows of a run against each other: intervals, paired differences, classes, ranks."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hsizoo.protocols.interactive.samples import Unit, by_row, choose_unit, done, observe
from hsizoo.protocols.interactive.tables import Row, conditions_of, summarise, to_csv
from hsizoo.report.columns import COMPARED, WITH_INTERVAL
from hsizoo.report.statistics import (
    FEWEST_UNITS,
    Floats,
    Observations,
    by_class,
    draw_units,
    interval,
    over_classes,
    over_samples,
    rank_shares,
)

__all__ = [
    "Comparison",
    "classes_csv",
    "compare",
    "covers",
    "differences_csv",
    "row_name",
    "settings_of",
]

_ALL = "all classes"
_PLACES = [WITH_INTERVAL.index(column) for column in COMPARED]


@dataclass(frozen=True)
class Comparison:
    """What can be said of a run.

    Parameters
    ----------
    rows : list of Row
        Those of `summarise`, with ``unit`` and ``units`` (what the bootstrap draws, and how many
        there are), ``intervals`` (column to low and high; empty with fewer than `FEWEST_UNITS`),
        and, where there are several training seeds, their number under ``training_seeds`` and
        ``seed_sd`` (column to standard deviation over them of the mean over samples).
    differences : list of dict
        Each pair of rows that differ in one respect, by each of `COMPARED`: ``a`` minus ``b``, on
        the samples that both have, over samples and over classes.
    classes : list of dict
        Each row's mean of each class, and over all classes, by each of `COMPARED`.
    ranks : list of dict
        How often each component of one setting has each rank, by each of `COMPARED`.
    """

    rows: list[Row]
    differences: list[dict[str, Any]]
    classes: list[dict[str, Any]]
    ranks: list[dict[str, Any]]


def compare(records: Sequence[Mapping[str, Any]]) -> Comparison:
    """Summarise a run's records and compare its rows; see `hsizoo.report.statistics`."""
    rows = summarise(records)
    unit = choose_unit(records)
    grouped = list(by_row(records).values())
    seeds = {record["training_seed"] for record in done(records) if _is_trained(record)}
    observed = [observe(_of_all_seeds(mine, seeds), unit) for mine in grouped]
    units = list(dict.fromkeys(name for each in observed for name in each.units))
    order = {name: place for place, name in enumerate(units)}
    enough = len(units) >= FEWEST_UNITS
    draws = _Draws(observed, order, draw_units(len(units)) if enough else None)
    for place, (row, mine) in enumerate(zip(rows, grouped, strict=True)):
        row["unit"], row["units"] = unit, len(set(observed[place].units))
        row["intervals"] = draws.intervals(place)
        row |= _over_training_seeds(mine, unit)
    return Comparison(rows, _differences(rows, draws), _classes(rows, draws), _ranks(rows, draws))


def _is_trained(record: Mapping[str, Any]) -> bool:
    return record.get("training_seed") is not None


def _of_all_seeds(
    records: Sequence[Mapping[str, Any]], seeds: Collection[int]
) -> list[Mapping[str, Any]]:
    """What nobody trained is the same with every training seed: its pair where seeds are units."""
    found: list[Mapping[str, Any]] = []
    for record in records:
        same = seeds and not _is_trained(record)
        found += [{**record, "training_seed": seed} for seed in seeds] if same else [record]
    return found


class _Draws:
    """The bootstrap of every row, with the same units drawn for all."""

    def __init__(
        self, observed: Sequence[Observations], order: Mapping[Hashable, int], counts: Any
    ) -> None:
        self.observed = observed
        self.order = order
        self.counts = np.ones((1, len(order)), dtype=np.int64) if counts is None else counts
        self.keys = [frozenset(each.keys) for each in observed]
        self._kept: dict[tuple[int, bool], Floats] = {}

    def of(self, place: int, keys: frozenset[Any], *, classes: bool = False) -> Floats:
        """Draws of a row on some of its observations, (1 + draws, `WITH_INTERVAL`)."""
        average = over_classes if classes else over_samples
        if keys != self.keys[place]:  # a row with a failed cell is compared on what it has
            return average(self.observed[place].take(set(keys)), self.order, self.counts)
        if (place, classes) not in self._kept:
            self._kept[place, classes] = average(self.observed[place], self.order, self.counts)
        return self._kept[place, classes]

    def intervals(self, place: int) -> dict[str, list[float]]:
        """95 % intervals by column; empty if there cannot be any."""
        if len(set(self.observed[place].units)) < FEWEST_UNITS:
            return {}
        ends = interval(self.of(place, self.keys[place])[1:])
        return {
            column: pair
            for column, pair in zip(WITH_INTERVAL, ends.T.tolist(), strict=True)
            if not np.isnan(pair).any()
        }


def _over_training_seeds(records: Sequence[Mapping[str, Any]], unit: Unit) -> dict[str, Any]:
    seeds = sorted({record["training_seed"] for record in records if _is_trained(record)})
    means = []
    for seed in seeds:
        mine = done([record for record in records if record["training_seed"] == seed])
        if mine:
            means.append(observe(mine, unit).values.mean(axis=0))
    spread = np.std(means, axis=0, ddof=1).tolist() if len(means) > 1 else []
    return {
        "training_seeds": len(means),
        "seed_sd": {
            column: sd
            for column, sd in zip(WITH_INTERVAL, spread, strict=bool(spread))
            if not np.isnan(sd)
        },
    }


def settings_of(rows: Sequence[Row]) -> list[dict[str, str]]:
    """The settings of a run, each a value for every condition.

    A condition that does not touch a row is empty there; such a row takes part in every setting
    that agrees with it in the others.
    """
    found = [dict(pairs) for pairs in dict.fromkeys(tuple(conditions_of(r).items()) for r in rows)]
    return [
        mine for mine in found if not any(other != mine and covers(mine, other) for other in found)
    ]


def covers(general: Mapping[str, str], setting: Mapping[str, str]) -> bool:
    """Whether conditions agree with a setting wherever they say anything."""
    return all(value in ("", setting[key]) for key, value in general.items())


def _differences(rows: Sequence[Row], draws: _Draws) -> list[dict[str, Any]]:
    lines = []
    for first, second in itertools.combinations(range(len(rows)), 2):
        respects = _respects(rows[first], rows[second])
        keys = draws.keys[first] & draws.keys[second]
        if len(respects) != 1 or not keys:
            continue
        taken = draws.observed[first].take(set(keys))
        units = len(set(taken.units))
        lines += [
            {
                "metric": metric,
                "a": row_name(rows[first]),
                "b": row_name(rows[second]),
                "differ_in": respects[0],
                **figures,
                "unit": rows[first]["unit"],
                "units": units,
                "samples": len(keys),
            }
            for metric, figures in _pair(draws, first, second, keys, units >= FEWEST_UNITS).items()
        ]
    return lines


def _pair(
    draws: _Draws, first: int, second: int, keys: frozenset[Any], enough: bool
) -> dict[str, dict[str, float]]:
    """Differences of two rows by metric: over samples, and over classes."""
    found: dict[str, dict[str, float]] = {metric: {} for metric in COMPARED}
    for classes, prefix in ((False, ""), (True, "by_class_")):
        one, two = (draws.of(place, keys, classes=classes)[:, _PLACES] for place in (first, second))
        apart = one - two
        drawn = apart[1:][~np.isnan(apart[1:]).all(axis=1)]
        ends = interval(drawn) if enough else None
        for place, metric in enumerate(COMPARED):
            if np.isnan(apart[0, place]):  # so few clicks do not tell
                found.pop(metric, None)
                continue
            found[metric][f"{prefix}difference"] = float(apart[0, place])
            if ends is not None:
                found[metric] |= {
                    f"{prefix}low": float(ends[0, place]),
                    f"{prefix}high": float(ends[1, place]),
                    f"{prefix}above_0": float((drawn[:, place] > 0).mean()),
                }
    return found


def _respects(first: Row, second: Row) -> list[str]:
    """What tells two rows apart; an empty condition is like any."""
    one, two = conditions_of(first), conditions_of(second)
    apart = ["component"] if first["component"] != second["component"] else []
    return apart + [key for key in one if one[key] != two[key] and one[key] and two[key]]


def row_name(row: Row) -> str:
    """A row's component and conditions in one text."""
    conditions = ", ".join(f"{key}={value}" for key, value in conditions_of(row).items() if value)
    return f"{row['component']} | {conditions}" if conditions else str(row["component"])


def _classes(rows: Sequence[Row], draws: _Draws) -> list[dict[str, Any]]:
    lines = []
    for place, row in enumerate(rows):
        observed = draws.observed[place]
        if not observed.keys:
            continue
        groups: dict[Any, Floats] = by_class(observed, draws.order, draws.counts)
        groups[_ALL] = draws.of(place, draws.keys[place], classes=True)
        for name, figures in groups.items():
            mine = [n for n, each in enumerate(observed.classes) if name in (each, _ALL)]
            units = len({observed.units[number] for number in mine})
            ends = interval(figures[1:]) if units >= FEWEST_UNITS else None
            for column, metric in zip(_PLACES, COMPARED, strict=True):
                if np.isnan(figures[0, column]):  # so few clicks do not tell
                    continue
                low_high = {} if ends is None else {"low": ends[0, column], "high": ends[1, column]}
                lines.append(
                    {
                        "component": row["component"],
                        **conditions_of(row),
                        "class": _class_name(name, observed, mine),
                        "metric": metric,
                        "mean": float(figures[0, column]),
                        **{key: float(value) for key, value in low_high.items()},
                        "unit": row["unit"],
                        "units": units,
                        "samples": len(mine),
                    }
                )
    return lines


def _class_name(name: Any, observed: Observations, mine: Sequence[int]) -> str:
    """A class in words; of pooled datasets, which may share names, with its scenes."""
    if name == _ALL:
        return _ALL
    if len({dataset for dataset, _ in observed.classes}) == 1:
        return str(name[1])
    scenes = sorted({str(observed.keys[number][1]) for number in mine})
    return f"{name[1]} ({', '.join(scenes)})"


def _ranks(rows: Sequence[Row], draws: _Draws) -> list[dict[str, Any]]:
    lines = []
    for setting in settings_of(rows):
        members = [
            place
            for place, row in enumerate(rows)
            if covers(conditions_of(row), setting) and draws.keys[place]
        ]
        if len(members) < 2:
            continue
        keys = frozenset.intersection(*(draws.keys[place] for place in members))
        if len(set(draws.observed[members[0]].take(set(keys)).units)) < FEWEST_UNITS:
            continue
        figures = np.stack([draws.of(place, keys)[1:] for place in members], axis=2)
        for column, metric in zip(_PLACES, COMPARED, strict=True):
            drawn = figures[:, column]
            drawn = drawn[~np.isnan(drawn).any(axis=1)]
            if not len(drawn):
                continue
            for place, shares in zip(members, rank_shares(drawn).tolist(), strict=True):
                line = {"component": rows[place]["component"], **setting, "metric": metric}
                lines.append({**line, "shares": shares})
    return lines


def differences_csv(comparison: Comparison) -> str:
    """All differences as CSV, full precision."""
    figures = ["difference", "low", "high", "above_0"]
    head = ["metric", "a", "b", "differ_in", *figures, *(f"by_class_{each}" for each in figures)]
    return to_csv([*head, "unit", "units", "samples"], comparison.differences)


def classes_csv(comparison: Comparison) -> str:
    """Every class of every row as CSV, full precision."""
    conditions = list(conditions_of(comparison.rows[0])) if comparison.rows else []
    head = ["component", *conditions, "class", "metric", "mean", "low", "high"]
    return to_csv([*head, "unit", "units", "samples"], comparison.classes)

"""Comparison of the rows of a run: intervals, paired differences, classes, ranks."""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hsizoo.engine.records import marks
from hsizoo.interfaces import Column, Protocol, Record
from hsizoo.report.csv_text import csv_with_conditions, to_csv
from hsizoo.report.draws import Draws
from hsizoo.report.rows import (
    Observed,
    Row,
    RowName,
    Unit,
    average_seeds,
    choose_unit,
    covers,
    is_trained,
    observe_rows,
    settings_of,
    single_results,
    summarise,
)
from hsizoo.report.statistics import (
    FEWEST_UNITS,
    Floats,
    Observations,
    by_class,
    interval,
    mean_of_classes,
    over_classes,
    over_samples,
    rank_shares,
)

__all__ = ["Comparison", "classes_csv", "compare", "differences_csv", "table_csv"]

_ALL = "all classes"
_COUNTS = ("samples", "scenes", "seeds", "training_seeds", "failed_cells", "unit", "units")


@dataclass(frozen=True)
class Comparison:
    """Statistics of a run.

    Parameters
    ----------
    columns : tuple of Column
        Columns of the protocol.
    rows : list of Row
        Rows with intervals.
    differences : list of dict
        One per compared column and pair of rows that differ in one respect: ``metric``, ``a``,
        ``b``, ``differ_in``, ``difference`` (a minus b, on the results that both have), ``low``,
        ``high``, ``above_0`` (share of bootstrap draws), ``by_class_…`` (the same over classes),
        ``wins`` and ``losses`` (share of pairs in which a is better or worse; each seed is a
        pair), ``unit``, ``units``, ``samples``.
    classes : list of dict
        Means per row and class, and over all classes, for each compared column; empty if the
        protocol names no classes.
    ranks : list of dict
        How often each component of a setting has each rank, for each compared column.
    """

    columns: tuple[Column, ...]
    rows: list[Row]
    differences: list[dict[str, Any]]
    classes: list[dict[str, Any]]
    ranks: list[dict[str, Any]]


def compare(
    protocol: type[Protocol],
    records: Sequence[Record],
    observed: Mapping[RowName, Observed] | None = None,
) -> Comparison:
    """Summarise the records of a run and compare its rows; see `hsizoo.report.statistics`.

    Parameters
    ----------
    protocol : type of Protocol
    records : sequence of mapping
        All cells, including failed ones.
    observed : mapping, optional
        What `observe_rows` returned for them.
    """
    observed = observe_rows(protocol, records) if observed is None else observed
    rows = summarise(protocol, records, observed)
    unit = choose_unit(records)
    # Leave out columns without values (such as Dice after five clicks in a run with three).
    columns = [
        column
        for column in protocol.columns
        if (column.interval or column.compared) and any(r[column.name] is not None for r in rows)
    ]
    training_seeds = {
        mark.row["training_seed"]
        for mine in observed.values()
        for mark in marks(mine.records)
        if is_trained(mark.row)
    }
    results = [_for_all_seeds(mine, columns, unit, training_seeds) for mine in observed.values()]
    bootstrap = _Bootstrap(columns, results, unit)
    for place, row in enumerate(rows):
        row.unit, row.units = unit, bootstrap.units(place)
        row.intervals = bootstrap.intervals(place)
    classes = _classes(rows, bootstrap)  # first: the means over classes come with it
    return Comparison(
        protocol.columns,
        rows,
        _differences(rows, bootstrap),
        classes,
        _ranks(rows, bootstrap),
    )


def _for_all_seeds(
    mine: Observed, columns: Sequence[Column], unit: Unit, seeds: Collection[int]
) -> Observations:
    """Single results of a row in these columns.

    Results of untrained components are the same for every training seed, so they are repeated.
    """
    names = [column.name for column in columns]
    marked = list(marks(mine.records)) if seeds else []
    if all(is_trained(mark.row) for mark in marked):
        return mine.results.of([mine.columns.index(name) for name in names])
    repeated, observed = [], []
    for mark, each in zip(marked, mine.observations, strict=True):
        for seed in [None] if is_trained(mark.row) else seeds:
            row = mark.row if seed is None else {**mark.row, "training_seed": seed}
            repeated.append(mark._replace(row=row))
            observed.append(each)
    return single_results(repeated, observed, names, unit)


class _Bootstrap:
    """Bootstrap of all rows, with the same units drawn for each.

    Parameters
    ----------
    columns : sequence of Column
        Columns that have values.
    results : sequence of Observations
        Single results of each row, see `hsizoo.report.rows.single_results`.
    unit : {"subject", "scene", "seed"}
    """

    def __init__(
        self, columns: Sequence[Column], results: Sequence[Observations], unit: Unit
    ) -> None:
        self.columns = columns
        self.compared = [place for place, column in enumerate(columns) if column.compared]
        self.results = results
        self.unit: Unit = unit
        self.averaged = [average_seeds(each, unit) for each in results]
        names = dict.fromkeys(name for each in results for name in each.units)
        self.order = {name: place for place, name in enumerate(names)}
        enough = len(names) >= FEWEST_UNITS
        self.drawn = Draws(len(names)) if enough else Draws(len(names), 0)
        self.has_classes = any(name is not None for each in results for _, name in each.classes)
        numbers: dict[Any, int] = {}
        self._numbers = [
            np.array([numbers.setdefault(key, len(numbers)) for key in each.keys], dtype=np.int64)
            for each in results
        ]
        self._draws: dict[tuple[int, bool], Floats] = {}

    def units(self, place: int) -> int:
        """Return the number of units of a row."""
        return len(set(self.results[place].units))

    def shared(self, members: Sequence[int]) -> list[Observations]:
        """Select the single results that all of these rows have.

        Returns
        -------
        list of Observations
            For each row the same results in the same order; a figure missing in one row is NaN in
            all.  If nothing is missing, these are the rows' own `results`.
        """
        found = [self.results[member] for member in members]
        numbers = [self._numbers[member] for member in members]
        if not all(np.array_equal(numbers[0], each) for each in numbers[1:]):
            common = functools.reduce(np.intersect1d, numbers)
            places = [np.flatnonzero(np.isin(each, common)) for each in numbers]
            found = [
                results.at(mine[np.argsort(each[mine])].tolist())
                for results, each, mine in zip(found, numbers, places, strict=True)
            ]
        unknown = [np.isnan(each.values) for each in found]
        if all(np.array_equal(unknown[0], each) for each in unknown[1:]):
            return found
        missing = np.logical_or.reduce(unknown)
        return [replace(each, values=np.where(missing, np.nan, each.values)) for each in found]

    def average(self, place: int, results: Observations) -> Observations:
        """Average single results of a row over seeds, unless the seed is the unit."""
        if results is self.results[place]:
            return self.averaged[place]
        return average_seeds(results, self.unit)

    def draws(self, place: int, results: Observations, *, classes: bool = False) -> Floats:
        """Average single results of a row in every draw, shape (1 + draws, columns).

        Parameters
        ----------
        place : int
            Index of the row.
        results : Observations
            All its results, or those that `shared` selected.
        classes : bool, default False
            Average over classes instead of samples.
        """
        whole = results is self.results[place]
        if whole and (place, classes) in self._draws:
            return self._draws[place, classes]
        average = over_classes if classes else over_samples
        found = average(self.average(place, results), self.order, self.drawn)
        if whole:
            self._draws[place, classes] = found
        return found

    def by_class(self, place: int) -> dict[Any, Floats]:
        """Average a row by class in every draw, and keep the mean over the classes for `draws`."""
        found = by_class(self.averaged[place], self.order, self.drawn)
        self._draws[place, True] = mean_of_classes(found)
        return found

    def intervals(self, place: int) -> dict[str, tuple[float, float]]:
        """Return 95 % intervals by column; empty if there are too few units."""
        if self.units(place) < FEWEST_UNITS:
            return {}
        ends = interval(self.draws(place, self.results[place])[1:])
        return {
            column.name: (float(low), float(high))
            for column, low, high in zip(self.columns, *ends, strict=True)
            if column.interval and not np.isnan([low, high]).any()
        }


def _extent(results: Observations, column: int) -> tuple[int, int]:
    """Number of units, and of samples, that have a value in a column."""
    known = np.flatnonzero(~np.isnan(results.values[:, column])).tolist()
    return len({results.units[place] for place in known}), len(known)


def _differences(rows: Sequence[Row], bootstrap: _Bootstrap) -> list[dict[str, Any]]:
    lines = []
    for first, second in itertools.combinations(range(len(rows)), 2):
        respects = _respects(rows[first], rows[second])
        if len(respects) != 1:
            continue
        about = {"a": rows[first].name, "b": rows[second].name, "differ_in": respects[0]}
        for metric, figures in _pair(bootstrap, first, second).items():
            lines.append({"metric": metric, **about, **figures})
    return lines


def _pair(bootstrap: _Bootstrap, first: int, second: int) -> dict[str, dict[str, Any]]:
    """Differences of two rows by metric: over samples, over classes, and result by result."""
    one, two = bootstrap.shared((first, second))
    apart = one.values - two.values
    columns = [place for place in bootstrap.compared if not np.isnan(apart[:, place]).all()]
    if not columns:
        return {}
    averaged = bootstrap.average(first, one)
    extent = {place: _extent(averaged, place) for place in columns}
    found: dict[int, dict[str, Any]] = {place: {} for place in columns}
    ways = [(False, ""), *([(True, "by_class_")] if bootstrap.has_classes else [])]
    for classes, prefix in ways:
        draws = (
            bootstrap.draws(first, one, classes=classes)
            - bootstrap.draws(second, two, classes=classes)
        )[:, columns]
        ends = interval(draws[1:])
        for number, place in enumerate(columns):
            found[place][f"{prefix}difference"] = float(draws[0, number])
            if extent[place][0] >= FEWEST_UNITS:
                drawn = draws[1:, number]
                found[place] |= {
                    f"{prefix}low": float(ends[0, number]),
                    f"{prefix}high": float(ends[1, number]),
                    f"{prefix}above_0": float((drawn[~np.isnan(drawn)] > 0).mean()),
                }
    for place in columns:
        known = apart[~np.isnan(apart[:, place]), place]
        sign = -1 if bootstrap.columns[place].better == "lower" else 1
        units, samples = extent[place]
        found[place] |= {
            "wins": float((sign * known > 0).mean()),
            "losses": float((sign * known < 0).mean()),
            "unit": bootstrap.unit,
            "units": units,
            "samples": samples,
        }
    return {bootstrap.columns[place].name: figures for place, figures in found.items()}


def _respects(first: Row, second: Row) -> list[str]:
    """Respects in which two rows differ; an empty condition agrees with any value."""
    one, two = first.conditions, second.conditions
    apart = ["component"] if first.component != second.component else []
    return apart + [key for key in one if one[key] != two[key] and one[key] and two[key]]


def _classes(rows: Sequence[Row], bootstrap: _Bootstrap) -> list[dict[str, Any]]:
    if not bootstrap.has_classes:
        return []
    lines = []
    for place, row in enumerate(rows):
        averaged = bootstrap.averaged[place]
        if not averaged.keys:
            continue
        members: dict[Any, list[int]] = defaultdict(list)
        for number, name in enumerate(averaged.classes):
            members[name].append(number)
        draws = bootstrap.by_class(place)
        several = len({dataset for dataset, _ in members}) > 1
        groups = [
            (_class_name(name, averaged.at(mine), several), draws[name], averaged.at(mine))
            for name, mine in members.items()
        ]
        groups.append(
            (_ALL, bootstrap.draws(place, bootstrap.results[place], classes=True), averaged)
        )
        for words, figures, mine in groups:
            ends = interval(figures[1:])
            for column in bootstrap.compared:
                if np.isnan(figures[0, column]):
                    continue
                units, samples = _extent(mine, column)
                line = {
                    "component": row.component,
                    "conditions": row.conditions,
                    "class": words,
                    "metric": bootstrap.columns[column].name,
                    "mean": float(figures[0, column]),
                }
                if units >= FEWEST_UNITS:
                    line |= {"low": float(ends[0, column]), "high": float(ends[1, column])}
                lines.append({**line, "unit": row.unit, "units": units, "samples": samples})
    return lines


def _class_name(name: tuple[str, str | None], mine: Observations, several: bool) -> str:
    """Name of a class; with its scenes if there are several datasets, which may share names."""
    if not several:
        return str(name[1])
    return f"{name[1]} ({', '.join(sorted({str(key[1]) for key in mine.keys}))})"


def _ranks(rows: Sequence[Row], bootstrap: _Bootstrap) -> list[dict[str, Any]]:
    lines = []
    for setting in settings_of(row.conditions for row in rows):
        members = [
            place
            for place, row in enumerate(rows)
            if covers(row.conditions, setting) and bootstrap.results[place].keys
        ]
        if len(members) < 2:
            continue
        shared = bootstrap.shared(members)
        averaged = bootstrap.average(members[0], shared[0])
        columns = [
            place for place in bootstrap.compared if _extent(averaged, place)[0] >= FEWEST_UNITS
        ]
        if not columns:
            continue
        draws = [bootstrap.draws(*each)[1:] for each in zip(members, shared, strict=True)]
        for place in columns:
            column = bootstrap.columns[place]
            drawn = np.stack([mine[:, place] for mine in draws], axis=1)
            drawn = drawn[~np.isnan(drawn).any(axis=1)]
            shares = rank_shares(-drawn if column.better == "lower" else drawn).tolist()
            for member, share in zip(members, shares, strict=True):
                about = {"component": rows[member].component, "conditions": setting}
                lines.append({**about, "metric": column.name, "shares": share})
    return lines


def table_csv(comparison: Comparison) -> str:
    """Return the table as CSV, one line per row, with full precision.

    The figures are followed by their intervals (``<column> low``, ``<column> high``) and standard
    deviations over seeds (``<column> sd``), if any row has them.
    """
    rows, names = comparison.rows, [column.name for column in comparison.columns]
    figures: list[str] = []
    for name in names:
        if any(name in row.intervals for row in rows):
            figures += [f"{name} low", f"{name} high"]
        if any(name in row.deviations for row in rows):
            figures += [f"{name} sd"]
    lines = []
    for row in rows:
        line: dict[str, Any] = {"component": row.component, **row.values}
        line |= {key: getattr(row, key) for key in _COUNTS}
        line |= {f"{name} sd": value for name, value in row.deviations.items()}
        for name, ends in row.intervals.items():
            line |= zip((f"{name} low", f"{name} high"), ends, strict=True)
        lines.append((row.conditions, line))
    return csv_with_conditions([*names, *_COUNTS, *figures], lines)


def differences_csv(comparison: Comparison) -> str:
    """Return all differences as CSV, with full precision."""
    figures = ["difference", "low", "high", "above_0"]
    head = ["metric", "a", "b", "differ_in", *figures, *(f"by_class_{each}" for each in figures)]
    head += ["wins", "losses", "unit", "units", "samples"]
    some = {key for line in comparison.differences for key in line}
    return to_csv(
        [key for key in head if key in some or "by_class" not in key], comparison.differences
    )


def classes_csv(comparison: Comparison) -> str:
    """Return the means of all classes as CSV, with full precision."""
    head = ["class", "metric", "mean", "low", "high", "unit", "units", "samples"]
    lines = [
        (line["conditions"], {key: line[key] for key in line if key != "conditions"})
        for line in comparison.classes
    ]
    return csv_with_conditions(head, lines)

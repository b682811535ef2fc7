"""The rows of a run against each other: intervals, paired differences, classes, ranks."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hsizoo.interfaces import Column, Protocol, Record
from hsizoo.report.csv_text import to_csv
from hsizoo.report.rows import (
    Row,
    by_row,
    choose_unit,
    covers,
    done,
    observations,
    settings_of,
    summarise,
)
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

__all__ = ["Comparison", "classes_csv", "compare", "differences_csv", "table_csv"]

_ALL = "all classes"
_COUNTS = ("samples", "scenes", "seeds", "training_seeds", "failed_cells", "unit", "units")


@dataclass(frozen=True)
class Comparison:
    """What can be said of a run.

    Parameters
    ----------
    columns : tuple of Column
        Those of the protocol.
    rows : list of Row
        With intervals.
    differences : list of dict
        Each pair of rows that differ in one respect, by each compared column: ``metric``, ``a``,
        ``b``, ``differ_in``, ``difference`` (a minus b, on the samples that both have), ``low``,
        ``high``, ``above_0`` (share of bootstrap draws), ``by_class_…`` (the same over classes),
        ``wins`` and ``losses`` (share of samples in which a is better, and worse), ``unit``,
        ``units``, ``samples``.
    classes : list of dict
        Each row's mean of each class, and over all classes, by each compared column; empty where
        the protocol names no classes.
    ranks : list of dict
        How often each component of one setting has each rank, by each compared column.
    """

    columns: tuple[Column, ...]
    rows: list[Row]
    differences: list[dict[str, Any]]
    classes: list[dict[str, Any]]
    ranks: list[dict[str, Any]]


def compare(protocol: type[Protocol], records: Sequence[Record]) -> Comparison:
    """Summarise the records of a run and compare its rows; see `hsizoo.report.statistics`.

    Parameters
    ----------
    protocol : type of Protocol
    records : sequence of mapping
        All cells, failed ones included.
    """
    rows = summarise(protocol, records)
    unit = choose_unit(records)
    seeds = {each["training_seed"] for each in done(records) if _is_trained(each)}
    # A column that no row has a value in (Dice after five clicks of a run with three) stays out.
    columns = [
        column
        for column in protocol.columns
        if (column.interval or column.compared) and any(r[column.name] is not None for r in rows)
    ]
    names = [column.name for column in columns]
    observed = []
    for mine in by_row(records).values():
        # The tuned threshold, and what else a row decides as a whole, knows each cell once.
        finished = done(mine)
        pairs = list(zip(finished, protocol.observe(finished) if finished else [], strict=True))
        repeated = [pair for pair in pairs for pair in _for_all_seeds(*pair, seeds)]
        observed.append(
            observations([r for r, _ in repeated], [each for _, each in repeated], names, unit)
        )
    bootstrap = _Bootstrap(columns, observed)
    for place, row in enumerate(rows):
        row.unit, row.units = unit, len(set(observed[place].units))
        row.intervals = bootstrap.intervals(place)
    return Comparison(
        protocol.columns,
        rows,
        _differences(rows, bootstrap),
        _classes(rows, bootstrap),
        _ranks(rows, bootstrap),
    )


def _is_trained(record: Record) -> bool:
    return record.get("training_seed") is not None


def _for_all_seeds(record: Record, observed: Any, seeds: Collection[int]) -> list[tuple[Any, Any]]:
    """What was not trained is the same with every training seed: its pair where seeds are units."""
    if not seeds or _is_trained(record):
        return [(record, observed)]
    return [({**record, "training_seed": seed}, observed) for seed in seeds]


class _Bootstrap:
    """The bootstrap of every row, with the same units drawn for all."""

    def __init__(self, columns: Sequence[Column], observed: Sequence[Observations]) -> None:
        self.columns = columns
        self.compared = [place for place, column in enumerate(columns) if column.compared]
        self.observed = observed
        units = list(dict.fromkeys(name for each in observed for name in each.units))
        self.order = {name: place for place, name in enumerate(units)}
        enough = len(units) >= FEWEST_UNITS
        self.counts = draw_units(len(units)) if enough else np.ones((1, len(units)), dtype=np.int64)
        self.keys = [frozenset(each.keys) for each in observed]
        self.has_classes = any(name is not None for each in observed for _, name in each.classes)
        self._kept: dict[tuple[int, bool], Floats] = {}

    def of(self, place: int, keys: frozenset[Any], *, classes: bool = False) -> Floats:
        """Draws of a row on some of its observations, (1 + draws, columns)."""
        if keys != self.keys[place]:  # a row with a failed cell is compared on what it has
            return self._average(self.observed[place].take(set(keys)), classes)
        if (place, classes) not in self._kept:
            self._kept[place, classes] = self._average(self.observed[place], classes)
        return self._kept[place, classes]

    def _average(self, observed: Observations, classes: bool) -> Floats:
        average = over_classes if classes else over_samples
        if not np.isnan(observed.values).any():
            return average(observed, self.order, self.counts)
        # A figure that some observations lack is averaged over those that have it.
        found = []
        for values in observed.values.T:
            known = np.flatnonzero(~np.isnan(values)).tolist()
            if not known:
                found.append(np.full((len(self.counts), 1), np.nan))
                continue
            part = observed.at(known)
            column = Observations(part.keys, part.units, part.classes, values[known][:, None])
            found.append(average(column, self.order, self.counts))
        return np.concatenate(found, axis=1)

    def intervals(self, place: int) -> dict[str, tuple[float, float]]:
        """95 % intervals by column; empty if there cannot be any."""
        if len(set(self.observed[place].units)) < FEWEST_UNITS:
            return {}
        ends = interval(self.of(place, self.keys[place])[1:])
        return {
            column.name: (float(low), float(high))
            for column, low, high in zip(self.columns, *ends, strict=True)
            if column.interval and not np.isnan([low, high]).any()
        }


def _differences(rows: Sequence[Row], bootstrap: _Bootstrap) -> list[dict[str, Any]]:
    lines = []
    for first, second in itertools.combinations(range(len(rows)), 2):
        respects = _respects(rows[first], rows[second])
        keys = bootstrap.keys[first] & bootstrap.keys[second]
        if len(respects) != 1 or not keys:
            continue
        units = len(set(bootstrap.observed[first].take(set(keys)).units))
        lines += [
            {
                "metric": metric,
                "a": rows[first].name,
                "b": rows[second].name,
                "differ_in": respects[0],
                **figures,
                "unit": rows[first].unit,
                "units": units,
                "samples": len(keys),
            }
            for metric, figures in _pair(bootstrap, first, second, keys, units).items()
        ]
    return lines


def _pair(
    bootstrap: _Bootstrap, first: int, second: int, keys: frozenset[Any], units: int
) -> dict[str, dict[str, float]]:
    """Differences of two rows by metric: over samples, over classes, and sample by sample."""
    names = [bootstrap.columns[place].name for place in bootstrap.compared]
    found: dict[str, dict[str, float]] = {name: {} for name in names}
    ways = [(False, ""), *([(True, "by_class_")] if bootstrap.has_classes else [])]
    for classes, prefix in ways:
        one, two = (bootstrap.of(each, keys, classes=classes) for each in (first, second))
        apart = (one - two)[:, bootstrap.compared]
        drawn = apart[1:][~np.isnan(apart[1:]).all(axis=1)]
        ends = interval(drawn) if units >= FEWEST_UNITS else None
        for place, name in enumerate(names):
            if np.isnan(apart[0, place]):  # so few clicks do not tell
                found.pop(name, None)
                continue
            found[name][f"{prefix}difference"] = float(apart[0, place])
            if ends is not None:
                found[name] |= {
                    f"{prefix}low": float(ends[0, place]),
                    f"{prefix}high": float(ends[1, place]),
                    f"{prefix}above_0": float((drawn[:, place] > 0).mean()),
                }
    mine, theirs = (_by_key(bootstrap.observed[each], keys) for each in (first, second))
    apart = mine - theirs
    for place in bootstrap.compared:
        column = bootstrap.columns[place]
        if column.name in found:
            known = apart[:, place][~np.isnan(apart[:, place])]
            sign = -1 if column.better == "lower" else 1
            found[column.name]["wins"] = float((sign * known > 0).mean())
            found[column.name]["losses"] = float((sign * known < 0).mean())
    return found


def _by_key(observed: Observations, keys: frozenset[Any]) -> Floats:
    """Values in the order of the sorted keys, so that two rows can be subtracted."""
    place = {key: number for number, key in enumerate(observed.keys)}
    return observed.values[[place[key] for key in sorted(keys, key=repr)]]


def _respects(first: Row, second: Row) -> list[str]:
    """What tells two rows apart; an empty condition agrees with any."""
    one, two = first.conditions, second.conditions
    apart = ["component"] if first.component != second.component else []
    return apart + [key for key in one if one[key] != two[key] and one[key] and two[key]]


def _classes(rows: Sequence[Row], bootstrap: _Bootstrap) -> list[dict[str, Any]]:
    if not bootstrap.has_classes:
        return []
    lines = []
    for place, row in enumerate(rows):
        observed = bootstrap.observed[place]
        if not observed.keys:
            continue
        groups: dict[Any, Floats] = by_class(observed, bootstrap.order, bootstrap.counts)
        groups[_ALL] = bootstrap.of(place, bootstrap.keys[place], classes=True)
        for name, figures in groups.items():
            mine = [n for n, each in enumerate(observed.classes) if name in (each, _ALL)]
            units = len({observed.units[number] for number in mine})
            ends = interval(figures[1:]) if units >= FEWEST_UNITS else None
            for column in bootstrap.compared:
                if np.isnan(figures[0, column]):  # so few clicks do not tell
                    continue
                line = {
                    "component": row.component,
                    "conditions": row.conditions,
                    "class": _class_name(name, observed, mine),
                    "metric": bootstrap.columns[column].name,
                    "mean": float(figures[0, column]),
                }
                if ends is not None:
                    line |= {"low": float(ends[0, column]), "high": float(ends[1, column])}
                lines.append({**line, "unit": row.unit, "units": units, "samples": len(mine)})
    return lines


def _class_name(name: Any, observed: Observations, mine: Sequence[int]) -> str:
    """A class in words; of pooled datasets, which may share names, with its scenes."""
    if name == _ALL:
        return _ALL
    if len({dataset for dataset, _ in observed.classes}) == 1:
        return str(name[1])
    scenes = sorted({str(observed.keys[number][1]) for number in mine})
    return f"{name[1]} ({', '.join(scenes)})"


def _ranks(rows: Sequence[Row], bootstrap: _Bootstrap) -> list[dict[str, Any]]:
    lines = []
    for setting in settings_of(row.conditions for row in rows):
        members = [
            place
            for place, row in enumerate(rows)
            if covers(row.conditions, setting) and bootstrap.keys[place]
        ]
        if len(members) < 2:
            continue
        keys = frozenset.intersection(*(bootstrap.keys[place] for place in members))
        if len(set(bootstrap.observed[members[0]].take(set(keys)).units)) < FEWEST_UNITS:
            continue
        figures = np.stack([bootstrap.of(place, keys)[1:] for place in members], axis=2)
        for place in bootstrap.compared:
            column = bootstrap.columns[place]
            drawn = figures[:, place]
            drawn = drawn[~np.isnan(drawn).any(axis=1)]
            if not len(drawn):
                continue
            shares = rank_shares(-drawn if column.better == "lower" else drawn).tolist()
            for member, share in zip(members, shares, strict=True):
                about = {"component": rows[member].component, "conditions": setting}
                lines.append({**about, "metric": column.name, "shares": share})
    return lines


def table_csv(comparison: Comparison) -> str:
    """The table as CSV, one line per row, full precision.

    After the figures stand their intervals (``<column> low``, ``<column> high``) and their
    standard deviations over seeds (``<column> sd``), as far as any row has them.
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
    return _with_conditions([*names, *_COUNTS, *figures], lines)


def differences_csv(comparison: Comparison) -> str:
    """All differences as CSV, full precision."""
    figures = ["difference", "low", "high", "above_0"]
    head = ["metric", "a", "b", "differ_in", *figures, *(f"by_class_{each}" for each in figures)]
    head += ["wins", "losses", "unit", "units", "samples"]
    some = {key for line in comparison.differences for key in line}
    return to_csv(
        [key for key in head if key in some or "by_class" not in key], comparison.differences
    )


def classes_csv(comparison: Comparison) -> str:
    """All classes as CSV, full precision."""
    head = ["class", "metric", "mean", "low", "high", "unit", "units", "samples"]
    lines = [
        (line["conditions"], {key: line[key] for key in line if key != "conditions"})
        for line in comparison.classes
    ]
    return _with_conditions(head, lines)


def _with_conditions(
    head: Sequence[str], lines: Sequence[tuple[Mapping[str, str], dict[str, Any]]]
) -> str:
    """Lines as CSV, with a column for each condition after the component.

    A condition may be called like one of the table's own columns; it is then written with
    ``condition`` before its name.
    """
    conditions = list(lines[0][0]) if lines else []
    taken = {"component", *head}
    names = {key: f"condition {key}" if key in taken else key for key in conditions}
    return to_csv(
        ["component", *names.values(), *head],
        [{**line, **{names[key]: value for key, value in mine.items()}} for mine, line in lines],
    )

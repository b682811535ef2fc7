"""Table rows, computed from stored records.

A row is one component under one set of conditions (a perturbation, a swept option).  This module
works for every protocol: the figures come from `hsizoo.Protocol.observe` and
`hsizoo.Protocol.measures`, and the protocol's columns define how they are averaged.
"""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from hsizoo.interfaces import Column, Observation, Protocol, Record
from hsizoo.report.statistics import Observations

__all__ = [
    "Row",
    "RowName",
    "Unit",
    "average_seeds",
    "by_row",
    "choose_unit",
    "covers",
    "done",
    "is_trained",
    "observations",
    "observe_rows",
    "row_name",
    "settings_of",
    "single_results",
    "summarise",
]

Unit = Literal["subject", "scene", "seed"]
"""Unit that a bootstrap resamples; see `hsizoo.report.statistics`."""

RowName = tuple[str, tuple[tuple[str, str], ...]]
"""Label and conditions, which identify a row."""


@dataclass(kw_only=True)
class Row:
    """A row of a table.

    ``row[column]`` is the figure of a column, None if there is none.

    Parameters
    ----------
    component : str
        Name of the component in the table, with its marks: ``samsa2-nano (trained on phantom)``.
    conditions : dict of str to str
        Conditions that distinguish rows of the component; empty text for a condition that does
        not apply.
    values : dict of str to float or None
        Figures, by column.
    deviations : dict of str to float
        Standard deviation over seeds, by column; empty for a single seed.  For components trained
        in this run, over the training seeds.
    intervals : dict of str to (float, float)
        95 % bootstrap intervals, by column; empty if there are too few units.
    samples, scenes, seeds : int
        Number of observations, scenes and seeds.
    training_seeds : int
        Number of trainings; 0 for a component that was not trained in this run.
    failed_cells : int
        Number of failed cells.
    unit : str
        Unit that the bootstrap resamples.
    units : int
        Number of units.
    """

    component: str
    conditions: dict[str, str] = field(default_factory=dict)
    values: dict[str, float | None] = field(default_factory=dict)
    deviations: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    samples: int = 0
    scenes: int = 0
    seeds: int = 0
    training_seeds: int = 0
    failed_cells: int = 0
    unit: str = ""
    units: int = 0

    def __getitem__(self, column: str) -> float | None:
        return self.values[column]

    @property
    def name(self) -> str:
        """Component and conditions as one string."""
        return row_name(self.component, self.conditions)

    def rounded(self, digits: int) -> Row:
        """Return the row with all figures rounded to so many decimals."""

        def short(value: float | None) -> float | None:
            return None if value is None else round(value, digits)

        return replace(
            self,
            values={key: short(value) for key, value in self.values.items()},
            deviations={key: round(value, digits) for key, value in self.deviations.items()},
            intervals={
                key: (round(low, digits), round(high, digits))
                for key, (low, high) in self.intervals.items()
            },
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Row:
        """Rebuild a row from the JSON of its `dataclasses.asdict`."""
        ends = {column: (low, high) for column, (low, high) in data["intervals"].items()}
        return cls(**{**data, "intervals": ends})


def row_name(component: str, conditions: Mapping[str, str]) -> str:
    """Format component and conditions as one string.

    Examples
    --------
    >>> row_name("ipg+cnn2d", {"iterations": "50", "shots": ""})
    'ipg+cnn2d | iterations=50'
    """
    words = ", ".join(f"{key}={value}" for key, value in conditions.items() if value)
    return f"{component} | {words}" if words else component


def by_row(records: Iterable[Record]) -> dict[RowName, list[Record]]:
    """Group records by row, in the order of first appearance.

    The row of a record is given by its ``label`` and, in a run with conditions, ``conditions``.  A
    condition missing in a record is empty.
    """
    records = list(records)
    conditions = dict.fromkeys(key for each in records for key in each.get("conditions") or ())
    rows: dict[RowName, list[Record]] = defaultdict(list)
    for record in records:
        mine = {**dict.fromkeys(conditions, ""), **(record.get("conditions") or {})}
        rows[record["label"], tuple(mine.items())].append(record)
    return dict(rows)


def done(records: Iterable[Record]) -> list[Record]:
    """Select the records that have a result."""
    return [record for record in records if record["status"] == "done"]


def settings_of(conditions: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return the most specific combinations of conditions in a run.

    A row has no value for a condition that does not apply to it; it belongs to every setting that
    agrees with it in the other conditions.
    """
    found = [dict(pairs) for pairs in dict.fromkeys(tuple(each.items()) for each in conditions)]
    return [
        mine for mine in found if not any(other != mine and covers(mine, other) for other in found)
    ]


def covers(general: Mapping[str, str], setting: Mapping[str, str]) -> bool:
    """Whether all non-empty conditions agree with a setting."""
    return all(value in ("", setting[key]) for key, value in general.items())


def choose_unit(records: Sequence[Record]) -> Unit:
    """Return the bootstrap unit: subject; scene if there is one subject; seed if one scene."""
    finished = done(records)
    scenes = {
        (*scene, record["subject"])
        for scene, record in zip(_scenes(finished), finished, strict=True)
    }
    if len({(dataset, subject) for dataset, _, subject in scenes}) > 1:
        return "subject"
    return "scene" if len({(dataset, scene) for dataset, scene, _ in scenes}) > 1 else "seed"


def single_results(
    records: Sequence[Record],
    observed: Sequence[Sequence[Observation]],
    columns: Sequence[str],
    unit: Unit,
) -> Observations:
    """Arrange the observations of one row, keeping seeds separate.

    Parameters
    ----------
    records : sequence of mapping
        Finished cells of one row.
    observed : sequence of sequence of Observation
        Observations of each record.
    columns : sequence of str
    unit : {"subject", "scene", "seed"}

    Returns
    -------
    Observations
        With one value for each of `columns`.  A key consists of the dataset, the scene, the label
        of the observation, and the seeds.
    """
    keys: list[tuple[Any, ...]] = []
    units: list[Any] = []
    classes: list[tuple[str, str | None]] = []
    values: list[list[float]] = []
    for record, mine, (dataset, scene) in zip(records, observed, _scenes(records), strict=True):
        seeds = (record["identity"]["seed"], record.get("training_seed"))
        unit_name: Any = seeds
        if unit != "seed":
            unit_name = dataset, record.get("subject") if unit == "subject" else scene
        for each in mine:
            keys.append((dataset, scene, each.label, seeds))
            units.append(unit_name)
            classes.append((dataset, each.category))
            values.append([each.values.get(column, math.nan) for column in columns])
    return Observations(keys, units, classes, np.array(values).reshape(len(keys), len(columns)))


def average_seeds(results: Observations, unit: Unit) -> Observations:
    """Average the output of `single_results` over seeds, unless the seed is the unit."""
    keys = results.keys if unit == "seed" else [key[:-1] for key in results.keys]
    return results.averaged(keys)


def observations(
    records: Sequence[Record],
    observed: Sequence[Sequence[Observation]],
    columns: Sequence[str],
    unit: Unit,
) -> Observations:
    """Arrange the observations of one row for averages and bootstraps.

    Seeds of a scene are averaged first, unless the seed is the unit.

    Parameters
    ----------
    records, observed, columns, unit
        See `single_results`.

    Returns
    -------
    Observations
        With one value for each of `columns`.
    """
    return average_seeds(single_results(records, observed, columns, unit), unit)


def observe_rows(
    protocol: type[Protocol], records: Sequence[Record]
) -> dict[RowName, tuple[list[Record], list[list[Observation]]]]:
    """Return the finished cells of each row, and their observations; see `by_row`."""
    found = {}
    for name, mine in by_row(records).items():
        finished = done(mine)
        found[name] = finished, protocol.observe(finished) if finished else []
    return found


def summarise(
    protocol: type[Protocol],
    records: Sequence[Record],
    observed: Mapping[RowName, tuple[list[Record], list[list[Observation]]]] | None = None,
) -> list[Row]:
    """Compute one row per component and set of conditions, in the order of first appearance.

    Parameters
    ----------
    protocol : type of Protocol
    records : sequence of mapping
        All cells of one run.
    observed : mapping, optional
        What `observe_rows` returned for them.

    Returns
    -------
    list of Row
        Without intervals, which `hsizoo.report.comparison` adds.  A value that is not available is
        None.  Means are over observations, after averaging seeds: a subject with more classes or
        scenes counts more.
    """
    rows = []
    observed = observe_rows(protocol, records) if observed is None else observed
    for (label, pairs), mine in by_row(records).items():
        finished, seen = observed[label, pairs]
        row = Row(
            component=label,
            conditions=dict(pairs),
            values=dict.fromkeys(column.name for column in protocol.columns),
            failed_cells=len(mine) - len(finished),
        )
        if finished:
            _fill(row, protocol, finished, seen)
        rows.append(row)
    return rows


def is_trained(record: Record) -> bool:
    """Whether the component of a cell was trained in this run."""
    return record.get("training_seed") is not None


def _fill(
    row: Row,
    protocol: type[Protocol],
    records: Sequence[Record],
    observed: Sequence[Sequence[Observation]],
) -> None:
    known = {name for mine in observed for each in mine for name in each.values}
    columns = [column for column in protocol.columns if column.name in known]
    arranged = observations(records, observed, [column.name for column in columns], "subject")
    for column, values in zip(columns, arranged.values.T, strict=True):
        row.values[column.name] = _average(column, values.tolist())
    measured = [protocol.measures(record) for record in records]
    for column in protocol.columns:
        figure = _average(column, (each.get(column.name) for each in measured))
        if figure is not None:
            row.values[column.name] = figure
    row.samples = len(arranged.keys)
    row.scenes = len({key[:2] for key in arranged.keys})
    row.seeds = len({each["identity"]["seed"] for each in records})
    row.training_seeds = len({each["training_seed"] for each in records if is_trained(each)})
    row.deviations = _deviations(protocol, records, [column.name for column in columns])


def _average(column: Column, values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None and not math.isnan(value)]
    if not known:
        return None
    if column.average == "largest":
        return max(known)
    return statistics.median(known) if column.average == "median" else float(np.mean(known))


def _deviations(
    protocol: type[Protocol], records: Sequence[Record], columns: Sequence[str]
) -> dict[str, float]:
    """Standard deviation over seeds of the figures in a table of each seed alone."""
    trained = any(map(is_trained, records))
    groups: dict[Any, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.get("training_seed") if trained else record["identity"]["seed"]].append(
            record
        )
    if len(groups) < 2:
        return {}
    arranged = [
        observations(mine, protocol.observe(mine), columns, "subject") for mine in groups.values()
    ]
    found = {}
    for place, column in enumerate(columns):
        values = [each.values[:, place] for each in arranged]
        means = [mine[~np.isnan(mine)].mean() for mine in values if not np.isnan(mine).all()]
        if len(means) > 1:
            found[column] = float(np.std(means, ddof=1))
    return found


def _scenes(records: Iterable[Record]) -> Iterator[tuple[str, str]]:
    """Dataset and scene of each, since two datasets may have scenes with the same name."""
    last, text = object(), ""
    for record in records:
        identity = record["identity"]
        dataset = identity.get("dataset")
        if dataset != last:  # to write it out for every record would take longer than the rest
            last, text = dataset, json.dumps(dataset, sort_keys=True)
        yield text, identity["scene"]

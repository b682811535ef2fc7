"""The rows of a table: which stored records make one, and what it says of them.

A row is one component under one set of conditions (a perturbation, a swept option).  Everything
here works for every protocol: the figures come from `hsizoo.Protocol.observe` and
`hsizoo.Protocol.measures`, and the protocol's columns say how they are averaged.
"""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from hsizoo.interfaces import Column, Observation, Protocol, Record
from hsizoo.report.statistics import Observations

__all__ = [
    "Row",
    "RowName",
    "Unit",
    "by_row",
    "choose_unit",
    "covers",
    "done",
    "observations",
    "row_name",
    "settings_of",
    "summarise",
]

Unit = Literal["subject", "scene", "seed"]
"""What a bootstrap draws again; see `hsizoo.report.statistics`."""

RowName = tuple[str, tuple[tuple[str, str], ...]]
"""Label and conditions: what tells one row from another."""


@dataclass(kw_only=True)
class Row:
    """One row of a table.

    ``row[column]`` is the figure of a column, None if there is none.

    Parameters
    ----------
    component : str
        What the table calls the component, with its marks: ``samsa2-nano (trained on phantom)``.
    conditions : dict of str to str
        What tells this row from others of the component; empty text for a condition that does not
        concern it.
    values : dict of str to float or None
        By column.
    deviations : dict of str to float
        Standard deviation over seeds, by column; empty for a single seed.  Of trained components
        it is that over the seeds of the training.
    intervals : dict of str to (float, float)
        95 % intervals of the bootstrap, by column; empty where there are too few units.
    samples, scenes, seeds : int
        How many observations, scenes and seeds it was computed from.
    training_seeds : int
        How many trainings it was computed from; 0 for what was not trained in this run.
    failed_cells : int
    unit : str
        What the bootstrap draws.
    units : int
        How many of them there are.
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
        """Component and conditions in one text."""
        return row_name(self.component, self.conditions)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Row:
        """Rebuild a row from what `dataclasses.asdict` and JSON made of it."""
        ends = {column: (low, high) for column, (low, high) in data["intervals"].items()}
        return cls(**{**data, "intervals": ends})


def row_name(component: str, conditions: Mapping[str, str]) -> str:
    """Component and conditions in one text.

    Examples
    --------
    >>> row_name("ipg+cnn2d", {"iterations": "50", "shots": ""})
    'ipg+cnn2d | iterations=50'
    """
    words = ", ".join(f"{key}={value}" for key, value in conditions.items() if value)
    return f"{component} | {words}" if words else component


def by_row(records: Iterable[Record]) -> dict[RowName, list[Record]]:
    """Group records by row, in the order of first appearance.

    A record names its row by ``label`` and, where a run has several conditions, by ``conditions``.
    A condition that a record does not name is empty.
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
    """The settings of a run, each with a value for every condition.

    A row that a condition does not concern has no value for it; it belongs to every setting that
    agrees with it in the other conditions.
    """
    found = [dict(pairs) for pairs in dict.fromkeys(tuple(each.items()) for each in conditions)]
    return [
        mine for mine in found if not any(other != mine and covers(mine, other) for other in found)
    ]


def covers(general: Mapping[str, str], setting: Mapping[str, str]) -> bool:
    """Whether conditions agree with a setting wherever they have a value."""
    return all(value in ("", setting[key]) for key, value in general.items())


def choose_unit(records: Sequence[Record]) -> Unit:
    """The subject; the scene where there is one subject; the seed where there is one scene."""
    finished = done(records)
    if len({(_dataset(record), record["subject"]) for record in finished}) > 1:
        return "subject"
    if len({(_dataset(record), record["identity"]["scene"]) for record in finished}) > 1:
        return "scene"
    return "seed"


def observations(
    records: Sequence[Record],
    observed: Sequence[Sequence[Observation]],
    columns: Sequence[str],
    unit: Unit,
) -> Observations:
    """Arrange the observations of one row for averages and bootstraps.

    Cells of one scene with several seeds are averaged first, unless the seed is the unit.

    Parameters
    ----------
    records : sequence of mapping
        Finished cells of one row.
    observed : sequence of sequence of Observation
        Those of each record.
    columns : sequence of str
    unit : {"subject", "scene", "seed"}

    Returns
    -------
    Observations
        With one value for each of `columns`.
    """
    found: dict[Any, list[list[float]]] = defaultdict(list)
    about: dict[Any, tuple[Any, Any]] = {}
    for record, mine in zip(records, observed, strict=True):
        dataset, scene = _dataset(record), record["identity"]["scene"]
        seeds = (record["identity"]["seed"], record.get("training_seed"))
        whose = {
            "subject": (dataset, record.get("subject")),
            "scene": (dataset, scene),
            "seed": seeds,
        }[unit]
        for each in mine:
            key = (dataset, scene, each.label, *(seeds if unit == "seed" else ()))
            about[key] = whose, (dataset, each.category)
            found[key].append([each.values.get(column, math.nan) for column in columns])
    values = np.zeros((0, len(columns)))
    if found:
        values = np.array([_mean_of_known(np.array(each)) for each in found.values()])
    return Observations(
        list(found), [about[key][0] for key in found], [about[key][1] for key in found], values
    )


def _mean_of_known(values: Any) -> Any:
    """The mean over the first axis, NaN left out; of one row that row itself."""
    if not np.isnan(values).any():
        return values.mean(axis=0)
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def summarise(protocol: type[Protocol], records: Sequence[Record]) -> list[Row]:
    """Make one row per component and set of conditions, in the order of first appearance.

    Parameters
    ----------
    protocol : type of Protocol
    records : sequence of mapping
        All cells of one run.

    Returns
    -------
    list of Row
        Without intervals, which `hsizoo.report.comparison` adds.  A value that cannot be had is
        None.  Means are over observations, seeds being averaged first: a subject with more
        classes, or in more scenes, counts more.
    """
    rows = []
    for (label, pairs), mine in by_row(records).items():
        finished = done(mine)
        row = Row(
            component=label,
            conditions=dict(pairs),
            values=dict.fromkeys(column.name for column in protocol.columns),
            failed_cells=len(mine) - len(finished),
        )
        if finished:
            _fill(row, protocol, finished)
        rows.append(row)
    return rows


def _fill(row: Row, protocol: type[Protocol], records: Sequence[Record]) -> None:
    observed = protocol.observe(records)
    of_objects = [column for column in protocol.columns if _is_observed(column, observed)]
    names = [column.name for column in of_objects]
    arranged = observations(records, observed, names, "subject")
    for column, values in zip(of_objects, arranged.values.T, strict=True):
        row.values[column.name] = _average(column, values.tolist())
    measured = [protocol.measures(record) for record in records]
    for column in protocol.columns:
        known = [each[column.name] for each in measured if each.get(column.name) is not None]
        if known:
            row.values[column.name] = _average(column, known)
    row.samples = len(arranged.keys)
    row.scenes = len({(_dataset(each), each["identity"]["scene"]) for each in records})
    row.seeds = len({each["identity"]["seed"] for each in records})
    trained = {each["training_seed"] for each in records if _is_trained(each)}
    row.training_seeds = len(trained)
    row.deviations = _deviations(records, observed, of_objects)


def _is_observed(column: Column, observed: Sequence[Sequence[Observation]]) -> bool:
    return any(column.name in each.values for mine in observed for each in mine)


def _average(column: Column, values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None and not math.isnan(value)]
    if not known:
        return None
    if column.average == "largest":
        return max(known)
    return statistics.median(known) if column.average == "median" else float(np.mean(known))


def _deviations(
    records: Sequence[Record],
    observed: Sequence[Sequence[Observation]],
    columns: Sequence[Column],
) -> dict[str, float]:
    """Standard deviation over seeds of the mean over observations."""
    trained = any(_is_trained(record) for record in records)
    groups: dict[Any, list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        seed = record.get("training_seed") if trained else record["identity"]["seed"]
        groups[seed].append(place)
    if len(groups) < 2:
        return {}
    names = [column.name for column in columns]
    means = []
    for places in groups.values():
        mine = observations(
            [records[place] for place in places], [observed[place] for place in places], names,
            "subject",
        )  # fmt: skip
        means.append(_mean_of_known(mine.values))
    found = {}
    for name, values in zip(names, np.array(means).T, strict=True):
        known = values[~np.isnan(values)]
        if len(known) > 1:
            found[name] = float(np.std(known, ddof=1))
    return found


def _is_trained(record: Record) -> bool:
    return record.get("training_seed") is not None


def _dataset(record: Record) -> str:
    return json.dumps(record["identity"].get("dataset"), sort_keys=True)

"""Table rows, computed from stored records.

A row is one component under one set of conditions (a perturbation, a swept option).  This module
works for every protocol: the figures come from `hsizoo.Protocol.observe` and
`hsizoo.Protocol.measures`, and the protocol's columns define how they are averaged.
"""

from __future__ import annotations

import itertools
import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from hsizoo.engine.records import Mark, marks, select
from hsizoo.errors import HsizooError, ProtocolError
from hsizoo.interfaces import Column, Observation, Protocol, Record
from hsizoo.report.statistics import Observations

__all__ = [
    "Observed",
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


def by_row(records: Sequence[Record]) -> dict[RowName, Sequence[Record]]:
    """Group records by row, in the order of first appearance.

    The row of a record is given by its ``label`` and, in a run with conditions, ``conditions``.  A
    condition missing in a record is empty.
    """
    marked = list(marks(records))  # which have a few rows in common
    known = {id(mark.row): mark.row for mark in marked}
    conditions = dict.fromkeys(key for row in known.values() for key in row.get("conditions") or ())
    names: dict[int, RowName] = {}
    for number, row in known.items():
        mine = {**dict.fromkeys(conditions, ""), **(row.get("conditions") or {})}
        names[number] = row["label"], tuple(mine.items())
    rows: dict[RowName, array[int]] = {}
    for place, mark in enumerate(marked):
        rows.setdefault(names[id(mark.row)], array("Q")).append(place)
    return {name: select(records, places) for name, places in rows.items()}


def done(records: Sequence[Record]) -> Sequence[Record]:
    """Select the records that have a result."""
    finished = [place for place, mark in enumerate(marks(records)) if mark.status == "done"]
    return records if len(finished) == len(records) else select(records, finished)


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
    subjects: set[Any] = set()
    scenes: set[Any] = set()
    for mark in marks(records):
        if mark.status == "done":
            subjects.add((mark.dataset, mark.subject))
            if len(subjects) > 1:
                return "subject"
            scenes.add((mark.dataset, mark.scene))
    return "scene" if len(scenes) > 1 else "seed"


def single_results(
    marked: Iterable[Mark],
    observed: Iterable[Sequence[Observation]],
    columns: Sequence[str],
    unit: Unit,
) -> Observations:
    """Arrange the observations of one row, keeping seeds separate.

    Parameters
    ----------
    marked : iterable of Mark
        Those of the finished cells of one row.
    observed : iterable of sequence of Observation
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
    values = array("d")
    for mark, mine in zip(marked, observed, strict=True):
        seeds = mark.seed, mark.row.get("training_seed")
        unit_name: Any = seeds
        if unit != "seed":
            unit_name = mark.dataset, mark.subject if unit == "subject" else mark.scene
        for each in mine:
            keys.append((mark.dataset, mark.scene, each.label, seeds))
            units.append(unit_name)
            classes.append((mark.dataset, each.category))
            values.extend([each.values.get(column, math.nan) for column in columns])
    table = np.array(values, dtype=np.float64).reshape(len(keys), len(columns))
    return Observations(keys, units, classes, table)


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
    return average_seeds(single_results(marks(records), observed, columns, unit), unit)


@dataclass(frozen=True)
class Observed:
    """What is known of the finished cells of a row.

    Parameters
    ----------
    records : sequence of mapping
    observations : sequence of sequence of Observation
        Of each record.
    columns : sequence of str
        All of the protocol.
    results : Observations
        Single results in these columns; see `single_results`.
    measured : dict of str to sequence of float
        Measures of whole cells, by column; see `hsizoo.Protocol.measures`.
    failed : int
        Number of cells that have none of this.
    """

    records: Sequence[Record]
    observations: Sequence[Sequence[Observation]]
    columns: Sequence[str]
    results: Observations
    measured: Mapping[str, Sequence[float]]
    failed: int


def observe_rows(protocol: type[Protocol], records: Sequence[Record]) -> dict[RowName, Observed]:
    """Return what is known of the finished cells of each row; see `by_row`.

    Every record is read once, and what is kept of it are figures.

    Raises
    ------
    ProtocolError
        If the protocol cannot read its records, as when it has changed under the same version.
    """
    found, unit = {}, choose_unit(records)
    columns = [column.name for column in protocol.columns]
    for name, mine in by_row(records).items():
        finished = done(mine)
        measuring = _Measuring(protocol, finished)
        try:
            observed = protocol.observe(measuring) if len(finished) else ()
            measuring.finish()
        except HsizooError:
            raise
        except Exception as error:
            raise ProtocolError(
                f"protocol {protocol.name} cannot read the stored records of "
                f"{row_name(name[0], dict(name[1]))}: {type(error).__name__}: {error}.  If the "
                "protocol has changed since, raise its version; or compute its cells anew with "
                "--overwrite always"
            ) from error
        results = single_results(marks(finished), observed, columns, unit)
        failed = len(mine) - len(finished)
        found[name] = Observed(finished, observed, columns, results, measuring.measured, failed)
    return found


class _Measuring(Sequence[Record]):
    """Records, whose measures are taken as they are read."""

    def __init__(self, protocol: type[Protocol], records: Sequence[Record]) -> None:
        self._protocol, self._records = protocol, records
        self._next = 0
        self.measured: dict[str, array[float]] = defaultdict(lambda: array("d"))

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return itertools.starmap(self._noted, enumerate(self._records))

    @overload
    def __getitem__(self, at: int) -> Record: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Record]: ...
    def __getitem__(self, at: int | slice) -> Record | Sequence[Record]:
        if isinstance(at, slice):
            return self._records[at]
        return self._noted(range(len(self))[at], self._records[at])

    def _noted(self, place: int, record: Record) -> Record:
        if place == self._next:
            self._next += 1
            for name, value in self._protocol.measures(record).items():
                if value is not None:
                    self.measured[name].append(value)
        return record

    def finish(self) -> None:
        """Take the measures of what nobody has read."""
        for place in range(self._next, len(self)):
            self._noted(place, self._records[place])


def summarise(
    protocol: type[Protocol],
    records: Sequence[Record],
    observed: Mapping[RowName, Observed] | None = None,
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
    for (label, pairs), mine in observed.items():
        row = Row(
            component=label,
            conditions=dict(pairs),
            values=dict.fromkeys(column.name for column in protocol.columns),
            failed_cells=mine.failed,
        )
        if len(mine.records):
            _fill(row, protocol, mine)
        rows.append(row)
    return rows


def is_trained(record: Record) -> bool:
    """Whether the component of a cell was trained in this run."""
    return record.get("training_seed") is not None


def _fill(row: Row, protocol: type[Protocol], mine: Observed) -> None:
    arranged = average_seeds(mine.results, "subject")
    for column, values in zip(protocol.columns, arranged.values.T, strict=True):
        row.values[column.name] = _average(column, values)
    for column in protocol.columns:
        figure = _average(column, np.array(mine.measured.get(column.name, ()), dtype=np.float64))
        if figure is not None:
            row.values[column.name] = figure
    row.samples = len(arranged.keys)
    row.scenes = len({key[:2] for key in arranged.keys})
    seeds = {(mark.seed, mark.row.get("training_seed")) for mark in marks(mine.records)}
    row.seeds = len({seed for seed, _ in seeds})
    row.training_seeds = len({trained for _, trained in seeds if trained is not None})
    known = np.flatnonzero(~np.isnan(mine.results.values).all(axis=0)).tolist()
    columns = [mine.columns[place] for place in known]
    row.deviations = _deviations(protocol, mine.records, columns)


def _average(column: Column, values: npt.NDArray[np.float64]) -> float | None:
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    if column.average == "largest":
        return float(known.max())
    return float(np.median(known) if column.average == "median" else np.mean(known))


def _deviations(
    protocol: type[Protocol], records: Sequence[Record], columns: Sequence[str]
) -> dict[str, float]:
    """Standard deviation over seeds of the figures in a table of each seed alone."""
    trained = any(is_trained(mark.row) for mark in marks(records))
    groups: dict[Any, array[int]] = defaultdict(lambda: array("Q"))
    for place, mark in enumerate(marks(records)):
        groups[mark.row.get("training_seed") if trained else mark.seed].append(place)
    if len(groups) < 2:
        return {}
    parts = [select(records, places) for places in groups.values()]
    arranged = [observations(mine, protocol.observe(mine), columns, "subject") for mine in parts]
    found = {}
    for place, column in enumerate(columns):
        values = [each.values[:, place] for each in arranged]
        means = [mine[~np.isnan(mine)].mean() for mine in values if not np.isnan(mine).all()]
        if len(means) > 1:
            found[column] = float(np.std(means, ddof=1))
    return found

"""The samples behind a row of a table: one for each object of each cell, in order of quality."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hsizoo.engine.records import marks
from hsizoo.interfaces import Column, Record
from hsizoo.report.rows import Observed

__all__ = ["RankedSamples", "Sample", "spread_out"]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One observation of one cell.

    Parameters
    ----------
    rank : int
        Place among the samples of its row, the best is 0.
    record : int
        Place of its record among those of the row.
    label : hashable
        Its label, see `hsizoo.Observation`.
    category, scene, subject : str
    seed, training_seed : int or None
    values : dict of str to float
        Figures by column; those that are not known are left out.
    """

    rank: int
    record: int
    label: Any
    category: str
    scene: str
    subject: str
    seed: Any
    training_seed: Any
    values: dict[str, float]


class RankedSamples:
    """The samples of a row, the best first; those without a value are last.

    Parameters
    ----------
    observed : Observed
        Of the row.
    headline : Column
        By which they are ranked.
    columns : sequence of Column
        Whose values are told.

    Attributes
    ----------
    known : int
        Number of samples that have a value of the headline; they come first.
    """

    def __init__(self, observed: Observed, headline: Column, columns: Sequence[Column]) -> None:
        self._observed = observed
        self._names = [column.name for column in columns]
        self._places = [observed.columns.index(name) for name in self._names]
        values = observed.results.values[:, observed.columns.index(headline.name)]
        self._order = np.argsort(
            values if headline.better == "lower" else -values, kind="stable"
        ).tolist()
        self.known = int(np.count_nonzero(~np.isnan(values)))
        self._records: dict[tuple[Any, ...], int] = {}
        self._subjects = []
        for place, mark in enumerate(marks(observed.records)):
            seeds = mark.seed, mark.row.get("training_seed")
            self._records[mark.dataset, mark.scene, seeds] = place
            self._subjects.append(str(mark.subject))

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, rank: int) -> Sample:
        number = self._order[rank]
        results = self._observed.results
        dataset, scene, label, (seed, training_seed) = results.keys[number]
        category = results.classes[number][1]
        record = self._records[dataset, scene, (seed, training_seed)]
        values = results.values[number, self._places].tolist()
        return Sample(
            rank=rank,
            record=record,
            label=label,
            category="" if category is None else str(category),
            scene=str(scene),
            subject=self._subjects[record],
            seed=seed,
            training_seed=training_seed,
            values={
                name: value
                for name, value in zip(self._names, values, strict=True)
                if value == value
            },
        )

    def record_of(self, sample: Sample) -> Record:
        """Return the record of a sample."""
        return self._observed.records[sample.record]


def spread_out(count: int, most: int) -> Iterator[int]:
    """Yield up to `most` ranks of `count`: first, last, middle, and then what lies between.

    Examples
    --------
    >>> list(spread_out(9, 5))
    [0, 8, 4, 2, 6]
    """
    given: dict[int, None] = {}
    parts = 1
    for rank in (0, count - 1):
        if 0 <= rank < count and len(given) < most:
            given[rank] = None
    while len(given) < min(count, most):
        parts *= 2
        for part in range(1, parts, 2):
            if len(given) < most:
                given[part * (count - 1) // parts] = None
        if parts > 2 * count:  # what rounding has left out
            for rank in range(count):
                if len(given) < most:
                    given[rank] = None
    yield from given

"""Statistical uncertainty of results: means, paired bootstrap over subjects, ranks.

A run gives a value for each *observation*: a sample (one class of one scene), averaged over seeds.
Observations of one subject are not independent, so the *unit* of resampling is the subject, with
all its observations.  If a run has one subject, the unit is the scene; if it has one scene, the
seed.

Two kinds of mean
-----------------
over samples
    The mean over all samples, as in the SAMSA 2.0 paper and in the table of `hsizoo bench`.  A
    subject with more classes or images counts more.
over classes
    Image → subject → class: the images of a subject are averaged, then the subjects that have the
    class, then the classes.  All classes have equal weight, and within a class all subjects.

Intervals
---------
Percentile bootstrap, two-sided 95 %.  The same units are drawn for all components, so the interval
of a difference is that of the paired difference.  Percentile intervals of few units are too narrow
(with six subjects they cover about 87 % rather than 95 %, for normal values); with fewer than
`FEWEST_UNITS` there are none.  A class that none of the drawn subjects has is left out of that
draw.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hsizoo.report.draws import Draws

__all__ = [
    "FEWEST_UNITS",
    "Observations",
    "by_class",
    "interval",
    "over_classes",
    "over_samples",
    "rank_shares",
]

FEWEST_UNITS = 3
"""Minimum number of units for a bootstrap interval."""

_FEW_UNITS = 1000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Observations:
    """Observations of one row of a table.

    Parameters
    ----------
    keys : sequence of hashable
        Identifier of each observation; equal keys of two rows form a pair.
    units : sequence of hashable
        Unit of each observation.
    classes : sequence of hashable
        Class of each observation.
    values : ndarray of float64, shape (n, M)
        Metrics; NaN for unknown values, which all means ignore.
    """

    keys: Sequence[Any]
    units: Sequence[Any]
    classes: Sequence[Any]
    values: Floats

    def at(self, places: Sequence[int]) -> Observations:
        """Select observations by index, in this order."""
        return Observations(
            [self.keys[place] for place in places],
            [self.units[place] for place in places],
            [self.classes[place] for place in places],
            self.values[list(places)],
        )

    def of(self, columns: Sequence[int]) -> Observations:
        """Select metrics by index."""
        return replace(self, values=self.values[:, list(columns)])

    def averaged(self, keys: Sequence[Hashable]) -> Observations:
        """Average observations that share a key.

        Parameters
        ----------
        keys : sequence of hashable
            The new key of each observation.

        Returns
        -------
        Observations
            One per key, in the order of first appearance, with the unit and class of the first
            observation with that key.
        """
        order = _numbers(keys)
        if len(order) == len(keys):
            return replace(self, keys=keys)
        group = _places(keys, order)
        first = np.unique(group, return_index=True)[1].tolist()
        return Observations(
            list(order),
            [self.units[place] for place in first],
            [self.classes[place] for place in first],
            _ratio(*_sums(self.values, group, len(order))),
        )


def over_samples(rows: Observations, order: Mapping[Hashable, int], draws: Draws) -> Floats:
    """Return the mean over observations in every draw.

    Parameters
    ----------
    rows : Observations
    order : mapping of unit to int
        Number of each unit in `draws`; may contain units that `rows` does not have.
    draws : Draws

    Returns
    -------
    ndarray of float64, shape (D, M)
        NaN where no unit of `rows` was drawn.
    """
    sums, known = _sums(rows.values, _places(rows.units, order), len(order))
    above, below = draws.totals([(sums, None), (known, None)])
    return _ratio(above, below)


def by_class(
    rows: Observations, order: Mapping[Hashable, int], draws: Draws
) -> dict[Hashable, Floats]:
    """Return the mean of each class in every draw, over the means of its units.

    Parameters
    ----------
    rows, order, draws
        See `over_samples`.

    Returns
    -------
    dict of class to ndarray of float64, shape (D, M)
        In the order of first appearance; NaN where no unit with the class was drawn.
    """
    unit = _places(rows.units, order)
    numbers = _numbers(rows.classes)
    each = _places(rows.classes, numbers)
    tables = []
    for mine in _groups(each, len(numbers)):
        # Of many units, only those that have the class; of few, all, as one product.
        few = len(order) <= _FEW_UNITS
        units, place = (None, unit[mine]) if few else np.unique(unit[mine], return_inverse=True)
        sums, known = _sums(rows.values[mine], place, len(order) if units is None else len(units))
        tables.append((_ratio(sums, known, 0.0), units))
        tables.append(((known > 0).astype(float), units))
    totals = draws.totals(tables)
    return {
        name: _ratio(totals[2 * number], totals[2 * number + 1]) for name, number in numbers.items()
    }


def over_classes(rows: Observations, order: Mapping[Hashable, int], draws: Draws) -> Floats:
    """Return the mean of `by_class` over classes in every draw, shape (D, M)."""
    return mean_of_classes(by_class(rows, order, draws))


def mean_of_classes(draws: Mapping[Hashable, Floats]) -> Floats:
    """Return the mean over the classes of `by_class` in every draw, shape (D, M)."""
    each = np.stack(list(draws.values()))
    known = ~np.isnan(each)
    return _ratio(np.where(known, each, 0.0).sum(axis=0), known.sum(axis=0))


def interval(draws: Floats, level: float = 0.95) -> Floats:
    """Return the percentile interval of bootstrap draws.

    Parameters
    ----------
    draws : ndarray, shape (D, ...)
        Draws without the run itself; NaN is ignored.
    level : float, default 0.95

    Returns
    -------
    ndarray of float64, shape (2, ...)
        Low and high ends; NaN where all draws are NaN.
    """
    tail = 50 * (1 - level)
    if len(draws) and not np.isnan(draws).any():  # five times faster
        return np.percentile(draws, [tail, 100 - tail], axis=0)
    found = np.full((2, *draws.shape[1:]), np.nan)
    some = ~np.isnan(draws).all(axis=0)
    found[:, some] = np.nanpercentile(draws[:, some], [tail, 100 - tail], axis=0)
    return found


def rank_shares(draws: Floats) -> Floats:
    """Return how often each component has each rank.

    Parameters
    ----------
    draws : ndarray, shape (D, C)
        One figure of C components; higher is better.

    Returns
    -------
    ndarray of float64, shape (C, C)
        Share of draws in which component i has rank j, starting with the best.  Tied components
        share the better rank, so the columns need not sum to 1; the rows do.
    """
    better = (draws[:, None, :] > draws[:, :, None]).sum(axis=2)
    components = draws.shape[1]
    return np.stack([np.bincount(rank, minlength=components) for rank in better.T]) / len(draws)


def _numbers(names: Sequence[Hashable]) -> dict[Hashable, int]:
    """Number distinct names in the order of first appearance."""
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _places(names: Sequence[Hashable], order: Mapping[Hashable, int]) -> npt.NDArray[np.int64]:
    return np.fromiter((order[name] for name in names), dtype=np.int64, count=len(names))


def _groups(numbers: npt.NDArray[np.int64], groups: int) -> list[npt.NDArray[np.int64]]:
    """Return the places of each number below `groups`, in order."""
    ends = np.cumsum(np.bincount(numbers, minlength=groups))
    return np.split(np.argsort(numbers, kind="stable"), ends[:-1])


def _sums(values: Floats, group: npt.NDArray[np.int64], groups: int) -> tuple[Floats, Floats]:
    """Sum the known values of each group, and count them; (groups, M) each."""
    sums, known = np.zeros((2, groups, values.shape[1]))
    is_known = ~np.isnan(values)
    np.add.at(sums, group, np.where(is_known, values, 0.0))
    np.add.at(known, group, is_known)
    return sums, known


def _ratio(above: Floats, below: npt.NDArray[Any], otherwise: float = np.nan) -> Floats:
    """``above / below``, and `otherwise` where `below` is 0."""
    return np.where(below > 0, above / np.maximum(below, 1), otherwise)

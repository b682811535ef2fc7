"""`Draws`: the units of a bootstrap, drawn with replacement, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["DRAWS", "Draws"]

DRAWS = 10_000
"""Number of bootstrap draws per run."""

_MOST_UNITS = 20_000  # that are drawn one by one: 200 MB as they are kept, seconds to draw
_GROUPS = 5000
_BLOCK = 4_000_000  # units counted at a time: 32 MB as float64

Floats = npt.NDArray[np.float64]


class Draws:
    """Resample units with replacement, and count how often each is drawn.

    More than 20 000 units are put into 5000 groups at random, and the groups are drawn: time and
    memory are those of 5000 units, and the width of an interval is right to 1 %.  (The variance of
    a mean is estimated from 5000 values in place of all of them, with an error of √(2/5000) = 2 %.)

    Parameters
    ----------
    units : int
    draws : int, default 10 000
        With 0 there is only the run itself.
    seed : int, default 0
    """

    _group: npt.NDArray[np.int64] | None = None  # of each unit, if there are groups

    def __init__(self, units: int, draws: int = DRAWS, seed: int = 0) -> None:
        self.units = units
        self.draws = draws
        self._rng = np.random.default_rng(seed)
        if units > _MOST_UNITS:
            self._group = self._rng.permutation(units) % _GROUPS
        self._drawn: list[npt.NDArray[np.uint8]] = []

    def __len__(self) -> int:
        return 1 + self.draws

    def blocks(self) -> Sequence[npt.NDArray[np.uint8]]:
        """Return how often each unit, or group of units, is drawn.

        Returns
        -------
        list of ndarray of uint8, shape (d, units)
            The blocks together have 1 + draws rows, the first of them the run itself: every unit
            once.  The size of the blocks does not matter to the random numbers.
        """
        if not self._drawn:
            # No unit of more than 255 is drawn 256 times in this universe.
            self._drawn = [block.astype(np.uint8) for block in self._draw()]
        return self._drawn

    def _draw(self) -> Iterator[npt.NDArray[np.int64]]:
        units = self.units if self._group is None else _GROUPS
        size = max(1, _BLOCK // max(units, 1))
        itself = np.ones((1, units), dtype=np.int64)
        left = self.draws
        while left or len(itself):
            rows = min(left, size - len(itself))
            chosen = self._rng.integers(0, units, (rows, units)) if rows else itself[:0]
            chosen += units * np.arange(rows)[:, None]
            counts = np.bincount(chosen.ravel(), minlength=rows * units)
            yield np.concatenate([itself, counts.reshape(rows, units)])
            left, itself = left - rows, itself[:0]

    def totals(self, tables: Sequence[tuple[Floats, npt.NDArray[np.int64] | None]]) -> list[Floats]:
        """Add up values of the units in every draw, each as often as it was drawn.

        Parameters
        ----------
        tables : sequence of (ndarray of float64, ndarray of int or None)
            Values, one row per unit, (u, M), and the numbers of these units; None if they are all
            units in their order.

        Returns
        -------
        list of ndarray of float64, shape (1 + draws, M)
        """
        if self._group is not None:
            tables = [(self._by_group(*table), None) for table in tables]
        found: list[list[Floats]] = [[] for _ in tables]
        for block in self.blocks():
            weights = block.astype(np.float64)
            for (values, units), mine in zip(tables, found, strict=True):
                mine.append((weights if units is None else weights[:, units]) @ values)
        return [np.concatenate(mine) for mine in found]

    def _by_group(self, values: Floats, units: npt.NDArray[np.int64] | None) -> Floats:
        assert self._group is not None
        group = self._group if units is None else self._group[units]
        sums = [np.bincount(group, column, minlength=_GROUPS) for column in values.T]
        return np.stack(sums, axis=1) if sums else np.zeros((_GROUPS, 0))

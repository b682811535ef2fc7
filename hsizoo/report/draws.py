"""`Draws`: the units of a bootstrap, drawn with replacement, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["DRAWS", "Draws", "draws_for"]

DRAWS = 10_000
"""Number of bootstrap draws per run, if it has at most 20 000 units."""

_FEWEST_DRAWS = 1000
_MOST_DRAWN = 200_000_000  # units drawn in all: 200 MB as they are kept, seconds to draw
_BLOCK = 4_000_000  # units counted at a time: 32 MB as float64

Floats = npt.NDArray[np.float64]


def draws_for(units: int) -> int:
    """Return the number of draws for so many units: fewer for very many, to bound the time.

    With ever more units the interval itself becomes narrower, so that what 1000 draws leave to
    chance, some 2 % of its width, means ever less.

    Examples
    --------
    >>> draws_for(6), draws_for(100_000), draws_for(1_000_000)
    (10000, 2000, 1000)
    """
    return int(np.clip(_MOST_DRAWN // max(units, 1), _FEWEST_DRAWS, DRAWS))


class Draws:
    """Resample units with replacement, and count how often each is drawn.

    The counts are made in blocks of draws.  They are kept if they are few enough, and drawn again
    from the same seed otherwise; the size of the blocks does not matter to the random numbers.

    Parameters
    ----------
    units : int
    draws : int, optional
        Default: see `draws_for`.  With 0 there is only the run itself.
    seed : int, default 0
    """

    def __init__(self, units: int, draws: int | None = None, seed: int = 0) -> None:
        self.units = units
        self.draws = draws_for(units) if draws is None else draws
        self._seed = seed
        self._kept: list[npt.NDArray[np.uint8]] = []

    def __len__(self) -> int:
        return 1 + self.draws

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """Yield how often each unit is drawn, block by block.

        Yields
        ------
        ndarray of int, shape (d, units)
            Every row sums to `units`.  All blocks together have 1 + draws rows, the first of them
            the run itself: every unit once.
        """
        if self._kept:
            yield from self._kept
            return
        kept = []
        for block in self._drawn():
            # No unit of more than 255 is drawn 256 times in this universe.
            counts = block.astype(np.uint8)
            if self.draws * self.units <= _MOST_DRAWN:
                kept.append(counts)
            yield counts
        self._kept = kept

    def _drawn(self) -> Iterator[npt.NDArray[np.int64]]:
        rng = np.random.default_rng(self._seed)
        size = max(1, _BLOCK // max(self.units, 1))
        itself = np.ones((1, self.units), dtype=np.int64)
        left = self.draws
        while left or len(itself):
            rows = min(left, size - len(itself))
            chosen = rng.integers(0, self.units, (rows, self.units)) if rows else itself[:0]
            chosen += self.units * np.arange(rows)[:, None]
            counts = np.bincount(chosen.ravel(), minlength=rows * self.units)
            yield np.concatenate([itself, counts.reshape(rows, self.units)])
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
        found: list[list[Floats]] = [[] for _ in tables]
        for block in self.blocks():
            weights = block.astype(np.float64)
            for (values, units), mine in zip(tables, found, strict=True):
                mine.append((weights if units is None else weights[:, units]) @ values)
        return [np.concatenate(mine) for mine in found]

"""Whether a map of classes would be right if it were turned, or its classes were in another order.

Of all ways to read the map, the one that fits the truth best tells what was exchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.testing.contract import fail

__all__ = ["Reading", "best_reading", "check_order", "check_turn"]

_BETTER: Final = 0.1  # share of the pixels by which another reading must fit better
_FAIR: Final = 0.5  # share that the best reading must reach to mean anything
_AS_IT_IS: Final = ""

_TURNS: Final[Mapping[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]]] = {
    _AS_IT_IS: lambda found: found,
    "with rows and columns exchanged": lambda found: found.reshape(found.shape[::-1]).T,
    "upside down": lambda found: found[::-1],
    "from left to right": lambda found: found[:, ::-1],
}


@dataclass(frozen=True)
class Reading:
    """The best way to read a map.

    Parameters
    ----------
    turn : str
        How the map is turned; empty if it is not.
    order : tuple of int
        Label that each label is read as, in ascending order of the labels.
    share, right : float
        Share of right pixels in this reading, and in the map as it is.
    """

    turn: str
    order: tuple[int, ...]
    share: float
    right: float

    @property
    def is_better(self) -> bool:
        """Whether it fits so well that it must be meant."""
        return self.share > self.right + _BETTER and self.share > _FAIR


def best_reading(
    found: npt.NDArray[Any], truth: npt.NDArray[Any], where: npt.NDArray[Any], labels: Sequence[int]
) -> Reading:
    """Find the best way to read a map of labels.

    Parameters
    ----------
    found, truth : ndarray of int, shape (H, W)
    where : ndarray of bool, shape (H, W)
        Pixels that are compared.
    labels : sequence of int
        In ascending order.
    """
    expected = truth[where]
    right = float((found[where] == expected).mean())
    best = Reading(_AS_IT_IS, tuple(labels), right, right)
    for turn, turned in _TURNS.items():
        seen = turned(found)[where]
        for order in permutations(labels):
            read = np.full_like(seen, -1)
            for label, other in zip(labels, order, strict=True):
                read[seen == label] = other
            share = float((read == expected).mean())
            if share > best.share:
                best = Reading(turn, order, share, right)
    return best


def check_turn(reading: Reading) -> None:
    """Fail if the map is turned."""
    if reading.is_better and reading.turn:
        fail(
            f"{reading.right:.0%} of the pixels are right, but {reading.share:.0%} if the map is "
            f"read {reading.turn}",
            "Maps are (H, W): reshape to (H, W), rows first, what was flattened by rows.",
        )


def check_order(reading: Reading, mend: str) -> None:
    """Fail if the classes are in another order."""
    if reading.is_better and not reading.turn:
        fail(
            f"{reading.right:.0%} of the pixels are right, but {reading.share:.0%} if the classes "
            f"are read in the order {list(reading.order)}",
            mend,
        )

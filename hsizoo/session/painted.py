"""`Painted`: pixels that the user corrected by hand, apart from those that were predicted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.errors import ClickError

__all__ = ["Painted"]

_SIDE: Final = 2**31  # rows and columns are below, so that a pixel fits into one number
_MOST: Final = 2**28  # pixels in a file

Pixels = npt.NDArray[np.int64]
"""Positions (n, 2) of (row, col)."""


@dataclass(frozen=True, eq=False)
class Painted:
    """Pixels painted into an object, and pixels erased from it.

    Parameters
    ----------
    added, removed : array_like of int, shape (n, 2)
        Positions (row, col); no pixel is in both.  Kept sorted, each once.

    Examples
    --------
    >>> painted = Painted().paint([(0, 1), (0, 2)]).paint([(0, 2)], belongs=False)
    >>> painted.added.tolist(), painted.removed.tolist()
    ([[0, 1]], [[0, 2]])
    """

    _added: npt.NDArray[np.int64]
    _removed: npt.NDArray[np.int64]

    def __init__(self, added: npt.ArrayLike = (), removed: npt.ArrayLike = ()) -> None:
        object.__setattr__(self, "_added", _codes(added))
        object.__setattr__(self, "_removed", _codes(removed))

    def __bool__(self) -> bool:
        return bool(len(self._added) or len(self._removed))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Painted)
            and np.array_equal(self._added, other._added)
            and np.array_equal(self._removed, other._removed)
        )

    def __hash__(self) -> int:
        return hash((self._added.tobytes(), self._removed.tobytes()))

    @cached_property
    def added(self) -> Pixels:
        """Pixels painted into the object, (n, 2)."""
        return _pixels(self._added)

    @cached_property
    def removed(self) -> Pixels:
        """Pixels erased from the object, (n, 2)."""
        return _pixels(self._removed)

    def paint(self, pixels: npt.ArrayLike, belongs: bool = True) -> Painted:
        """Return a copy with more pixels painted, or erased; the newest stroke wins."""
        new = _codes(pixels)
        grown, shrunk = (self._added, self._removed)[:: 1 if belongs else -1]
        grown, shrunk = np.union1d(grown, new), np.setdiff1d(shrunk, new)
        return _made(*(grown, shrunk)[:: 1 if belongs else -1])

    def check_inside(self, height: int, width: int) -> None:
        """Raise `ClickError` if a pixel lies outside an image of ``height`` × ``width`` pixels."""
        for pixels in (self.added, self.removed):
            outside = (pixels >= (height, width)).any(axis=1)
            if outside.any():
                row, col = pixels[outside][0].tolist()
                raise ClickError(
                    f"the painted pixel (row={row}, col={col}) is outside the image of {height} "
                    f"rows × {width} columns"
                )

    def to_json(self) -> dict[str, list[list[int]]]:
        """Return both as runs ``[row, first col, length]``."""
        return {"added": _runs(self._added), "removed": _runs(self._removed)}

    @classmethod
    def from_json(cls, content: Any) -> Painted:
        """Rebuild from the output of `to_json`.

        Raises
        ------
        ClickError
            If it is anything else.
        """
        if not isinstance(content, dict) or set(content) - {"added", "removed"}:
            raise ClickError("painted pixels must be runs of 'added' and 'removed'")
        added, removed = (_from_runs(content.get(key, [])) for key in ("added", "removed"))
        if len(np.intersect1d(added, removed)):
            raise ClickError("a pixel is painted and erased at once")
        return _made(added, removed)


def _made(added: npt.NDArray[np.int64], removed: npt.NDArray[np.int64]) -> Painted:
    painted = Painted()
    object.__setattr__(painted, "_added", added)
    object.__setattr__(painted, "_removed", removed)
    return painted


def _codes(pixels: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return sorted numbers, one for each pixel."""
    array = np.asarray(pixels)
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
        raise ClickError(
            f"pixels must be (n, 2) whole numbers (row, col); got shape {array.shape} of "
            f"{array.dtype}"
        )
    if array.min() < 0 or array.max() >= _SIDE:
        raise ClickError(f"rows and columns must be from 0 to {_SIDE - 1}; got {array.min()}")
    whole = array.astype(np.int64)
    return np.unique(whole[:, 0] * _SIDE + whole[:, 1])


def _pixels(codes: npt.NDArray[np.int64]) -> Pixels:
    return np.stack(np.divmod(codes, _SIDE), axis=1)


def _runs(codes: npt.NDArray[np.int64]) -> list[list[int]]:
    starts = np.flatnonzero(np.diff(codes, prepend=-2) != 1)
    lengths = np.diff(starts, append=len(codes))
    pairs: Iterable[tuple[list[int], int]] = zip(
        _pixels(codes[starts]).tolist(), lengths.tolist(), strict=True
    )
    return [[*place, length] for place, length in pairs]


def _from_runs(runs: Sequence[Any]) -> npt.NDArray[np.int64]:
    if len(runs) == 0:
        return np.empty(0, dtype=np.int64)
    array = np.asarray(runs)
    if array.ndim != 2 or array.shape[1] != 3 or array.dtype.kind not in "iu":
        raise ClickError("painted pixels must be runs of three whole numbers: [row, col, length]")
    if array.min() < 0 or array.max() >= _SIDE or array[:, 2].sum(dtype=np.float64) > _MOST:
        raise ClickError("a run of painted pixels is negative or too long")
    array = array.astype(np.int64)
    if (array[:, 1] + array[:, 2] > _SIDE).any():
        raise ClickError("a run of painted pixels is too long")
    starts, lengths = array[:, 0] * _SIDE + array[:, 1], array[:, 2]
    before = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.unique(np.repeat(starts, lengths) + np.arange(lengths.sum()) - before)

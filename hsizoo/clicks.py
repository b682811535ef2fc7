"""`Clicks`: the user's clicks on one object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hsizoo.errors import ClickError

__all__ = ["Clicks"]


@dataclass(frozen=True, eq=False)
class Clicks:
    """An immutable, ordered sequence of positive and negative clicks on one object.

    Parameters
    ----------
    points : array_like of int, shape (n, 2)
        Pixel positions ``(row, col)``, in the order of clicking.
    positive : array_like of bool, shape (n,), optional
        True where the clicked pixel belongs to the object.  Default: all True.

    Raises
    ------
    ClickError
        If the shapes do not match, or a position is negative or not a whole number.

    Examples
    --------
    >>> clicks = Clicks([(10, 20)]).add(30, 40, positive=False)
    >>> len(clicks), clicks.positive.tolist()
    (2, [True, False])
    """

    points: npt.NDArray[np.int64]
    positive: npt.NDArray[np.bool_]

    def __init__(self, points: npt.ArrayLike = (), positive: npt.ArrayLike | None = None) -> None:
        try:
            array = np.asarray(points)
        except ValueError:  # rows of different lengths
            raise ClickError(f"clicks must be (n, 2) pairs of (row, col); got {points!r}") from None
        if array.size == 0:
            array = np.zeros((0, 2), dtype=np.int64)
        if array.ndim != 2 or array.shape[1] != 2:
            raise ClickError(f"clicks must be (n, 2) pairs of (row, col); got shape {array.shape}")
        whole = None
        if np.issubdtype(array.dtype, np.integer) or np.issubdtype(array.dtype, np.floating):
            with np.errstate(invalid="ignore"):  # NaN and infinity change in the cast
                whole = array.astype(np.int64)
        if whole is None or not np.array_equal(whole, array):
            raise ClickError(f"clicks must be whole pixel positions (row, col); got {points!r}")
        if (whole < 0).any():
            row, col = whole[(whole < 0).any(axis=1)][0]
            raise ClickError(
                f"click (row={row}, col={col}) is negative; rows and columns count from 0"
            )
        sign = np.ones(len(whole), dtype=bool) if positive is None else np.asarray(positive)
        if sign.shape != (len(whole),) or (sign.dtype != np.bool_ and sign.size):
            raise ClickError(
                f"positive must be {len(whole)} booleans, one per click; "
                f"got shape {sign.shape} of {sign.dtype}"
            )
        whole, sign = whole.copy(), sign.astype(bool)
        whole.flags.writeable = sign.flags.writeable = False
        object.__setattr__(self, "points", whole)
        object.__setattr__(self, "positive", sign)

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[tuple[int, int, bool]]:
        """Yield ``(row, col, positive)``."""
        for (row, col), positive in zip(self.points.tolist(), self.positive.tolist(), strict=True):
            yield row, col, positive

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Clicks) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def add(self, row: int, col: int, positive: bool = True) -> Clicks:
        """Return a copy with one more click at the end."""
        return Clicks(
            np.concatenate([self.points, [(row, col)]]), np.append(self.positive, bool(positive))
        )

    def check_inside(self, height: int, width: int) -> None:
        """Raise `ClickError` if a click lies outside an image of ``height`` × ``width`` pixels."""
        for row, col, _ in self:
            if row >= height or col >= width:
                raise ClickError(
                    f"click (row={row}, col={col}) is outside the image of {height} rows × {width} "
                    f"columns; rows go from 0 to {height - 1}, columns from 0 to {width - 1}"
                )

    def to_json(self) -> list[list[Any]]:
        """Return ``[[row, col, positive], ...]`` of plain Python values."""
        return [list(click) for click in self]

    @classmethod
    def from_json(cls, rows: list[list[Any]]) -> Clicks:
        """Rebuild clicks from the output of `to_json`."""
        return cls([row[:2] for row in rows], [row[2] for row in rows])

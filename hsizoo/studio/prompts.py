"""Boxes, strokes and reference spectra as clicks.

Every prompt ends as clicks, so that every component understands it, undo takes it back, and a
saved session replays it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from hsizoo.arrays import strips
from hsizoo.cube import HyperCube
from hsizoo.errors import ClickError, DataError

__all__ = ["along", "best_match", "typical"]

IN_BOX: Final = 5
ON_STROKE: Final = 8
_LOOKED_AT: Final = 10_000  # pixels of a box

Pixels = npt.NDArray[np.int64]


def typical(cube: HyperCube, box: tuple[int, int, int, int], most: int = IN_BOX) -> Pixels:
    """Choose pixels that stand for a box.

    Half of its pixels, those with the smallest spectral angle to the median of all, are typical.
    The most typical one is chosen first, then each time the typical one that is farthest away.

    Parameters
    ----------
    cube : HyperCube
    box : (int, int, int, int)
        First row, first column, last row, last column, inclusive.
    most : int

    Returns
    -------
    ndarray of int, shape (n, 2)
        At most `most` positions (row, col).

    Raises
    ------
    ClickError
        If no pixel of the box has data.
    """
    top, left, bottom, right = box
    size = (bottom - top + 1) * (right - left + 1)
    step = max(1, int(np.ceil(np.sqrt(size / _LOOKED_AT))))
    rows, cols = np.arange(top, bottom + 1, step), np.arange(left, right + 1, step)
    places = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1).reshape(-1, 2)
    part = cube.data[top : bottom + 1 : step, left : right + 1 : step]
    spectra = np.asarray(part, dtype=np.float64).reshape(-1, cube.bands)
    usable = np.isfinite(spectra).all(axis=1)
    if not usable.any():
        raise ClickError(f"no pixel of the box {box} has a finite spectrum; draw it elsewhere")
    places, unit = places[usable], _unit(spectra[usable])
    alike = unit @ _unit(np.median(unit, axis=0))
    order = np.argsort(-alike, kind="stable")
    places = places[order[: max(1, (len(order) + 1) // 2)]]
    chosen = [0]
    apart = np.hypot(*(places - places[0]).T)
    while len(chosen) < min(most, len(places)):
        chosen.append(int(apart.argmax()))
        apart = np.minimum(apart, np.hypot(*(places - places[chosen[-1]]).T))
    found: Pixels = places[chosen].astype(np.int64)
    return found


def along(stroke: Pixels, most: int = ON_STROKE) -> Pixels:
    """Choose pixels of a stroke, evenly spaced from its beginning to its end.

    Parameters
    ----------
    stroke : ndarray of int, shape (n, 2)
        In the order of drawing.
    most : int
    """
    _, first = np.unique(stroke, axis=0, return_index=True)
    once = stroke[np.sort(first)]
    even = np.linspace(0, len(once) - 1, min(most, len(once))).round().astype(np.int64)
    chosen: Pixels = once[np.unique(even)]
    return chosen


def best_match(
    cube: HyperCube, references: npt.NDArray[np.float32], bands: npt.NDArray[np.intp]
) -> list[tuple[int, int, float]]:
    """Find the pixel with the smallest spectral angle to each reference spectrum.

    Parameters
    ----------
    cube : HyperCube
    references : ndarray of float32, shape (N, K)
    bands : ndarray of int, shape (K,)
        The bands of the cube that they have.

    Returns
    -------
    list of (row, col, angle)
        Angles in radian.

    Raises
    ------
    DataError
        If no pixel has data.
    """
    unit = _unit(references.astype(np.float64)).astype(np.float32)
    best = np.full(len(unit), -np.inf)
    found = np.zeros((len(unit), 2), dtype=np.int64)
    for rows in strips(cube.data):
        block = np.asarray(cube.data[rows])
        usable = np.isfinite(block).all(axis=2)
        block = block[:, :, bands]
        with np.errstate(invalid="ignore", divide="ignore"):
            cosine = (block @ unit.T) / np.linalg.norm(block, axis=2)[..., None]
        cosine[~usable | ~np.isfinite(cosine).all(axis=2)] = -np.inf
        flat = cosine.reshape(-1, len(unit))
        places = flat.argmax(axis=0)
        values = flat[places, np.arange(len(unit))]
        better = values > best
        best[better] = values[better]
        row, col = np.divmod(places[better], block.shape[1])
        found[better] = np.stack([row + (rows.start or 0), col], axis=1)
    if not np.isfinite(best).all():
        raise DataError(f"{cube.name}: no pixel has data in all {cube.bands} bands")
    angles = np.arccos(best.clip(-1, 1))
    return [(*place, angle) for place, angle in zip(found.tolist(), angles.tolist(), strict=True)]


def _unit(spectra: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    length = np.linalg.norm(spectra, axis=-1, keepdims=True)
    unit: npt.NDArray[np.float64] = spectra / np.where(length > 0, length, 1)
    return unit

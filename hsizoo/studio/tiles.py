"""Parts of an image and of maps, in the resolution of the screen: only these travel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.arrays import release
from hsizoo.cube import HyperCube
from hsizoo.errors import OptionError
from hsizoo.io import PseudoRgb

__all__ = ["STRETCHES", "TILE", "Tiles", "cut"]

TILE: Final = 256
"""Pixels on a side of a tile."""

STRETCHES: Final = ("percentile", "range", "reflectance")
"""What is shown as black and white: percentiles 1 and 99, lowest and highest value, or 0 and 1."""

_SAMPLED: Final = 128  # rows, and columns, of the pixels that stand for all


class Tiles:
    """An image in parts, whatever its size.

    A tile of level n has every 2ⁿ-th row and column.

    Parameters
    ----------
    cube : HyperCube
        May be a memory map, of which only the asked pixels are read.
    """

    def __init__(self, cube: HyperCube) -> None:
        self._cube = cube

    @property
    def levels(self) -> int:
        """Number of levels; a tile of the last one has the whole image."""
        return ((max(self._cube.shape[:2]) - 1) // TILE).bit_length() + 1

    @cached_property
    def sample(self) -> npt.NDArray[np.float32]:
        """Spectra (n, B) of pixels on a regular grid, those without data left out."""
        height, width, bands = self._cube.shape
        steps = max(1, -(-height // _SAMPLED)), max(1, -(-width // _SAMPLED))
        spectra = np.array(self._cube.data[:: steps[0], :: steps[1]]).reshape(-1, bands)
        release(self._cube.data)
        found: npt.NDArray[np.float32] = spectra[np.isfinite(spectra).all(axis=1)]
        return found

    @cached_property
    def rgb_bands(self) -> tuple[int, int, int]:
        """The bands that are shown first, red first."""
        return PseudoRgb().bands(self._cube)

    def image(
        self, bands: Sequence[int], stretch: str, level: int, row: int, col: int
    ) -> npt.NDArray[np.uint8]:
        """Return a tile, (h, w, C) for C bands; 0 where there are no data."""
        values = cut(self._cube.data, level, row, col)[:, :, list(bands)]
        release(self._cube.data)
        shown = np.zeros(values.shape, dtype=np.uint8)
        for place, band in enumerate(bands):
            low, high = self._range(band, stretch)
            channel = values[:, :, place]
            finite = np.isfinite(channel)
            scaled = (channel[finite].astype(np.float64) - low) / ((high - low) or 1.0)
            shown[finite, place] = np.rint(scaled.clip(0, 1) * 255)
        return shown

    def _range(self, band: int, stretch: str) -> tuple[float, float]:
        """Return the values shown as black and as white."""
        if stretch == "reflectance" or not len(self.sample):
            return 0.0, 1.0
        ends = (1.0, 99.0) if stretch == "percentile" else (0.0, 100.0)
        low, high = np.percentile(self.sample[:, band].astype(np.float64), ends)
        return float(low), float(high)


def cut(array: Any, level: int, row: int, col: int) -> Any:
    """Return a tile of an array (H, W) or (H, W, C): number `row` down and `col` across.

    Raises
    ------
    OptionError
        If there is no such tile.
    """
    step = 2**level
    side = TILE * step
    height, width = array.shape[:2]
    if not (0 <= row * side < height and 0 <= col * side < width):
        raise OptionError(f"there is no tile {(row, col)} of level {level}")
    rows = slice(row * side, min(height, (row + 1) * side), step)
    cols = slice(col * side, min(width, (col + 1) * side), step)
    return array[rows, cols]

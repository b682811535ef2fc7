"""Groups of three bands, each an image for a segmenter (IPG, section 2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import hsizoo
from hsizoo.errors import DataError
from hsizoo_ipg.options import Grouping
from hsizoo_ipg.spectra import components

__all__ = ["Groups", "band_groups"]

_CHANNELS = 3
_MOST_COMPONENTS = 12  # of ``pca``: later ones are mostly noise


@dataclass(frozen=True, eq=False)
class Groups:
    """The three-channel images that a cube is shown as.

    Parameters
    ----------
    name : str
        Of the cube.
    source : ndarray of float32, shape (H, W, C)
        Bands of the cube, or its principal components.
    bands : tuple of (int, int, int)
        Channels of each group.
    """

    name: str
    source: npt.NDArray[np.float32]
    bands: tuple[tuple[int, int, int], ...]

    def __len__(self) -> int:
        return len(self.bands)

    def cube(self, number: int) -> hsizoo.HyperCube:
        """One group as a cube of three bands; the last one, the longest wavelength, shown red."""
        chosen = list(self.bands[number])
        data = np.ascontiguousarray(self.source[:, :, chosen])
        label = "-".join(map(str, chosen))
        return hsizoo.HyperCube(data, name=f"{self.name}, bands {label}", rgb_bands=(2, 1, 0))


def band_groups(
    cube: hsizoo.HyperCube, grouping: Grouping = "adjacent", stride: int = 1, most: int = 0
) -> Groups:
    """Divide a cube into groups of three.

    Parameters
    ----------
    cube : HyperCube
        Of C bands; three bands make one group.
    grouping : {"adjacent", "uncorrelated", "pca"}
        ``adjacent``: bands j, j + 1 and j + 2, as in the paper.  ``uncorrelated``: with each band
        j the one that is correlated least with it, and the one least correlated with both.
        ``pca``: adjacent ones of up to 12 principal components of the cube.
    stride : int
        Step from one j to the next; 1 gives C - 2 groups (``uncorrelated``: C).
    most : int
        So many groups at most, evenly spaced among these; 0 for all.

    Raises
    ------
    DataError
        If there are fewer than three bands, or no pixel is valid.
    """
    if cube.bands < _CHANNELS:
        raise DataError(
            f"{cube.name} has {cube.bands} band(s); IPG shows three at a time and needs 3 or more"
        )
    if not cube.valid.any():
        raise DataError(f"{cube.name}: no pixel has finite values in all {cube.bands} bands")
    source: Any = cube.data
    found: list[tuple[int, int, int]]
    if grouping == "uncorrelated":
        found = _uncorrelated(cube, stride)
    else:
        if grouping == "pca":
            source = components(cube, _MOST_COMPONENTS)
        found = [(j, j + 1, j + 2) for j in range(0, source.shape[2] - 2, stride)]
    if most and len(found) > most:
        kept = np.linspace(0, len(found) - 1, most).round().astype(int)
        found = [found[number] for number in kept]
    return Groups(cube.name, source, tuple(found))


def _uncorrelated(cube: hsizoo.HyperCube, stride: int) -> list[tuple[int, int, int]]:
    with np.errstate(invalid="ignore", divide="ignore"):
        alike = np.abs(np.corrcoef(cube.data[cube.valid].T.astype(np.float64)))
    alike = np.nan_to_num(alike, nan=1.0)  # a constant band tells nothing
    np.fill_diagonal(alike, 2.0)
    found = []
    for first in range(0, cube.bands, stride):
        second = int(alike[first].argmin())
        third = int(np.maximum(alike[first], alike[second]).argmin())
        found.append((first, second, third))
    return found

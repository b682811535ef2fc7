"""Groups of three bands, each used as an image (IPG, section 2.1)."""

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
_MAX_COMPONENTS = 12  # for ``pca``; later ones are mostly noise


@dataclass(frozen=True, eq=False)
class Groups:
    """Three-channel images made from a cube.

    Parameters
    ----------
    name : str
        Name of the cube.
    source : ndarray of float32, shape (H, W, C)
        Bands or principal components of the cube.
    bands : tuple of (int, int, int)
        Channel indices of each group.
    """

    name: str
    source: npt.NDArray[np.float32]
    bands: tuple[tuple[int, int, int], ...]

    def __len__(self) -> int:
        return len(self.bands)

    def cube(self, number: int) -> hsizoo.HyperCube:
        """Return a group as a cube of three bands; the last (longest wavelength) is red."""
        chosen = list(self.bands[number])
        data = np.ascontiguousarray(self.source[:, :, chosen])
        label = "-".join(map(str, chosen))
        return hsizoo.HyperCube(data, name=f"{self.name}, bands {label}", rgb_bands=(2, 1, 0))


def band_groups(
    cube: hsizoo.HyperCube, grouping: Grouping = "adjacent", stride: int = 1, most: int = 0
) -> Groups:
    """Divide a cube into groups of three bands.

    Parameters
    ----------
    cube : HyperCube
        Cube with C bands.
    grouping : {"adjacent", "uncorrelated", "pca"}
        ``adjacent``: bands j, j + 1 and j + 2, as in the paper.  ``uncorrelated``: each band j, the
        band least correlated with it, and the band least correlated with both.  ``pca``: adjacent
        components of up to 12 principal components of the cube.
    stride : int
        Step from one j to the next; 1 gives C - 2 groups (``uncorrelated``: C).
    most : int
        Maximum number of groups, evenly spaced; 0 for all.

    Raises
    ------
    DataError
        If there are fewer than three bands, or no pixel is valid.
    """
    if cube.bands < _CHANNELS:
        raise DataError(
            f"{cube.name} has {cube.bands} band(s); IPG uses three at a time and needs 3 or more"
        )
    if not cube.valid.any():
        raise DataError(f"{cube.name}: no pixel has finite values in all {cube.bands} bands")
    source: Any = cube.data
    found: list[tuple[int, int, int]]
    if grouping == "uncorrelated":
        found = _uncorrelated(cube, stride)
    else:
        if grouping == "pca":
            source = components(cube, _MAX_COMPONENTS)
        found = [(j, j + 1, j + 2) for j in range(0, source.shape[2] - 2, stride)]
    if most and len(found) > most:
        kept = np.linspace(0, len(found) - 1, most).round().astype(int)
        found = [found[number] for number in kept]
    return Groups(cube.name, source, tuple(found))


def _uncorrelated(cube: hsizoo.HyperCube, stride: int) -> list[tuple[int, int, int]]:
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.abs(np.corrcoef(cube.data[cube.valid].T.astype(np.float64)))
    correlation = np.nan_to_num(correlation, nan=1.0)  # constant bands are not informative
    np.fill_diagonal(correlation, 2.0)
    found = []
    for first in range(0, cube.bands, stride):
        second = int(correlation[first].argmin())
        third = int(np.maximum(correlation[first], correlation[second]).argmin())
        found.append((first, second, third))
    return found

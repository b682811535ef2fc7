"""`Basis`: the cube's principal components, from which the page draws any spectrum at once.

The page gets the components, and for each pixel a few float16 numbers; the spectrum under the
pointer is their sum.  How far such spectra are from the cube's is measured, and told on the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.cube import HyperCube
from hsizoo.studio.tiles import Tiles, cut

__all__ = ["Basis", "make_basis"]

_MOST: Final = 48  # components
_WISHED: Final = 0.005  # relative error of 99 % of the pixels
_ALL: Final = 2**18  # pixels: the error of more is measured on a sample


@dataclass(frozen=True, eq=False)
class Basis:
    """Principal components of a cube.

    Parameters
    ----------
    mean : ndarray of float32, shape (B,)
    components : ndarray of float32, shape (K, B)
        Scaled, so that most numbers of a pixel are from -1 to 1.
    errors : dict
        ``median``, ``p99`` and ``highest``: of ‖spectrum − drawn‖ / ‖spectrum‖ over ``pixels``
        pixels, float16 included; ``all`` is whether these are all pixels.
    """

    mean: npt.NDArray[np.float32]
    components: npt.NDArray[np.float32]
    errors: dict[str, Any]
    _inverse: npt.NDArray[np.float32]

    def weights(self, spectra: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
        """Return the numbers (..., K) of spectra (..., B); NaN where a value is not finite."""
        with np.errstate(invalid="ignore", over="ignore"):
            return ((spectra - self.mean) @ self._inverse).astype(np.float16)

    def spectra(self, weights: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
        """Return spectra (..., B), as the page draws them."""
        drawn: npt.NDArray[np.float32] = weights.astype(np.float32) @ self.components + self.mean
        return drawn

    def tile(self, cube: HyperCube, level: int, row: int, col: int) -> npt.NDArray[np.float16]:
        """Return the numbers (h, w, K) of a tile."""
        return self.weights(np.asarray(cut(cube.data, level, row, col)))


def make_basis(cube: HyperCube, tiles: Tiles) -> Basis:
    """Compute the components of a cube from a sample of its pixels.

    There are as many as it takes for 99 % of the pixels to be within 0.5 %, but at most 48.
    """
    sample = tiles.sample
    if not len(sample):
        nothing = np.zeros((1, cube.bands), dtype=np.float32)
        return Basis(nothing[0], nothing, _told(np.zeros(1), False), nothing.T)
    mean = sample.mean(axis=0, dtype=np.float64)
    centred = sample - mean
    _, vectors = np.linalg.eigh(centred.T @ centred)
    vectors = vectors[:, ::-1][:, :_MOST]
    weights = centred @ vectors
    size = np.maximum(np.abs(weights).max(axis=0), np.finfo(np.float32).tiny)
    checked, all_ = _checked(cube, sample)
    basis = None
    for count in sorted({min(n, vectors.shape[1]) for n in (4, 8, 12, 16, 24, 32, _MOST)}):
        used = vectors[:, :count]
        scale = size[:count]
        basis = Basis(
            mean.astype(np.float32),
            np.ascontiguousarray((used * scale).T, dtype=np.float32),
            {},
            np.ascontiguousarray(used / scale, dtype=np.float32),
        )
        errors = _errors(basis, checked)
        basis.errors.update(_told(errors, all_))
        if basis.errors["p99"] <= _WISHED:
            break
    assert basis is not None
    return basis


def _checked(
    cube: HyperCube, sample: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], bool]:
    """Return spectra (n, B) to measure the error on, and whether they are all."""
    if cube.shape[0] * cube.shape[1] > _ALL:
        return sample, False
    return cube.data[cube.valid], True


def _errors(basis: Basis, spectra: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    parts = []
    for part in np.array_split(spectra, 1 + len(spectra) // 10_000):
        apart = part - basis.spectra(basis.weights(part))
        length = np.linalg.norm(part, axis=1).astype(np.float64)
        parts.append(np.linalg.norm(apart, axis=1) / np.where(length > 0, length, 1))
    return np.concatenate(parts)


def _told(errors: npt.NDArray[np.float64], all_: bool) -> dict[str, Any]:
    median, p99 = np.percentile(errors, (50, 99)).tolist()
    highest = float(errors.max())
    return {
        "median": median, "p99": p99, "highest": highest, "pixels": len(errors), "all": all_,
    }  # fmt: skip

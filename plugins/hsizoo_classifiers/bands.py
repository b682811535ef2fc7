"""What networks that see all bands of a patch have in common: scaled bands, options, few bands."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

import hsizoo
from hsizoo.errors import DataError
from hsizoo_classifiers.options.networks import AllBandsOptions
from hsizoo_classifiers.patch_network import PatchNetwork, Scaling
from hsizoo_classifiers.pixels import check_cube

__all__ = ["AllBands", "BandScaling"]


class BandScaling:
    """Every band to mean 0 and variance 1 over a cube's valid pixels; a constant band to 0.

    Parameters
    ----------
    cube : HyperCube
        Whose statistics are used.

    Raises
    ------
    DataError
        If no pixel is valid.
    """

    def __init__(self, cube: hsizoo.HyperCube) -> None:
        check_cube(cube)
        spectra = cube.data[cube.valid].astype(np.float64)
        self._mean = spectra.mean(axis=0)
        spread = spectra.std(axis=0)
        # Sums of float32 are exact in float64: a constant band has no spread by rounding.
        self._factor = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 0)

    def of(self, cube: hsizoo.HyperCube) -> npt.NDArray[np.float32]:
        """Scaled bands of every pixel, (H, W, B) float32; 0 where a pixel is not valid.

        Raises
        ------
        DataError
            If the cube has another number of bands, or no valid pixel.
        """
        check_cube(cube, len(self._mean))
        found = np.zeros(cube.shape, dtype=np.float32)
        for out, row, valid in zip(found, cube.data, cube.valid, strict=True):
            out[valid] = (row[valid] - self._mean) * self._factor
        return found


class AllBands(PatchNetwork):
    """A network on patches of all bands, trained by Adam; see `PatchNetwork`."""

    Options: ClassVar = AllBandsOptions
    options: AllBandsOptions
    _LEAST_BANDS: ClassVar[int] = 1

    def _scaling(self, cube: hsizoo.HyperCube) -> Scaling:
        self._check_bands(cube)
        return BandScaling(cube)

    def _check_bands(self, cube: hsizoo.HyperCube) -> None:
        if cube.bands < self._LEAST_BANDS:
            raise DataError(
                f"{cube.name} has {cube.bands} bands; the first kernels of this network span "
                f"{self._LEAST_BANDS}: use cdcnn, cnn2d, lp, svm or rf, which take any number"
            )

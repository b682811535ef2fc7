"""Base class for networks on patches of all bands, with band scaling and a minimum band count."""

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
    """Scale each band to mean 0 and variance 1 over the valid pixels of a cube.

    A constant band becomes 0.

    Parameters
    ----------
    cube : HyperCube
        Cube that the statistics are computed on.

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
        # float64 sums of float32 values are exact, so rounding gives a constant band no spread.
        self._factor = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 0)

    def of(self, cube: hsizoo.HyperCube) -> npt.NDArray[np.float32]:
        """Return the scaled bands, (H, W, B) float32; 0 at invalid pixels.

        Raises
        ------
        DataError
            If the number of bands differs, or no pixel is valid.
        """
        check_cube(cube, len(self._mean))
        found = np.zeros(cube.shape, dtype=np.float32)
        for out, row, valid in zip(found, cube.data, cube.valid, strict=True):
            out[valid] = (row[valid] - self._mean) * self._factor
        return found


class AllBands(PatchNetwork):
    """Network on patches of all bands, trained with Adam; see `PatchNetwork`."""

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
                f"{self._LEAST_BANDS}: use cdcnn, cnn2d, lp, svm or rf, which accept any number"
            )

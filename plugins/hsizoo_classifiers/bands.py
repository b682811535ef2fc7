"""What networks that see all bands of a patch have in common: scaled bands, options, few bands."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

import hsizoo
from hsizoo.errors import DataError
from hsizoo_classifiers.patch_network import PatchNetwork, Scaling
from hsizoo_classifiers.patches import Schedule
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
    """A network on patches of all bands, trained by Adam.

    Parameters
    ----------
    patch, least_patch : int
        See `PatchNetwork`.
    epochs, max_steps, batch : int
        See `Schedule`.
    rate, decay : float
        See `Schedule`.
    device : str

    Raises
    ------
    OptionError
        If an option cannot be.
    """

    _LEAST_BANDS: ClassVar[int] = 1

    def __init__(
        self,
        *,
        patch: int,
        least_patch: int,
        epochs: int,
        max_steps: int,
        batch: int,
        rate: float,
        decay: float,
        device: str,
    ) -> None:
        schedule = Schedule(
            rate=rate,
            decay=decay,
            batch=batch,
            epochs=epochs,
            max_steps=max_steps,
            optimiser="adam",
        )
        super().__init__(patch=patch, least_patch=least_patch, schedule=schedule, device=device)

    def _scaling(self, cube: hsizoo.HyperCube) -> Scaling:
        self._check_bands(cube)
        return BandScaling(cube)

    def _check_bands(self, cube: hsizoo.HyperCube) -> None:
        if cube.bands < self._LEAST_BANDS:
            raise DataError(
                f"{cube.name} has {cube.bands} bands; the first kernels of this network span "
                f"{self._LEAST_BANDS}: use cdcnn, cnn2d, lp, svm or rf, which take any number"
            )

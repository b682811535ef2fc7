"""Pearson correlation over bands.

SAMSA 2.0, arXiv:2508.00493, section 3.2: the cosine of the angle between spectra after subtracting
the mean over bands from each; invariant to brightness and constant offsets.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

import hsizoo
from hsizoo_spectral.spectra import (
    SpectralMatrix,
    reference_matrix,
    rounding,
    torch_device,
    transform,
    working_device,
)
from hsizoo_spectral.strips import StripScorer

__all__ = ["PearsonCorrelation"]


class PearsonCorrelation(StripScorer):
    """Pearson correlation coefficient between spectra.

    The correlation with a constant spectrum is undefined; it is set to 0.

    Parameters
    ----------
    device : str, default "cpu"
        Torch device.

    Notes
    -----
    The threshold 0.5 applies to the coefficient itself.  INFERRED: the paper thresholds all maps at
    0.5 and names no rescaling of the coefficient.
    """

    score_range: tuple[float, float] = (-1.0, 1.0)
    threshold: float = 0.5
    min_bands: int = 2

    def __init__(self, *, device: str = "cpu") -> None:
        self._device = torch_device(device)

    def prepare_part(self, cube: hsizoo.HyperCube, statistics: None) -> SpectralMatrix:
        """Standardise the spectra.

        Parameters
        ----------
        cube : HyperCube
        statistics : None

        Returns
        -------
        SpectralMatrix
            Spectra minus their mean, divided by their norm; 0 where the spectrum is constant.
        """
        return transform(cube, self._device, _standardise)

    def score_part(
        self, prepared: SpectralMatrix, references: npt.NDArray[np.float32]
    ) -> torch.Tensor:
        """Score all pixels against each reference.

        Parameters
        ----------
        prepared : SpectralMatrix
        references : ndarray of float32, shape (N, B)

        Returns
        -------
        torch.Tensor of float32, shape (N, H, W)
            In [-1, 1].

        Raises
        ------
        DataError
            If the number of bands of the references differs from that of the cube.
        """
        wanted = reference_matrix(references, prepared.bands, working_device(self._device))
        standard = _standardise(wanted).to(device=self._device, dtype=torch.float32)
        return prepared.image(torch.mm(standard, prepared.rows.T).clamp_(-1, 1))


def _standardise(spectra: torch.Tensor) -> torch.Tensor:
    """Standardise (n, B) spectra to mean 0 and norm 1; constant spectra become 0."""
    size = torch.linalg.vector_norm(spectra, dim=1, keepdim=True)
    centred = spectra - spectra.mean(dim=1, keepdim=True)
    norms: torch.Tensor = torch.linalg.vector_norm(centred, dim=1, keepdim=True)
    constant = norms <= rounding * size
    return (centred / norms.masked_fill(constant, 1)).masked_fill_(constant, 0)

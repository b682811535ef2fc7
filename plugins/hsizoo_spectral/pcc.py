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
    reference_matrix,
    rounding,
    torch_device,
    working_device,
)
from hsizoo_spectral.strips import StripScorer
from hsizoo_spectral.units import UnitSpectra, by_chords, chords, cosines, unit_spectra

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
    As with the spectral angle, a float32 product would lose the differences between pixels whose
    correlation is near 1; see `hsizoo_spectral.units`.  Errors are below 1e-6.

    The threshold 0.5 applies to the coefficient itself.  INFERRED: the paper thresholds all maps at
    0.5 and names no rescaling of the coefficient.
    """

    score_range: tuple[float, float] = (-1.0, 1.0)
    threshold: float = 0.5
    min_bands: int = 2

    def __init__(self, *, device: str = "cpu") -> None:
        self._device = torch_device(device)

    def prepare_part(self, cube: hsizoo.HyperCube, statistics: None) -> UnitSpectra:
        """Standardise the spectra.

        Parameters
        ----------
        cube : HyperCube
        statistics : None

        Returns
        -------
        UnitSpectra
            Spectra minus their mean, divided by their norm; 0 where the spectrum is constant.
        """
        return unit_spectra(cube, self._device, _standardise)

    def score_part(
        self, prepared: UnitSpectra, references: npt.NDArray[np.float32]
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
        standard = _standardise(wanted)
        if by_chords(len(standard), prepared.rows.device):
            return prepared.image(_from_chords(prepared, standard))
        scores = prepared.rows.new_empty((len(standard), len(prepared.rows)))
        for part, found in cosines(prepared, standard):
            scores[:, part] = found
        return prepared.image(scores)


def _from_chords(prepared: UnitSpectra, standard: torch.Tensor) -> torch.Tensor:
    """Return correlations (N, H * W) from chords c of unit vectors: 1 - c^2 / 2."""
    scores = prepared.rows.new_empty((len(standard), len(prepared.rows)))
    undefined = prepared.norms == 0
    for unit, found, row in zip(standard, chords(prepared, standard), scores, strict=True):
        chord, far, opposite = found
        torch.square(chord, out=row).mul_(-0.5).add_(1)
        row[far] = opposite.square_().mul_(0.5).sub_(1)
        row.masked_fill_(undefined | (unit == 0).all().to(undefined.device), 0)
    return scores.clamp_(-1, 1)


def _standardise(spectra: torch.Tensor) -> torch.Tensor:
    """Standardise (n, B) spectra to mean 0 and norm 1; constant spectra become 0."""
    size = torch.linalg.vector_norm(spectra, dim=1, keepdim=True)
    centred = spectra - spectra.mean(dim=1, keepdim=True)
    norms: torch.Tensor = torch.linalg.vector_norm(centred, dim=1, keepdim=True)
    constant = norms <= rounding * size
    return (centred / norms.masked_fill(constant, 1)).masked_fill_(constant, 0)

"""Spectral angle.

F. A. Kruse et al., "The spectral image processing system (SIPS): interactive visualization and
analysis of imaging spectrometer data", Remote Sensing of Environment 44 (1993) 145-163.

The similarity is ``1 - angle / pi`` as in SAMSA 2.0 (arXiv:2508.00493, section 3.2).  The angle
between two spectra depends on their shape, not on their brightness.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch

import hsizoo
from hsizoo_spectral.spectra import reference_matrix, torch_device, working_device
from hsizoo_spectral.strips import StripScorer
from hsizoo_spectral.units import UnitSpectra, by_chords, chords, cosines, unit_spectra

__all__ = ["SpectralAngle"]


class SpectralAngle(StripScorer):
    """Similarity ``1 - angle / pi`` between spectra.

    The angle to an all-zero spectrum is undefined; it is set to a right angle (similarity 0.5),
    which is neutral.

    Parameters
    ----------
    device : str, default "cpu"
        Torch device.

    Notes
    -----
    A float32 cosine does not resolve angles below 4e-4 rad.  References are scored by the chord,
    ``angle = 2 asin(|u - v| / 2)``, several on a GPU by float64 cosines; see
    `hsizoo_spectral.units`.  Errors are below 1e-6 rad.
    """

    score_range: tuple[float, float] = (0.0, 1.0)
    threshold: float = 0.5
    min_bands: int = 2

    def __init__(self, *, device: str = "cpu") -> None:
        self._device = torch_device(device)

    def prepare_part(self, cube: hsizoo.HyperCube, statistics: None) -> UnitSpectra:
        """Normalise the spectra.

        Parameters
        ----------
        cube : HyperCube
        statistics : None

        Returns
        -------
        UnitSpectra
        """
        return unit_spectra(cube, self._device, _unit)

    def score_part(
        self, prepared: UnitSpectra, references: npt.NDArray[np.float32]
    ) -> torch.Tensor:
        """Score all pixels against each reference.

        Parameters
        ----------
        prepared : UnitSpectra
        references : ndarray of float32, shape (N, B)

        Returns
        -------
        torch.Tensor of float32, shape (N, H, W)
            In [0, 1]: 1 for equal shape, 0.5 for a right angle, 0 for opposite spectra.

        Raises
        ------
        DataError
            If the number of bands of the references differs from that of the cube.
        """
        units = _unit(reference_matrix(references, prepared.bands, working_device(self._device)))
        if by_chords(len(units), prepared.rows.device):
            return prepared.image(_from_chords(prepared, units))
        angles = _angles_from_cosines(prepared, units)
        return prepared.image(angles.mul_(-1 / math.pi).add_(1).clamp_(0, 1))


def _unit(spectra: torch.Tensor) -> torch.Tensor:
    """Divide (n, B) spectra by their norm; all-zero spectra stay zero."""
    norms: torch.Tensor = torch.linalg.vector_norm(spectra, dim=1, keepdim=True)
    return spectra / norms.masked_fill(norms == 0, 1)


def _from_chords(prepared: UnitSpectra, units: torch.Tensor) -> torch.Tensor:
    """Return similarities, (N, H * W) float32, from float32 chords of unit vectors."""
    scores = prepared.rows.new_empty((len(units), len(prepared.rows)))
    for unit, found, row in zip(units, chords(prepared, units), scores, strict=True):
        chord, far, opposite = found
        torch.asin(chord.mul_(0.5).clamp_(max=1), out=row).mul_(-2 / math.pi).add_(1)
        row[far] = torch.asin((opposite / 2).clamp_(max=1)).mul_(2 / math.pi)
        row.clamp_(min=0)
        nothing = (unit == 0).all().to(row.device)
        if prepared.without is not None:
            row.masked_fill_(prepared.without | nothing, 0.5)
        elif nothing:
            row.fill_(0.5)
    return scores


def _angles_from_cosines(prepared: UnitSpectra, units: torch.Tensor) -> torch.Tensor:
    """Return angles in radians, (N, H * W) float32, from float64 cosines."""
    angles = prepared.rows.new_empty((len(units), len(prepared.rows)))
    for part, found in cosines(prepared, units):
        angles[:, part] = found.acos_()
    return angles

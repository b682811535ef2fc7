"""Spectral angle.

F. A. Kruse et al., "The spectral image processing system (SIPS): interactive visualization and
analysis of imaging spectrometer data", Remote Sensing of Environment 44 (1993) 145-163.

The similarity is ``1 - angle / pi`` as in SAMSA 2.0 (arXiv:2508.00493, section 3.2).  The angle
between two spectra depends on their shape, not on their brightness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

import hsizoo
from hsizoo_spectral.spectra import (
    SpectralMatrix,
    block_length,
    has_float64,
    reference_matrix,
    torch_device,
    transform,
    working_device,
)
from hsizoo_spectral.strips import StripScorer

__all__ = ["PreparedAngles", "SpectralAngle"]

_FAR_CHORD = 1.9
"""Chord above which ``asin`` loses precision and the angle to the antipode is used instead."""


@dataclass(frozen=True, eq=False)
class PreparedAngles(SpectralMatrix):
    """Unit spectra.

    Parameters
    ----------
    rows : torch.Tensor of float32, shape (H * W, B)
        Spectra divided by their norm; 0 where the spectrum is 0 or invalid.
    height, width : int
        Size of the image in pixels.
    norms : torch.Tensor of float64 (float32 on MPS), shape (H * W,)
        Norms of `rows` after rounding to float32, close to 1; exactly 0 where the row is 0.
    """

    norms: torch.Tensor


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
    A float32 cosine does not resolve angles below 4e-4 rad, and neighbouring pixels of one material
    are often closer than that.  A single reference is therefore scored by the chord,
    ``angle = 2 asin(|u - v| / 2)``, which is exact to float32 rounding and takes one pass over the
    spectra.  Several references are scored by a float64 matrix product in cache-sized blocks,
    whose cost grows much more slowly with their number.  Both have errors below 3e-7 rad.
    """

    score_range: tuple[float, float] = (0.0, 1.0)
    threshold: float = 0.5
    min_bands: int = 2

    def __init__(self, *, device: str = "cpu") -> None:
        self._device = torch_device(device)

    def prepare_part(self, cube: hsizoo.HyperCube, statistics: None) -> PreparedAngles:
        """Normalise the spectra.

        Parameters
        ----------
        cube : HyperCube
        statistics : None

        Returns
        -------
        PreparedAngles
        """
        units = transform(cube, self._device, _unit)
        precision = torch.float64 if has_float64(self._device) else torch.float32
        norms = torch.linalg.vector_norm(units.rows, dim=1, dtype=precision)
        return PreparedAngles(units.rows, units.height, units.width, norms)

    def score_part(
        self, prepared: PreparedAngles, references: npt.NDArray[np.float32]
    ) -> torch.Tensor:
        """Score all pixels against each reference.

        Parameters
        ----------
        prepared : PreparedAngles
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
        if len(units) == 1 or not has_float64(self._device):
            angles = _angles_from_chords(prepared, units)
        else:
            angles = _angles_from_cosines(prepared, units)
        return prepared.image(angles.mul_(-1 / math.pi).add_(1).clamp_(0, 1))


def _unit(spectra: torch.Tensor) -> torch.Tensor:
    """Divide (n, B) spectra by their norm; all-zero spectra stay zero."""
    norms: torch.Tensor = torch.linalg.vector_norm(spectra, dim=1, keepdim=True)
    return spectra / norms.masked_fill(norms == 0, 1)


def _angles_from_chords(prepared: PreparedAngles, units: torch.Tensor) -> torch.Tensor:
    """Return angles in radians, (N, H * W) float32, from float32 chords of unit vectors."""
    vectors = units.to(device=prepared.rows.device, dtype=torch.float32)
    angles = prepared.rows.new_empty((len(vectors), len(prepared.rows)))
    no_angle = prepared.norms == 0
    for vector, row in zip(vectors, angles, strict=True):
        # This mode sums squared differences; the default matrix product suffers from cancellation.
        mode = "donot_use_mm_for_euclid_dist"
        chord = torch.cdist(vector[None], prepared.rows, compute_mode=mode)[0]
        torch.asin((chord / 2).clamp_(max=1), out=row).mul_(2)
        # No branch for these pixels, which are rare.
        (far,) = torch.nonzero(chord > _FAR_CHORD, as_tuple=True)
        opposite = torch.linalg.vector_norm(prepared.rows[far] + vector, dim=1)
        row[far] = math.pi - 2 * torch.asin((opposite / 2).clamp_(max=1))
        row.masked_fill_(no_angle | (vector == 0).all(), math.pi / 2)
    return angles


def _angles_from_cosines(prepared: PreparedAngles, units: torch.Tensor) -> torch.Tensor:
    """Return angles in radians, (N, H * W) float32, from float64 cosines."""
    pixels, bands = prepared.rows.shape
    angles = prepared.rows.new_empty((len(units), pixels))
    norms = prepared.norms.masked_fill(prepared.norms == 0, 1)
    length = min(pixels, block_length(bands, prepared.rows.device))
    buffer = units.new_empty((length, bands))
    for start in range(0, pixels, length):
        part = slice(start, min(start + length, pixels))
        spectra = buffer[: part.stop - start].copy_(prepared.rows[part])
        cosines = torch.mm(units, spectra.T).div_(norms[part])
        angles[:, part] = cosines.clamp_(-1, 1).acos_()
    return angles

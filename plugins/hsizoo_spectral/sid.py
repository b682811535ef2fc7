"""Spectral information divergence.

C.-I. Chang, "An information-theoretic approach to spectral variability, similarity, and
discrimination for hyperspectral image analysis", IEEE Transactions on Information Theory 46 (2000)
1927-1932.

Spectra are treated as probability distributions over bands; SID is the symmetrised Kullback-Leibler
divergence, ``sum_b (p_b - q_b) (log p_b - log q_b)``, with the natural logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

import hsizoo
from hsizoo.errors import OptionError
from hsizoo_spectral.spectra import (
    blocks,
    reference_matrix,
    torch_device,
    working_device,
)
from hsizoo_spectral.strips import StripScorer

__all__ = ["PreparedDistributions", "SpectralInformationDivergence"]


@dataclass(frozen=True, eq=False)
class PreparedDistributions:
    """Spectra as distributions, relative to the uniform one.

    Parameters
    ----------
    excess : torch.Tensor of float32, shape (H * W, B)
        ``p - 1 / B``.
    logs : torch.Tensor of float32, shape (H * W, B)
        ``log(p B)``.
    own : torch.Tensor of float32, shape (H * W,)
        ``sum_b excess * logs``.
    height, width : int
        Size of the image in pixels.
    """

    excess: torch.Tensor
    logs: torch.Tensor
    own: torch.Tensor
    height: int
    width: int


class SpectralInformationDivergence(StripScorer):
    """Similarity ``exp(-SID)`` between spectra.

    Parameters
    ----------
    floor : float, default 1e-6
        Smallest probability of a band, as a fraction of the uniform ``1 / B``; above 0 and below
        1.  Lower values, including zeros and negatives, are raised to it.  INFERRED: the paper
        assumes positive spectra and does not mention zeros, where the logarithm diverges.  A
        spectrum without positive values becomes the uniform distribution.
    device : str, default "cpu"
        Torch device.

    Notes
    -----
    ``exp(-SID)`` maps the divergence, 0 to infinity, to a similarity in (0, 1] with one threshold
    for all images.  INFERRED: the paper ranks by SID and needs no similarity.

    The prepared image takes twice the memory of the cube.  Both factors are relative to the
    uniform distribution: this does not change SID, but keeps the terms of the matrix products
    small enough for float32.
    """

    score_range: tuple[float, float] = (0.0, 1.0)
    threshold: float = 0.5
    min_bands: int = 2
    copies = 2

    def __init__(self, *, floor: float = 1e-6, device: str = "cpu") -> None:
        if not 0 < floor < 1:
            raise OptionError(f"floor={floor!r}: must be a number above 0 and below 1")
        self._floor = floor
        self._device = torch_device(device)

    def prepare_part(self, cube: hsizoo.HyperCube, statistics: None) -> PreparedDistributions:
        """Convert spectra to distributions and their logarithms.

        Parameters
        ----------
        cube : HyperCube
        statistics : None

        Returns
        -------
        PreparedDistributions
        """
        height, width, bands = cube.shape
        excess = torch.empty((height * width, bands), dtype=torch.float32, device=self._device)
        logs = torch.empty_like(excess)
        own = torch.empty(height * width, dtype=torch.float32, device=self._device)
        for pixels, spectra, _ in blocks(cube, working_device(self._device)):
            for whole, part in zip(
                (excess, logs, own), _distribution(spectra, self._floor), strict=True
            ):
                whole[pixels] = part.to(device=self._device, dtype=torch.float32)
        return PreparedDistributions(excess, logs, own, height, width)

    def score_part(
        self, prepared: PreparedDistributions, references: npt.NDArray[np.float32]
    ) -> torch.Tensor:
        """Score all pixels against each reference.

        Parameters
        ----------
        prepared : PreparedDistributions
        references : ndarray of float32, shape (N, B)

        Returns
        -------
        torch.Tensor of float32, shape (N, H, W)
            In [0, 1]; 1 for equal shape.

        Raises
        ------
        DataError
            If the number of bands of the references differs from that of the cube.
        """
        bands = prepared.excess.shape[1]
        wanted = reference_matrix(references, bands, working_device(self._device))
        excess, logs, own = (
            part.to(device=self._device, dtype=torch.float32)
            for part in _distribution(wanted, self._floor)
        )
        # sum (p - q) (log p - log q), multiplied out
        divergence = own[:, None] + prepared.own
        divergence.addmm_(excess, prepared.logs.T, alpha=-1)
        divergence.addmm_(logs, prepared.excess.T, alpha=-1)
        similarity = divergence.clamp_(min=0).neg_().exp_()
        return similarity.reshape(-1, prepared.height, prepared.width)


def _distribution(
    spectra: torch.Tensor, floor: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return ``p - 1 / B`` and ``log(p B)``, (n, B) each, and the sum of their product, (n,)."""
    bands = spectra.shape[1]
    positive = spectra.clamp(min=0)
    totals = positive.sum(dim=1, keepdim=True)
    share = torch.where(totals > 0, positive * (bands / totals), 1.0).clamp_(min=floor)
    share /= share.mean(dim=1, keepdim=True)
    excess, logs = (share - 1) / bands, share.log()
    return excess, logs, (excess * logs).sum(dim=1)

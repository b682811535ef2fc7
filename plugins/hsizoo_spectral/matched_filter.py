"""Matched filter.

D. Manolakis, D. Marden, G. A. Shaw, "Hyperspectral image processing for automatic target detection
applications", Lincoln Laboratory Journal 14 (2003) 79-116.

The linear filter with response 1 at the reference, 0 at the background mean, and minimum variance
over the background; equivalent to ``spectral.matched_filter`` of SPy.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch

import hsizoo
from hsizoo_spectral.spectra import reference_matrix, torch_device, transform, working_device
from hsizoo_spectral.strips import StripScorer
from hsizoo_spectral.whitening import (
    Background,
    WhitenedImage,
    estimate_background,
    parse_shrinkage,
)

__all__ = ["MatchedFilter"]


class MatchedFilter(StripScorer):
    """Abundance of the reference in each pixel: 1 at the reference, 0 at the background mean.

    The filter is undefined for a reference equal to the background mean; its scores are 0.

    Parameters
    ----------
    shrinkage : str, default "auto"
        Weight of the scaled identity in the background covariance: ``"auto"`` for the closed form
        of Ledoit and Wolf, or a number from 0 (plain covariance, as in SPy) to 1 (identity only).
        INFERRED: the papers assume a known covariance; the estimate from one scene can be
        singular.  With 0, eigenvalues below 1e-12 of the largest are raised to that value.
    device : str, default "cpu"
        Torch device.

    Notes
    -----
    Threshold 0.5: halfway between background and reference.  INFERRED: the paper sets it by a
    false-alarm rate.
    """

    score_range: tuple[float, float] = (-math.inf, math.inf)
    threshold: float = 0.5
    min_bands: int = 1

    def __init__(self, *, shrinkage: str = "auto", device: str = "cpu") -> None:
        self._shrinkage = parse_shrinkage(shrinkage)
        self._device = torch_device(device)

    def statistics(self, cube: hsizoo.HyperCube) -> Background:
        """Estimate the background over the valid pixels of the cube."""
        return estimate_background(cube, self._device, self._shrinkage)

    def prepare_part(self, cube: hsizoo.HyperCube, statistics: Background) -> WhitenedImage:
        """Whiten the spectra.

        Parameters
        ----------
        cube : HyperCube
        statistics : Background

        Returns
        -------
        WhitenedImage
        """
        image = transform(cube, self._device, statistics.whiten)
        return WhitenedImage(image.rows, image.height, image.width, statistics)

    def score_part(
        self, prepared: WhitenedImage, references: npt.NDArray[np.float32]
    ) -> torch.Tensor:
        """Score all pixels against each reference.

        Parameters
        ----------
        prepared : WhitenedImage
        references : ndarray of float32, shape (N, B)

        Returns
        -------
        torch.Tensor of float32, shape (N, H, W)
            1 at the reference, 0 at the background mean.

        Raises
        ------
        DataError
            If the number of bands of the references differs from that of the cube.
        """
        wanted = reference_matrix(references, prepared.bands, working_device(self._device))
        white = prepared.background.whiten(wanted)
        energy = white.square().sum(dim=1, keepdim=True)
        filters = white / energy.masked_fill(energy == 0, 1)
        return prepared.image(torch.mm(filters.to(prepared.rows), prepared.rows.T))

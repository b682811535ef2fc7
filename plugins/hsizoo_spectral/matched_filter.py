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
from scipy.special import ndtri

import hsizoo
from hsizoo_spectral.spectra import reference_matrix, torch_device, transform, working_device
from hsizoo_spectral.strips import StripScorer
from hsizoo_spectral.whitening import (
    Background,
    WhitenedImage,
    estimate_background,
    parse_shrinkage,
    require_false_alarms,
    with_threshold,
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
    false_alarms : float, default 0.001
        Fraction of a Gaussian background that scores above the threshold; scores are scaled so
        that it is at 0.5, in the same order.  0: no scaling, as in version 1; 0.5 is then halfway
        between background and reference.  INFERRED, as for `ace`: the paper sets the threshold by
        a false-alarm rate.
    device : str, default "cpu"
        Torch device.
    """

    score_range: tuple[float, float] = (-math.inf, math.inf)
    threshold: float = 0.5
    min_bands: int = 1

    def __init__(
        self, *, shrinkage: str = "auto", false_alarms: float = 0.001, device: str = "cpu"
    ) -> None:
        require_false_alarms(false_alarms)
        self._false_alarms = false_alarms
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
        abundance = torch.mm(filters.to(prepared.rows), prepared.rows.T)
        if self._false_alarms:
            # The filtered background has variance 1 / energy.
            limits = float(ndtri(1 - self._false_alarms)) / energy.clamp_min(1e-12).sqrt()
            abundance = with_threshold(abundance, limits)
        return prepared.image(abundance)

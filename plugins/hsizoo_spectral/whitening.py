"""Background statistics of a scene, and whitening of spectra.

O. Ledoit, M. Wolf, "A well-conditioned estimator for large-dimensional covariance matrices",
Journal of Multivariate Analysis 88 (2004) 365-411, for the shrinkage.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

import hsizoo
from hsizoo.errors import OptionError
from hsizoo_spectral.spectra import SpectralMatrix, blocks, require_valid, rounding, working_device

__all__ = [
    "Background",
    "WhitenedImage",
    "estimate_background",
    "parse_shrinkage",
    "require_false_alarms",
    "with_threshold",
]

_EIGENVALUE_FLOOR = 1e-12
"""Smallest eigenvalue of the covariance, relative to the largest.

INFERRED: no paper specifies how to treat a singular covariance (a constant band, fewer pixels than
bands).  Float64 resolves relative eigenvalues down to about 1e-15; below 1e-12 they are noise.
"""


@dataclass(frozen=True, eq=False)
class Background:
    """Mean and whitening transform of a background.

    Parameters
    ----------
    mean : torch.Tensor of float64, shape (B,)
        Mean spectrum in the units of the cube.
    whitening : torch.Tensor of float64, shape (B, B)
        ``(x - mean) @ whitening`` has unit covariance.
    shrinkage : torch.Tensor of float64, shape ()
        Weight of the scaled identity in the covariance, 0 to 1.
    """

    mean: torch.Tensor
    whitening: torch.Tensor
    shrinkage: torch.Tensor

    def whiten(self, spectra: torch.Tensor) -> torch.Tensor:
        """Whiten (n, B) float64 spectra; a spectrum equal to the mean becomes exactly 0."""
        return _deviation(spectra, self.mean) @ self.whitening


@dataclass(frozen=True, eq=False)
class WhitenedImage(SpectralMatrix):
    """Whitened spectra and the background statistics used.

    Parameters
    ----------
    rows : torch.Tensor of float32, shape (H * W, B)
        Whitened spectra on the scorer's device.
    height, width : int
        Size of the image in pixels.
    background : Background
    """

    background: Background


def parse_shrinkage(text: str) -> float | None:
    """Parse the option ``shrinkage``.

    Parameters
    ----------
    text : str
        ``"auto"``, or a number from 0 to 1.

    Returns
    -------
    float or None
        None for ``"auto"``.

    Raises
    ------
    OptionError
        If `text` is neither.
    """
    if text == "auto":
        return None
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = float("nan")
    if not 0 <= value <= 1:
        raise OptionError(f"shrinkage={text!r}: must be 'auto' or a number from 0 to 1")
    return value


def require_false_alarms(value: float) -> None:
    """Raise `OptionError` unless the option ``false_alarms`` is 0, or below one half."""
    if not (value == 0 or 1e-9 <= value < 0.5):
        raise OptionError(
            f"false_alarms={value}: must be 0, or a fraction of the background from 1e-9 to below "
            "0.5, such as 0.01"
        )


def with_threshold(scores: torch.Tensor, threshold: torch.Tensor | float) -> torch.Tensor:
    """Move a threshold to 0.5, in order and linearly on either side, with 0 and 1 left in place.

    Parameters
    ----------
    scores : torch.Tensor of float32
        Of any value; below 0 they are scaled as those up to the threshold.
    threshold : torch.Tensor or float
        Above 0.  Thresholds above 0.5 are taken as 0.5, so that the reference stays above it.

    Returns
    -------
    torch.Tensor of float32
    """
    limit = torch.as_tensor(threshold).to(scores).clamp(1e-6, 0.5)
    upper = 0.5 + 0.5 * (scores - limit) / (1 - limit)
    return torch.where(scores < limit, 0.5 * scores / limit, upper)


def estimate_background(
    cube: hsizoo.HyperCube, device: torch.device, shrinkage: float | None
) -> Background:
    """Estimate mean and covariance over the valid pixels of a scene.

    Parameters
    ----------
    cube : HyperCube
    device : torch.device
        Device of the scorer; statistics are on it, or on the CPU if it has no float64.
    shrinkage : float or None
        Weight of the scaled identity in the covariance, 0 to 1; None for the closed form of
        Ledoit and Wolf.

    Returns
    -------
    Background

    Raises
    ------
    DataError
        If no pixel is valid.

    Notes
    -----
    The covariance is normalised by the number of pixels, not by one less; neither detector of this
    package depends on its scale.  Mean and covariance take two passes, as the one-pass formula
    suffers from cancellation.
    """
    require_valid(cube)
    place = working_device(device)
    bands, samples = cube.bands, int(cube.valid.sum())
    mean = torch.zeros(bands, dtype=torch.float64, device=place)
    for _, spectra, _ in blocks(cube, place):
        mean += spectra.sum(dim=0)  # invalid pixels are zeros
    mean /= samples

    covariance = torch.zeros((bands, bands), dtype=torch.float64, device=place)
    fourth = torch.zeros((), dtype=torch.float64, device=place)
    for _, spectra, valid in blocks(cube, place):
        deviation = _deviation(spectra, mean).mul_(valid[:, None])
        covariance.addmm_(deviation.T, deviation)
        fourth += deviation.square().sum(dim=1).square().sum()
    covariance /= samples

    weight = (
        _ledoit_wolf(covariance, fourth / samples, samples)
        if shrinkage is None
        else torch.full_like(fourth, shrinkage)
    )
    identity = torch.eye(bands, dtype=torch.float64, device=place)
    shrunk = (1 - weight) * covariance + weight * covariance.trace() / bands * identity
    eigenvalues, eigenvectors = torch.linalg.eigh(shrunk)
    largest = eigenvalues[-1]
    least = torch.where(largest > 0, _EIGENVALUE_FLOOR * largest, 1.0)  # 1: a constant scene
    whitening = eigenvectors / torch.maximum(eigenvalues, least).sqrt()
    return Background(mean, whitening, weight)


def _deviation(spectra: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """Subtract the mean; rounding errors of equal values become 0, to avoid amplifying them."""
    deviation = spectra - mean
    return deviation.masked_fill_(deviation.abs() <= rounding * mean.abs(), 0)


def _ledoit_wolf(covariance: torch.Tensor, fourth: torch.Tensor, samples: int) -> torch.Tensor:
    """Return the optimal shrinkage intensity.

    Parameters
    ----------
    covariance : torch.Tensor of float64, shape (B, B)
        Normalised by the number of samples.
    fourth : torch.Tensor of float64, shape ()
        Mean over samples of ``|x - mean|**4``.
    samples : int

    Returns
    -------
    torch.Tensor of float64, shape ()
        From 0 to 1; 0 if the covariance is already a multiple of the identity.
    """
    bands = len(covariance)
    squares = covariance.square().sum()
    distance = squares - covariance.trace().square() / bands  # to the scaled identity, squared
    error = (fourth - squares) / samples  # of the sample covariance, squared
    spherical = distance <= rounding * squares
    return torch.where(spherical, 0.0, error / distance.masked_fill(spherical, 1)).clamp(0, 1)

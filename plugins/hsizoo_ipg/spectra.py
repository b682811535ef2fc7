"""Spectral features of pixels: principal components, and smoothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage  # type: ignore[import-untyped]

import hsizoo

__all__ = ["components", "smoothed"]

Floats = npt.NDArray[np.float32]


def components(cube: hsizoo.HyperCube, number: int) -> Floats:
    """Return up to `number` principal components of the valid pixels, (H, W, n); NaN elsewhere.

    The largest loading of each is positive, so signs do not depend on the linear algebra library.
    """
    spectra = cube.data[cube.valid].astype(np.float64)
    spectra -= spectra.mean(axis=0)
    _, vectors = np.linalg.eigh(spectra.T @ spectra)
    basis: Any = vectors[:, ::-1][:, :number]
    basis = basis * np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(basis.shape[1])])
    image = np.full((*cube.shape[:2], basis.shape[1]), np.nan, dtype=np.float32)
    image[cube.valid] = spectra @ basis
    return image


def smoothed(image: Floats, valid: npt.NDArray[np.bool_], deviation: float) -> Floats:
    """Smooth an image (H, W, D) by a Gaussian over the valid pixels.

    Parameters
    ----------
    image : ndarray
    valid : ndarray of bool, shape (H, W)
        Other pixels do not affect their neighbours, and become 0.
    deviation : float
        Standard deviation in pixels; 0 for no smoothing.
    """
    inside = valid.astype(np.float64)
    clean = np.where(valid[:, :, None], image, 0).astype(np.float64)
    if deviation > 0:
        clean = ndimage.gaussian_filter(clean, (deviation, deviation, 0), mode="nearest")
        share = ndimage.gaussian_filter(inside, deviation, mode="nearest")
        clean /= np.where(valid, share, 1)[:, :, None]
    return np.where(valid[:, :, None], clean, 0).astype(np.float32)

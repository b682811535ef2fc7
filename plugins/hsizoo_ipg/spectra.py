"""Spectra as features of pixels: all bands or principal components, smoothed if wished."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage  # type: ignore[import-untyped]

import hsizoo

__all__ = ["components", "smoothed"]

Floats = npt.NDArray[np.float32]


def components(cube: hsizoo.HyperCube, number: int) -> Floats:
    """Principal components of the valid pixels, (H, W, n) with n at most the bands; NaN elsewhere.

    The sign of each is that of its largest loading, whatever the linear algebra library.
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
    """Smooth an image (H, W, D) by a Gaussian over the valid pixels around each.

    Parameters
    ----------
    image : ndarray
    valid : ndarray of bool, shape (H, W)
        Others do not bleed into their neighbours, and become 0.
    deviation : float
        In pixels; 0 for none.
    """
    inside = valid.astype(np.float64)
    clean = np.where(valid[:, :, None], image, 0).astype(np.float64)
    if deviation > 0:
        clean = ndimage.gaussian_filter(clean, (deviation, deviation, 0), mode="nearest")
        share = ndimage.gaussian_filter(inside, deviation, mode="nearest")
        clean /= np.where(valid, share, 1)[:, :, None]
    return np.where(valid[:, :, None], clean, 0).astype(np.float32)

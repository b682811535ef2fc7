"""Local covariances as features: ``lcmr``.

L. Fang, N. He, S. Li, A. J. Plaza, J. Plaza, "A new spatial-spectral feature extraction method for
hyperspectral images using local covariance matrix representation", IEEE Transactions on Geoscience
and Remote Sensing 56 (2018) 3534-3546.

Of the pixels around a pixel, those that resemble it most are taken, and their covariance stands for
it.  Covariances are compared by the scalar product of their matrix logarithms (log-Euclidean),
which is the kernel of a support vector machine.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.svm import SVC

import hsizoo
from hsizoo_classifiers.options.spatial import LocalCovarianceOptions
from hsizoo_classifiers.pixels import FittedCubeOnly, find_seeds
from hsizoo_classifiers.regions import noise_components

__all__ = ["LocalCovariance", "log_covariances"]

Floats = npt.NDArray[np.float64]


def log_covariances(image: Floats, window: int, neighbours: int, ridge: float) -> Floats:
    """Return the matrix logarithms of local covariances, as vectors.

    Parameters
    ----------
    image : ndarray of float64, shape (H, W, C)
    window : int
        Side of the square, odd; borders are mirrored.
    neighbours : int
        Number of pixels of the square that are used: those at the smallest angle.
    ridge : float
        Times the trace, added to the diagonal.

    Returns
    -------
    ndarray of float64, shape (H * W, C * (C + 1) / 2)
        Upper triangles, with off-diagonal elements times the root of 2: the scalar product of two
        vectors is that of the matrices.
    """
    height, width, channels = image.shape
    half = window // 2
    bordered = np.pad(image, ((half, half), (half, half), (0, 0)), mode="symmetric")
    bordered = bordered.astype(np.float32)
    length = np.linalg.norm(bordered, axis=2, keepdims=True)
    unit = bordered / np.where(length > 0, length, 1)
    number = np.arange(bordered[..., 0].size).reshape(bordered.shape[:2])
    spectra = bordered.reshape(-1, channels)
    around = np.lib.stride_tricks.sliding_window_view(number, (window, window))
    directions = np.lib.stride_tricks.sliding_window_view(unit, (window, window), axis=(0, 1))
    kept = min(neighbours, window**2)
    upper = np.triu_indices(channels)
    weight = np.where(upper[0] == upper[1], 1.0, np.sqrt(2.0))
    found = np.empty((height, width, len(weight)))
    for row in range(height):
        here = unit[row + half, half : half + width]
        alike = np.einsum("wc,wcij->wij", here, directions[row]).reshape(width, -1)
        best = np.argpartition(-alike, kept - 1, axis=1)[:, :kept]
        own = spectra[np.take_along_axis(around[row].reshape(width, -1), best, axis=1)]
        own -= own.mean(axis=1, keepdims=True)
        covariance = np.matmul(own.transpose(0, 2, 1), own).astype(np.float64) / max(1, kept - 1)
        trace = np.trace(covariance, axis1=1, axis2=2)
        ridges = np.where(trace > 0, ridge * trace, 1.0)
        covariance += ridges[:, None, None] * np.eye(channels)
        values, vectors = np.linalg.eigh(covariance)
        log = np.einsum("wij,wj,wkj->wik", vectors, np.log(values), vectors, optimize=True)
        found[row] = log[:, upper[0], upper[1]] * weight
    return found.reshape(height * width, -1)


class LocalCovariance(FittedCubeOnly):
    """Support vector machine on the logarithms of local covariances.

    It can only classify the cube that it was fitted on.

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.spatial.LocalCovarianceOptions`.

    Notes
    -----
    ``predict_proba`` is the softmax of the one-against-rest decision values, which is not
    calibrated.
    """

    Options: ClassVar = LocalCovarianceOptions
    options: LocalCovarianceOptions

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Compute the covariances and fit; deterministic.  See `PixelClassifier.fit`."""
        seeds = find_seeds(cube, labels)
        chosen = self.options
        features = log_covariances(
            noise_components(cube, chosen.components),
            chosen.window,
            chosen.neighbours,
            chosen.ridge,
        )
        known = features[seeds.rows * cube.shape[1] + seeds.cols]
        machine = SVC(kernel="linear", C=chosen.penalty, break_ties=True, random_state=0)
        machine.fit(known, seeds.classes)
        decision: Any = machine.decision_function(features[cube.valid.ravel()])
        if decision.ndim == 1:  # two classes give a single value
            decision = np.stack([-decision, decision], axis=1)
        self._keep(cube, softmax(decision, axis=1))
        return self

"""Discriminative cooperative alignment of the labelled pixels with all pixels.

Y. Zhang, W. Li, R. Tao, J. Peng, Q. Du, Z. Cai, "Cross-scene hyperspectral image classification
with discriminative cooperative alignment", IEEE Transactions on Geoscience and Remote Sensing 59
(2021) 9646-9660.  IPG cites "Discriminative Co-alignment (DCA) (Zhang et al., 2021)"; that this is
the paper is INFERRED from name, authors and year.

Built from the paper's abstract, known to us from a reader's summary; formulas and constants are
ours.  In the abstract, a common subspace is hard to find for domains that differ much, so each
domain gets its own; geometry and statistics of the two are aligned jointly, class discrimination is
preserved, and a reconstruction constraint makes the method robust.  We write this as one ratio of
quadratic forms, after J. Zhang, W. Li, P. Ogunbona, "Joint geometrical and statistical alignment
for visual domain adaptation", CVPR 2017.  The unknowns are a projection A of the source and B of
the target: a generalised eigenproblem, solved again with the pseudo labels of each round.

The paper has a labelled scene and an unlabelled one.  Here, as in IPG's tables, there is one scene:
the source is its few labelled pixels, the target is all of its pixels.  No network, no GPU.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg, ndimage
from sklearn.linear_model import LogisticRegression

import hsizoo
from hsizoo_classifiers.options.shallow import CooperativeAlignmentOptions
from hsizoo_classifiers.pixels import Components, fill, find_seeds, fitted_first

__all__ = [
    "CooperativeAlignment",
    "geometry",
    "projections",
    "reconstruction",
    "scatter",
    "statistics",
]

Matrix = npt.NDArray[np.float64]
Classes = npt.NDArray[np.intp]

_LEAST: Final = 1e-6  # ridge, times the denominator's mean variance


def statistics(
    source: Matrix, target: Matrix, classes: Classes, guessed: Classes, count: int
) -> Matrix:
    """Return the matrix of the distance between the domain means, overall and per class.

    Parameters
    ----------
    source : ndarray, shape (n, d)
    target : ndarray, shape (m, d)
    classes : ndarray of int, shape (n,)
    guessed : ndarray of int, shape (m,)
        Pseudo labels.  Classes without any are left out.
    count : int
        Number of classes.

    Returns
    -------
    ndarray, shape (2d, 2d)
        M, such that tr(P' M P), P = [A; B], is the squared distance between the projected domain
        means, plus its mean over classes: the maximum mean discrepancy with a linear kernel.
    """
    apart = [np.concatenate([source.mean(axis=0), -target.mean(axis=0)])]
    present = [k for k in range(count) if (classes == k).any() and (guessed == k).any()]
    apart += [
        np.concatenate([source[classes == k].mean(axis=0), -target[guessed == k].mean(axis=0)])
        / np.sqrt(len(present))
        for k in present
    ]
    stacked = np.stack(apart)
    return stacked.T @ stacked


def geometry(size: int) -> Matrix:
    """Return the matrix (2d, 2d) of the subspace distance: tr(P' G P) = ‖A - B‖²."""
    one = np.eye(size)
    return np.block([[one, -one], [-one, one]])


def scatter(source: Matrix, classes: Classes, count: int) -> tuple[Matrix, Matrix]:
    """Return the mean scatter (d, d) within and between classes, all classes weighted equally."""
    means = np.stack([source[classes == k].mean(axis=0) for k in range(count)])
    share = 1 / (count * np.bincount(classes, minlength=count))[classes]
    inside = source - means[classes]
    outside = means - means.mean(axis=0)
    return inside.T @ (inside * share[:, None]), outside.T @ outside / count


def reconstruction(
    source: Matrix, target: Matrix, seen: Matrix, sought: Matrix, ridge: float
) -> Matrix:
    """Return the matrix of the residual when source samples reconstruct target samples.

    Parameters
    ----------
    source : ndarray, shape (n, d)
    target : ndarray, shape (m, d)
    seen : ndarray, shape (n, k)
        Source in its subspace.
    sought : ndarray, shape (m, k)
        Target in its subspace.  Each sample is fitted as a weighted sum of `seen`.
    ridge : float
        Ridge penalty on the coefficients.

    Returns
    -------
    ndarray, shape (2d, 2d)
        R, such that tr(P' R P) is the mean squared difference between the projected target and the
        same sums of the projected source.
    """
    gram = seen @ seen.T + ridge * np.eye(len(seen))
    # The coefficients, (m, n), are never stored: their product with the source is m × d.
    again = sought @ (seen.T @ np.linalg.solve(gram, source))
    both = np.hstack([-again, target])
    return both.T @ both / len(target)


def projections(wanted: Matrix, unwanted: Matrix, dimension: int) -> Matrix:
    """Find P, (2d, k), whose columns maximise the ratio of two quadratic forms.

    Every column scales the denominator to 1, as in the generalised eigenproblem.
    """
    size = len(unwanted)
    least = _LEAST * max(float(np.trace(unwanted)) / size, np.finfo(float).tiny)
    unwanted = unwanted + least * np.eye(size)
    _, vectors = linalg.eigh(wanted, unwanted, subset_by_index=[size - dimension, size - 1])
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.sign(vectors[largest, np.arange(dimension)])
    found: Matrix = (vectors * signs)[:, ::-1]
    return found


class CooperativeAlignment(hsizoo.PixelClassifier):
    """Aligned subspaces of the labelled and of all pixels, with logistic regression in them.

    `fit` uses the spectra of the unlabelled pixels.  Any cube to classify is assumed to be like the
    target.

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.shallow.CooperativeAlignmentOptions`.
    """

    Options: ClassVar = CooperativeAlignmentOptions
    options: CooperativeAlignmentOptions

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.receptive_field = self.options.patch
        self._learnt: tuple[Components, Matrix, LogisticRegression] | None = None

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Align and fit; deterministic.  See `PixelClassifier.fit`."""
        chosen = self.options
        seeds = find_seeds(cube, labels)
        components = Components(cube, chosen.components, scale_bands=True, whiten=False)
        features = self._features(components, cube)
        target = features[cube.valid]
        source = features[seeds.rows, seeds.cols]
        within, between = scatter(source, seeds.classes, seeds.count)
        size = source.shape[1]
        nothing = np.zeros((size, size))
        centred = target - target.mean(axis=0)
        wanted = linalg.block_diag(
            chosen.discrimination * between,
            chosen.variance * centred.T @ centred / len(target),
        )
        known = chosen.discrimination * linalg.block_diag(within, nothing)
        known += chosen.geometrical * geometry(size)
        seen, sought = source, target
        guessed: Classes | None = None
        for _ in range(chosen.rounds):
            regression = self._regression(seen, seeds.classes)
            before, guessed = guessed, regression.predict(sought)
            if before is not None and np.array_equal(before, guessed):
                break
            unwanted = (
                known
                + chosen.statistical
                * statistics(source, target, seeds.classes, guessed, seeds.count)
                + chosen.reconstruction * reconstruction(source, target, seen, sought, chosen.ridge)
            )
            found = projections(wanted, unwanted, min(chosen.dimension, size))
            seen, sought = source @ found[:size], target @ found[size:]
        self._learnt = components, found[size:], self._regression(seen, seeds.classes)
        return self

    def predict_proba(self, cube: hsizoo.HyperCube) -> npt.NDArray[np.float32]:
        """Return the probabilities of the regression; see `PixelClassifier.predict_proba`."""
        learnt: Any = fitted_first(self._learnt)
        components, projection, regression = learnt
        target = self._features(components, cube)[cube.valid]
        return fill(cube, regression.predict_proba(target @ projection))

    def _features(self, components: Components, cube: hsizoo.HyperCube) -> Matrix:
        """Components of every pixel, averaged over the valid pixels of its square, (H, W, d)."""
        # Components of invalid pixels are 0 and add nothing.
        square = (self.options.patch, self.options.patch, 1)
        total = ndimage.uniform_filter(components.of(cube).astype(np.float64), square)
        share = ndimage.uniform_filter(cube.valid.astype(np.float64), square[:2])
        return total / np.where(cube.valid, share, 1.0)[:, :, None]

    def _regression(self, features: Matrix, classes: Classes) -> LogisticRegression:
        regression = LogisticRegression(C=self.options.strength, max_iter=2000)
        regression.fit(features, classes)
        return regression

"""Labels spread over a graph of superpixels: ``sgl``.

P. Sellars, A. I. Aviles-Rivero, C.-B. Schönlieb, "Superpixel contracted graph-based learning for
hyperspectral image classification", IEEE Transactions on Geoscience and Remote Sensing 58 (2020)
4180-4193, built from descriptions of it; labels are spread as by D. Zhou et al., "Learning with
local and global consistency", Advances in Neural Information Processing Systems 16 (2003).

Superpixels are the nodes.  Two of them are compared by their mean features, by the mean features of
their surroundings, and by their distance in the image.

INFERRED: the paper's superpixels are a variant of SLIC on a curved surface; here they are those of
SLIC (R. Achanta et al., IEEE Transactions on Pattern Analysis and Machine Intelligence 34 (2012)
2274-2282, as implemented in scikit-image) on noise-adjusted components, and the features are local
covariances (see `hsizoo_classifiers.lcmr`).
"""

from __future__ import annotations

from typing import ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.spatial.distance import cdist
from skimage.segmentation import slic

import hsizoo
from hsizoo_classifiers.lcmr import log_covariances
from hsizoo_classifiers.options.spatial import CovarianceGraphOptions
from hsizoo_classifiers.pixels import FittedCubeOnly, find_seeds
from hsizoo_classifiers.regions import boundaries, means, noise_components

__all__ = ["SuperpixelGraph", "similarities", "spread", "surroundings"]

_COMPONENTS: Final = 20
_WINDOW: Final = 25
_ALIKE: Final = 400  # pixels of the window, 625, that stand for its middle
_RIDGE: Final = 1e-3

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.intp]


def surroundings(values: Floats, pairs: tuple[Whole, Whole]) -> Floats:
    """Return means over the adjacent superpixels, (n, D), those that resemble it weighing more.

    Parameters
    ----------
    values : ndarray of float64, shape (n, D)
    pairs : two ndarrays of int, shape (e,)
        Adjacent superpixels, each pair once.  One without neighbours keeps its own values.
    """
    one, other = pairs
    square = ((values[one] - values[other]) ** 2).sum(axis=1)
    usual = float(np.median(square)) if len(square) else 1.0
    weight = np.exp(-square / (usual or 1.0))
    count = len(values)
    ties = sparse.coo_array((weight, (one, other)), shape=(count, count)).tocsr()
    ties = ties + ties.T
    total = ties.sum(axis=1)[:, None]
    found: Floats = np.divide(ties @ values, total, out=values.copy(), where=total > 0)
    return found


def similarities(
    own: Floats, around: Floats, places: Floats, options: CovarianceGraphOptions
) -> sparse.csr_array:
    """Return the weights (n, n) of the graph: symmetric, of the nearest neighbours only.

    Parameters
    ----------
    own, around : ndarray of float64, shape (n, D)
        Mean features of the superpixels and of their surroundings.
    places : ndarray of float64, shape (n, 2)
        Centres, as shares of the longer side of the image.
    options : CovarianceGraphOptions
    """
    count = len(own)
    squares = options.balance * cdist(around, around, "sqeuclidean")
    squares += (1 - options.balance) * cdist(own, own, "sqeuclidean")
    # In units of the mean square of a feature and dimension: the width holds for any scene.
    exponent = -squares / options.width**2 - cdist(places, places) / options.reach
    np.fill_diagonal(exponent, -np.inf)
    kept = min(options.neighbours, count - 1)
    nearest = np.argsort(-exponent, axis=1, kind="stable")[:, :kept]
    best = np.take_along_axis(exponent, nearest, axis=1)
    # The nearest neighbour weighs 1, so that a superpixel like no other is not cut off.
    weight = np.exp(best - best[:, :1])
    start = np.repeat(np.arange(count), kept)
    graph = sparse.coo_array(
        (weight.ravel(), (start, nearest.ravel())), shape=(count, count)
    ).tocsr()
    return sparse.csr_array(graph.maximum(graph.T))


def spread(graph: sparse.csr_array, votes: Floats, mu: float) -> Floats:
    """Spread labels by local and global consistency; return class probabilities, (n, K)."""
    degree = graph.sum(axis=1)
    root = 1 / np.sqrt(np.where(degree > 0, degree, 1))
    alpha = 1 / (1 + mu)
    system = sparse.eye_array(len(votes)) - alpha * (
        sparse.diags_array(root) @ graph @ sparse.diags_array(root)
    )
    reached = splu(sparse.csc_array(system)).solve(votes).clip(0)
    total = reached.sum(axis=1, keepdims=True)
    uniform = np.full_like(reached, 1 / reached.shape[1])
    found: Floats = np.divide(reached, total, out=uniform, where=total > 0)
    return found


class SuperpixelGraph(FittedCubeOnly):
    """Labels spread over a graph of superpixels.

    It can only classify the cube that it was fitted on.

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.spatial.CovarianceGraphOptions`.
    """

    Options: ClassVar = CovarianceGraphOptions
    options: CovarianceGraphOptions

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Build the graph and spread the labels; deterministic.  See `PixelClassifier.fit`."""
        seeds = find_seeds(cube, labels)
        height, width = cube.shape[:2]
        image = noise_components(cube, _COMPONENTS)
        parts = slic(
            image,
            n_segments=min(self.options.superpixels, max(1, height * width // 3)),
            compactness=self.options.compactness,
            channel_axis=-1,
            start_label=0,
            convert2lab=False,
        )
        parts = np.unique(parts.ravel(), return_inverse=True)[1]
        features = log_covariances(image, _WINDOW, _ALIKE, _RIDGE)
        own = means(parts, features)
        own = (own - own.mean(axis=0)) / (np.sqrt(own.var(axis=0).sum()) or 1.0)
        one, other, _ = boundaries(parts, (height, width))
        places = means(parts, np.argwhere(np.ones((height, width))) / max(height, width))
        graph = similarities(own, surroundings(own, (one, other)), places, self.options)
        votes = np.zeros((len(own), seeds.count))
        np.add.at(votes, (parts[seeds.rows * width + seeds.cols], seeds.classes), 1)
        self._keep(cube, spread(graph, votes, self.options.mu)[parts][cube.valid.ravel()])
        return self

"""Labels spread over a graph of superpixels: ``sgl``.

P. Sellars, A. I. Aviles-Rivero, C.-B. Schönlieb, "Superpixel contracted graph-based learning for
hyperspectral image classification", IEEE Transactions on Geoscience and Remote Sensing 58 (2020)
4180-4193, built from descriptions of it; labels are spread as by D. Zhou et al., "Learning with
local and global consistency", Advances in Neural Information Processing Systems 16 (2003).

Superpixels are the nodes.  Two of them are compared by their mean features, by the mean features of
their surroundings, and by their distance in the image.

INFERRED: the paper's superpixels are a variant of SLIC on a curved surface; here they are those of
SLIC (R. Achanta et al., IEEE Transactions on Pattern Analysis and Machine Intelligence 34 (2012)
2274-2282, as implemented in scikit-image) on noise-adjusted components.
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
from hsizoo_classifiers.options.spatial import SuperpixelGraphOptions
from hsizoo_classifiers.pixels import Components, FittedCubeOnly, filled, find_seeds
from hsizoo_classifiers.regions import boundaries, means, noise_components

__all__ = ["SuperpixelGraph", "features", "similarities", "spread", "surroundings"]

_GROWN_ON: Final = 8  # components that superpixels are grown on
_VARIANCE: Final = 0.998  # share of the variance that is kept in the features
_LIKENESS: Final = 15.0  # squared distance of neighbours at which their weight falls to 1/e
_LEAST: Final = 1e-12  # weight of a neighbour, however different

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.intp]


def features(cube: hsizoo.HyperCube) -> Floats:
    """Return the principal components of the scaled bands that hold the variance, (H * W, D)."""
    whole = hsizoo.HyperCube(filled(cube), name=cube.name)
    image = Components(whole, whole.bands, scale_bands=True, whiten=False).of(whole)
    components = image.reshape(-1, image.shape[2]).astype(np.float64)
    variance = components.var(axis=0)
    total = variance.sum() or 1.0
    number = 1 + int((np.cumsum(variance) < _VARIANCE * total).sum())
    # In standard deviations of a band, of which there are as many as their variances sum to.
    return components[:, :number] * np.sqrt(whole.bands / total)


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
    weight = np.exp(-square / _LIKENESS) + _LEAST
    count = len(values)
    ties = sparse.coo_array((weight, (one, other)), shape=(count, count)).tocsr()
    ties = ties + ties.T
    total = ties.sum(axis=1)[:, None]
    found: Floats = np.divide(ties @ values, total, out=values.copy(), where=total > 0)
    return found


def _stretched(values: Floats) -> Floats:
    """Scale each feature to -1 to 1."""
    low = values.min(axis=0)
    extent = values.max(axis=0) - low
    return 2 * (values - low) / np.where(extent > 0, extent, 1) - 1


def similarities(
    own: Floats, around: Floats, places: Floats, options: SuperpixelGraphOptions
) -> sparse.csr_array:
    """Return the weights (n, n) of the graph: symmetric, of the nearest neighbours only.

    Parameters
    ----------
    own, around : ndarray of float64, shape (n, D)
        Mean features of the superpixels and of their surroundings.
    places : ndarray of float64, shape (n, 2)
        Centres in pixels.
    options : SuperpixelGraphOptions
    """
    count = len(own)
    squares = options.balance * cdist(around, around, "sqeuclidean")
    squares += (1 - options.balance) * cdist(own, own, "sqeuclidean")
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
        See `hsizoo_classifiers.options.spatial.SuperpixelGraphOptions`.
    """

    Options: ClassVar = SuperpixelGraphOptions
    options: SuperpixelGraphOptions

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Build the graph and spread the labels; deterministic.  See `PixelClassifier.fit`."""
        seeds = find_seeds(cube, labels)
        height, width = cube.shape[:2]
        parts = slic(
            noise_components(cube, _GROWN_ON),
            n_segments=min(self.options.superpixels, max(1, height * width // 3)),
            compactness=self.options.compactness,
            channel_axis=-1,
            start_label=0,
            convert2lab=False,
        )
        parts = np.unique(parts.ravel(), return_inverse=True)[1]
        own = means(parts, features(cube))
        one, other, _ = boundaries(parts, (height, width))
        around = surroundings(own, (one, other))
        places = means(parts, np.argwhere(np.ones((height, width))).astype(np.float64))
        graph = similarities(_stretched(own), _stretched(around), places, self.options)
        votes = np.zeros((len(own), seeds.count))
        np.add.at(votes, (parts[seeds.rows * width + seeds.cols], seeds.classes), 1)
        self._keep(cube, spread(graph, votes, self.options.mu)[parts][cube.valid.ravel()])
        return self

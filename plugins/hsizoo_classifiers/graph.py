"""Nearest-neighbour graph of spectra and positions, for label propagation."""

from __future__ import annotations

from collections.abc import Sequence
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
_LEAST_WEIGHT: Final = 1e-12  # lower limit, so that isolated pixels keep neighbours


class Graph:
    """Label propagation on one cube.

    Parameters
    ----------
    options : GraphOptions
    """

    def __init__(self, options: GraphOptions) -> None:
        self._options = options

    def arrived(self, cube: hsizoo.HyperCube, seeds: Seeds) -> npt.NDArray[np.float64]:
        """Return how much of each class arrives at the valid pixels, (n, K); 0 or more."""
        return self.arrived_of(cube, [seeds])[0]

    def arrived_of(
        self, cube: hsizoo.HyperCube, several: Sequence[Seeds]
    ) -> list[npt.NDArray[np.float64]]:
        """Do the same for several sets of labels, which takes less time than one by one."""
        steps = self._steps(cube)
        number = np.zeros(cube.shape[:2], dtype=np.intp)
        number[cube.valid] = np.arange(steps.shape[0])
        ends = np.cumsum([seeds.count for seeds in several])
        start = np.zeros((steps.shape[0], ends[-1]))
        for seeds, end in zip(several, ends, strict=True):
            start[number[seeds.rows, seeds.cols], end - seeds.count + seeds.classes] = 1
        start /= start.sum(axis=0)  # a class is not more likely for having more labels
        reached: npt.NDArray[np.float64] = start
        for _ in range(_STEPS):
            reached = self._options.alpha * (steps @ reached) + (1 - self._options.alpha) * start
        return np.split(reached, ends[:-1], axis=1)

    def spread(self, cube: hsizoo.HyperCube, seeds: Seeds) -> npt.NDArray[np.float64]:
        """Class probabilities of the valid pixels, (n, K); uniform where no label arrives."""
        reached = self.arrived(cube, seeds)
        total = reached.sum(axis=1, keepdims=True)
        uniform = np.full_like(reached, 1 / seeds.count)
        return np.divide(reached, total, out=uniform, where=total > 0)

    def _steps(self, cube: hsizoo.HyperCube) -> sparse.csr_array:
        """Transition weights (n, n) between the valid pixels; each row sums to 1."""
        features = self._features(cube)
        neighbours = min(self._options.neighbours, len(features) - 1)
        # Among pixels at distance 0 from each other, the first is not always the pixel itself.
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
        """Features of the valid pixels: smoothed components and position."""
        components = Components(cube, self._options.components, scale_bands=False, whiten=True).of(
            cube
        )
        inside = cube.valid.astype(np.float64)
        wide = (self._options.smoothing, self._options.smoothing, 0)
        # Normalised smoothing: invalid pixels do not bleed into their neighbours.
        smooth = ndimage.gaussian_filter(components.astype(np.float64), wide, mode="nearest")
        share = ndimage.gaussian_filter(inside, self._options.smoothing, mode="nearest")
        places = np.argwhere(cube.valid) * (self._options.position / max(cube.shape[:2]))
        return np.hstack([smooth[cube.valid] / share[cube.valid][:, None], places])

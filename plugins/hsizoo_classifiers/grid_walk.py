"""Random walk over the pixels of an image, towards the labels and a prior."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import splu

import hsizoo
from hsizoo_classifiers.pixels import Components, Seeds, filled

__all__ = ["GridWalk", "first_component"]

_LEAST_TIE: Final = 1e-6  # of two neighbours, however different
_KNOWN: Final = 1e4  # weight of a label; a pixel's ties sum to 4 at most

Floats = npt.NDArray[np.float64]


def first_component(cube: hsizoo.HyperCube) -> Floats:
    """Return the first principal component of the scaled bands, (H, W), between 0 and 1.

    Pixels without a spectrum take that of the nearest one.
    """
    whole = hsizoo.HyperCube(filled(cube), name=cube.name)
    image = Components(whole, 1, scale_bands=True, whiten=False).of(whole)[..., 0].astype(float)
    low, high = image[cube.valid].min(), image[cube.valid].max()
    scaled: Floats = (image - low) / (high - low or 1.0)
    return scaled


class GridWalk:
    """Random walk over an image whose pixels are tied to their four neighbours.

    Parameters
    ----------
    image : ndarray of float64, shape (H, W) or (H, W, C)
        What is compared; between 0 and 1.
    beta : float
        A tie is ``exp(-beta * squared difference)``.
    gamma : float
        Weight of the prior.
    """

    def __init__(self, image: Floats, beta: float, gamma: float) -> None:
        height, width = image.shape[:2]
        number = np.arange(height * width).reshape(height, width)
        values = image.reshape(height * width, -1)
        one = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
        other = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
        apart = ((values[one] - values[other]) ** 2).sum(axis=1)
        tie = np.exp(-beta * apart) + _LEAST_TIE
        ties = sparse.coo_array((tie, (one, other)), shape=(number.size,) * 2).tocsr()
        ties = ties + ties.T
        self._laplacian = sparse.diags_array(ties.sum(axis=1)) - ties
        self._gamma = gamma
        self._width = width

    def towards(self, prior: Floats, seeds: Seeds) -> Floats:
        """Return where walks from each pixel end: at a label, or at the prior.

        Parameters
        ----------
        prior : ndarray of float64, shape (H * W, K) or (H * W, M, K)
            Probabilities; M priors at once cost little more than one.
        seeds : Seeds
            The labelled pixels, which are certain.

        Returns
        -------
        ndarray of float64, the shape of `prior`
            Probabilities; they sum to 1 over the last axis.
        """
        places = seeds.rows * self._width + seeds.cols
        certain = np.eye(seeds.count)[seeds.classes]
        firm = np.zeros(len(prior))
        firm[places] = _KNOWN
        ends = self._gamma * prior
        ends[places] += _KNOWN * (certain if prior.ndim == 2 else certain[:, None])
        system = self._laplacian + sparse.diags_array(self._gamma + firm)
        solved = splu(sparse.csc_array(system), permc_spec="MMD_AT_PLUS_A").solve(
            ends.reshape(len(prior), -1)
        )
        found: Floats = solved.reshape(prior.shape).clip(0)  # rounding may leave less than nothing
        return found / found.sum(axis=-1, keepdims=True)

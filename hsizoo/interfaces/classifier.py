"""`PixelClassifier`: one class for each pixel of a cube."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from hsizoo.cube import HyperCube, LabelMap

__all__ = ["PixelClassifier"]


class PixelClassifier(ABC):
    """Learns from labelled pixels of a cube and classifies all of them."""

    @abstractmethod
    def fit(self, cube: HyperCube, labels: LabelMap, *, rng: np.random.Generator) -> Self:
        """Learn from the labelled pixels.

        Parameters
        ----------
        cube : HyperCube
            The spectra of unlabelled pixels may be used (transductive methods); nothing else is
            known about them.
        labels : LabelMap
            Training labels; all other pixels carry an ignored label.
        rng : numpy.random.Generator
            The only source of randomness.

        Returns
        -------
        Self
        """

    @abstractmethod
    def predict_proba(self, cube: HyperCube) -> npt.NDArray[np.float32] | torch.Tensor:
        """Classify every pixel, borders included.

        Returns
        -------
        array or tensor of float32, shape (K, H, W)
            Probability of each class, in ascending order of the `targets` of the label map that
            `fit` saw; sums to 1 over the first axis.
        """

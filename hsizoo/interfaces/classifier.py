"""`PixelClassifier`: one class for each pixel of a cube."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Literal, Self

from hsizoo.interfaces.component import Component

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from hsizoo.cube import HyperCube, LabelMap
    from hsizoo.interfaces.pseudo_labeler import PseudoLabels

__all__ = ["PixelClassifier", "ReceptiveField"]

ReceptiveField = int | Literal["scene"] | None
"""Side of a square in pixels, the whole scene, or unknown; see `PixelClassifier`."""


class PixelClassifier(Component):
    """Learns from labelled pixels of a cube and classifies all its pixels.

    Attributes
    ----------
    pseudo_labels : PseudoLabels or None
        Pseudo labels that the last `fit` made, if any; runs report how many were right.
    fitted_cube_only : bool
        Whether it can classify only the cube that it was fitted on, as methods that spread labels
        within one image.  Set it on the class.
    receptive_field : int, "scene" or None
        Which pixels decide the class of a pixel: the side in pixels, odd, of the square around it;
        1 if its spectrum alone; ``"scene"`` if all of them, as where labels spread over a graph.
        What is taken from all spectra without labels, such as their mean or principal components,
        does not count.  Runs measure by it how many test pixels share pixels with training; None,
        the default, is unknown, and they measure nothing.  Set it on the class, or in the
        constructor if it depends on options.

    Examples
    --------
    >>> classifier = hsizoo.create("svm", "classifier")                  # doctest: +SKIP
    >>> classifier.fit(cube, labels, rng=np.random.default_rng(0))       # doctest: +SKIP
    >>> classes = classifier.predict_proba(cube).argmax(axis=0)          # doctest: +SKIP
    """

    pseudo_labels: PseudoLabels | None = None
    fitted_cube_only: bool = False
    receptive_field: ReceptiveField = None

    @abstractmethod
    def fit(self, cube: HyperCube, labels: LabelMap, *, rng: np.random.Generator) -> Self:
        """Learn from the labelled pixels, starting afresh at each call.

        Parameters
        ----------
        cube : HyperCube
            The spectra of unlabelled pixels may be used (transductive methods); nothing else is
            known about them.
        labels : LabelMap
            Training labels, at least one for each of `targets`; all other pixels carry an ignored
            label.
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
            `fit` received; sums to 1 over the first axis.  Values where the spectrum is not finite
            are not used.

        Raises
        ------
        DataError
            If `fit` was not called, the cube has other bands, or the method classifies only the
            cube that it was fitted on and this is another one.
        """

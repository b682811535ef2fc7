"""`LabeledClassifier`: a pseudo-labeler in front of a classifier, ``labeler+classifier``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsizoo.cube import HyperCube, LabelMap
from hsizoo.interfaces import PixelClassifier, PseudoLabeler

if TYPE_CHECKING:
    import torch

__all__ = ["LabeledClassifier"]


class LabeledClassifier(PixelClassifier):
    """Classifier trained on labels that a pseudo-labeler has extended.

    Parameters
    ----------
    labeler : PseudoLabeler
    classifier : PixelClassifier

    Attributes
    ----------
    pseudo_labels : PseudoLabels or None
        Output of the labeler in the last `fit`.
    """

    def __init__(self, labeler: PseudoLabeler, classifier: PixelClassifier) -> None:
        self.labeler = labeler
        self.classifier = classifier
        self.pseudo_labels = None
        self.fitted_cube_only = classifier.fitted_cube_only
        self.receptive_field = classifier.receptive_field

    def fit(self, cube: HyperCube, labels: LabelMap, *, rng: np.random.Generator) -> Self:
        """Extend the labels, then fit the classifier; see `PixelClassifier.fit`."""
        made = self.labeler.label(cube, labels, rng=rng)
        self.pseudo_labels = made
        blank = min(min(labels.class_names), min(labels.ignore, default=0)) - 1
        extended = np.where(made.labels == made.unassigned, blank, made.labels)
        # A given label is ground truth; a pseudo label never overrides it.
        extended = np.where(labels.evaluated, labels.labels, extended)
        self.classifier.fit(
            cube,
            LabelMap(extended, labels.class_names, {*labels.ignore, blank}, labels.targets),
            rng=rng,
        )
        return self

    def predict_proba(self, cube: HyperCube) -> np.ndarray[Any, Any] | torch.Tensor:
        """Classify every pixel; see `PixelClassifier.predict_proba`."""
        return self.classifier.predict_proba(cube)

"""`LabeledClassifier`: a pseudo-labeler in front of a classifier, ``labeler+classifier``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsizoo.cube import HyperCube, LabelMap
from hsizoo.errors import ContractError, listed
from hsizoo.interfaces import PixelClassifier, PseudoLabeler, PseudoLabels

if TYPE_CHECKING:
    import torch

__all__ = ["LabeledClassifier", "check_pseudo_labels"]


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
        check_pseudo_labels(made, labels, type(self.labeler).__name__)
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


def check_pseudo_labels(made: PseudoLabels, seeds: LabelMap, who: str) -> None:
    """Check what a pseudo-labeler returned against its contract.

    Parameters
    ----------
    made : PseudoLabels
    seeds : LabelMap
        The label map that it was given.
    who : str
        Name of the labeler's class.

    Raises
    ------
    ContractError
        If it is no `PseudoLabels` of the map's shape, has labels that are neither targets nor
        unassigned, or a confidence that is not finite and within 0 and 1.
    """
    if not isinstance(made, PseudoLabels):
        raise ContractError(
            f"{who}.label returned {type(made).__name__}; expected hsizoo.PseudoLabels"
        )
    shape = seeds.labels.shape
    labels, confidence = np.asarray(made.labels), np.asarray(made.confidence)
    for what, values in (("labels", labels), ("confidence", confidence)):
        if values.shape != shape:
            raise ContractError(
                f"{who}.label returned {what} of shape {values.shape}; expected {shape}: rows and "
                "columns of the cube"
            )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ContractError(f"{who}.label returned labels of {labels.dtype}; expected integers")
    allowed = {*seeds.targets, made.unassigned}
    if wrong := sorted(set(np.unique(labels).tolist()) - allowed):
        raise ContractError(
            f"{who}.label returned the labels {listed(wrong)}; expected one of "
            f"{listed(sorted(seeds.targets))}, or {made.unassigned} where it assigns none"
        )
    # One comparison catches NaN as well.
    if not (confidence.min() >= 0 and confidence.max() <= 1):
        raise ContractError(
            f"{who}.label returned a confidence from {confidence.min()} to {confidence.max()}; "
            "expected finite values within 0 and 1"
        )

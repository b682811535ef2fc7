"""Pseudo labels from a classification, drawn at random from every class.

The most confident labels alone are poor training data.  Nearly all are correct, but they lie around
the seeds, and a class whose spectra resemble another's has none among the most confident of the
whole image (on Indian Pines a class of 593 pixels got none in two draws of three).  A network
trained on them is worse than one trained on the seeds alone.  So each class contributes the same
share of its pixels as candidates, and the pseudo labels are drawn from these at random.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt

import hsizoo
from hsizoo_classifiers.options.propagation import DrawnLabelsOptions
from hsizoo_classifiers.pixels import Seeds, find_seeds

__all__ = ["DrawnLabels", "drawn_labels"]


class DrawnLabels(hsizoo.PseudoLabeler):
    """Pseudo-labeler that draws labels from the class probabilities of one cube.

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.propagation.DrawnLabelsOptions`.
    """

    Options: ClassVar = DrawnLabelsOptions
    options: DrawnLabelsOptions

    @abstractmethod
    def _probability(
        self, cube: hsizoo.HyperCube, seeds: hsizoo.LabelMap, known: Seeds
    ) -> npt.NDArray[np.floating]:
        """Return the probabilities of the valid pixels, (n, K); deterministic."""

    def label(
        self, cube: hsizoo.HyperCube, seeds: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> hsizoo.PseudoLabels:
        """Classify, then draw labels from every class.  See `PseudoLabeler.label`."""
        chosen = self.options
        known = find_seeds(cube, seeds)
        probability = self._probability(cube, seeds, known)
        return drawn_labels(
            cube, seeds, known, probability, share=chosen.share, per_class=chosen.per_class, rng=rng
        )


def drawn_labels(
    cube: hsizoo.HyperCube,
    seeds: hsizoo.LabelMap,
    known: Seeds,
    probability: npt.NDArray[np.floating],
    *,
    share: float,
    per_class: int,
    rng: np.random.Generator,
) -> hsizoo.PseudoLabels:
    """Draw labels from probabilities.

    Parameters
    ----------
    cube : HyperCube
    seeds : LabelMap
    known : Seeds
        Labelled pixels of the cube; they keep their labels.
    probability : ndarray, shape (n, K)
        Class probabilities of the valid pixels, classes in the order of the sorted targets of
        `seeds`.
    share : float
        Share of the pixels of each predicted class that are candidates for a label: those with the
        largest margin over the second class.
    per_class : int
        Maximum number of new labels per class.
    rng : numpy.random.Generator

    Returns
    -------
    PseudoLabels
        Confidence is the margin over the second class.
    """
    second, first = np.partition(probability, -2, axis=1)[:, -2:].T
    margin = np.full(cube.shape[:2], -1.0)
    margin[cube.valid] = first - second
    best = np.zeros(cube.shape[:2], dtype=np.intp)
    best[cube.valid] = probability.argmax(axis=1)
    margin[known.rows, known.cols] = -1  # seeds are not drawn again
    order = np.argsort(-margin, axis=None, kind="stable")
    order = order[margin.ravel()[order] > 0]
    targets = np.array(sorted(seeds.targets), dtype=np.int32)
    unassigned = min(0, int(targets.min())) - 1
    labels = np.full(cube.shape[:2], unassigned, dtype=np.int32)
    confidence = np.zeros(cube.shape[:2], dtype=np.float32)
    for number, label in enumerate(targets):
        won = order[best.ravel()[order] == number]
        sure = won[: math.ceil(share * len(won))]
        mine = rng.permutation(sure)[:per_class]
        labels.ravel()[mine] = label
        confidence.ravel()[mine] = margin.ravel()[mine]
    labels[known.rows, known.cols] = targets[known.classes]
    confidence[known.rows, known.cols] = 1
    return hsizoo.PseudoLabels(labels, confidence, unassigned=unassigned)

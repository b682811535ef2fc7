"""Random walk over the answer of any classifier: ``erw:base=svm``.

X. Kang, S. Li, L. Fang, M. Li, J. A. Benediktsson, "Extended random walker-based classification of
hyperspectral images", IEEE Transactions on Geoscience and Remote Sensing 53 (2015) 144-153.

Neighbours are tied by how much the first principal component differs.  From each pixel a walk goes
on until it meets a label, or, with a small chance at each step, stops and asks the prior, which is
the answer of the classifier there.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

import hsizoo
from hsizoo_classifiers.bases import answer_of
from hsizoo_classifiers.grid_walk import GridWalk, first_component
from hsizoo_classifiers.options.spatial import ExtendedWalkOptions
from hsizoo_classifiers.pixels import FittedCubeOnly, find_seeds

__all__ = ["ExtendedWalk"]


class ExtendedWalk(FittedCubeOnly):
    """Extended random walker over another classifier.

    It can only classify the cube that it was fitted on.

    Parameters
    ----------
    device : str, default "cpu"
        Device of the other classifier.
    **options
        See `hsizoo_classifiers.options.spatial.ExtendedWalkOptions`.
    """

    Options: ClassVar = ExtendedWalkOptions
    options: ExtendedWalkOptions

    def __init__(self, *, device: str = "cpu", **options: Any) -> None:
        super().__init__(**options)
        self._base = hsizoo.create(self.options.base, kind="classifier", device=device)

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Fit the other classifier and walk; see `PixelClassifier.fit`."""
        seeds = find_seeds(cube, labels)
        prior = answer_of(self._base, cube, labels, rng)
        walk = GridWalk(first_component(cube), self.options.beta, self.options.gamma)
        found = walk.towards(prior.reshape(-1, seeds.count), seeds)
        self._keep(cube, found[cube.valid.ravel()])
        return self

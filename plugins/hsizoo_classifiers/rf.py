"""Random forest on single spectra.

J. Ham, Y. Chen, M. M. Crawford, J. Ghosh, "Investigation of the random forest framework for
classification of hyperspectral data", IEEE Transactions on Geoscience and Remote Sensing 43 (2005)
492-501, as implemented in scikit-learn.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier

import hsizoo
from hsizoo_classifiers.options.shallow import RandomForestOptions
from hsizoo_classifiers.pixels import check_cube, fill, find_seeds, fitted_first

__all__ = ["RandomForest"]


class RandomForest(hsizoo.PixelClassifier):
    """Random forest; each split considers the square root of the number of bands.

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.shallow.RandomForestOptions`.
    """

    Options: ClassVar = RandomForestOptions
    options: RandomForestOptions
    receptive_field = 1

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._forest: RandomForestClassifier | None = None

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Grow the trees; see `PixelClassifier.fit`."""
        seeds = find_seeds(cube, labels)
        self._forest = RandomForestClassifier(
            self.options.trees, random_state=int(rng.integers(2**31))
        )
        self._forest.fit(cube.data[seeds.rows, seeds.cols], seeds.classes)
        return self

    def predict_proba(self, cube: hsizoo.HyperCube) -> npt.NDArray[np.float32]:
        """Return the share of the trees' votes; see `PixelClassifier.predict_proba`."""
        forest: Any = fitted_first(self._forest)
        check_cube(cube, forest.n_features_in_)
        return fill(cube, forest.predict_proba(cube.data[cube.valid]))

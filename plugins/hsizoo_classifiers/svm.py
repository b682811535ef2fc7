"""Support vector machine with an RBF kernel on single spectra.

F. Melgani, L. Bruzzone, "Classification of hyperspectral remote sensing images with support vector
machines", IEEE Transactions on Geoscience and Remote Sensing 42 (2004) 1778-1790, as implemented in
scikit-learn (LIBSVM, one against one).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.svm import SVC

import hsizoo
from hsizoo_classifiers.options.shallow import SupportVectorMachineOptions
from hsizoo_classifiers.pixels import check_cube, fill, find_seeds, fitted_first

__all__ = ["SupportVectorMachine"]

_C: Final = (1.0, 10.0, 100.0, 1000.0)
_GAMMA: Final = (0.01, 0.1, 1.0, 10.0)


class SupportVectorMachine(hsizoo.PixelClassifier):
    """Support vector machine with an RBF kernel; every band is scaled to [0, 1].

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.shallow.SupportVectorMachineOptions`.

    Notes
    -----
    ``predict_proba`` is the softmax of the one-against-rest decision values.  Its largest class is
    the decision of the machine; the values are not calibrated, since calibration needs labels.
    """

    Options: ClassVar = SupportVectorMachineOptions
    options: SupportVectorMachineOptions
    receptive_field = 1

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._machine: SVC | None = None

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Choose C and gamma by cross-validation and fit; see `PixelClassifier.fit`."""
        seeds = find_seeds(cube, labels)
        spectra = cube.data[cube.valid]
        self._low = spectra.min(axis=0)
        extent = spectra.max(axis=0) - self._low
        self._extent = np.where(extent > 0, extent, 1)
        known = self._scaled(cube.data[seeds.rows, seeds.cols])
        # Without a seed it draws one from NumPy's global generator, and never uses it.
        machine = SVC(C=100.0, gamma=1.0, break_ties=True, random_state=0)
        folds = min(self.options.folds, int(np.bincount(seeds.classes).min()))
        if folds > 1:
            parts = StratifiedKFold(folds, shuffle=True, random_state=int(rng.integers(2**31)))
            grid = {"C": _C, "gamma": _GAMMA}
            machine = GridSearchCV(machine, grid, cv=parts, refit=False).fit(known, seeds.classes)
            machine = SVC(break_ties=True, random_state=0, **machine.best_params_)
        self._machine = machine.fit(known, seeds.classes)
        return self

    def _scaled(self, spectra: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        scaled: npt.NDArray[np.float64] = (spectra - self._low) / self._extent
        return scaled

    def predict_proba(self, cube: hsizoo.HyperCube) -> npt.NDArray[np.float32]:
        """Classify every pixel; see `PixelClassifier.predict_proba`."""
        machine: Any = fitted_first(self._machine)
        check_cube(cube, len(self._low))
        decision = machine.decision_function(self._scaled(cube.data[cube.valid]))
        if decision.ndim == 1:  # two classes give a single value
            decision = np.stack([-decision, decision], axis=1)
        return fill(cube, softmax(decision, axis=1))

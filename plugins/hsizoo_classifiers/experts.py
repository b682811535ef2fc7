"""The experts that `hsizoo_classifiers.panel.Panel` hears: simple, fast, and unlike each other.

Four look at a pixel and what is around it, and know nothing of where it lies: a support vector
machine on single spectra (``spectra``) and on their shapes (``shapes``), a random forest on
morphological profiles (``profiles``), and a linear discriminant on components smoothed over several
scales (``scales``).  Two spread labels over a graph of pixels (``spread``, which is ``lp``) or over
regions (``ipg-plus``).  Where classes are scattered over the scene, the former are right, and in
fields the latter.  What does not depend on labels is computed once for a cube.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import SVC

import hsizoo
from hsizoo_classifiers.emp import Profiles
from hsizoo_classifiers.ipg_plus import LP, Regions, joined
from hsizoo_classifiers.options.panel import NAMES
from hsizoo_classifiers.options.propagation import RegionWalkOptions
from hsizoo_classifiers.pixels import Components, Seeds, filled

__all__ = ["USUAL", "Experts", "shapes"]

USUAL: Final = {
    "spectra": 1.2, "shapes": 1.3, "profiles": 1.6, "scales": 0.4, "spread": 0.5, "ipg-plus": 0.75,
}  # fmt: skip
"""Power of each expert's probabilities where labels are too few to tell.

The geometric mean over the scenes that `hsizoo_classifiers.options.panel.PanelOptions` names."""

_SCALES: Final = (0.0, 1.0, 2.0, 4.0)  # widths in pixels
_WALK: Final = RegionWalkOptions()

Floats = npt.NDArray[np.float64]


def shapes(cube: hsizoo.HyperCube) -> Floats:
    """Return components of the spectra's shape, (H, W, D), which light and shade change little.

    Up to twenty components of spectra of unit length, and as many of their logarithms; each set is
    scaled to a total variance of 1, and smoothed over 0.7 pixels.  No pixel may lack a spectrum.
    """
    spectra = cube.data.astype(np.float64)
    spectra -= min(0.0, float(spectra.min()))  # dark pixels may lie slightly below 0
    mean = float(spectra.mean()) or 1.0
    length = np.linalg.norm(spectra, axis=2, keepdims=True)
    found = []
    for values in (spectra / (length + 1e-6 * mean), np.log(np.maximum(spectra, 1e-3 * mean))):
        image = hsizoo.HyperCube(values, name=cube.name)
        number = min(20, cube.bands)
        seen = Components(image, number, scale_bands=False, whiten=False).of(image)
        total = float(np.sqrt(seen.var(axis=(0, 1)).sum()))
        found.append(seen.astype(np.float64) / (total or 1.0))
    return ndimage.gaussian_filter(np.concatenate(found, axis=2), (0.7, 0.7, 0), mode="nearest")


def machine(known: Floats, classes: npt.NDArray[np.intp], values: Floats) -> Floats:
    """Return the softmax of a support vector machine's decisions, (n, K)."""
    fitted = SVC(C=100.0, gamma="scale", break_ties=True, random_state=0).fit(known, classes)
    decision: Any = fitted.decision_function(values)
    if decision.ndim == 1:  # two classes give a single value
        decision = np.stack([-decision, decision], axis=1)
    found: Floats = softmax(decision, axis=1)
    return found


def discriminant(known: Floats, seeds: Seeds, values: Floats) -> Floats:
    """Return the probabilities, (n, K), of a linear discriminant with a shrunken covariance.

    With a single label per class there is no covariance within classes: then that of all pixels is
    used, of each feature by itself.
    """
    if len(known) > seeds.count:
        even = np.full(seeds.count, 1 / seeds.count)
        fitted = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=even)
        with warnings.catch_warnings():  # a class of one label among others of more
            warnings.filterwarnings("ignore", "Only one sample available")
            found: Floats = fitted.fit(known, seeds.classes).predict_proba(values)
        return found
    spread = values.std(axis=0)
    scale = np.where(spread > 0, spread, 1)
    means = known[np.argsort(seeds.classes)]
    nearest: Floats = softmax(-0.5 * cdist(values / scale, means / scale, "sqeuclidean"), axis=1)
    return nearest


class Experts:
    """All experts, ready for any labels of one cube.

    Parameters
    ----------
    cube : HyperCube
    names : sequence of str
        Those that are heard, of `hsizoo_classifiers.options.panel.NAMES`.
    """

    def __init__(self, cube: hsizoo.HyperCube, names: Sequence[str]) -> None:
        self.names = [name for name in NAMES if name in names]
        self._cube = hsizoo.HyperCube(filled(cube), name=cube.name)
        self._width = cube.shape[1]
        reduced = Components(self._cube, 15, scale_bands=False, whiten=False).of(self._cube)
        image = reduced.astype(np.float64)
        self._spectra = self._flat(image)
        self._shapes = self._flat(shapes(self._cube))
        self._profiles = self._flat(Profiles(self._cube, 4, [1, 3, 5, 7]).of(self._cube))
        self._scales = self._flat(
            np.concatenate(
                [ndimage.gaussian_filter(image, (w, w, 0), mode="nearest") for w in _SCALES],
                axis=2,
            )
        )
        self._regions = Regions(self._cube, _WALK)

    def _flat(self, image: Floats) -> Floats:
        return image.reshape(-1, image.shape[2])

    def arrived(self, several: Sequence[Seeds]) -> list[Floats]:
        """Return what label propagation brings to all pixels, (H * W, K), for sets of labels."""
        return LP.arrived_of(self._cube, several)

    def answers(
        self, seeds: Seeds, arrived: Floats, at: npt.NDArray[np.intp], chance: int
    ) -> npt.NDArray[np.float32]:
        """Return the probabilities of all experts, (E, n, K), at some pixels.

        Parameters
        ----------
        seeds : Seeds
        arrived : ndarray of float64, shape (H * W, K)
            What label propagation brings; see `arrived`.
        at : ndarray of int, shape (n,)
            Pixels, in row-major order.
        chance : int
            Seed of the forest.
        """
        known = seeds.rows * self._width + seeds.cols
        total = arrived.sum(axis=1, keepdims=True)
        uniform = np.full_like(arrived, 1 / seeds.count)
        spread = np.divide(arrived, total, out=uniform, where=total > 0)
        heard: dict[str, Any] = {
            "spectra": lambda: machine(self._spectra[known], seeds.classes, self._spectra[at]),
            "shapes": lambda: machine(self._shapes[known], seeds.classes, self._shapes[at]),
            "profiles": lambda: (
                RandomForestClassifier(100, random_state=chance)
                .fit(self._profiles[known], seeds.classes)
                .predict_proba(self._profiles[at])
            ),
            "scales": lambda: discriminant(self._scales[known], seeds, self._scales[at]),
            "spread": lambda: spread[at],
            "ipg-plus": lambda: joined(
                self._regions.walked(seeds), arrived, _WALK.nearby, _WALK.reach
            )[at],
        }
        return np.stack([heard[name]().astype(np.float32) for name in self.names])

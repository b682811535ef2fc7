"""Pixel classifiers that are wrong in one way each."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import numpy as np

from hsizoo.errors import DataError
from hsizoo.testing import plain
from hsizoo.testing.broken import marks
from hsizoo.testing.plain import finite

__all__: list[str] = []

breaks = partial(marks.breaks, kind="classifier")
good = marks.good("classifier")

# --- good ones ------------------------------------------------------------------------------------


@good
class NearestMean(plain.Classifier):
    """Nearest mean of randomly weighted spectra."""


@good
class OneCube(plain.Classifier):
    """Classifies only the cube that it was fitted to, and says so."""

    fitted_cube_only = True

    def fit(self, cube: Any, labels: Any, *, rng: Any) -> Any:
        self.digest = cube.digest
        return super().fit(cube, labels, rng=rng)

    def predict_proba(self, cube: Any) -> Any:
        if getattr(self, "digest", cube.digest) != cube.digest:
            raise DataError("it was fitted to another cube")
        return super().predict_proba(cube)


# --- shape and values -----------------------------------------------------------------------------


@breaks("answers")
class ClassesLast(plain.Classifier):
    """Returns (H, W, K)."""

    def predict_proba(self, cube: Any) -> Any:
        return np.moveaxis(super().predict_proba(cube), 0, 2)


@breaks("answers")
class Unnormalised(plain.Classifier):
    """Returns scores that do not sum to 1."""

    def predict_proba(self, cube: Any) -> Any:
        return super().predict_proba(cube) * 0.9


@breaks("answers")
class HardLabels(plain.Classifier):
    """Returns the label of each pixel."""

    def predict_proba(self, cube: Any) -> Any:
        return super().predict_proba(cube).argmax(axis=0)


@breaks("answers")
class LabelsAsPlaces(plain.Classifier):
    """Takes labels for places in a list, which has gaps."""

    def predict_proba(self, cube: Any) -> Any:
        found = super().predict_proba(cube)
        places = np.zeros((max(self.labels) + 1, *found.shape[1:]), dtype=np.float32)
        places[self.labels] = found
        return places

    def fit(self, cube: Any, labels: Any, *, rng: Any) -> Any:
        self.labels = sorted(labels.targets)
        return super().fit(cube, labels, rng=rng)


@breaks("fit")
class ReturnsNothing(plain.Classifier):
    """Returns nothing from fit."""

    def fit(self, cube: Any, labels: Any, *, rng: Any) -> Any:
        super().fit(cube, labels, rng=rng)


@breaks("class-order")
class OrderOfOccurrence(plain.Classifier):
    """Orders classes as they occur in the image."""

    def fit(self, cube: Any, labels: Any, *, rng: Any) -> Any:
        super().fit(cube, labels, rng=rng)
        first = [np.flatnonzero(labels.labels == each)[0] for each in sorted(labels.targets)]
        self.means = self.means[np.argsort(first)]
        return self


@breaks("class-order")
class OrderOfText(plain.Classifier):
    """Orders classes as texts: 12 before 3."""

    def fit(self, cube: Any, labels: Any, *, rng: Any) -> Any:
        super().fit(cube, labels, rng=rng)
        self.means = self.means[np.argsort([str(each) for each in sorted(labels.targets)])]
        return self


@breaks("axes")
class FlattenedByColumns(plain.Classifier):
    """Reshapes what was flattened by columns; on square images it is transposed."""

    def predict_proba(self, cube: Any) -> Any:
        found = super().predict_proba(cube)
        return np.ascontiguousarray(found.transpose(0, 2, 1)).reshape(found.shape)


@breaks("axes")
class Mirrored(plain.Classifier):
    """Turns its map upside down."""

    def predict_proba(self, cube: Any) -> Any:
        return super().predict_proba(cube)[:, ::-1]


@breaks("predict-again")
class LessSure(plain.Classifier):
    """Becomes less sure with each prediction."""

    def predict_proba(self, cube: Any) -> Any:
        found = super().predict_proba(cube)
        self.means = self.means + 0.1 * (self.means.mean(axis=0) - self.means)
        return found


@breaks("unfitted")
class NotFitted(plain.Classifier):
    """Fails somewhere inside before fit."""

    def predict_proba(self, cube: Any) -> Any:
        _ = self.means
        return super().predict_proba(cube)


@breaks("unfitted")
class AnyBands(plain.Classifier):
    """Takes the first bands of a cube that has others."""

    def predict_proba(self, cube: Any) -> Any:
        if not hasattr(self, "means"):
            return super().predict_proba(cube)
        whole, bands = self.means, min(cube.bands, self.means.shape[1])
        self.means = np.pad(whole[:, :bands], ((0, 0), (0, cube.bands - bands)))
        try:
            return super().predict_proba(cube)
        finally:
            self.means = whole


@breaks("other-cube")
class FittedCube(plain.Classifier):
    """Classifies the cube that it was fitted to, whatever it is given."""

    def fit(self, cube: Any, labels: Any, *, rng: Any) -> Any:
        self.cube = cube
        return super().fit(cube, labels, rng=rng)

    def predict_proba(self, cube: Any) -> Any:
        same = hasattr(self, "cube") and cube.bands == self.cube.bands
        return super().predict_proba(self.cube if same else cube)


@breaks("other-cube")
class OneCubeSilently(OneCube):
    """Says that it classifies one cube only, but classifies any."""

    def predict_proba(self, cube: Any) -> Any:
        return plain.Classifier.predict_proba(self, cube)


# --- what is shared -------------------------------------------------------------------------------


@breaks("history")
class WarmStart(plain.Classifier):
    """Goes on from what it was fitted to before."""

    def fit(self, cube: Any, labels: Any, *, rng: Any) -> Any:
        before = getattr(self, "means", None)
        super().fit(cube, labels, rng=rng)
        if before is not None and before.shape == self.means.shape:
            away = float(np.abs(self.means - before).max())
            if away > 1e-6:  # the same image again is no news
                self.means = 0.7 * self.means + 0.3 * before
        return self


@breaks("chance")
class GlobalWeights(plain.Classifier):
    """Draws from NumPy's global generator."""

    def mean(self, spectra: Any, rng: Any) -> Any:
        weights = 1 + np.random.random(len(spectra))  # noqa: NPY002
        return np.average(spectra, axis=0, weights=weights)


@breaks("deterministic")
class OwnChance(plain.Classifier):
    """Draws from a generator of its own without a seed."""

    def mean(self, spectra: Any, rng: Any) -> Any:
        return super().mean(spectra, np.random.default_rng())


@breaks("deterministic")
class KeepsTheChance(plain.Classifier):
    """Goes on with the first generator that it was given."""

    def fit(self, cube: Any, labels: Any, *, rng: Any) -> Any:
        self.chance = getattr(self, "chance", rng)
        return super().fit(cube, labels, rng=self.chance)


@breaks("fresh-process")
class KnowsTheFirst(plain.Classifier):
    """Keeps the means of a process's first image in the class."""

    known: ClassVar[dict[Any, Any]] = {}

    def fit(self, cube: Any, labels: Any, *, rng: Any) -> Any:
        super().fit(cube, labels, rng=rng)
        self.means = self.known.setdefault((cube.shape, self.means.shape), self.means)
        return self


@breaks("read-only")
class Relabels(plain.Classifier):
    """Writes 0 for "no label" into the labels that it is lent."""

    def fit(self, cube: Any, labels: Any, *, rng: Any) -> Any:
        labels.labels.flags.writeable = True
        labels.labels[labels.labels < 0] = 0
        return super().fit(cube, labels, rng=rng)


@breaks("quiet")
class Epochs(plain.Classifier):
    """Prints its loss."""

    def fit(self, cube: Any, labels: Any, *, rng: Any) -> Any:
        print("epoch 1: loss 0.1")  # noqa: T201
        return super().fit(cube, labels, rng=rng)


@breaks("small-cubes")
class Patches(plain.Classifier):
    """Cuts patches that a narrow image does not have."""

    def fit(self, cube: Any, labels: Any, *, rng: Any) -> Any:
        np.lib.stride_tricks.sliding_window_view(cube.data, (3, 3), axis=(0, 1))
        return super().fit(cube, labels, rng=rng)


@breaks("values")
class NoSpread(plain.Classifier):
    """Divides by the deviation of the bands, which may be 0."""

    def predict_proba(self, cube: Any) -> Any:
        if min(cube.shape[:2]) < 10:
            return super().predict_proba(cube)
        deviation = finite(cube).std(axis=(0, 1)).mean()
        return super().predict_proba(cube) * (deviation / deviation)

"""Plain components of every kind that needs no torch: protocols are checked with them.

They are also the good twins of the broken ones in `hsizoo.testing.broken`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from hsizoo.clicks import Clicks
from hsizoo.cube import HyperCube, LabelMap, Scene
from hsizoo.errors import DataError
from hsizoo.interfaces import (
    DatasetCard,
    InteractiveSegmenter,
    PixelClassifier,
    PseudoLabeler,
    PseudoLabels,
    SceneDataset,
    SceneInfo,
    SpectralScorer,
)
from hsizoo.testing.examples import example

__all__ = ["Classifier", "Dataset", "Labeler", "Scorer", "Segmenter", "finite", "units"]

Floats = npt.NDArray[np.float32]

_REACH: Final = 12.0  # pixels


def finite(cube: HyperCube) -> Floats:
    """Spectra of a cube; zeros where they are not finite."""
    return np.where(cube.valid[..., None], cube.data, np.float32(0))


def units(spectra: Floats) -> Floats:
    """Spectra of length 1; zeros stay zero."""
    length = np.linalg.norm(spectra, axis=-1, keepdims=True)
    found: Floats = np.divide(spectra, length, out=np.zeros_like(spectra), where=length > 0)
    return found


class Scorer(SpectralScorer):
    """Cosine of the spectral angle."""

    score_range = (-1.0, 1.0)
    threshold = 0.95

    def prepare(self, cube: HyperCube) -> Any:
        """Return unit spectra."""
        return units(finite(cube))

    def score(self, prepared: Any, references: Floats) -> Floats:
        """Return the cosines; 1 between zeros."""
        cosines = np.einsum("hwb,nb->nhw", prepared, units(references))
        zero = ~np.any(references, axis=-1, keepdims=True)[..., None]
        none = ~prepared.any(axis=-1) & zero
        return np.where(none, 1, np.clip(cosines, -1, 1)).astype(np.float32)


class Segmenter(InteractiveSegmenter):
    """What is similar and near to a positive click, and not nearer to a negative one."""

    def open(self, cube: HyperCube) -> Any:
        """Return unit spectra."""
        return units(finite(cube))

    def predict(self, state: Any, prompts: Sequence[Clicks]) -> Floats:
        """Return the similarity to the nearest click, if that is positive."""
        return np.stack([self.one(state, clicks) for clicks in prompts])

    def one(self, state: Any, clicks: Clicks) -> Floats:
        """Return the map of one object."""
        own = self.near(state, clicks.points[clicks.positive])
        other = self.near(state, clicks.points[~clicks.positive])
        return np.where(own >= other, own, 0).astype(np.float32)

    def near(self, state: Any, points: npt.NDArray[np.int64]) -> Floats:
        """Return the largest similarity to some points, in [0, 1]."""
        found = np.zeros(state.shape[:2], dtype=np.float32)
        rows, cols = np.indices(found.shape)
        for row, col in points:
            away = np.hypot(rows - row, cols - col)
            alike = np.clip(state @ state[row, col], 0, 1)
            alike[row, col] = 1
            found = np.maximum(found, alike * np.exp(-((away / _REACH) ** 2)))
        return found

    def predict_boxes(self, state: Any, boxes: npt.NDArray[np.int64]) -> Floats:
        """Return the inside of each box."""
        found = np.zeros((len(boxes), *state.shape[:2]), dtype=np.float32)
        for each, (top, left, bottom, right) in zip(found, boxes, strict=True):
            each[top : bottom + 1, left : right + 1] = 1
        return found


class Classifier(PixelClassifier):
    """Softmax of the distances to a mean spectrum per class, of randomly weighted pixels."""

    def fit(self, cube: HyperCube, labels: LabelMap, *, rng: np.random.Generator) -> Self:
        """Average the spectra of each class."""
        self.means = np.stack(
            [self.mean(finite(cube)[labels.labels == each], rng) for each in sorted(labels.targets)]
        )
        return self

    def mean(self, spectra: Floats, rng: np.random.Generator) -> Floats:
        """Average spectra with weights between 1 and 2."""
        return np.average(spectra, axis=0, weights=1 + rng.random(len(spectra)))

    def predict_proba(self, cube: HyperCube) -> Floats:
        """Return the probability of each class."""
        if not hasattr(self, "means"):
            raise DataError("fit was not called: the classifier knows no classes")
        if cube.bands != self.means.shape[1]:
            raise DataError(
                f"fitted to {self.means.shape[1]} bands; {cube.name} has {cube.bands} bands"
            )
        away = np.stack([np.linalg.norm(finite(cube) - each, axis=2) for each in self.means])
        share = np.exp(-(away - away.min(axis=0)) / max(float(away.mean()), 1e-6))
        found: Floats = (share / share.sum(axis=0)).astype(np.float32)
        return found


class Labeler(PseudoLabeler):
    """Gives pixels that are similar enough to the nearest seed its label."""

    def label(self, cube: HyperCube, seeds: LabelMap, *, rng: np.random.Generator) -> PseudoLabels:
        """Compare every pixel with all seeds."""
        spectra, known = units(finite(cube)), seeds.evaluated
        alike = np.einsum("hwb,nb->nhw", spectra, spectra[known])
        best = np.clip(alike.max(axis=0), 0, 1)
        labels = seeds.labels[known][alike.argmax(axis=0)]
        labels = np.where((best > 0.99) & cube.valid, labels, -1)
        labels[known] = seeds.labels[known]
        confidence = np.where(labels == -1, 0, best).astype(np.float32)
        confidence[known] = 1
        return PseudoLabels(labels.astype(np.int32), confidence, [{"given": int(known.sum())}])


class Dataset(SceneDataset):
    """Three scenes of two subjects."""

    card = DatasetCard(
        title="Examples",
        source="hsizoo.testing",
        licence="Apache-2.0",
        citation="none",
        size="3 scenes",
        how_to_get="computed",
    )

    def scenes(self) -> list[SceneInfo]:
        """List them."""
        splits = ("train", "train", "test")
        return [SceneInfo(f"s{n}", f"of {split}", split) for n, split in enumerate(splits)]

    def scene(self, index: int) -> Scene:
        """Compute one."""
        info, made = self.scenes()[index], example(index, bands=6).scene
        return Scene(made.cube, made.label_map, info.name, info.subject, info.split)

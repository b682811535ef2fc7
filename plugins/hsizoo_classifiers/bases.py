"""Classifiers that stand on another one: on its answer, or on features given to it as bands."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

import hsizoo
from hsizoo_classifiers.pixels import find_seeds, fitted_first

__all__ = ["Extractor", "OnFeatures", "answer_of"]


def answer_of(
    classifier: hsizoo.PixelClassifier,
    cube: hsizoo.HyperCube,
    labels: hsizoo.LabelMap,
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Fit a classifier and return its probabilities, (H, W, K); uniform at invalid pixels."""
    found: Any = classifier.fit(cube, labels, rng=rng).predict_proba(cube)
    if hasattr(found, "detach"):  # a torch tensor
        found = found.detach().cpu().numpy()
    answer = np.moveaxis(np.asarray(found, dtype=np.float64), 0, -1).copy()
    answer[~cube.valid] = 1 / answer.shape[-1]
    return answer


class Extractor(Protocol):
    """Features learnt from one cube, without labels."""

    def of(self, cube: hsizoo.HyperCube) -> npt.NDArray[np.floating]:
        """Return the features, (H, W, D), of a cube with the same bands."""


class OnFeatures(hsizoo.PixelClassifier):
    """Another classifier on features of the cube, which it takes for bands.

    Parameters
    ----------
    device : str, default "cpu"
        Device of the other classifier.
    **options
        Fields of ``Options``; ``base`` names the other classifier.
    """

    receptive_field = "scene"

    def __init__(self, *, device: str = "cpu", **options: Any) -> None:
        super().__init__(**options)
        self._base = hsizoo.create(self.options.base, kind="classifier", device=device)
        self.fitted_cube_only = self._base.fitted_cube_only
        self._extractor: Extractor | None = None

    @abstractmethod
    def _learn(self, cube: hsizoo.HyperCube, rng: np.random.Generator) -> Extractor:
        """Learn the features from a cube."""

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Compute the features and fit the other classifier; see `PixelClassifier.fit`."""
        find_seeds(cube, labels)
        extractor = self._learn(cube, rng)
        self._base.fit(_as_bands(extractor, cube), labels, rng=rng)
        self._extractor = extractor
        return self

    def predict_proba(self, cube: hsizoo.HyperCube) -> Any:
        """Classify every pixel; see `PixelClassifier.predict_proba`."""
        return self._base.predict_proba(_as_bands(fitted_first(self._extractor), cube))


def _as_bands(extractor: Extractor, cube: hsizoo.HyperCube) -> hsizoo.HyperCube:
    features = extractor.of(cube).astype(np.float32)
    features[~cube.valid] = np.nan
    return hsizoo.HyperCube(features, name=cube.name)

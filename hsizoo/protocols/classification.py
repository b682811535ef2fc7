"""What a classifier is given and what it returns, wherever one is fitted to labelled pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from hsizoo.cube import HyperCube, LabelMap
from hsizoo.errors import ContractError

__all__ = ["chance_of", "check_probabilities", "only_at"]

_SUM_TOLERANCE = 1e-3


def chance_of(seed: int) -> np.random.Generator:
    """Return the random numbers of a classifier: a stream apart from that of the seed's draw."""
    return np.random.default_rng([seed, 1])


def only_at(
    where: npt.NDArray[np.bool_], labels: npt.NDArray[Any], names: Mapping[int, str]
) -> LabelMap:
    """Return the label map for `PixelClassifier.fit`: some labels, all other pixels ignored.

    Parameters
    ----------
    where : ndarray of bool, shape (H, W)
        Pixels whose labels are shown.
    labels : ndarray of int, shape (H, W)
    names : mapping of int to str
        Names of at least the labels that are shown.
    """
    present = {int(label) for label in np.unique(labels[where])}
    blank = min(*names, *present, 0) - 1
    shown = np.where(where, labels, blank)
    return LabelMap(shown, {label: names[label] for label in sorted(present)}, ignore=[blank])


def check_probabilities(
    probability: npt.NDArray[np.float32], cube: HyperCube, classes: int, who: str
) -> None:
    """Check the output of `PixelClassifier.predict_proba`, at the cube's valid pixels.

    Raises
    ------
    ContractError
        If the shape is not (K, H, W), or values are no probabilities.
    """
    expected = (classes, *cube.shape[:2])
    if probability.shape != expected:
        raise ContractError(
            f"{who}.predict_proba returned shape {probability.shape}; expected {expected}: "
            "classes, rows, columns"
        )
    seen = probability[:, cube.valid]
    sums = seen.sum(axis=0)
    if not (np.isfinite(seen).all() and seen.min() >= 0 and seen.max() <= 1 + _SUM_TOLERANCE):
        raise ContractError(
            f"{who}.predict_proba returned values from {seen.min()} to {seen.max()}; "
            "probabilities must be finite and in [0, 1]"
        )
    if not np.allclose(sums, 1, atol=_SUM_TOLERANCE):
        raise ContractError(
            f"{who}.predict_proba returned probabilities that sum to {sums.min()} to {sums.max()} "
            "over the classes; expected 1 at every valid pixel"
        )

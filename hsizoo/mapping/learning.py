"""`Learnt`: a classifier fitted on one image, ready for others with the same bands."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from hsizoo.cube import HyperCube, LabelMap
from hsizoo.errors import DataError, HsizooError, OptionError
from hsizoo.interfaces import PixelClassifier
from hsizoo.io.resampling import SAME_NM
from hsizoo.protocols.answers import on_host
from hsizoo.protocols.classification import chance_of, check_probabilities
from hsizoo.wavelengths import range_text

if TYPE_CHECKING:
    from hsizoo.io.settings import Settings

__all__ = ["Learnt", "check_inductive", "learn"]

_FAR_APART: Final = 20.0  # ratio of mean values that another scale explains, not another scene
_SAMPLE: Final = 10_000  # pixels whose values are compared


@dataclass(frozen=True, eq=False)
class Learnt:
    """A classifier fitted on one image.

    Parameters
    ----------
    classifier : PixelClassifier
    label : str
        What messages call it.
    class_names : mapping of int to str
        Numbers and names of the K classes, in ascending order.
    cube : HyperCube
        The image that it was fitted on.
    settings : Settings
        How that image was read; others are read in the same way.
    """

    classifier: PixelClassifier
    label: str
    class_names: Mapping[int, str]
    cube: HyperCube
    settings: Settings

    def probabilities(self, cube: HyperCube) -> npt.NDArray[np.float32]:
        """Classify a cube.

        Returns
        -------
        ndarray of float32, shape (K, H, W)
            In [0, 1]; 0 for every class where a pixel has no data.

        Raises
        ------
        DataError
            If no pixel has data.
        ContractError
            If the classifier's output violates its interface.
        """
        if not cube.valid.any():
            raise DataError(f"{cube.name}: no pixel has data in all {cube.bands} bands")
        found = on_host(self.classifier.predict_proba(cube))
        check_probabilities(found, cube, len(self.class_names), self.label)
        return np.where(cube.valid, found.clip(0, 1), np.float32(0))

    def check_bands(self, cube: HyperCube) -> None:
        """Raise `DataError` unless a cube has the bands of the one that was learnt from."""
        mine, other = self.cube, cube
        if mine.bands != other.bands:
            raise DataError(
                f"{other.name} has {_bands(other)}, but {self.label} learnt from {mine.name}, "
                f"which has {_bands(mine)}; leave out bands of both with drop_bands (--set "
                "'drop_bands=[...]')"
            )
        if mine.wavelengths is None or other.wavelengths is None:
            return
        apart = np.abs(mine.wavelengths - other.wavelengths)
        if apart.max() > SAME_NM:
            band = int(apart.argmax())
            raise DataError(
                f"band {band} (counted from 0) is at {other.wavelengths[band]:g} nm in "
                f"{other.name}, but at {mine.wavelengths[band]:g} nm in {mine.name}, from which "
                f"{self.label} learnt; {other.name} has {_bands(other)}, {mine.name} has "
                f"{_bands(mine)}"
            )

    def compare_values(self, cube: HyperCube) -> str:
        """Return a remark if the values of a cube seem to have another scale, else ""."""
        one, two = _mean(self.cube), _mean(cube)
        if min(one, two) > 0 and max(one, two) / min(one, two) < _FAR_APART:
            return ""
        return (
            f"the mean of its values is {two:.3g}, that of {self.cube.name} is {one:.3g}; if one "
            "of them has another scale, the map is wrong: set scale in its hsizoo.toml"
        )


def learn(
    classifier: str | PixelClassifier,
    cube: HyperCube,
    labels: LabelMap,
    *,
    seed: int,
    device: str,
    settings: Settings,
) -> Learnt:
    """Fit a classifier.

    Parameters
    ----------
    classifier : str or PixelClassifier
        A name, or an object, which is fitted anew.
    cube : HyperCube
    labels : LabelMap
    seed : int
        As in the few-label protocol.
    device : str
        For a classifier given by name.
    settings : Settings

    Raises
    ------
    NameLookupError, OptionError, MissingRequirement, DataError
    """
    if isinstance(classifier, str):
        from hsizoo.zoo.factory import create

        label, built = classifier, create(classifier, "classifier", device=device)
    elif isinstance(classifier, PixelClassifier):
        label, built = type(classifier).__name__, classifier
    else:
        raise OptionError(
            f"a classifier is a name or a hsizoo.PixelClassifier; got {type(classifier).__name__}"
        )
    built.fit(cube, labels, rng=chance_of(seed))
    names = {label: labels.class_names[label] for label in sorted(labels.targets)}
    return Learnt(built, label, names, cube, settings)


def check_inductive(classifier: str | PixelClassifier, label: str) -> None:
    """Raise `OptionError` if a classifier can classify only the cube that it was fitted on.

    Parameters
    ----------
    classifier : str or PixelClassifier
        A name, before anything is built, or an object.
    label : str
        What the message calls it.
    """
    if isinstance(classifier, str):
        from hsizoo.zoo.factory import resolve

        recipe = resolve(classifier, "classifier")
        target = (recipe.feeds or recipe).target
        only = issubclass(target, PixelClassifier) and target.fitted_cube_only
    else:
        only = classifier.fitted_cube_only
    if only:
        raise OptionError(
            f"{label} classifies only the cube that it learns from; these classify others too: "
            f"{', '.join(_inductive())}"
        )


def _inductive() -> list[str]:
    """Names of the classifiers that can classify other cubes."""
    from hsizoo.zoo.factory import import_target
    from hsizoo.zoo.registry import registry

    found = []
    for entry in registry().entries("classifier"):
        with contextlib.suppress(HsizooError):  # not installed, or broken
            target = import_target(entry)
            if issubclass(target, PixelClassifier) and not target.fitted_cube_only:
                found.append(entry.spec.name)
    return found


def _bands(cube: HyperCube) -> str:
    where = "" if cube.wavelengths is None else f" ({range_text(cube.wavelengths)})"
    return f"{cube.bands} bands{where}"


def _mean(cube: HyperCube) -> float:
    """Mean absolute value over a sample of the pixels with data."""
    pixels = np.flatnonzero(cube.valid)
    pixels = pixels[:: max(1, len(pixels) // _SAMPLE)]
    rows, cols = np.unravel_index(pixels, cube.shape[:2])
    return float(np.abs(cube.data[rows, cols]).mean(dtype=np.float64))

"""Spectral scorers that are wrong in one way each."""

from __future__ import annotations

import os
from functools import partial
from itertools import cycle
from typing import Any, ClassVar, Literal

import numpy as np

from hsizoo.errors import OptionError
from hsizoo.interfaces import SpectralScorer
from hsizoo.testing import plain
from hsizoo.testing.broken import marks
from hsizoo.testing.plain import finite, units

__all__: list[str] = []

breaks = partial(marks.breaks, kind="scorer")
good = marks.good("scorer")

# --- good ones ------------------------------------------------------------------------------------


@good
class Cosine(plain.Scorer):
    """Cosine of the spectral angle."""


@good
class Options(plain.Scorer):
    """With an option of each type.

    Parameters
    ----------
    power : int, default 1
        Odd power of the cosine.
    floor : float, default -1
        Lowest score.
    mode : {"plain", "squared"}, default "plain"
        Whether spectra are squared first.
    """

    def __init__(
        self, *, power: int = 1, floor: float = -1.0, mode: Literal["plain", "squared"] = "plain"
    ) -> None:
        if power < 1 or power % 2 == 0:
            raise OptionError(f"power={power}: expected an odd number above 0")
        self.power, self.floor, self.mode = power, floor, mode

    def score(self, prepared: Any, references: Any) -> Any:
        if self.mode == "squared":
            prepared, references = units(prepared**2), references**2
        found = super().score(prepared, references) ** self.power
        return np.maximum(found, self.floor).astype(np.float32)


@good
class NegativeDistance(plain.Scorer):
    """Minus the distance, in units of the image's mean length."""

    score_range = (-float("inf"), 0.0)
    threshold = -0.2

    def prepare(self, cube: Any) -> Any:
        spectra = finite(cube)
        length = float(np.linalg.norm(spectra, axis=2).mean(dtype=np.float64))
        return spectra, max(length, 1e-30)

    def score(self, prepared: Any, references: Any) -> Any:
        spectra, length = prepared
        away = [np.linalg.norm((spectra - each) / length, axis=2) for each in references]
        return -np.stack(away).astype(np.float32)


@good
class CachedByContent(plain.Scorer):
    """Keeps what it prepared by the digest of the cube."""

    kept: ClassVar[dict[str, Any]] = {}

    def prepare(self, cube: Any) -> Any:
        if cube.digest not in self.kept:
            self.kept[cube.digest] = super().prepare(cube)
        return self.kept[cube.digest]


@good
class ManyBands(plain.Scorer):
    """Needs three bands, and says so."""

    min_bands = 3


@good
class Clicked(plain.Scorer):
    """Combines the clicks of an object itself."""

    def score_clicks(self, prepared: Any, prompts: Any) -> Any:
        maps = []
        for clicks in prompts:
            own = prepared[tuple(clicks.points[clicks.positive].T)]
            maps.append(self.score(prepared, own).max(axis=0))
        return np.stack(maps)


# --- spec and options -----------------------------------------------------------------------------


@breaks("spec")
class NoScore(SpectralScorer):
    """Has no score."""

    def prepare(self, cube: Any) -> Any:
        return cube


@breaks("spec", target="NotThere")
class Missing(plain.Scorer):
    """Is not where its spec says."""


@breaks("spec")
class OtherKind(plain.Segmenter):
    """Is a segmenter, but announced as a scorer."""


@breaks("options")
class Undocumented(plain.Scorer):
    """Does not describe its option."""

    def __init__(self, *, power: int = 1) -> None:
        self.power = power


@breaks("options")
class AnyOption(plain.Scorer):
    """Takes any keyword."""

    def __init__(self, **options: Any) -> None:
        self.power = options.get("power", 1)


@breaks("options")
class Positional(plain.Scorer):
    """Takes its option by position.

    Parameters
    ----------
    power : int, default 1
        A power.
    """

    def __init__(self, power: int = 1) -> None:
        self.power = power


@breaks("options")
class OtherDefault(plain.Scorer):
    """Has a default of another type.

    Parameters
    ----------
    power : int, default 1.5
        A power.
    """

    def __init__(self, *, power: int = 1.5) -> None:  # type: ignore[assignment]
        self.power = power


@breaks("options", speed=3)
class UnknownPreset(plain.Scorer):
    """Its spec sets an option that it does not have."""


@breaks("option-values")
class DividesByOption(plain.Scorer):
    """Does not look at its option.

    Parameters
    ----------
    power : int, default 1
        A power.
    """

    def __init__(self, *, power: int = 1) -> None:
        self.root = 1 / power


@breaks("option-values")
class ChoiceMissing(plain.Scorer):
    """Forgets one of its choices.

    Parameters
    ----------
    mode : {"plain", "squared"}, default "plain"
        A mode.
    """

    def __init__(self, *, mode: Literal["plain", "squared"] = "plain") -> None:
        self.mode = {"plain": 1}[mode]


@breaks("builds")
class RaisesWhenBuilt(plain.Scorer):
    """Cannot be built."""

    def __init__(self) -> None:
        raise RuntimeError("no licence server")


@breaks("identity")
class OtherEachTime(plain.Scorer):
    """Tells other weights each time it is asked."""

    count: ClassVar[list[int]] = []

    @staticmethod
    def base_weights(**options: Any) -> str:
        OtherEachTime.count.append(1)
        return f"sha256:{len(OtherEachTime.count)}"


# --- shape and values -----------------------------------------------------------------------------


@breaks("answers")
class ColumnsFirst(plain.Scorer):
    """Returns (N, W, H)."""

    def score(self, prepared: Any, references: Any) -> Any:
        return super().score(prepared, references).transpose(0, 2, 1)


@breaks("answers")
class OneMapForAll(plain.Scorer):
    """Returns the largest score over all references."""

    def score(self, prepared: Any, references: Any) -> Any:
        return super().score(prepared, references).max(axis=0, keepdims=True)


@breaks("answers")
class OutOfRange(plain.Scorer):
    """Declares 0 to 1, but returns an angle."""

    score_range = (0.0, 1.0)

    def score(self, prepared: Any, references: Any) -> Any:
        return np.pi - np.arccos(super().score(prepared, references))


@breaks("answers")
class NotANumber(plain.Scorer):
    """Takes the logarithm of differences, some of which are 0."""

    score_range = (-float("inf"), float("inf"))
    threshold = 1.0

    def score(self, prepared: Any, references: Any) -> Any:
        return -np.log(1 - super().score(prepared, references).round(2))


@breaks("answers")
class StatisticsOfAll(plain.Scorer):
    """Subtracts the mean of all pixels, some of which are NaN."""

    def prepare(self, cube: Any) -> Any:
        centred = cube.data - cube.data.mean(axis=(0, 1))
        return centred / np.linalg.norm(centred, axis=2, keepdims=True)


@breaks("answers")
class ThresholdOutside(plain.Scorer):
    """Its threshold cannot be exceeded."""

    threshold = 1.0


@breaks("answers")
class Exits(plain.Scorer):
    """Ends the program."""

    def prepare(self, cube: Any) -> Any:
        raise SystemExit(3)


@breaks("rows")
class NormalisedOverReferences(plain.Scorer):
    """Divides by the largest score of all references."""

    threshold = 0.5

    def score(self, prepared: Any, references: Any) -> Any:
        found = super().score(prepared, references)
        found = found * np.linspace(0.9, 1, len(found), dtype=np.float32)[:, None, None]
        return found / max(float(found.max()), 1e-9)


@breaks("rows")
class LessTheOthers(plain.Scorer):
    """Subtracts the mean over the references."""

    threshold = -0.5

    def score(self, prepared: Any, references: Any) -> Any:
        found = super().score(prepared, references)
        return np.clip(found - 0.1 * (found.mean(axis=0) - found), -1, 1)


@breaks("similarity")
class Distance(plain.Scorer):
    """Sells a distance as a similarity."""

    score_range = (-1.0, float("inf"))
    threshold = 0.0

    def score(self, prepared: Any, references: Any) -> Any:
        return 1 - super().score(prepared, references)


@breaks("similarity")
class ScrambledAxes(plain.Scorer):
    """Reads rows as columns; on square images it looks right."""

    def score(self, prepared: Any, references: Any) -> Any:
        found = super().score(prepared, references)
        return np.ascontiguousarray(found.transpose(0, 2, 1)).reshape(found.shape)


@breaks("similarity")
class ThresholdTooHigh(plain.Scorer):
    """No pixel reaches its threshold."""

    score_range = (-1.0, 2.0)
    threshold = 1.5


@breaks("clicks")
class ClicksOfAll(Clicked):
    """Compares with the clicks of all objects."""

    def score_clicks(self, prepared: Any, prompts: Any) -> Any:
        found = super().score_clicks(prepared, prompts)
        return np.maximum(found, found.mean(axis=0))


# --- what is shared -------------------------------------------------------------------------------


@breaks("states")
class CurrentImage(plain.Scorer):
    """Has a hidden current image."""

    def prepare(self, cube: Any) -> Any:
        self.current = super().prepare(cube)

    def score(self, prepared: Any, references: Any) -> Any:
        return super().score(self.current, references)


@breaks("history")
class FirstImageOnly(plain.Scorer):
    """Prepares the first image and no other."""

    first: Any = None

    def prepare(self, cube: Any) -> Any:
        if self.first is None or self.first.shape != cube.shape:
            self.first = super().prepare(cube)
        return self.first


@breaks("history")
class Tires(plain.Scorer):
    """Gives less from its eighth image on."""

    images = 0

    def prepare(self, cube: Any) -> Any:
        self.images += 1
        return super().prepare(cube) * (1 if self.images < 8 else 0.9)


@breaks("history")
class CachedByName(plain.Scorer):
    """Keeps what it prepared by the name of the cube and its size."""

    def __init__(self) -> None:
        self.kept: dict[Any, Any] = {}

    def prepare(self, cube: Any) -> Any:
        return self.kept.setdefault((cube.name, cube.shape), super().prepare(cube))


@breaks("fresh-process")
class CachedByShape(plain.Scorer):
    """Keeps what it prepared in the class, by the shape of the image."""

    kept: ClassVar[dict[Any, Any]] = {}

    def prepare(self, cube: Any) -> Any:
        return self.kept.setdefault(cube.shape, super().prepare(cube))


_made_ready: list[int] = []


@breaks("fresh-process")
class NeedsItsPlugin(plain.Scorer):
    """Works only where somebody has called a function of its module."""

    def prepare(self, cube: Any) -> Any:
        if not _made_ready:
            raise RuntimeError("make_ready() was not called")
        return super().prepare(cube)


def make_ready() -> None:
    """Do what a plugin's script does before it uses `NeedsItsPlugin`."""
    _made_ready.append(1)


@breaks("read-only")
class WritesToTheCube(plain.Scorer):
    """Changes a pixel of the cube that it is lent."""

    def prepare(self, cube: Any) -> Any:
        cube.data.base[0, 0] *= 2
        return super().prepare(cube)


@breaks("read-only")
class WritesToReferences(plain.Scorer):
    """Normalises the references in place."""

    def score(self, prepared: Any, references: Any) -> Any:
        references /= np.maximum(np.linalg.norm(references, axis=1, keepdims=True), 1e-9)
        return super().score(prepared, references)


@breaks("results-kept")
class OneBuffer(plain.Scorer):
    """Returns the same array again and again."""

    def __init__(self) -> None:
        self.buffers: dict[Any, Any] = {}

    def score(self, prepared: Any, references: Any) -> Any:
        found = super().score(prepared, references)
        buffer = self.buffers.setdefault(found.shape, found)
        buffer[:] = found
        return buffer


# --- chance and process ---------------------------------------------------------------------------

_factors = cycle((1.0, 0.98, 0.99))


@breaks("deterministic")
class ModuleCycle(plain.Scorer):
    """Takes turns, as skimage's morphological snakes do."""

    def score(self, prepared: Any, references: Any) -> Any:
        return super().score(prepared, references) * next(_factors)


@breaks("deterministic")
class Unseeded(plain.Scorer):
    """Adds noise of a generator without a seed."""

    def score(self, prepared: Any, references: Any) -> Any:
        found = super().score(prepared, references)
        return np.clip(found + 0.01 * np.random.default_rng().standard_normal(found.shape), -1, 1)


@breaks("chance")
class SeedsTheWorld(plain.Scorer):
    """Seeds NumPy's global generator, so that it is always the same."""

    def score(self, prepared: Any, references: Any) -> Any:
        np.random.seed(0)  # noqa: NPY002
        found = super().score(prepared, references)
        return np.clip(found - 0.001 * np.random.random(found.shape), -1, 1)  # noqa: NPY002


@breaks("quiet")
class Prints(plain.Scorer):
    """Prints how far it is."""

    def score(self, prepared: Any, references: Any) -> Any:
        print(f"scoring {len(references)} references")  # noqa: T201
        return super().score(prepared, references)


@breaks("quiet")
class PrintsBelow(plain.Scorer):
    """Writes to the terminal below Python, as libraries in C do."""

    def score(self, prepared: Any, references: Any) -> Any:
        os.write(1, b"scoring\n")
        return super().score(prepared, references)


@breaks("process")
class SilencesNumpy(plain.Scorer):
    """Silences NumPy for everything in the process."""

    modes: ClassVar[Any] = cycle(("raise", "ignore"))

    def prepare(self, cube: Any) -> Any:
        np.seterr(under=next(self.modes))
        return super().prepare(cube)


# --- odd cubes ------------------------------------------------------------------------------------


@breaks("bands")
class SeveralBands(plain.Scorer):
    """Inverts a covariance that one band does not have."""

    def prepare(self, cube: Any) -> Any:
        covariance = np.cov(cube.data[cube.valid].T)
        np.linalg.inv(covariance + np.eye(cube.bands) if cube.bands > 1 else covariance)
        return super().prepare(cube)


@breaks("small-cubes")
class SeveralRows(plain.Scorer):
    """Takes a gradient that one row does not have."""

    def prepare(self, cube: Any) -> Any:
        np.gradient(cube.data[:, :, 0], axis=0)
        return super().prepare(cube)


@breaks("wavelengths")
class NeedsWavelengths(plain.Scorer):
    """Looks for a wavelength in cubes that have none."""

    def prepare(self, cube: Any) -> Any:
        cube.wavelengths.searchsorted(650.0)
        return super().prepare(cube)


@breaks("memory-order")
class ByPlaceInMemory(plain.Scorer):
    """Takes the values as they lie in memory."""

    def prepare(self, cube: Any) -> Any:
        flat = finite(cube).ravel(order="K" if cube.data.flags.c_contiguous else "F")
        return units(flat.reshape(cube.shape))


@breaks("values")
class DividesByZero(plain.Scorer):
    """Divides by the length of spectra that may be zero."""

    def prepare(self, cube: Any) -> Any:
        return cube.data / np.linalg.norm(cube.data, axis=2, keepdims=True)

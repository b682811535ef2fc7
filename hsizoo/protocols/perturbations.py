"""Perturbations: named ways to disturb a cube, at a stated strength, the same for every component.

They ask how far a result holds when the sensor is noisier, the light less even, bands are missing
or the calibration has drifted.  A perturbation acts on the cube that is evaluated, never on the
label map and never on training.  It is part of a cell's identity; a clean cell has none, and its
identity is that of a run without perturbations.

=================== ============================================== ==========================
name                what ``strength`` means                        what changes
=================== ============================================== ==========================
``noise``           sigma over the band's standard deviation       values
``shading``         largest relative change of the light           values
``dropped-bands``   share of bands taken away                      number of bands
``spectral-shift``  bands, or nanometres with ``unit=nm``          values; not the wavelengths
=================== ============================================== ==========================

The random numbers depend on the seed of the cell, the scene and the kind of perturbation, and not
on the strength: a stronger one is the same one, more of it.  Jittered clicks are an option of the
robots.
"""

from __future__ import annotations

import math
import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from hsizoo.cube import HyperCube, Scene
from hsizoo.errors import DataError, NameLookupError, ProtocolError, did_you_mean
from hsizoo.zoo.names import parse_name
from hsizoo.zoo.options import declared_options, resolve_options

__all__ = [
    "PERTURBATIONS",
    "DroppedBands",
    "Noise",
    "Perturbation",
    "Shading",
    "SpectralShift",
    "make_perturbation",
    "perturbation_from_config",
]

_STREAM = 0x7E57  # apart from the random streams of robots, which begin with the same numbers


@dataclass(frozen=True, kw_only=True)
class Perturbation(ABC):
    """One way to disturb a cube.

    Parameters
    ----------
    strength : float
        How much; 0 changes nothing.

    Attributes
    ----------
    name : str
        What users type.
    version : str
        Raised whenever the same cube comes out differently.

    Raises
    ------
    ProtocolError
        If `strength` is out of range.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    _least: ClassVar[float] = 0.0
    _most: ClassVar[float] = math.inf  # exclusive

    strength: float = 0.1

    def __post_init__(self) -> None:
        value = self.strength
        number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else None
        if number is None or not (self._least <= number < self._most and math.isfinite(number)):
            limits = f"at least {self._least:g}" if math.isfinite(self._least) else "finite"
            limits += f" and below {self._most:g}" if math.isfinite(self._most) else ""
            raise ProtocolError(f"{self.name}: strength must be {limits}; got {value!r}")
        object.__setattr__(self, "strength", number)  # 1 and 1.0 are one record

    def config(self) -> dict[str, Any]:
        """Every setting as plain values, for the cell's identity and its record."""
        return {"name": self.name, "version": self.version, **asdict(self)}

    def apply(self, scene: Scene, seed: int = 0) -> Scene:
        """Return the scene with its cube perturbed; the label map is the same object.

        Pixels without a usable spectrum stay unusable, so what is evaluated does not change.

        Parameters
        ----------
        scene : Scene
        seed : int, default 0
            Another seed, other noise; see the top of this module.

        Raises
        ------
        DataError
            If it cannot be done to this cube.
        """
        words = (zlib.crc32(text.encode()) for text in (scene.name, self.name))
        rng = np.random.default_rng([_STREAM, seed, *words])
        cube = scene.cube
        if not cube.valid.all():  # all their bands, so that none looks usable afterwards
            cube = _with_data(cube, np.where(cube.valid[:, :, None], cube.data, np.float32("nan")))
        return replace(scene, cube=self._perturb(cube, rng))

    @abstractmethod
    def _perturb(self, cube: HyperCube, rng: np.random.Generator) -> HyperCube:
        """Return another cube of the same height and width."""


@dataclass(frozen=True, kw_only=True)
class Noise(Perturbation):
    """Independent Gaussian noise on every value.

    The measure of a band is its standard deviation over the scene's usable pixels: what tells
    materials apart in that band.  So one strength disturbs counts, reflectances and centred data
    alike, whatever their unit and offset.  INFERRED: papers state noise in several ways.

    Parameters
    ----------
    strength : float, default 0.1
        Sigma of the noise as a share of the band's standard deviation.
    """

    name: ClassVar[str] = "noise"
    version: ClassVar[str] = "1"

    def _perturb(self, cube: HyperCube, rng: np.random.Generator) -> HyperCube:
        pixels = cube.data[cube.valid]
        if not len(pixels):
            return cube
        spread = pixels.std(axis=0, dtype=np.float64).astype(np.float32)
        noise = rng.standard_normal(cube.shape, dtype=np.float32)
        noise *= np.float32(self.strength) * spread
        noise += cube.data
        return _with_data(cube, noise)


@dataclass(frozen=True, kw_only=True)
class Shading(Perturbation):
    """Uneven light: a smooth field multiplies the spectrum of every pixel.

    The field is ``1 + strength · f`` with ``f`` a random sum of the 15 lowest cosines over the
    image, of amplitude falling with frequency, scaled so that its largest absolute value is 1.  It
    is the same light whatever the resolution.  INFERRED: no paper states a field.

    Parameters
    ----------
    strength : float, default 0.1
        Largest relative change of the light, below 1.
    """

    name: ClassVar[str] = "shading"
    version: ClassVar[str] = "1"
    _most: ClassVar[float] = 1.0

    def _perturb(self, cube: HyperCube, rng: np.random.Generator) -> HyperCube:
        field = _smooth_field(cube.shape[0], cube.shape[1], rng)
        light = (1 + self.strength * field).astype(np.float32)
        return _with_data(cube, cube.data * light[:, :, None])


@dataclass(frozen=True, kw_only=True)
class DroppedBands(Perturbation):
    """Bands that are not there, chosen at random.

    Wavelengths go with their bands.  A band of the pseudo-RGB image that is gone is replaced by the
    nearest one that is left: in wavelength, where known, otherwise in number.

    Parameters
    ----------
    strength : float, default 0.1
        Share of the bands to take away, below 1; rounded to whole bands.

    Raises
    ------
    DataError
        On `apply`, if no band would be left.
    """

    name: ClassVar[str] = "dropped-bands"
    version: ClassVar[str] = "1"
    _most: ClassVar[float] = 1.0

    def _perturb(self, cube: HyperCube, rng: np.random.Generator) -> HyperCube:
        dropped = round(self.strength * cube.bands)
        if dropped == cube.bands:
            raise DataError(
                f"dropped-bands:strength={self.strength:g} leaves none of the {cube.bands} "
                f"band(s) of {cube.name}; choose a lower strength"
            )
        # A prefix of one permutation, so that a higher strength drops the same bands and more.
        kept = np.sort(rng.permutation(cube.bands)[dropped:])
        place = np.arange(cube.bands) if cube.wavelengths is None else cube.wavelengths
        rgb = cube.rgb_bands and [int(abs(place[kept] - place[b]).argmin()) for b in cube.rgb_bands]
        wavelengths = None if cube.wavelengths is None else cube.wavelengths[kept]
        return HyperCube(cube.data[:, :, kept], wavelengths, cube.name, rgb)


@dataclass(frozen=True, kw_only=True)
class SpectralShift(Perturbation):
    """A calibration that has drifted: each band measures a little further along the spectrum.

    A band takes the value that the spectrum has `strength` further on, linearly between the two
    neighbours in wavelength (in number, where wavelengths are unknown); beyond the last band stands
    its value.  The cube keeps its wavelengths, which are now wrong: that is the point.

    Parameters
    ----------
    strength : float, default 0.1
        How far; negative goes to shorter wavelengths.
    unit : {"bands", "nm"}, default "bands"
        Of the strength.

    Raises
    ------
    DataError
        On `apply`, for ``unit=nm`` if the cube has no wavelengths or two bands share one.
    """

    name: ClassVar[str] = "spectral-shift"
    version: ClassVar[str] = "1"
    _least: ClassVar[float] = -math.inf

    unit: Literal["bands", "nm"] = "bands"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unit not in ("bands", "nm"):
            raise ProtocolError(f"spectral-shift: unit must be bands or nm; got {self.unit!r}")

    def _perturb(self, cube: HyperCube, rng: np.random.Generator) -> HyperCube:
        number = np.arange(cube.bands)
        order = number if cube.wavelengths is None else np.argsort(cube.wavelengths, kind="stable")
        if self.unit == "bands":
            position = number + self.strength
        else:
            if cube.wavelengths is None:
                raise DataError(
                    f"spectral-shift:unit=nm needs the wavelengths of {cube.name}, which has none; "
                    "say unit=bands"
                )
            nm = cube.wavelengths[order]
            if (np.diff(nm) <= 0).any():
                raise DataError(
                    f"spectral-shift:unit=nm needs different wavelengths; two bands of {cube.name} "
                    "share one: say unit=bands"
                )
            position = np.interp(nm + self.strength, nm, number)
        position = np.clip(position, 0, cube.bands - 1)
        low = np.floor(position).astype(int)
        high = np.minimum(low + 1, cube.bands - 1)
        share = (position - low).astype(np.float32)
        ordered = cube.data[:, :, order]
        data = np.empty_like(ordered)
        data[:, :, order] = ordered[:, :, low] * (1 - share) + ordered[:, :, high] * share
        return _with_data(cube, data)


def _with_data(cube: HyperCube, data: npt.NDArray[np.float32]) -> HyperCube:
    return HyperCube(data, cube.wavelengths, cube.name, cube.rgb_bands)


def _smooth_field(height: int, width: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A random smooth field, (height, width), whose largest absolute value is 1."""
    frequencies = np.arange(4)
    rows, cols = (
        np.cos(np.pi * frequencies[:, None] * (np.arange(size) + 0.5) / size)
        for size in (height, width)
    )
    weights = rng.standard_normal((4, 4)) / (1 + frequencies[:, None] ** 2 + frequencies**2)
    weights[0, 0] = 0.0  # the mean brightness stays
    field: npt.NDArray[np.float64] = rows.T @ weights @ cols
    largest = np.abs(field).max()
    return field / largest if largest > 1e-12 else np.zeros_like(field)  # a single pixel


PERTURBATIONS: Mapping[str, type[Perturbation]] = {
    target.name: target for target in (Noise, Shading, DroppedBands, SpectralShift)
}
"""All perturbations by name."""


def make_perturbation(text: str) -> Perturbation | None:
    """Build a perturbation from its name, ``noise:strength=0.2``; None from ``none``.

    Raises
    ------
    NameLookupError
        If there is no such perturbation.
    OptionError, ProtocolError
        If it has no such option, or not that value of it.
    """
    name = parse_name(text)
    known = ["none", *PERTURBATIONS]
    if name.dist or name.base not in known or (name.base == "none" and name.options):
        hint = did_you_mean(name.base, known)
        raise NameLookupError(
            f"no perturbation is named {text!r}.{hint} There are: {', '.join(known)}."
        )
    if name.base == "none":
        return None
    target = PERTURBATIONS[name.base]
    owner = f"perturbation {name.base}"
    return target(**resolve_options(owner, declared_options(target), {}, name.options))


def perturbation_from_config(config: Mapping[str, Any]) -> Perturbation:
    """Rebuild a perturbation from what `Perturbation.config` returned."""
    settings = {key: value for key, value in config.items() if key not in ("name", "version")}
    return PERTURBATIONS[config["name"]](**settings)

"""Perturbations: named ways to perturb a cube with a given strength, for every component alike.

They test how robust a result is to a noisier sensor, uneven light, missing bands or a drift of the
calibration.  A perturbation acts on the evaluated cube, never on the label map or on training.  It
is part of a cell's identity; an unperturbed cell has the identity of a run without perturbations.

=================== ============================================== ==========================
name                meaning of ``strength``                        what changes
=================== ============================================== ==========================
``noise``           sigma over the band's standard deviation       values
``shading``         largest relative change of the light           values
``dropped-bands``   share of bands removed                         number of bands
``spectral-shift``  bands, or nanometres with ``unit=nm``          values; not the wavelengths
=================== ============================================== ==========================

The random numbers depend on the seed of the cell, the scene and the kind of perturbation, but not
on the strength: a stronger perturbation has the same pattern.  Jittered clicks are an option of
the robots.
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

_STREAM = 0x7E57  # separates this random stream from those of robots, which have the same seeds


@dataclass(frozen=True, kw_only=True)
class Perturbation(ABC):
    """Base class of perturbations of a cube.

    Parameters
    ----------
    strength : float
        Strength of the perturbation; 0 has no effect.

    Attributes
    ----------
    name : str
        Name that users type.
    version : str
        Increased whenever the same cube gives a different result.

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
        object.__setattr__(self, "strength", number)  # 1 and 1.0 give the same record

    def config(self) -> dict[str, Any]:
        """Return all settings as plain values, for the cell's identity and its record."""
        return {"name": self.name, "version": self.version, **asdict(self)}

    def apply(self, scene: Scene, seed: int = 0) -> Scene:
        """Return the scene with its cube perturbed; the label map is the same object.

        Pixels without a valid spectrum remain invalid, so the evaluated pixels do not change.

        Parameters
        ----------
        scene : Scene
        seed : int, default 0
            Seed of the random numbers; see the module docstring.

        Raises
        ------
        DataError
            If the perturbation cannot be applied to this cube.
        """
        words = (zlib.crc32(text.encode()) for text in (scene.name, self.name))
        rng = np.random.default_rng([_STREAM, seed, *words])
        cube = scene.cube
        if not cube.valid.all():  # NaN in all bands, so that none becomes valid
            cube = _with_data(cube, np.where(cube.valid[:, :, None], cube.data, np.float32("nan")))
        return replace(scene, cube=self._perturb(cube, rng))

    @abstractmethod
    def _perturb(self, cube: HyperCube, rng: np.random.Generator) -> HyperCube:
        """Return a perturbed cube of the same height and width."""


@dataclass(frozen=True, kw_only=True)
class Noise(Perturbation):
    """Independent Gaussian noise on every value.

    The noise is relative to the band's standard deviation over the scene's valid pixels, which is
    what distinguishes materials.  So a strength has the same effect on counts, reflectances and
    centred data, independent of unit and offset.  INFERRED: papers define noise in several ways.

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
    image, with amplitudes decreasing with frequency, scaled to a largest absolute value of 1.  It
    is independent of the resolution.  INFERRED: no paper defines a field.

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
    """Removal of bands chosen at random.

    Wavelengths are removed with their bands.  A removed band of the pseudo-RGB image is replaced by
    the nearest remaining one: in wavelength, if known, otherwise in number.

    Parameters
    ----------
    strength : float, default 0.1
        Share of the bands to remove, below 1; rounded to whole bands.

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
        # A prefix of one permutation, so that a higher strength drops a superset of bands.
        kept = np.sort(rng.permutation(cube.bands)[dropped:])
        place = np.arange(cube.bands) if cube.wavelengths is None else cube.wavelengths
        rgb = cube.rgb_bands and [int(abs(place[kept] - place[b]).argmin()) for b in cube.rgb_bands]
        wavelengths = None if cube.wavelengths is None else cube.wavelengths[kept]
        return HyperCube(cube.data[:, :, kept], wavelengths, cube.name, rgb)


@dataclass(frozen=True, kw_only=True)
class SpectralShift(Perturbation):
    """Calibration drift: each band measures the spectrum at a shifted position.

    A band takes the value of the spectrum shifted by `strength`, interpolated linearly between the
    two neighbours in wavelength (in number, if wavelengths are unknown).  Beyond the first and last
    band their values are repeated.  The cube keeps its wavelengths, which are wrong on purpose.

    Parameters
    ----------
    strength : float, default 0.1
        Size of the shift; negative shifts to shorter wavelengths.
    unit : {"bands", "nm"}, default "bands"
        Unit of the strength.

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
                    "use unit=bands"
                )
            nm = cube.wavelengths[order]
            if (np.diff(nm) <= 0).any():
                raise DataError(
                    f"spectral-shift:unit=nm needs distinct wavelengths; two bands of {cube.name} "
                    "share one: use unit=bands"
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
    """Random smooth field, (height, width), with a largest absolute value of 1."""
    frequencies = np.arange(4)
    rows, cols = (
        np.cos(np.pi * frequencies[:, None] * (np.arange(size) + 0.5) / size)
        for size in (height, width)
    )
    weights = rng.standard_normal((4, 4)) / (1 + frequencies[:, None] ** 2 + frequencies**2)
    weights[0, 0] = 0.0  # keeps the mean brightness
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
        For an unknown option or an invalid value.
    """
    name = parse_name(text)
    known = ["none", *PERTURBATIONS]
    if name.dist or name.base not in known or (name.base == "none" and name.options):
        hint = did_you_mean(name.base, known)
        raise NameLookupError(
            f"no perturbation is named {text!r}.{hint} Available perturbations: {', '.join(known)}."
        )
    if name.base == "none":
        return None
    target = PERTURBATIONS[name.base]
    owner = f"perturbation {name.base}"
    return target(**resolve_options(owner, declared_options(target), {}, name.options))


def perturbation_from_config(config: Mapping[str, Any]) -> Perturbation:
    """Rebuild a perturbation from the output of `Perturbation.config`."""
    settings = {key: value for key, value in config.items() if key not in ("name", "version")}
    return PERTURBATIONS[config["name"]](**settings)

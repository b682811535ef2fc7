"""Pseudo-RGB images: conversion of a cube to three channels, for people and for SAM.

The papers on SAM do not say which bands they used or how they scaled them (SAMSA 2.0, section 3.3:
"fixed band selection"); everything here is therefore an option with a documented default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from hsizoo.cube import HyperCube
from hsizoo.errors import DataError

__all__ = ["PseudoRgb"]

Rgb = Literal["auto", "bands", "wavelength", "tivita", "even"]
Stretch = Literal["percentile", "range", "reflectance"]

_NEAR_NM = 30.0  # "auto" uses wavelengths only if each channel has a band this close
_LOW, _HIGH = 1.0, 99.0  # percent
_TIVITA_NM = ((585.0, 725.0), (540.0, 590.0), (530.0, 560.0))  # red, green, blue; end excluded
_TIVITA_GAIN = 1.02 * 1.5
_TIVITA_GAMMA = 0.5

_Image = npt.NDArray[np.uint8]

# Several models may render the same cube.  Images are cached for the lifetime of their cube,
# except large ones, whose cube may be a memory map that exceeds the memory.
_MAX_CACHED_BYTES = 2**24
_images: WeakKeyDictionary[HyperCube, dict[PseudoRgb, _Image]] = WeakKeyDictionary()


@dataclass(frozen=True)
class PseudoRgb:
    """Policy that converts any cube to an (H, W, 3) 8-bit image.

    Parameters
    ----------
    rgb : {"auto", "bands", "wavelength", "tivita", "even"}, default "auto"
        ``bands``: ``cube.rgb_bands``, which a dataset sets to the choice of its paper.
        ``wavelength``: the bands nearest to `nm`.  ``tivita``: the camera's formula, means over
        585 to 725, 540 to 590 and 530 to 560 nm with gain 1.53 and gamma 0.5, without stretch.
        ``even``: bands at 5/6, 3/6 and 1/6 of the spectrum, the longest wavelength as red; needs
        no wavelengths and works from one band up (a single band is shown grey).
        ``auto``: ``bands`` if the cube defines them, else ``wavelength`` if it has bands within
        30 nm of all three, else ``even``.
    stretch : {"percentile", "range", "reflectance"}, default "percentile"
        Range of each channel that is scaled to 0 to 255: 1st to 99th percentile, lowest to
        highest value, or 0 to 1.
    nm : (float, float, float), default (640, 550, 460)
        Wavelengths of red, green and blue in nanometres, for ``wavelength``.
    """

    rgb: Rgb = "auto"
    stretch: Stretch = "percentile"
    nm: tuple[float, float, float] = (640.0, 550.0, 460.0)

    def render(self, cube: HyperCube) -> _Image:
        """Render the image, once per cube; non-finite values become 0.

        Raises
        ------
        DataError
            If the cube lacks the bands or wavelengths that the policy needs.
        """
        kept = _images.setdefault(cube, {})
        image = kept.get(self)
        if image is None:
            image = self._render(cube)
            if image.nbytes > _MAX_CACHED_BYTES:
                return image
            kept[self] = image
        return image.copy()

    def _render(self, cube: HyperCube) -> _Image:
        policy = self.resolve(cube)
        if policy == "tivita":
            return _tivita(cube)
        channels = cube.data[:, :, list(self.bands(cube))]
        return np.stack([self._to_bytes(channels[:, :, n]) for n in range(3)], axis=2)

    def describe(self, cube: HyperCube) -> dict[str, Any]:
        """Return the policy, bands and stretch used for this cube, as plain values."""
        policy = self.resolve(cube)
        if policy == "tivita":
            return {"rgb": policy}
        return {"rgb": policy, "bands": list(self.bands(cube)), "stretch": self.stretch}

    def resolve(self, cube: HyperCube) -> str:
        """Return the policy used for this cube, never ``auto``."""
        if self.rgb != "auto":
            return self.rgb
        if cube.rgb_bands is not None:
            return "bands"
        if cube.wavelengths is not None:
            distance = np.abs(cube.wavelengths[:, None] - np.array(self.nm)).min(axis=0)
            if (distance <= _NEAR_NM).all():
                return "wavelength"
        return "even"

    def bands(self, cube: HyperCube) -> tuple[int, int, int]:
        """Return the indices of the three bands, red first.

        Raises
        ------
        DataError
            If the cube defines no RGB bands (``bands``) or has no wavelengths (``wavelength``).
        """
        policy = self.resolve(cube)
        if policy == "bands":
            if cube.rgb_bands is None:
                raise DataError(
                    f"{cube.name} does not define the bands of its pseudo-RGB image; "
                    "use rgb=wavelength or rgb=even"
                )
            return cube.rgb_bands
        if policy == "wavelength":
            red, green, blue = (int(np.abs(_wavelengths(cube) - nm).argmin()) for nm in self.nm)
            return red, green, blue
        order = np.arange(cube.bands)
        if cube.wavelengths is not None:
            order = np.argsort(cube.wavelengths, kind="stable")
        red, green, blue = (int(order[cube.bands * sixth // 6]) for sixth in (5, 3, 1))
        return red, green, blue

    def _to_bytes(self, channel: npt.NDArray[np.float32]) -> _Image:
        finite = np.isfinite(channel)
        low, high = 0.0, 1.0
        if self.stretch != "reflectance":
            values = channel[finite]
            if not values.size:
                return np.zeros(channel.shape, dtype=np.uint8)
            ends = (_LOW, _HIGH) if self.stretch == "percentile" else (0.0, 100.0)
            low, high = np.percentile(values.astype(np.float64), ends)
        scaled = (np.where(finite, channel, low).astype(np.float64) - low) / ((high - low) or 1.0)
        shown: _Image = np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)
        shown[~finite] = 0
        return shown


def _wavelengths(cube: HyperCube) -> npt.NDArray[np.float64]:
    if cube.wavelengths is None:
        raise DataError(
            f"{cube.name} has no wavelengths; use rgb=even, or rgb=bands if it defines bands"
        )
    return cube.wavelengths


def _tivita(cube: HyperCube) -> _Image:
    """Render with the formula of the Tivita camera's software."""
    wavelengths = _wavelengths(cube)
    channels = []
    for first, end in _TIVITA_NM:
        inside = (wavelengths >= first) & (wavelengths < end)
        if not inside.any():
            raise DataError(
                f"{cube.name} has no band from {first:g} to {end:g} nm, which rgb=tivita averages"
            )
        channels.append(_mean(cube.data, np.flatnonzero(inside)))
    mean = np.stack(channels, axis=2)
    bright = np.clip(np.where(np.isfinite(mean), mean, 0) * _TIVITA_GAIN, 0, 1)
    table = np.rint(255 * np.linspace(0, 1, 256) ** _TIVITA_GAMMA).astype(np.uint8)
    image: _Image = table[(bright * 255).astype(np.uint8)]
    return image


def _mean(data: npt.NDArray[np.float32], bands: Sequence[int] | npt.NDArray[np.intp]) -> Any:
    """Mean over bands; not finite where one of them is not finite; no warnings."""
    with np.errstate(invalid="ignore", over="ignore"):
        return data[:, :, bands].mean(axis=2, dtype=np.float64)

"""The table of bands in the metadata of EnMAP and DESIS."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final
from xml.etree.ElementTree import Element

__all__ = ["Bands", "read_bands"]

_TAGS: Final = ("wavelengthCenterOfBand", "gainOfBand", "offsetOfBand")


@dataclass(frozen=True)
class Bands:
    """What the metadata say about all bands of an image.

    Parameters
    ----------
    product : str
    wavelengths : tuple of float
        In nm.
    gains, offsets : tuple of float
        Value = stored × gain + offset.
    background : float, optional
        Stored value of pixels without data.
    """

    product: str
    wavelengths: tuple[float, ...]
    gains: tuple[float, ...]
    offsets: tuple[float, ...]
    background: float | None = None

    def first(self, count: int) -> Bands:
        """Return the first bands only."""
        return self._part(slice(count))

    def last(self, count: int) -> Bands:
        """Return the last bands only."""
        return self._part(slice(-count, None))

    def _part(self, part: slice) -> Bands:
        return replace(
            self,
            wavelengths=self.wavelengths[part],
            gains=self.gains[part],
            offsets=self.offsets[part],
        )


def read_bands(product: str, elements: Iterable[Element], background: str | None) -> Bands:
    """Read the elements of bands; a number that is missing is NaN, and so is a gain of 0.

    Parameters
    ----------
    product : str
    elements : iterable of Element
        One per band, with the elements ``wavelengthCenterOfBand``, ``gainOfBand`` and
        ``offsetOfBand`` in any case.
    background : str, optional
        Text of the no-data value.
    """
    rows = [
        [_number({child.tag.lower(): child.text for child in each}.get(t.lower())) for t in _TAGS]
        for each in elements
    ]
    columns = [tuple(column) for column in zip(*rows, strict=True)] or [(), (), ()]
    gains = tuple(gain or math.nan for gain in columns[1])
    value = _number(background)
    return Bands(product, columns[0], gains, columns[2], value if math.isfinite(value) else None)


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan

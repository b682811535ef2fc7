"""`Settings`: how a file is to be read, where it does not say so itself or says it wrongly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal

from hsizoo.errors import OptionError, did_you_mean

__all__ = [
    "LAYOUTS",
    "MASK_SETTINGS",
    "SETTINGS",
    "Layout",
    "Settings",
    "parse_setting",
    "text",
    "whole",
]

Layout = Literal["auto", "hwb", "bhw", "hbw"]
LAYOUTS: Final = ("auto", "hwb", "bhw", "hbw")
Coordinates = Literal["auto", "pixels", "map"]
_COORDINATES: Final = ("auto", "pixels", "map")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to read a cube; each setting goes before what the file says.

    Parameters
    ----------
    variable : str, optional
        Name of the cube's array, in a file with several; for TIFF, the number of the image.
    layout : {"auto", "hwb", "bhw", "hbw"}
        Order of the axes: rows, columns, bands; bands first; or bands in the middle.  With
        ``auto``, the format, the names of the axes, the number of wavelengths or a mask of the same
        size tell, or else the shape; where that leaves a doubt, reading fails and asks.
    wavelengths : tuple of float, optional
        Wavelengths of all bands in nm.
    scale : float, optional
        Divisor of the stored values, in place of every scale and offset in the file.
    nodata : float or "none", optional
        The stored value of pixels without data; ``"none"`` if all values are data.
    drop_bands : frozenset of int
        Bands to leave out, counted from 0, besides those that the file marks as bad.
    rgb_bands : (int, int, int), optional
        Bands of a pseudo-RGB image, red first, counted from 0 before bands are left out.
    orthorectify : bool, optional
        Whether to arrange the pixels on the map by the lookup table of the product, if it has one
        (EMIT, AVIRIS-3); by default they stay as the sensor saw them.
    references : bool, optional
        Whether dark and white references beside a raw image are applied; by default they are.
    mask_variable : str, optional
        Name of the mask's array, in a file with several.
    mask_nodata : int or "none", optional
        The label of pixels without data in masks, which are ignored; ``"none"`` if there is none.
    mask_coordinates : {"auto", "pixels", "map"}
        What the coordinates of polygons are: x = column and y = row of the cube, or places on its
        map.  With ``auto``, places on the map if the cube has a georeference.
    class_property : str, optional
        The property that tells the class of a polygon; ``"none"`` if all are of one class.
    """

    variable: str | None = None
    layout: Layout = "auto"
    wavelengths: tuple[float, ...] | None = None
    scale: float | None = None
    nodata: float | Literal["none"] | None = None
    drop_bands: frozenset[int] = frozenset()
    rgb_bands: tuple[int, int, int] | None = None
    orthorectify: bool | None = None
    references: bool | None = None
    mask_variable: str | None = None
    mask_nodata: float | Literal["none"] | None = None
    mask_coordinates: Coordinates = "auto"
    class_property: str | None = None

    def over(self, other: Settings) -> Settings:
        """Return these settings, completed by others where they are not given."""
        return replace(other, **{key: getattr(self, key) for key in self.given})

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Settings:
        """Check settings with the values that TOML or JSON can hold; None means not given.

        Raises
        ------
        OptionError
            If one is unknown or invalid.
        """
        checked = {key: parse_setting(key, v) for key, v in given.items() if v is not None}
        return cls(**checked)

    def plain(self) -> dict[str, Any]:
        """Return the settings that are given, as `of` takes them."""
        values = {key: getattr(self, key) for key in self.given}
        return {
            key: sorted(value)
            if isinstance(value, frozenset)
            else list(value)
            if isinstance(value, tuple)
            else value
            for key, value in values.items()
        }

    @property
    def given(self) -> list[str]:
        """Names of the settings that differ from their defaults."""
        return [f.name for f in fields(Settings) if getattr(self, f.name) != f.default]


def parse_setting(key: str, value: Any) -> Any:
    """Check the value of a setting, as TOML gives it.

    Raises
    ------
    OptionError
        If the setting is unknown or the value has the wrong type; the message does not name the
        file.
    """
    if key not in SETTINGS:
        raise OptionError(
            f"unknown setting {key!r}.{did_you_mean(key, SETTINGS)} "
            f"Allowed settings: {', '.join(SETTINGS)}"
        )
    try:
        return SETTINGS[key](value)
    except (ValueError, TypeError) as error:
        raise OptionError(f"{key} = {value!r}: {error}") from None


def text(value: Any) -> str:
    """Check a string."""
    if not isinstance(value, str):
        raise TypeError("expected a string in quotes")
    return value


def _number(value: Any) -> float:
    """Check a number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
        raise TypeError("expected a number")
    return float(value)


def whole(value: Any) -> list[int]:
    """Check a list of whole numbers, or one of them."""
    numbers = value if isinstance(value, list) else [value]
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in numbers):
        raise TypeError("expected whole numbers, such as [0, 255]")
    return numbers


def _variable(value: Any) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else text(value)


def _layout(value: Any) -> str:
    if value not in LAYOUTS:
        raise ValueError(f"expected one of {', '.join(LAYOUTS)}")
    return str(value)


def _coordinates(value: Any) -> str:
    if value not in _COORDINATES:
        raise ValueError(f"expected one of {', '.join(_COORDINATES)}")
    return str(value)


def _wavelengths(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise TypeError("expected a list of nanometres")
    found = tuple(_number(each) for each in value)
    if any(each <= 0 for each in found):
        raise ValueError("expected nanometres above 0")
    if max(found, default=100) < 100:
        raise ValueError("these look like micrometres; expected nanometres")
    return found


def _scale(value: Any) -> float:
    if _number(value) <= 0:
        raise ValueError("expected a number above 0")
    return float(value)


def _nodata(value: Any) -> float | str:
    if value == "none":
        return "none"
    if isinstance(value, float) and math.isnan(value):
        return value
    return _number(value)


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("expected true or false")
    return value


def _rgb(value: Any) -> tuple[int, int, int]:
    if len(whole(value)) != 3 or min(value) < 0:
        raise ValueError("expected three bands, red first, counted from 0")
    red, green, blue = value
    return red, green, blue


def _bands(value: Any) -> frozenset[int]:
    if min(whole(value), default=0) < 0:
        raise ValueError("expected bands counted from 0")
    return frozenset(whole(value))


SETTINGS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "variable": _variable,
    "layout": _layout,
    "wavelengths": _wavelengths,
    "scale": _scale,
    "nodata": _nodata,
    "drop_bands": _bands,
    "rgb_bands": _rgb,
    "orthorectify": _yes_or_no,
    "references": _yes_or_no,
    "mask_variable": _variable,
    "mask_nodata": _nodata,
    "mask_coordinates": _coordinates,
    "class_property": text,
}
"""Settings that a user may give, and the check of each."""

MASK_SETTINGS: Final = ("mask_variable", "mask_nodata", "mask_coordinates", "class_property")
"""Settings that masks alone are read with."""

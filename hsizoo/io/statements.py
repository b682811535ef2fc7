"""What a file says about its values: the attributes of HDF5, netCDF, Zarr and GDAL.

`read_statements` knows the conventions of climate and forecast metadata (CF 1.11, §2.5 and §8.1:
``_FillValue``, ``missing_value``, ``valid_range``, ``scale_factor``, ``add_offset``,
``flag_meanings``) and the attributes that products of the field use.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from hsizoo.wavelengths import to_nanometres

__all__ = ["Statements", "numbers_in", "plain_text", "read_statements", "span"]

# Names of attributes in lower case and without anything but letters and digits.
_NODATA: Final = (
    "fillvalue", "missingvalue", "nodata", "nodatavalue", "nodatavalues", "dataignorevalue",
    "ignorevalue", "missingdatavalue", "badvalue", "backgroundvalue",
)  # fmt: skip
_WAVES: Final = (
    "wavelength", "wavelengths", "wavelengthnm", "wavelengthsnm", "wavelengthum",
    "centerwavelength", "centerwavelengths", "centrewavelength", "centralwavelength",
    "centralwavelengthum", "bandcenters", "bandcentres",
)  # fmt: skip
_UNITS: Final = ("wavelengthunits", "wavelengthunit", "wavelengthsunits", "wavelengthsunit")
_GOOD: Final = ("bbl", "goodbands", "goodbandslist", "goodwavelengths", "badbandslist")
_DIVISOR: Final = ("reflectancescalefactor", "scalefactordivisor")
_LIST: Final = re.compile(r"[\s,;]+")


@dataclass(frozen=True, kw_only=True)
class Statements:
    """What a file says about one array.

    Parameters
    ----------
    nodata : tuple of float
        Stored values that stand for no data.
    limits : (float, float)
        Least and greatest stored value that is data.
    scale : float
        Divisor of the stored values.
    gains, offsets : tuple of float, optional
        Of each band: value = stored / scale * gain + offset.  One number stands for all bands.
    unsigned : bool
        The stored integers are to be taken as unsigned.
    wavelengths : tuple of float, optional
        In nm.
    bad_bands : frozenset of int
    class_names : mapping of int to str
    remarks : tuple of str
    """

    nodata: tuple[float, ...] = ()
    limits: tuple[float, float] = (-math.inf, math.inf)
    scale: float = 1.0
    gains: tuple[float, ...] | None = None
    offsets: tuple[float, ...] | None = None
    unsigned: bool = False
    wavelengths: tuple[float, ...] | None = None
    bad_bands: frozenset[int] = frozenset()
    class_names: Mapping[int, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def plain_text(value: Any) -> str:
    """Return an attribute as text: bytes are decoded, an array of one is its element."""
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size == 1 else " ".join(map(plain_text, value.ravel()))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip("\0 ")
    return str(value).strip("\0 ")


def numbers_in(value: Any) -> list[float] | None:
    """Return the numbers of an attribute, also of one that is text such as ``{1, 2}``; or None.

    Examples
    --------
    >>> numbers_in(b"{0, 1}"), numbers_in([3]), numbers_in("none")
    ([0.0, 1.0], [3.0], None)
    """
    if isinstance(value, bytes | str | np.bytes_ | np.str_):
        parts: Iterable[Any] = filter(None, _LIST.split(plain_text(value).strip("{}[]() ")))
    else:
        parts = np.asarray(value).ravel().tolist()
    try:
        return [float(part) for part in parts]
    except (TypeError, ValueError):
        return None


def read_statements(
    attributes: Mapping[str, Any], bands: int | None = None, *, about: str = ""
) -> Statements:
    """Interpret the attributes of an array.

    Parameters
    ----------
    attributes : mapping of str to anything
        As the file has them.
    bands : int, optional
        Number of bands, if the array is a cube: lists per band must have as many elements.
    about : str
        What the attributes belong to, for remarks.

    Returns
    -------
    Statements
        A statement that makes no sense is left out with a remark.

    Examples
    --------
    >>> said = read_statements({"_FillValue": -9999, "scale_factor": 1e-4})
    >>> said.nodata, said.gains, said.remarks
    ((-9999.0,), (0.0001,), ('values are multiplied by 0.0001 (scale_factor)',))
    """
    found: dict[str, Any] = {}
    nodata: list[float] = []
    remarks: list[str] = []
    low, high, scale = -math.inf, math.inf, 1.0
    gains = offsets = None

    def per_band(key: str, value: Any) -> tuple[float, ...] | None:
        values = numbers_in(value)
        if values is None or not all(map(math.isfinite, values)):
            remarks.append(f"{key} is not used: {plain_text(value)!r:.60} is not a finite number")
        elif len(values) not in (1, bands or 1):
            remarks.append(f"{key} is not used: there are {len(values)} for {bands} bands")
        else:
            return tuple(values)
        return None

    for key, value in attributes.items():
        word = re.sub(r"[^a-z0-9]", "", key.lower())
        if word in _NODATA:
            values = numbers_in(value)
            if values is None:
                if plain_text(value).lower() not in ("", "none", "null"):
                    remarks.append(f"{key} is not used: {plain_text(value)!r:.60} is no number")
            else:
                nodata += [each for each in values if each not in nodata]
        elif word in ("validrange", "validmin", "validmax"):
            values = numbers_in(value)
            if values is None or len(values) != (2 if word == "validrange" else 1):
                remarks.append(f"{key} is not used: got {plain_text(value)!r:.60}")
            elif word == "validmin":
                low = values[0]
            elif word == "validmax":
                high = values[0]
            else:
                low, high = values
        elif word == "unsigned":
            found["unsigned"] = plain_text(value).lower() == "true"
        elif word == "scalefactor" or word in _DIVISOR:
            factors = per_band(key, value)
            if factors is None or not all(factors):
                continue
            # CF's scale_factor multiplies; others, such as NEON's Scale_Factor, divide.
            if key == "scale_factor" or (word not in _DIVISOR and max(factors) <= 1):
                gains = factors
                remarks.append(f"values are multiplied by {span(factors)} ({key})")
            elif len(set(factors)) == 1:
                scale = factors[0]
                remarks.append(f"values are divided by {scale:g} ({key})")
            else:
                gains = tuple(1 / factor for factor in factors)
                remarks.append(f"values are divided by {span(factors)} ({key})")
        elif word in ("addoffset", "offset"):
            offsets = per_band(key, value)
            if offsets is not None and any(offsets):
                remarks.append(f"{span(offsets)} is added to the values ({key})")
        elif word in ("scale", "gain", "gains"):
            gains = per_band(key, value) or gains
            if gains is not None and set(gains) != {1.0}:
                remarks.append(f"values are multiplied by {span(gains)} ({key})")
    if scale < 0:
        remarks.append(f"the scale factor {scale:g} is not used: it is below 0")
        scale = 1.0
    nm, remark = _wavelengths(attributes, bands)
    bad, more = _bad_bands(attributes, bands)
    remarks += [f"values outside {low:g} to {high:g} are no data"] * (
        low > -math.inf or high < math.inf
    )
    remarks += filter(None, (remark, more))
    return Statements(
        nodata=tuple(nodata),
        limits=(low, high),
        scale=scale,
        gains=gains,
        offsets=offsets,
        unsigned=found.get("unsigned", False),
        wavelengths=nm,
        bad_bands=bad,
        class_names=_class_names(attributes),
        remarks=tuple(f"{about}: {each}" if about else each for each in remarks),
    )


def span(values: Sequence[float]) -> str:
    """Return factors of the bands in words: one number, or the lowest and the highest."""
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}, by band"


def _wavelengths(
    attributes: Mapping[str, Any], bands: int | None
) -> tuple[tuple[float, ...] | None, str]:
    words = {re.sub(r"[^a-z0-9]", "", key.lower()): value for key, value in attributes.items()}
    key = next((word for word in words if word in _WAVES), None)
    if key is None or bands is None:
        return None, ""
    values = words[key]
    numbers = numbers_in(values)
    unit = next((plain_text(words[word]) for word in words if word in _UNITS), "")
    unit = unit or ("um" if key.endswith("um") else "nm" if key.endswith("nm") else "")
    return to_nanometres(values if numbers is None else numbers, unit, bands)


def _bad_bands(attributes: Mapping[str, Any], bands: int | None) -> tuple[frozenset[int], str]:
    for key, value in attributes.items():
        if bands is None or re.sub(r"[^a-z0-9]", "", key.lower()) not in _GOOD:
            continue
        values = numbers_in(value)
        if values is None or len(values) != bands:
            count = "no numbers" if values is None else f"{len(values)} for {bands} bands"
            return frozenset(), f"{key} is not used: there are {count}"
        return frozenset(band for band, good in enumerate(values) if good == 0), ""
    return frozenset(), ""


def _class_names(attributes: Mapping[str, Any]) -> dict[int, str]:
    """Return CF's flags: ``flag_values`` and ``flag_meanings``, separated by blanks."""
    if "flag_values" not in attributes or "flag_meanings" not in attributes:
        return {}
    values = numbers_in(attributes["flag_values"])
    names = plain_text(attributes["flag_meanings"]).split()
    if values is None or len(values) != len(names):
        return {}
    return {int(value): name for value, name in zip(values, names, strict=True)}

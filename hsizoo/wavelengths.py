"""Wavelengths as files and other libraries give them, in nanometres or not at all.

Wavelengths are optional: what cannot be right is left out with a remark, and never makes an image
unusable.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError

__all__ = ["WAVELENGTH_UNITS", "checked_nanometres", "nanometres", "range_text", "to_nanometres"]

WAVELENGTH_UNITS: Final = {
    "nanometers": 1.0, "nanometer": 1.0, "nanometres": 1.0, "nanometre": 1.0, "nm": 1.0,
    "micrometers": 1e3, "micrometer": 1e3, "micrometres": 1e3, "micrometre": 1e3, "microns": 1e3,
    "micron": 1e3, "um": 1e3, "µm": 1e3, "μm": 1e3, "millimeters": 1e6, "millimetres": 1e6,
    "mm": 1e6, "centimeters": 1e7, "centimetres": 1e7, "cm": 1e7, "meters": 1e9, "metres": 1e9,
    "m": 1e9, "angstroms": 0.1, "angstrom": 0.1, "å": 0.1,
}  # fmt: skip
"""Factor from each unit of length to nanometre."""

_WAVENUMBER: Final = ("wavenumber", "cm-1", "cm^-1", "1/cm", "cm⁻¹")
_NO_UNIT: Final = ("", "unknown", "none", "null", "n/a")
_SHORTEST, _LONGEST = 100.0, 1e6  # nm; outside, it is another unit: ultraviolet to far infrared
_MICROMETRES: Final = 100.0  # a spectrum whose numbers are all smaller is in micrometres


def range_text(nm: npt.ArrayLike) -> str:
    """Return the range of wavelengths in words.

    Examples
    --------
    >>> range_text([450, 700.5, 500])
    '450 to 700.5 nm'
    """
    array = np.asarray(nm)
    return f"{array.min():g} to {array.max():g} nm"


def nanometres(values: npt.ArrayLike) -> tuple[float, ...]:
    """Return wavelengths in nm; if all are below 100, they are taken for micrometres.

    Examples
    --------
    >>> nanometres([0.5, 0.625]), nanometres([500, 625])
    ((500.0, 625.0), (500.0, 625.0))
    """
    numbers = np.asarray(values, dtype=np.float64).ravel()
    factor = 1000.0 if numbers.size and numbers.max() < _MICROMETRES else 1.0
    return tuple(round(value * factor, 6) for value in numbers.tolist())


def checked_nanometres(values: npt.ArrayLike, bands: int, name: str) -> npt.NDArray[np.float64]:
    """Return wavelengths that somebody states to be nm, read-only.

    Parameters
    ----------
    values : array_like, shape (bands,)
    bands : int
    name : str
        What they belong to, for messages.

    Raises
    ------
    DataError
        If they are not finite numbers above 0, one for each band, or look like micrometres.
    """
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: wavelengths must be numbers: {error}") from None
    if array.shape != (bands,):
        raise DataError(
            f"{name}: {array.size} wavelengths of shape {array.shape} for {bands} bands"
        )
    if not np.isfinite(array).all() or (array <= 0).any():
        raise DataError(f"{name}: wavelengths must be finite and positive nanometres; got {array}")
    if array.max() < _MICROMETRES:
        raise DataError(
            f"{name}: wavelengths up to {array.max():g} look like micrometres; "
            "hsizoo expects nanometres: multiply by 1000"
        )
    array.flags.writeable = False
    return array


def to_nanometres(
    values: Any, unit: str = "", bands: int | None = None
) -> tuple[tuple[float, ...] | None, str]:
    """Convert wavelengths to nanometres.

    Parameters
    ----------
    values : array_like
        Numbers, or text that holds numbers.
    unit : str
        Name of their unit; without one it is guessed, and the remark says so.
    bands : int, optional
        How many there must be.

    Returns
    -------
    wavelengths : tuple of float, or None if they are unusable
    remark : str
        What was wrong or guessed; empty if nothing was.

    Examples
    --------
    >>> to_nanometres(["0.5", "0.6"], "Micrometers", 2)
    ((500.0, 600.0), '')
    >>> to_nanometres([500, 600], "nm", 3)
    (None, 'wavelengths are not used: there are 2 of them for 3 bands')
    """
    array = np.asarray(values).ravel()
    try:
        numbers = array.astype(np.float64)
    except (TypeError, ValueError):
        return None, f"wavelengths are not used: they are not numbers, such as {array[0]!s:.40}"
    if not numbers.size:
        return None, ""
    if bands is not None and numbers.size != bands:
        return None, f"wavelengths are not used: there are {numbers.size} of them for {bands} bands"
    if not np.isfinite(numbers).all() or numbers.min() <= 0:
        bad = numbers[~(np.isfinite(numbers) & (numbers > 0))][0]
        return None, f"wavelengths are not used: {bad:g} is among them"
    name = unit.strip().lower()
    if name in _NO_UNIT:
        known = "micrometres" if numbers.max() < _MICROMETRES else "nanometres"
        nm, remark = np.array(nanometres(numbers)), f"wavelengths have no unit; taken for {known}"
    elif name in WAVELENGTH_UNITS:
        nm, remark = numbers * WAVELENGTH_UNITS[name], ""
    elif name in _WAVENUMBER:
        nm, remark = 1e7 / numbers, ""
    else:
        return None, f"wavelengths are not used: their unit is {unit!r:.40}"
    if nm.max() < _SHORTEST or nm.min() > _LONGEST:
        low, high = numbers.min(), numbers.max()
        return (
            None,
            f"wavelengths are not used: {low:g} to {high:g} {unit or known} cannot be right",
        )
    return tuple(round(value, 6) for value in nm.tolist()), remark

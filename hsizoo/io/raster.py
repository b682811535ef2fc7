"""`Raster`: one description of what a file holds, before it becomes a cube or a label map."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hsizoo.arrays import strips
from hsizoo.cube import NO_LABEL, HyperCube
from hsizoo.errors import DataError, listed
from hsizoo.io.limits import check_memory
from hsizoo.io.settings import Settings

__all__ = [
    "Raster",
    "apply_settings",
    "row_blocks",
    "to_cube",
    "to_labels",
    "usable_bands",
    "without_empty_bands",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class Raster:
    """An image as stored in a file, and all that the file says about its values.

    A value is ``stored / scale * gain + offset``, or no data.

    Parameters
    ----------
    path : Path
        The file, for messages.
    values : array, shape (H, W, B) or (H, W)
        Numbers or booleans of any type and byte order; may be a memory map.
    wavelengths : tuple of float, optional
        Wavelengths of all bands in nm.
    rgb_bands : (int, int, int), optional
        Bands of a pseudo-RGB image, red first, counted from 0 among all bands.
    scale : float, default 1
        Divisor of the values: ENVI's reflectance scale factor.
    gains, offsets : tuple of float, optional
        One for all bands, or one for each.
    bad_bands : frozenset of int
        Bands that the file marks as unusable; they are left out.
    nodata : tuple of float
        Stored values that stand for no data; they become NaN.
    limits : (float, float)
        Least and greatest stored value that is data; others become NaN.
    valid : array of bool, shape (H, W) or (H, W, B), optional
        Where the file's mask says that there are data.
    class_names : mapping of int to str
        Class names in the file, if any.
    place : mapping
        Georeference, in the terms of its format; kept when a mask is written in the same format.
    product : str
        Name of the product whose layout the file has, if it is known.
    remarks : tuple of str
        Notes for the user on how the file was read.
    """

    path: Path
    values: npt.NDArray[Any]
    wavelengths: tuple[float, ...] | None = None
    rgb_bands: tuple[int, int, int] | None = None
    scale: float = 1.0
    gains: tuple[float, ...] | None = None
    offsets: tuple[float, ...] | None = None
    bad_bands: frozenset[int] = frozenset()
    nodata: tuple[float, ...] = ()
    limits: tuple[float, float] = (-math.inf, math.inf)
    valid: npt.NDArray[np.bool_] | None = None
    class_names: Mapping[int, str] = field(default_factory=dict)
    place: Mapping[str, Any] = field(default_factory=dict)
    product: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def is_as_stored(self) -> bool:
        """Whether the stored values are the values, but for bad bands and the number type."""
        return (
            self.scale == 1
            and not self.nodata
            and self.gains is None
            and self.offsets is None
            and self.valid is None
            and self.limits == (-math.inf, math.inf)
        )


def apply_settings(raster: Raster, settings: Settings, source: Callable[[str], str]) -> Raster:
    """Let the user's settings go before what the file says.

    Parameters
    ----------
    raster : Raster
    settings : Settings
    source : callable
        Says where the setting of a name comes from, for messages.

    Raises
    ------
    DataError
        If they name bands that there are not.
    """
    bands = _three_axes(raster).shape[2]
    for key in ("drop_bands", "rgb_bands"):
        named = getattr(settings, key) or ()
        if wrong := sorted(band for band in named if not 0 <= band < bands):
            raise DataError(
                f"{source(key)} names band {wrong[0]} ({key}), but {raster.path} has the bands 0 "
                f"to {bands - 1}"
            )
    nm = settings.wavelengths
    if nm is not None and len(nm) != bands:
        raise DataError(
            f"{source('wavelengths')} gives {len(nm)} wavelengths, but {raster.path} has {bands} "
            "bands"
        )
    changes: dict[str, Any] = {
        "wavelengths": nm or raster.wavelengths,
        "rgb_bands": settings.rgb_bands or raster.rgb_bands,
        "bad_bands": raster.bad_bands | settings.drop_bands,
    }
    if settings.scale is not None:
        changes |= {"scale": settings.scale, "gains": None, "offsets": None}
    if settings.nodata == "none":
        changes |= {"nodata": (), "valid": None, "limits": (-math.inf, math.inf)}
    elif settings.nodata is not None:
        changes["nodata"] = (settings.nodata,)
    return replace(raster, **changes)


def without_empty_bands(raster: Raster) -> Raster:
    """Mark the bands without a single value as bad, with a remark.

    The values are looked through only until every band has shown one.

    Raises
    ------
    DataError
        If no band has a value, or no pixel has one in every band that is left.
    """
    bands = usable_bands(raster)[0]
    counts, pixels, whole = np.zeros(len(bands), dtype=np.int64), 0, False
    for _, rows in row_blocks(raster):
        finite = np.isfinite(rows)
        counts += finite.sum(axis=(0, 1))
        pixels += rows.shape[0] * rows.shape[1]
        whole = whole or bool(finite.all(axis=2).any())
        if whole and counts.all():
            return raster
    if not counts.any():
        raise DataError(f"{raster.path} has no value: all pixels are without data in all bands")
    empty = bands[counts == 0].tolist()
    left = replace(raster, bad_bands=raster.bad_bands | set(empty))
    if empty:
        remark = f"{_bands(empty)} without a single value left out"
        left = replace(left, remarks=(*raster.remarks, remark))
        if not whole:
            whole = any(np.isfinite(rows).all(axis=2).any() for _, rows in row_blocks(left))
    if not whole:
        worst = sorted(zip(counts.tolist(), bands.tolist(), strict=True))
        shown = ", ".join(f"{b} ({c} of {pixels})" for c, b in worst if 0 < c < pixels)
        raise DataError(
            f"{raster.path}: no pixel has a value in every band, so none can be used.  Leave out "
            f"the bands with the most gaps (with how many pixels have a value): {shown:.300}; "
            "set drop_bands in hsizoo.toml, or --set 'drop_bands=[...]'"
        )
    return left


def _bands(numbers: list[int]) -> str:
    return f"{len(numbers)} band(s) ({listed(numbers, 20)})"


def to_cube(raster: Raster, name: str | None = None) -> HyperCube:
    """Make a cube: leave out bad bands, set what is no data to NaN, apply scale, gain and offset.

    Parameters
    ----------
    raster : Raster
    name : str, optional
        Default: the file's name without its extension.

    Raises
    ------
    DataError
        If the values are unusable or do not fit into memory.
    """
    values = _three_axes(raster)
    bands, nm, rgb = usable_bands(raster)
    unchanged = (
        len(bands) == values.shape[2]
        and raster.is_as_stored
        and values.dtype == np.dtype(np.float32)
    )
    if not unchanged:
        shape = (*values.shape[:2], len(bands))
        check_memory(raster.path, shape, 4)
        values = np.empty(shape, dtype=np.float32)
        for start, rows in row_blocks(raster):
            values[start : start + len(rows)] = rows
    try:
        return HyperCube(values, nm, name or raster.path.stem, rgb, raster.remarks)
    except DataError as error:
        raise DataError(f"{raster.path}: {error}") from None


def usable_bands(
    raster: Raster,
) -> tuple[npt.NDArray[np.intp], list[float] | None, list[int] | None]:
    """Return the bands not marked as bad, their wavelengths, and the pseudo-RGB bands among them.

    Raises
    ------
    DataError
        If all bands are bad, or the numbers of wavelengths and bands differ.
    """
    count = _three_axes(raster).shape[2]
    bands = np.array([band for band in range(count) if band not in raster.bad_bands], dtype=np.intp)
    if not bands.size:
        raise DataError(f"{raster.path} marks all of its {count} bands as bad")
    nm, rgb = raster.wavelengths, raster.rgb_bands
    if nm is not None and len(nm) != count:
        raise DataError(f"{raster.path}: {len(nm)} wavelengths for {count} bands")
    place = {int(band): number for number, band in enumerate(bands)}
    return (
        bands,
        None if nm is None else [nm[band] for band in bands],
        # No pseudo-RGB image if one of its bands is left out.
        [place[band] for band in rgb] if rgb is not None and set(rgb) <= set(place) else None,
    )


def row_blocks(raster: Raster) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Iterate over the usable values as float32, in blocks of rows.

    Yields
    ------
    start : int
        First row of the block.
    values : array of float32, shape (rows, W, usable bands)
    """
    values = _three_axes(raster)
    bands = usable_bands(raster)[0]
    every = len(bands) == values.shape[2]
    gains, offsets = _of(raster.gains, bands), _of(raster.offsets, bands)
    for part in strips(values):
        rows = values[part]
        rows = rows if every else rows[:, :, bands]
        with np.errstate(over="ignore", invalid="ignore"):  # beyond float32: infinite, not valid
            block = rows.astype(np.float32)
            if gains is not None or offsets is not None:  # in double precision, as CF asks
                exact = rows / raster.scale * (1.0 if gains is None else gains)
                block = (exact + (0.0 if offsets is None else offsets)).astype(np.float32)
            elif raster.scale != 1:
                block /= np.float32(raster.scale)
        block[_no_data(raster, rows)] = np.nan
        if raster.valid is not None:
            good = raster.valid[part]
            block[~(good if every or good.ndim == 2 else good[:, :, bands])] = np.nan
        yield part.start, block


def _of(
    factors: tuple[float, ...] | None, bands: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64] | None:
    """Return gains or offsets of the usable bands."""
    if factors is None:
        return None
    array = np.array(factors, dtype=np.float64)
    return array[bands] if array.size > 1 else array


def _no_data(raster: Raster, stored: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where stored values stand for no data."""
    found = np.zeros(stored.shape, dtype=bool)
    with np.errstate(invalid="ignore", over="ignore"):
        for value in raster.nodata:
            if stored.dtype.kind == "f":  # a statement in text is rounded as the values are
                found |= stored == stored.dtype.type(value)
            elif float(value).is_integer():  # as such: int64 and float would be compared as floats
                found |= stored == int(value)
        low, high = raster.limits
        if low > -math.inf:
            found |= stored < low
        if high < math.inf:
            found |= stored > high
    return found


def _three_axes(raster: Raster) -> npt.NDArray[Any]:
    values = raster.values[:, :, None] if raster.values.ndim == 2 else raster.values
    if values.ndim != 3 or 0 in values.shape:
        raise DataError(
            f"{raster.path}: a cube must be (rows, columns, bands), none of them 0; "
            f"got shape {raster.values.shape}"
        )
    if values.dtype.kind not in "iuf":
        raise DataError(f"{raster.path} holds {values.dtype}; a cube must hold real numbers")
    return values


def to_labels(raster: Raster) -> npt.NDArray[np.int32]:
    """Convert to an array of class labels; pixels without data get the label -1 (`NO_LABEL`).

    Scale factors and offsets do not apply to labels.

    Raises
    ------
    DataError
        If the raster is not one band of whole numbers within 32 bits.
    """
    values = raster.values
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim != 2 or 0 in values.shape:
        raise DataError(
            f"{raster.path}: a mask must be one band, (rows, columns); got shape {values.shape}"
        )
    if values.dtype.kind not in "biuf":
        raise DataError(f"{raster.path} holds {values.dtype}; a mask must hold whole numbers")
    check_memory(raster.path, values.shape, max(values.dtype.itemsize, 4))
    missing = _no_data(raster, values)
    if raster.valid is not None:
        missing |= ~raster.valid
    if values.dtype.kind == "f" and any(map(math.isnan, raster.nodata)):
        missing |= np.isnan(values)
    limits = np.iinfo(np.int32)
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.int64)
        exact = (whole == values) | missing
    if not exact.all():
        row, col = np.argwhere(~exact)[0]
        raise DataError(
            f"{raster.path}: labels must be whole numbers; row {row}, column {col} "
            f"is {values[row, col]}"
        )
    whole[missing] = NO_LABEL
    if whole.min() < limits.min or whole.max() > limits.max:
        raise DataError(
            f"{raster.path}: labels must fit into 32 bits; found {whole.min()} to {whole.max()}"
        )
    return whole.astype(np.int32)

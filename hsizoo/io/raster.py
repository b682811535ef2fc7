"""`Raster`: the content of a file, before it becomes a cube or a label map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hsizoo.cube import HyperCube, strips
from hsizoo.errors import DataError
from hsizoo.io.limits import check_memory

__all__ = [
    "Layout",
    "Raster",
    "row_blocks",
    "to_cube",
    "to_labels",
    "usable_bands",
]

Layout = Literal["hwb", "bhw"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Raster:
    """An image as stored in a file.

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
    bad_bands : frozenset of int
        Bands that the file marks as unusable; they are left out.
    nodata : float, optional
        The value of pixels without data; they become NaN.
    class_names : mapping of int to str
        Class names in the file, if any.
    place : mapping
        Georeference, in the terms of its format; kept when a mask is written in the same format.
    remarks : tuple of str
        Notes for the user on how the file was read.
    """

    path: Path
    values: npt.NDArray[Any]
    wavelengths: tuple[float, ...] | None = None
    rgb_bands: tuple[int, int, int] | None = None
    scale: float = 1.0
    bad_bands: frozenset[int] = frozenset()
    nodata: float | None = None
    class_names: Mapping[int, str] = field(default_factory=dict)
    place: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def to_cube(raster: Raster, name: str | None = None) -> HyperCube:
    """Make a cube: leave out bad bands, set no-data values to NaN, divide by the scale.

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
        and raster.scale == 1
        and raster.nodata is None
        and values.dtype == np.dtype(np.float32)
    )
    if not unchanged:
        shape = (*values.shape[:2], len(bands))
        check_memory(raster.path, shape, 4)
        values = np.empty(shape, dtype=np.float32)
        for start, rows in row_blocks(raster):
            values[start : start + len(rows)] = rows
    try:
        return HyperCube(values, nm, name or raster.path.stem, rgb)
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
    for part in strips(values):
        rows = values[part]
        rows = rows if every else rows[:, :, bands]
        with np.errstate(over="ignore", invalid="ignore"):  # beyond float32: infinite, not valid
            block = rows.astype(np.float32)
            if raster.nodata is not None:
                block[rows == raster.nodata] = np.nan
            if raster.scale != 1:
                block /= np.float32(raster.scale)
        yield part.start, block


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
    """Convert to an array of class labels.

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
    limits = np.iinfo(np.int32)
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.int64)
        exact = whole == values
    if not exact.all():
        row, col = np.argwhere(~exact)[0]
        raise DataError(
            f"{raster.path}: labels must be whole numbers; row {row}, column {col} "
            f"is {values[row, col]}"
        )
    if whole.min() < limits.min or whole.max() > limits.max:
        raise DataError(
            f"{raster.path}: labels must fit into 32 bits; found {whole.min()} to {whole.max()}"
        )
    return whole.astype(np.int32)

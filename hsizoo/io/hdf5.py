"""HDF5 and netCDF4, including MATLAB's ``.mat`` version 7.3, which stores axes in reverse."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError
from hsizoo.io.choosing import Want, choose
from hsizoo.io.containers import SMALL, Beside, is_beside, make_raster
from hsizoo.io.limits import check_memory, check_stored, need
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings
from hsizoo.io.statements import plain_text

__all__ = ["attributes_of", "datasets_of", "describe", "load", "read"]

_MOST_ITEMS: Final = 100_000
_DEFLATE_AT_MOST: Final = (None, "gzip", "lzf")  # what shrinks data no more than deflate does
_MATLAB_OWN: Final = ("#refs#", "#subsystem#")


def read(path: Path, want: Want, settings: Settings, images: Sequence[tuple[int, int]]) -> Raster:
    """Read the requested dataset; links to other files are not followed."""
    h5py = need("h5py", "hdf5", path)
    with h5py.File(path, "r") as file:
        return describe(path, datasets_of(path, file), want, settings, images)


def describe(
    path: Path,
    found: Mapping[str, Any],
    want: Want,
    settings: Settings,
    images: Sequence[tuple[int, int]],
) -> Raster:
    """Read the requested dataset of an open file.

    Parameters
    ----------
    path : Path
    found : mapping of str to h5py.Dataset
        All arrays in the file, from `datasets_of`.
    want, settings, images
        As for every reader; see `hsizoo.io.formats.open_raster`.
    """
    with path.open("rb") as start:
        matlab = start.read(10) == b"MATLAB 7.3"
    shapes = {
        name: item.shape[::-1] if matlab else item.shape
        for name, item in found.items()
        if name.split("/")[0] not in _MATLAB_OWN and item.dtype.kind in "biuf"
    }
    variable = settings.variable if want == "cube" else settings.mask_variable
    chosen = choose(path, shapes, want, variable)
    values = load(path, found[chosen])
    names = _axis_names(found[chosen])
    beside = _beside(path, found, list(shapes.values()))
    attributes = attributes_of(found[chosen])
    if matlab:
        values, names = values.T, None if names is None else names[::-1]
    return make_raster(
        path, values, want, settings,
        names=names, attributes=attributes, beside=beside, images=images,
    )  # fmt: skip


def datasets_of(path: Path, file: Any) -> dict[str, Any]:
    """Return the arrays of a file by their names; hard links only.

    Raises
    ------
    DataError
        If there are very many.
    """
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if len(found) > _MOST_ITEMS:
            raise DataError(f"{path} has more than {_MOST_ITEMS} arrays")
        if hasattr(item, "chunks") and item.shape:  # a dataset, and not empty
            found[name] = item

    file.visititems(visit)
    return found


def attributes_of(item: Any) -> dict[str, Any]:
    """Return the attributes of an array or group; those that cannot be read are left out."""
    found = {}
    for key in item.attrs:
        try:
            value = item.attrs[key]
        except (OSError, TypeError, ValueError, RuntimeError):  # such as a type unknown to h5py
            continue
        if getattr(value, "dtype", np.dtype("i1")).kind in "biufSUO":
            found[str(key)] = value
    return found


def _axis_names(item: Any) -> list[str] | None:
    """Return the names of the axes, from labels or dimension scales, if each has one."""
    names = []
    for dimension in item.dims:
        label = dimension.label or (dimension[0].name if len(dimension) else "")
        names.append(str(label).rpartition("/")[2])
    return names if all(names) else None


def _bytes(item: Any) -> int:
    return math.prod(map(int, item.shape)) * int(item.dtype.itemsize)


def _beside(path: Path, found: Mapping[str, Any], shapes: Sequence[tuple[int, ...]]) -> Beside:
    """Read the small arrays of known names; what cannot be read is left out, as it is optional."""
    arrays, units = {}, {}
    for name, item in found.items():
        if not is_beside(name) or item.dtype.kind not in "biufSO" or _bytes(item) > SMALL:
            continue
        key = name.rpartition("/")[2].lower()
        try:
            arrays[key] = np.array(load(path, item) if item.dtype.kind in "biuf" else item[()])
        except (DataError, OSError, TypeError, ValueError, RuntimeError):
            continue
        units[key] = plain_text(attributes_of(item).get("units", ""))
    return Beside(arrays=arrays, units=units, shapes=shapes)


def load(path: Path, item: Any) -> npt.NDArray[Any]:
    """Read an array, as a memory map if it is contiguous in the file.

    Raises
    ------
    DataError
        If it is stored in other files or not at all, or its declared size, or that of a chunk,
        cannot be right or is beyond the limit of memory.
    """
    if item.is_virtual or item.external:
        raise DataError(f"{path}: {item.name} is stored in other files, which hsizoo does not read")
    stored = item.id.get_storage_size()
    if not stored:
        raise DataError(f"{path}: {item.name} {item.shape} was declared but never written")
    offset = item.id.get_offset()
    if offset is not None and item.chunks is None:
        if offset + _bytes(item) > path.stat().st_size:
            raise DataError(f"{path} ends within {item.name}; it is incomplete")
        return np.memmap(path, item.dtype, "r", offset, item.shape)
    check_memory(path, item.shape, item.dtype.itemsize)
    if item.chunks is not None:
        check_memory(path, item.chunks, item.dtype.itemsize)
        if item.compression in _DEFLATE_AT_MOST:
            chunk = math.prod(item.chunks) * int(item.dtype.itemsize)
            check_stored(path, item.name, max(item.nbytes, chunk), stored)
    values: npt.NDArray[Any] = item[()]
    return values

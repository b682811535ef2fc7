"""Zarr stores of versions 2 and 3, in a folder."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError
from hsizoo.io.choosing import Want, choose, numeric
from hsizoo.io.containers import SMALL, Beside, is_beside, make_raster
from hsizoo.io.limits import check_memory, check_stored, need
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings
from hsizoo.io.statements import unit_in
from hsizoo.io.zarr_chunks import METADATA, check_chunks

__all__ = ["read"]

_CHUNKS_PER_FILE: Final = 1000
_LONGEST: Final = 2**24  # bytes of metadata
_MASKS_MORE: Final = 64
"""Masks of large plain areas shrink more than deflate's limit, under Zarr's zstd; cubes do not."""


def read(path: Path, want: Want, settings: Settings, images: Sequence[tuple[int, int]]) -> Raster:
    """Read the requested array of a store, or the store's only array."""
    zarr = need("zarr", "zarr", path)
    stored, files = _contents(path)
    store = zarr.open(str(path), mode="r")
    variable = settings.variable if want == "cube" else settings.mask_variable
    if isinstance(store, zarr.Array):
        found: dict[str, Any] = {path.stem: store}
        variable = None
    else:
        found = {
            name: item
            for name, item in store.members(max_depth=None)
            if isinstance(item, zarr.Array)
        }
    shapes, others = numeric(found, want)
    chosen = choose(path, shapes, want, variable, others)
    array = found[chosen]
    more = _MASKS_MORE if want == "labels" else 1
    values = _load(path, chosen, array, stored * more, files)
    above = _above(store, chosen) if not isinstance(store, zarr.Array) else {}
    beside = replace(_beside(path, found, stored, files), shapes=shapes, above=above)
    return make_raster(
        path, values, want, settings,
        names=_axis_names(array), attributes=_attributes(array), beside=beside, images=images,
    )  # fmt: skip


def _load(path: Path, name: str, array: Any, stored: int, files: int) -> npt.NDArray[Any]:
    """Read an array whose declared size is plausible for a store of so many bytes and files."""
    size = array.dtype.itemsize
    check_memory(path, array.shape, size)
    check_memory(path, array.chunks, size)
    if array.nchunks > files * _CHUNKS_PER_FILE:  # chunks of zeros may be absent, but not most
        raise DataError(
            f"{path}: {name} {array.shape} declares {array.nchunks} chunks but the store has "
            f"only {files} file(s) of data; it is incomplete"
        )
    declared = max(math.prod(array.chunks), math.prod(array.shape)) * size
    check_stored(path, name, declared, stored)
    check_chunks(path, name, array)
    return np.asarray(array[...])


def _beside(path: Path, found: Mapping[str, Any], stored: int, files: int) -> Beside:
    """Read the small arrays of known names; what cannot be read is left out, as it is optional."""
    arrays, units = {}, {}
    for name, item in found.items():
        size = math.prod(item.shape) * item.dtype.itemsize
        if not is_beside(name) or item.dtype.kind not in "biufU" or size > SMALL:
            continue
        key = name.rpartition("/")[2].lower()
        try:
            arrays[key] = _load(path, name, item, stored, files)
        except Exception:  # noqa: BLE001 (libraries raise anything on damaged files)
            continue
        units[key] = unit_in(item.attrs)
    return Beside(arrays=arrays, units=units)


def _above(store: Any, name: str) -> dict[str, Any]:
    """Return the attributes of the groups that an array is in."""
    found = dict(store.attrs)
    for part in name.split("/")[:-1]:
        store = store[part]
        found |= dict(store.attrs)
    return found


def _axis_names(array: Any) -> list[str] | None:
    """Return the names of the axes: Zarr 3 has a field for them, xarray an attribute in Zarr 2."""
    names = getattr(array.metadata, "dimension_names", None)
    names = names or array.attrs.get("_ARRAY_DIMENSIONS")
    if not isinstance(names, list | tuple) or len(names) != len(array.shape):
        return None
    return [str(name) for name in names] if all(names) else None


def _attributes(array: Any) -> dict[str, Any]:
    """Return the attributes, and the fill value where it is not just Zarr's 0."""
    found = {str(key): value for key, value in array.attrs.items()}
    fill = array.fill_value
    if isinstance(found.get("_FillValue"), str):  # xarray encodes floats, such as NaN, in base 64
        try:
            found["_FillValue"] = _decoded(found["_FillValue"], array.dtype)
        except ValueError:
            found.pop("_FillValue")
    if fill is not None and "_FillValue" not in found and array.dtype.kind in "iuf" and fill != 0:
        found["_FillValue"] = fill
    return found


def _decoded(text: str, dtype: np.dtype[Any]) -> float:
    """Decode xarray's fill value: the bytes of a float in base 64, or plain text."""
    try:
        return float(text)
    except ValueError:
        content = base64.standard_b64decode(text)
    size = len(content)
    if dtype.kind != "f" or size not in (4, 8):
        raise ValueError(f"{size} bytes")
    return float(np.frombuffer(content, f"<f{size}")[0])


def _contents(path: Path) -> tuple[int, int]:
    """Return the bytes of all data files of a store, and how many they are.

    Raises
    ------
    DataError
        If a link points outside the store, something in it is not a file, or the metadata are huge.
    """
    root, size, files = path.resolve(), 0, 0
    for item in path.rglob("*"):
        if item.is_symlink() and not item.resolve().is_relative_to(root):
            raise DataError(f"{item} is a link that points outside the store {path}")
        if item.is_dir():
            continue
        if not item.is_file():
            raise DataError(f"{item} is not a plain file; remove it from the store {path}")
        if item.name in METADATA:
            if item.stat().st_size > _LONGEST:
                raise DataError(f"{item} has {item.stat().st_size} bytes: too long for metadata")
        else:
            size += item.stat().st_size
            files += 1
    return size, files

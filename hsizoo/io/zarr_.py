"""Zarr stores of versions 2 and 3, in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from hsizoo.errors import DataError
from hsizoo.io.choosing import WAVELENGTHS, Want, choose, wavelengths_of
from hsizoo.io.limits import check_memory, check_stored, need
from hsizoo.io.numpy_ import to_hwb
from hsizoo.io.raster import Layout, Raster

__all__ = ["read"]

_METADATA: Final = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
_CHUNKS_PER_FILE: Final = 1000


def read(path: Path, want: Want, variable: str | None, layout: Layout) -> Raster:
    """Read the requested array of a store, or the store's only array."""
    zarr = need("zarr", "zarr", path)
    stored, files = _contents(path)
    store = zarr.open(str(path), mode="r")
    if isinstance(store, zarr.Array):
        found: dict[str, Any] = {path.stem: store}
        variable = None
    else:
        found = {
            name: item
            for name, item in store.members(max_depth=None)
            if isinstance(item, zarr.Array)
        }
    found = {name: item for name, item in found.items() if item.dtype.kind in "biuf"}
    chosen = choose(path, {name: item.shape for name, item in found.items()}, want, variable)
    array = found[chosen]
    check_memory(path, array.shape, array.dtype.itemsize)
    if array.nchunks > files * _CHUNKS_PER_FILE:  # chunks of zeros may be absent, but not most
        raise DataError(
            f"{path}: {chosen} {array.shape} declares {array.nchunks} chunks but the store has "
            f"only {files} file(s) of data; it is incomplete"
        )
    check_stored(path, "a chunk", int(np.prod(array.chunks)) * array.dtype.itemsize, stored * 64)
    values = np.asarray(array[...])
    small = {name: np.asarray(found[name][...]) for name in WAVELENGTHS if name in found}
    small |= {
        name: np.asarray(array.attrs[name])
        for name in WAVELENGTHS
        if isinstance(array.attrs.get(name), list)
    }
    waves = next((small[name].size for name in WAVELENGTHS if name in small), None)
    if want == "cube":
        values = to_hwb(path, values, layout, waves)
    return Raster(
        path=path,
        values=values,
        wavelengths=wavelengths_of(small, values.shape[-1]) if want == "cube" else None,
    )


def _contents(path: Path) -> tuple[int, int]:
    """Return the bytes of all files of a store, and how many files may be chunks.

    Raises
    ------
    DataError
        If a link points outside the store.
    """
    root, size, files = path.resolve(), 0, 0
    for item in path.rglob("*"):
        if item.is_symlink() and not item.resolve().is_relative_to(root):
            raise DataError(f"{item} is a link that points outside the store {path}")
        if item.is_file():
            size += item.stat().st_size
            files += item.name not in _METADATA
    return size, files

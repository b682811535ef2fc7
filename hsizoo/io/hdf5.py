"""HDF5, including MATLAB's ``.mat`` version 7.3, which stores axes in reverse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError
from hsizoo.io.choosing import WAVELENGTHS, Want, choose, wavelengths_of
from hsizoo.io.limits import check_memory, check_stored, need
from hsizoo.io.numpy_ import to_hwb
from hsizoo.io.raster import Layout, Raster

__all__ = ["read"]


def read(path: Path, want: Want, variable: str | None, layout: Layout) -> Raster:
    """Read the requested dataset; links to other files are not followed."""
    h5py = need("h5py", "hdf5", path)
    with path.open("rb") as start:
        matlab = start.read(10) == b"MATLAB 7.3"
    with h5py.File(path, "r") as file:
        found: dict[str, Any] = {}

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf" and item.shape:
                found[name] = item

        file.visititems(visit)  # hard links only
        shapes = {
            name: item.shape[::-1] if matlab else item.shape
            for name, item in found.items()
            if not name.startswith("#refs#")
        }
        chosen = choose(path, shapes, want, variable)
        values = _load(path, found[chosen])
        small = {
            name.rpartition("/")[2].lower(): _load(path, item)
            for name, item in found.items()
            if name.rpartition("/")[2].lower() in WAVELENGTHS and item.size <= 2**16
        }
    if matlab:
        values = values.T
    waves = next((small[name].size for name in WAVELENGTHS if name in small), None)
    if want == "cube":
        values = to_hwb(path, values, layout, waves)
    return Raster(
        path=path,
        values=values,
        wavelengths=wavelengths_of(small, values.shape[-1]) if want == "cube" else None,
    )


def _load(path: Path, item: Any) -> npt.NDArray[Any]:
    """Read a dataset, as a memory map if it is contiguous in the file."""
    if item.is_virtual or item.external:
        raise DataError(f"{path}: {item.name} is stored in other files, which hsizoo does not read")
    stored = item.id.get_storage_size()
    if not stored:
        raise DataError(f"{path}: {item.name} {item.shape} was declared but never written")
    offset = item.id.get_offset()
    if offset is not None and item.chunks is None:
        return np.memmap(path, item.dtype, "r", offset, item.shape)
    if item.compression in (None, "gzip"):
        check_stored(path, item.name, item.nbytes, stored)
    check_memory(path, item.shape, item.dtype.itemsize)
    values: npt.NDArray[Any] = item[()]
    return values

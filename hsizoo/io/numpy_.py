"""NumPy's ``.npy`` and ``.npz``, without pickles."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError
from hsizoo.io.choosing import WAVELENGTHS, Want, choose, class_names_of, wavelengths_of
from hsizoo.io.limits import check_memory, check_stored
from hsizoo.io.raster import Layout, Raster

__all__ = ["read", "to_hwb"]

_SMALL = 2**20  # maximum bytes of class names or wavelengths


def to_hwb(
    path: Path, values: npt.NDArray[Any], layout: Layout, wavelengths: int | None = None
) -> npt.NDArray[Any]:
    """Put the axes of a cube into the order rows, columns, bands.

    Parameters
    ----------
    path : Path
    values : array
        Returned unchanged unless it has three axes.
    layout : {"hwb", "bhw"}
        Order of the axes in the file.
    wavelengths : int, optional
        Number of wavelengths in the file, to detect a wrong order.

    Raises
    ------
    DataError
        If only the other order matches the wavelengths.
    """
    if values.ndim != 3:
        return values
    first, last = values.shape[0], values.shape[2]
    if wavelengths is not None and wavelengths != (last if layout == "hwb" else first):
        other: Layout = "bhw" if layout == "hwb" else "hwb"
        if wavelengths == (last if other == "hwb" else first):
            raise DataError(
                f"{path}: {wavelengths} wavelengths for shape {values.shape}: this looks like "
                f"layout={other}, not {layout}"
            )
    return values if layout == "hwb" else values.transpose(1, 2, 0)


def read(path: Path, want: Want, variable: str | None, layout: Layout) -> Raster:
    """Memory-map an ``.npy`` file, or read the requested array of an ``.npz`` file."""
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            return _read_npz(path, want, variable, layout)
        file.seek(0)
        _, _, dtype = _header(path, path.name, file)
    if dtype.hasobject:
        raise DataError(f"{path} holds Python objects; hsizoo reads arrays of numbers only")
    values = np.load(path, mmap_mode="r", allow_pickle=False)
    return Raster(path=path, values=to_hwb(path, values, layout))


def _read_npz(path: Path, want: Want, variable: str | None, layout: Layout) -> Raster:
    with zipfile.ZipFile(path) as archive:
        members = {}
        for info in archive.infolist():
            parts = PurePosixPath(info.filename.replace("\\", "/"))
            if parts.is_absolute() or ".." in parts.parts:
                raise DataError(f"{path}: the name {info.filename!r} points outside the archive")
            if info.filename.endswith(".npy"):
                members[info.filename.removesuffix(".npy")] = info
        headers = {}
        for name, info in members.items():
            with archive.open(info) as file:
                headers[name] = _header(path, name, file)
        numbers = {n: shape for n, (shape, _, dtype) in headers.items() if dtype.kind in "biuf"}
        chosen = choose(path, numbers, want, variable)

        def load(name: str) -> npt.NDArray[Any]:
            shape, length, dtype = headers[name]
            declared = length + math.prod(shape) * dtype.itemsize
            if declared != members[name].file_size:
                raise DataError(
                    f"{path}: {name} declares {declared} bytes but has {members[name].file_size}"
                )
            check_stored(path, name, declared, members[name].compress_size)
            check_memory(path, shape, dtype.itemsize)
            with archive.open(members[name]) as file:
                array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            return array

        small = {
            name: load(name)
            for name, (shape, _, dtype) in headers.items()
            if name in (*WAVELENGTHS, "class_names")
            and len(shape) == 1
            and dtype.kind in "iufU"
            and math.prod(shape) * dtype.itemsize <= _SMALL
        }
        values = load(chosen)
    waves = next((len(small[name]) for name in WAVELENGTHS if name in small), None)
    if want == "cube":
        values = to_hwb(path, values, layout, waves)
    names = small.get("class_names")
    return Raster(
        path=path,
        values=values,
        wavelengths=wavelengths_of(small, values.shape[-1]) if values.ndim == 3 else None,
        class_names=class_names_of(names.tolist(), values)
        if want == "labels" and names is not None and names.dtype.kind == "U"
        else {},
    )


def _header(path: Path, name: str, file: IO[bytes]) -> tuple[tuple[int, ...], int, np.dtype[Any]]:
    """Return an array's shape, header length in bytes, and type."""
    try:
        version = np.lib.format.read_magic(file)
        reader = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = reader(file)
    except (ValueError, KeyError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise DataError(f"{path}: {name} has no readable NumPy header") from error
    if min(shape, default=0) < 0:
        raise DataError(f"{path}: {name} declares the shape {shape}")
    return shape, file.tell(), dtype

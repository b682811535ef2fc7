"""NumPy's ``.npy`` and ``.npz``, without pickles."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError
from hsizoo.io.choosing import Want, choose, numeric
from hsizoo.io.containers import SMALL, STATED, Beside, is_beside, make_raster
from hsizoo.io.limits import check_memory, check_stored
from hsizoo.io.raster import Raster
from hsizoo.io.settings import LAYOUTS, Layout, Settings
from hsizoo.io.zarr_chunks import METADATA

__all__ = ["LAYOUT", "read"]

LAYOUT: Final = "layout"
"""Name of an array of one text that tells the order of the axes; hsizoo writes it."""


class _Header(NamedTuple):
    """What an array's header says."""

    shape: tuple[int, ...]
    length: int  # of the header, in bytes
    dtype: np.dtype[Any]


def read(path: Path, want: Want, settings: Settings, images: Sequence[tuple[int, int]]) -> Raster:
    """Memory-map an ``.npy`` file, or read the requested array of an ``.npz`` file."""
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            return _read_npz(path, want, settings, images)
        file.seek(0)
        shape, length, dtype = _header(path, path.name, file)
    if dtype.hasobject:
        raise DataError(f"{path} holds Python objects; hsizoo reads arrays of numbers only")
    size = length + math.prod(shape) * dtype.itemsize
    if size > path.stat().st_size:
        raise DataError(
            f"{path} declares {' × '.join(map(str, shape))} values, {size} bytes, but has "
            f"{path.stat().st_size}; it is damaged or incomplete"
        )
    values = np.load(path, mmap_mode="r", allow_pickle=False)
    return make_raster(path, values, want, settings, images=images)


def _read_npz(
    path: Path, want: Want, settings: Settings, images: Sequence[tuple[int, int]]
) -> Raster:
    with zipfile.ZipFile(path) as archive:
        members = {}
        for info in archive.infolist():
            parts = PurePosixPath(info.filename.replace("\\", "/"))
            if parts.name in METADATA:
                raise DataError(f"{path} is a Zarr store in an archive; unpack it into a folder")
            if parts.is_absolute() or ".." in parts.parts:
                raise DataError(f"{path}: the name {info.filename!r} points outside the archive")
            if info.filename.endswith(".npy"):
                members[info.filename.removesuffix(".npy")] = info
        headers = {}
        for name, info in members.items():
            with archive.open(info) as file:
                headers[name] = _header(path, name, file)
        numbers, others = numeric(headers, want)
        variable = settings.variable if want == "cube" else settings.mask_variable
        chosen = choose(path, numbers, want, variable, others)

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
            name.lower(): load(name)
            for name, (shape, _, dtype) in headers.items()
            if (is_beside(name) or name == LAYOUT or name.lower() in STATED)
            and len(shape) <= 2
            and dtype.kind in "biufUS"
            and math.prod(shape) * dtype.itemsize <= SMALL
        }
        values = load(chosen)
    layout = str(small.pop(LAYOUT)) if LAYOUT in small else ""
    if settings.layout == "auto" and layout in LAYOUTS:
        settings = replace(settings, layout=cast("Layout", layout))
    beside = Beside(arrays=small, shapes=numbers)
    return make_raster(path, values, want, settings, beside=beside, images=images)


def _header(path: Path, name: str, file: IO[bytes]) -> _Header:
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
    return _Header(shape, file.tell(), dtype)

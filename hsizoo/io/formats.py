"""Detect the format of a file from its content, and open it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Literal

from hsizoo.errors import DataError, HsizooError
from hsizoo.io.choosing import Want
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings

__all__ = ["FORMATS", "Format", "format_of", "is_store", "open_raster"]

Format = Literal["envi", "npy", "npz", "mat", "hdf5", "tiff", "zarr", "tivita", "png"]

FORMATS: dict[Format, str] = {
    "envi": "ENVI",
    "npy": "NumPy .npy",
    "npz": "NumPy .npz",
    "mat": "MATLAB .mat (versions 5 to 7)",
    "hdf5": "HDF5, MATLAB 7.3 .mat",
    "tiff": "TIFF, GeoTIFF",
    "zarr": "Zarr",
    "tivita": "Tivita SpecCube",
    "png": "PNG mask",
}

_MODULES: dict[Format, str] = {"npy": "numpy_", "npz": "numpy_", "zarr": "zarr_"}
_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"\x93NUMPY", "npy"),
    (b"PK\x03\x04", "npz"),
    (b"PK\x05\x06", "npz"),  # an empty archive
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"MATLAB 7.3 MAT-file", "hdf5"),
    (b"MATLAB", "mat"),  # the rest of the text varies; the byte order at its end decides
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\x89PNG\r\n\x1a\n", "png"),
)
_HDF5_AT = (512, 1024, 2048)  # a user block may come first
_ZARR_FILES = ("zarr.json", ".zarray", ".zgroup")


def is_store(path: Path) -> bool:
    """Whether a folder is a Zarr store."""
    return any((path / name).is_file() for name in _ZARR_FILES)


def format_of(path: str | os.PathLike[str]) -> Format:
    """Return the format of a file or folder.

    Raises
    ------
    DataError
        If the file does not exist or its format is unknown.
    """
    from hsizoo.io.envi import find_header, is_header
    from hsizoo.io.tivita import is_spec_cube

    path = Path(path)
    if path.is_dir():
        if is_store(path):
            return "zarr"
        raise DataError(f"{path} is a folder, but not a Zarr store")
    if not path.exists():
        raise DataError(f"there is no file {path}")
    if not path.is_file():  # opening a pipe or a device may wait for ever
        raise DataError(f"{path} is not a plain file")
    try:
        with path.open("rb") as file:
            head = file.read(_HDF5_AT[-1] + 8)
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error}") from error
    if is_header(head):
        _refuse_library(path)
        return "envi"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if any(head[at : at + 8] == b"\x89HDF\r\n\x1a\n" for at in _HDF5_AT):
        return "hdf5"
    if path.suffix.lower() == ".mat":  # version 4 has no magic number; its reader refuses it
        return "mat"
    if find_header(path) is not None:
        _refuse_library(path)
        return "envi"
    if is_spec_cube(path, head):
        return "tivita"
    raise DataError(
        f"{path} is in none of the supported formats: {', '.join(FORMATS.values())}.  "
        "An ENVI data file needs its .hdr file beside it"
    )


def _refuse_library(path: Path) -> None:
    from hsizoo.io.envi import is_library

    if is_library(path):
        raise DataError(
            f"{path} is a spectral library, not an image; use its spectra as references: "
            f"hsizoo apply sa CUBES --references {path} --out-dir FOLDER"
        )


def open_raster(
    path: str | os.PathLike[str],
    want: Want,
    settings: Settings | None = None,
    *,
    images: Sequence[tuple[int, int]] = (),
) -> Raster:
    """Open a file of any known format, as it describes itself.

    Of the settings only those are used that a format needs to find and order an array;
    `hsizoo.io.reading.open_cube` applies all of them.

    Parameters
    ----------
    path : path
    want : {"cube", "labels"}
        What to look for in a file with several arrays.
    settings : Settings, optional
    images : sequence of (int, int)
        Height and width of images that belong to the cube, such as its mask.

    Raises
    ------
    DataError, MissingRequirement
    """
    path = Path(path)
    kind = format_of(path)
    module = import_module(f"hsizoo.io.{_MODULES.get(kind, kind)}")
    try:
        raster: Raster = module.read(path, want, settings or Settings(), images)
    except HsizooError:
        raise
    except Exception as error:  # libraries raise anything on damaged files
        reason = str(error).strip().splitlines()
        raise DataError(
            f"{path} cannot be read as {FORMATS[kind]}; it is damaged or incomplete: "
            f"{reason[0] if reason else type(error).__name__:.300}"
        ) from error
    return raster

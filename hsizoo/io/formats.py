"""Detect the format of a file from its content, and open it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from shlex import quote
from typing import Literal

from hsizoo.documents import read_file
from hsizoo.errors import DataError, HsizooError, about_tilde
from hsizoo.io import products
from hsizoo.io.bands import is_band_folder
from hsizoo.io.choosing import Want
from hsizoo.io.gdal_ import DRIVERS
from hsizoo.io.limits import LONGEST_JSON
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings

__all__ = [
    "DRAWN",
    "FORMATS",
    "MASKS_ONLY",
    "Format",
    "files_of",
    "format_of",
    "is_store",
    "open_raster",
]

Format = Literal[
    "envi", "npy", "npz", "mat", "hdf5", "netcdf3", "tiff", "zarr", "tivita", "png", "gdal",
    "bands", "geojson", "gpkg", "shapefile", "coco",
]  # fmt: skip

FORMATS: dict[Format, str] = {
    "envi": "ENVI",
    "npy": "NumPy .npy",
    "npz": "NumPy .npz",
    "mat": "MATLAB .mat (versions 5 to 7)",
    "hdf5": "HDF5, netCDF4, MATLAB 7.3 .mat",
    "netcdf3": "netCDF 3",
    "tiff": "TIFF, GeoTIFF",
    "zarr": "Zarr",
    "tivita": "Tivita SpecCube",
    "png": "PNG mask",
    "gdal": "ERDAS Imagine, LAN, JPEG 2000, NITF, PCIDSK",
    "geojson": "GeoJSON polygons",
    "gpkg": "GeoPackage polygons",
    "shapefile": "Shapefile polygons",
    "coco": "COCO annotations",
    "bands": "folder with one TIFF per band",
}

DRAWN: frozenset[Format] = frozenset({"geojson", "gpkg", "shapefile", "coco"})
"""Masks without pixels of their own: they are drawn in the size of their cube."""

MASKS_ONLY: frozenset[Format] = DRAWN | {"png"}
"""Formats that cannot hold a cube."""

_MODULES: dict[Format, str] = {
    "npy": "numpy_", "npz": "numpy_", "zarr": "zarr_", "gdal": "gdal_",
    "geojson": "vectors", "gpkg": "vectors", "shapefile": "vectors",
}  # fmt: skip
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
    (b"CDF\x01", "netcdf3"),
    (b"CDF\x02", "netcdf3"),
    *((magic, "gdal") for magic in DRIVERS),
)
_SQLITE = b"SQLite format 3\0"
_GEOPACKAGE = (b"GPKG", b"GP10", b"GP11")  # SQLite's application id, at byte 68
_SHAPEFILE = b"\0\0\x27\x0a"
_GEOJSON = re.compile(rb'"type"\s*:\s*"(?:Feature|FeatureCollection|(?:Multi)?Polygon)"')
_COCO = (b'"images"', b'"annotations"')
_HDF5_AT = (512, 1024, 2048)  # a user block may come first
_ZARR_FILES = ("zarr.json", ".zarray", ".zgroup")


def is_store(path: Path) -> bool:
    """Whether a folder is an image of its own: a Zarr store, or one TIFF per band."""
    return _is_zarr(path) or is_band_folder(path)


def _is_zarr(path: Path) -> bool:
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
        if _is_zarr(path):
            return "zarr"
        if is_band_folder(path):
            return "bands"
        raise DataError(
            f"{path} is a folder, but neither a Zarr store nor one TIFF per band; give a file in "
            f"it, or see what it holds with `hsizoo data check {quote(str(path))}`"
        )
    if not path.exists():
        raise DataError(f"there is no file {path}{about_tilde(path)}")
    if not path.is_file():  # opening a pipe or a device may wait for ever
        raise DataError(f"{path} is not a plain file")
    try:
        with path.open("rb") as file:
            head = file.read(_HDF5_AT[-1] + 8)
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error}") from error
    if is_header(head):
        _refuse_library(path, path)
        return "envi"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if any(head[at : at + 8] == b"\x89HDF\r\n\x1a\n" for at in _HDF5_AT):
        return "hdf5"
    if path.suffix.lower() == ".mat":  # version 4 has no magic number; its reader refuses it
        return "mat"
    if head.startswith(_SQLITE) and head[68:72] in _GEOPACKAGE:
        return "gpkg"
    if head.startswith(_SHAPEFILE) and path.suffix.lower() == ".shp":
        return "shapefile"
    is_text = b"\0" not in head and re.match(rb"(?:\xef\xbb\xbf)?\s*[{\[]", head)
    if is_text and (kind := _json_format(path)):
        return kind
    if (header := find_header(path)) is not None:  # any file that has a header beside it
        _refuse_library(path, header)
        return "envi"
    if is_spec_cube(path, head):
        return "tivita"
    if reason := products.unreadable(path, head):
        raise DataError(reason)
    raise DataError(
        f"{path} is in none of the supported formats: {', '.join(FORMATS.values())}.  "
        "An ENVI data file needs its .hdr file beside it"
    )


def _refuse_library(path: Path, header: Path) -> None:
    from hsizoo.io.envi import is_library

    if is_library(header):
        raise DataError(
            f"{path} is a spectral library, not an image; use its spectra as references: "
            f"hsizoo apply sa CUBES --references {path} --out-dir FOLDER"
        )


def _json_format(path: Path) -> Format | None:
    """Return what a JSON file is, without parsing it."""
    about = path.stat()
    return _kind_of_json(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=16)  # one file may annotate many cubes, and is asked about for each of them
def _kind_of_json(path: Path, size: int, modified: int) -> Format | None:
    try:
        content = read_file(path, longest=LONGEST_JSON)
    except DataError:
        return None
    if _GEOJSON.search(content):
        return "geojson"
    return "coco" if all(key in content for key in _COCO) else None


def files_of(path: Path) -> list[Path]:
    """Return the files that an image or mask consists of, such as ENVI's header and data file.

    Those that belong to a product, such as references and layers of quality, are among them.
    """
    from hsizoo.io.envi import data_files, find_header

    try:
        kind = format_of(path)
    except DataError:
        return [path]
    if kind != "envi":
        return [path, *products.companions(path, kind)]
    header = find_header(path) or path
    found = [path, header, *data_files(header), *products.companions(header, kind)]
    return list(dict.fromkeys(found))


def open_raster(
    path: str | os.PathLike[str],
    want: Want,
    settings: Settings | None = None,
    *,
    images: Sequence[tuple[int, int]] = (),
    like: Raster | None = None,
    classes: Mapping[int, str] | None = None,
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
    like : Raster, optional
        The cube of a mask that is drawn.
    classes : mapping of int to str, optional
        Numbers of the classes that a drawn mask names.

    Raises
    ------
    DataError, MissingRequirement
    """
    path = Path(path)
    kind = format_of(path)
    module = import_module(f"hsizoo.io.{_MODULES.get(kind, kind)}")
    settings = settings or Settings()
    try:
        raster = None
        if kind in DRAWN:
            cube = _cube_of(path, kind, want, like)
            raster = module.read(path, settings, cube, classes or {})
        elif want == "cube":
            raster = products.read(path, kind, settings, images)
        if raster is None:
            raster = module.read(path, want, settings, images)
    except HsizooError:
        raise
    except Exception as error:  # libraries raise anything on damaged files
        reason = str(error).strip().splitlines()
        raise DataError(
            f"{path} cannot be read as {FORMATS[kind]}; it is damaged or incomplete: "
            f"{reason[0] if reason else type(error).__name__:.300}"
        ) from error
    return products.note_unused(raster, kind, settings) if want == "cube" else raster


def _cube_of(path: Path, kind: Format, want: Want, like: Raster | None) -> Raster:
    """Return the cube that a drawn mask belongs to."""
    if want == "cube":
        raise DataError(f"{path} is a mask ({FORMATS[kind]}), not a cube")
    if like is None:
        raise DataError(
            f"{path} is a mask without pixels ({FORMATS[kind]}): it is drawn in the size of its "
            "cube.  Name the cube: hsizoo.io.read_labels(MASK, like=hsizoo.io.open_cube(CUBE)), "
            "or put both into a folder under one name"
        )
    return like

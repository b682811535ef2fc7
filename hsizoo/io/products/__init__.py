"""Products of the field whose files do not say by themselves how they are to be read.

One module per product.  Each recognises its files by their contents and describes them as a
`hsizoo.io.raster.Raster`; what is optional and missing, or makes no sense, leaves a remark.
``docs/formats.md`` tells what is read of each, and what is applied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from hsizoo.io import bands, envi, hdf5, tiff
from hsizoo.io.limits import need
from hsizoo.io.products import aviris, dlr, emit, hyperion, neon, prisma, references
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings

__all__ = ["all_companions", "companions", "note_unused", "read", "unreadable"]

_WITH_TABLE: Final = ("EMIT", "AVIRIS")


def read(
    path: Path, kind: str, settings: Settings, images: Sequence[tuple[int, int]]
) -> Raster | None:
    """Read a cube that may be one of the products.

    Parameters
    ----------
    path : Path
    kind : str
        The format of the file, one of `hsizoo.io.FORMATS`.
    settings : Settings
        With a ``variable`` no HDF5 file is taken for a product.
    images : sequence of (int, int)
        Height and width of images that belong to the cube.

    Returns
    -------
    Raster or None
        None if no product has this format.

    Raises
    ------
    DataError, MissingRequirement
    """
    if kind == "hdf5":
        return _read_hdf5(path, settings, images)
    if kind == "tiff":
        return dlr.describe(tiff.read(path, "cube", settings, images))
    if kind == "envi":
        raster, header, fields = envi.open_image(path, "cube")
        return references.apply(aviris.describe(raster, fields), header, fields, settings)
    if kind == "bands":
        return hyperion.describe(bands.read(path, "cube", settings, images), path)
    return None


def note_unused(raster: Raster, kind: str, settings: Settings) -> Raster:
    """Add a remark if the pixels were to be arranged on the map, but the file has no table.

    Parameters
    ----------
    raster : Raster
        As read.
    kind : str
        The format of the file.
    settings : Settings
    """
    if not settings.orthorectify or (kind == "hdf5" and raster.product.startswith(_WITH_TABLE)):
        return raster
    return _noted(raster, "orthorectify=true is not used: only EMIT and AVIRIS have a table for it")


def _noted(raster: Raster, remark: str) -> Raster:
    return replace(raster, remarks=(*raster.remarks, remark))


def _read_hdf5(path: Path, settings: Settings, images: Sequence[tuple[int, int]]) -> Raster:
    """Read a product, or any other file; to list its arrays may take long, so it is done once."""
    h5py = need("h5py", "hdf5", path)
    with h5py.File(path, "r") as file:
        found = hdf5.datasets_of(path, file)
        raster = None
        if settings.variable is None:
            raster = (
                prisma.read(path, found, hdf5.attributes_of(file))
                or neon.read(path, file, found)
                or emit.read(path, found, settings)
                or aviris.read(path, found, settings)
            )
        if raster is None:
            return hdf5.describe(path, found, "cube", settings, images)
    if settings.layout == "auto":
        return raster
    return _noted(raster, f"layout={settings.layout} is not used: the product tells the axes")


def companions(path: Path, kind: str | None) -> list[Path]:
    """List the files that belong to a product's cube and are no cubes of their own.

    They are metadata, layers of quality, and dark and white references; and all files of a folder
    of bands.

    Parameters
    ----------
    path : Path
        The cube; for ENVI, its header.
    kind : str, optional
        The format of the file.
    """
    if kind == "tiff":
        return dlr.companions(path)
    if kind == "envi":
        return [
            each
            for header in references.find(path).values()
            for each in (header, *envi.data_files(header))
        ]
    if kind == "bands":
        return sorted(each for each in path.iterdir() if each.is_file())
    return []


def all_companions(images: Mapping[Path, str | None]) -> set[Path]:
    """Return the files that belong to any of these images; see `companions`.

    Parameters
    ----------
    images : mapping of Path to str or None
        With the format of each.
    """
    # Folders of many ENVI images have no references as a rule: look once for each folder.
    envi_folders = {path.parent for path, kind in images.items() if kind == "envi"}
    plain = {folder for folder in envi_folders if not references.candidates(folder)}
    found: set[Path] = set()
    for path, kind in images.items():
        if kind != "envi" or path.parent not in plain:
            found.update(companions(path, kind))
    return found


def unreadable(path: Path, head: bytes) -> str:
    """Return what to do with a file of the field that hsizoo does not read; empty if unknown.

    Parameters
    ----------
    path : Path
    head : bytes
        The first bytes of the file.
    """
    if head.startswith(b"\x0e\x03\x13\x01"):
        return (
            f"{path} is HDF4, as Hyperion L1R is; hsizoo does not read this old format, whose "
            "library few systems have.  Convert it with GDAL: `gdalinfo FILE` lists its images as "
            "SUBDATASET_1_NAME and so on, and `gdal_translate -of ENVI NAME out.img` writes one"
        )
    if path.suffix.lower() in (".cu3", ".cu3s", ".cue"):
        return (
            f"{path} is a file of Cubert's cameras, which only Cubert's own software reads; export "
            "it there as ENVI or as a TIFF with one page per band"
        )
    if head.upper().startswith(b"HYSPEX"):
        return (
            f"{path} is a raw file of a HySpex camera; convert it to ENVI with the camera's "
            "software (HySpex RAD)"
        )
    return ""

"""List the files of a folder that may be cubes or masks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from hsizoo.errors import DataError
from hsizoo.io import products
from hsizoo.io.envi import data_files, find_header
from hsizoo.io.formats import Format, format_of, is_store
from hsizoo.io.manifest import MANIFEST

__all__ = ["leads_outside", "list_files", "parts_of"]

_NO_DATA: Final = (
    ".toml", ".txt", ".md", ".csv", ".jpg", ".jpeg", ".xml", ".pdf", ".log",
    ".msk", ".ovr",  # GDAL's masks and smaller copies of the file beside them
)  # fmt: skip
_OF_SHAPEFILES: Final = (".shx", ".dbf", ".prj", ".cpg", ".qpj", ".sbn", ".sbx", ".qix")
"""Endings of the other files of a Shapefile."""


def list_files(
    folder: Path, is_skipped: Callable[[Path], bool]
) -> tuple[dict[Path, Format | None], dict[Path, str]]:
    """List the files in and below a folder, in order.

    Parameters
    ----------
    folder : Path
    is_skipped : callable
        Whether the user wants to leave a file out.

    Returns
    -------
    files : dict of Path to str or None
        Every candidate with its format, or None if that is unknown.  An ENVI image is represented
        by its header, a Zarr store or a folder of bands by its folder.  Files that belong to a
        product are not listed.
    wrong : dict of Path to str
        Files that must not be opened, such as links out of the folder, with the reason.
    """
    found: dict[Path, Format | None] = {}
    wrong: dict[Path, str] = {}
    for path in _walk(folder):
        if is_skipped(path):
            continue
        if reason := _why_not(path, folder):
            wrong[path] = reason
        elif path.is_file() or is_store(path):  # not a link to another folder inside this one
            try:
                found[path] = format_of(path)
            except DataError:
                if path.suffix.lower() != ".json":  # of no use here, like other texts
                    found[path] = None
    headers = {path: find_header(path) for path, kind in found.items() if kind == "envi"}
    images = {path: kind for path, kind in found.items() if headers.get(path) not in found}
    beside = products.all_companions(images)
    return {path: kind for path, kind in images.items() if path not in beside}, wrong


def _why_not(path: Path, folder: Path) -> str:
    """Say why a file must not be opened; an empty string if it may be."""
    if leads_outside(path, folder):
        return (
            f"{path} is a link that points outside {folder}; put the file itself there, or list "
            f"the link under skip in {folder / MANIFEST}"
        )
    if path.is_dir():
        return ""
    if path.name == MANIFEST:
        return (
            f"{path} lies below {folder}, where its settings would not apply to everything; join "
            f"it with {folder / MANIFEST}, or give {path.parent} as the folder"
        )
    if not path.is_file():
        return (
            f"{path} is neither a file nor a folder (a pipe or a device); remove it, or list it "
            f"under skip in {folder / MANIFEST}"
        )
    return ""


def _walk(folder: Path) -> Iterator[Path]:
    """Yield files, stores and linked folders, except hidden ones and known non-data files."""
    for where, folders, names in os.walk(folder):
        here = Path(where)
        whole = [name for name in folders if is_store(here / name)]
        whole += [n for n in folders if (here / n).is_symlink() and n not in whole]
        folders[:] = sorted(n for n in folders if n[0] != "." and n not in whole)
        for name in sorted({*names, *whole}):
            path = here / name
            nested = name == MANIFEST and here != folder
            ending = path.suffix.lower()
            if nested or (name[0] != "." and ending not in _NO_DATA + _OF_SHAPEFILES):
                yield path


def leads_outside(path: Path, folder: Path) -> bool:
    """Whether a path is a link that points outside a folder."""
    return path.is_symlink() and not path.resolve().is_relative_to(folder.resolve())


def parts_of(path: Path, kind: Format | None) -> list[Path]:
    """List the other files that a file is read with, such as the data of an ENVI header."""
    if kind == "shapefile":
        beside = (path.with_suffix(ending) for ending in _OF_SHAPEFILES)
        return [each for each in beside if each.is_file()]
    return [*(data_files(path) if kind == "envi" else []), *products.companions(path, kind)]

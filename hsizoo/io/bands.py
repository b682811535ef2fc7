"""A folder with one TIFF per band, all of one size, whose names differ in a number only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from hsizoo.errors import DataError
from hsizoo.io import tiff
from hsizoo.io.choosing import Want
from hsizoo.io.limits import check_memory, need
from hsizoo.io.raster import Raster, nodata_of
from hsizoo.io.settings import Settings
from hsizoo.wavelengths import to_nanometres

__all__ = ["band_files", "is_band_folder", "read"]

_TIFF: Final = (".tif", ".tiff")
_FEWEST: Final = 3
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_NM: Final = re.compile(r"(\d+(?:\.\d+)?)\s*nm", re.I)
_MASK: Final = re.compile(r"mask|label|annot|segment|truth|[._-]gt\b", re.I)


def band_files(folder: Path) -> list[Path]:
    """List the TIFFs of a folder in the order of their bands; empty if it does not hold bands.

    There are three at least, and their names differ in one number only.
    """
    files = [path for path in folder.iterdir() if path.suffix.lower() in _TIFF and path.is_file()]
    if len(files) < _FEWEST or any(_MASK.search(path.stem) for path in files):
        return []
    if len({_NUMBER.sub("#", path.stem) for path in files}) > 1:
        return []
    numbers = np.array([list(map(float, _NUMBER.findall(path.stem))) for path in files])
    varying = [column for column in numbers.T if len(set(column.tolist())) > 1]
    if len(varying) != 1 or len(set(varying[0].tolist())) < len(files):
        return []
    return [files[place] for place in np.argsort(varying[0], kind="stable").tolist()]


def is_band_folder(folder: Path) -> bool:
    """Whether a folder holds an image with one TIFF per band."""
    try:
        files = band_files(folder)
        if not files:
            return False
        tifffile = need("tifffile", "tiff", files[0])
        tiff.check_directories(files[0])
        with tifffile.TiffFile(files[0]) as file:
            return len(file.pages) == 1 and file.pages[0].samplesperpixel == 1
    except Exception:  # noqa: BLE001 - then it is none: damaged, or tifffile is missing
        return False


def read(path: Path, want: Want, settings: Settings, images: Sequence[tuple[int, int]]) -> Raster:
    """Read all bands of a folder as one cube; the georeference is that of the first."""
    files = band_files(path)
    if want == "labels":
        raise DataError(f"{path} is a folder of {len(files)} bands; a mask must be a single file")
    parts: list[Raster] = []
    for band, file in enumerate(files):
        part = _band(file)
        size = part.values.shape[:2]
        if not parts:
            check_memory(path, (*size, len(files)), part.values.dtype.itemsize)
            values = np.empty((*size, len(files)), part.values.dtype)
        if size != values.shape[:2]:
            raise DataError(
                f"{file} has {size} (rows, columns), but {files[0].name} {values.shape[:2]}; bands "
                "of another size must be in a folder of their own"
            )
        values = values.astype(np.result_type(values.dtype, part.values.dtype), copy=False)
        values[:, :, band] = part.values.reshape(size)
        parts.append(replace(part, values=np.empty((1, 1))))  # the rest is small
    remarks = [f"{len(files)} bands, from {files[0].name} to {files[-1].name}"]
    masks = [part.valid for part in parts if part.valid is not None]
    return Raster(
        path=path,
        values=values,
        wavelengths=_wavelengths(files, parts),
        gains=_per_band([part.gains for part in parts], 1.0),
        offsets=_per_band([part.offsets for part in parts], 0.0),
        valid=np.logical_and.reduce(masks) if masks else None,
        place=parts[0].place,
        remarks=(*remarks, *dict.fromkeys(r for part in parts for r in part.remarks)),
        **nodata_of([part.nodata for part in parts]),
    )


def _band(file: Path) -> Raster:
    raster = tiff.read(file, "cube", Settings(), ())
    if raster.values.ndim == 3 and raster.values.shape[2] != 1:
        raise DataError(
            f"{file} has {raster.values.shape[2]} bands, but the first file of the folder has one; "
            "name images of several bands in another way, or put them elsewhere"
        )
    return raster


def _wavelengths(files: Sequence[Path], parts: Sequence[Raster]) -> tuple[float, ...] | None:
    """Return the wavelengths that the files state, or else those in their names (``550nm``)."""
    stated = [part.wavelengths for part in parts]
    if all(each is not None for each in stated):
        return tuple(nm for each in stated if each is not None for nm in each)
    named = [_NM.findall(path.stem) for path in files]
    if all(len(each) == 1 for each in named):
        return to_nanometres([float(each[0]) for each in named], "nm", len(files))[0]
    return None


def _per_band(
    given: Sequence[tuple[float, ...] | None], neutral: float
) -> tuple[float, ...] | None:
    if not any(given):
        return None
    return tuple(each[0] if each else neutral for each in given)

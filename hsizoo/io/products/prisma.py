"""PRISMA of the Italian space agency, levels 1, 2B, 2C and 2D (``PRS_*.he5``).

Layout as the readers prismaread (R) and EnMAP-Box (Python) take it: two cubes, ``VNIR_Cube`` and
``SWIR_Cube``, of rows, bands and columns; each band's wavelength in the attributes of the file, 0
for a band that was not acquired; bands from the longest wavelength to the shortest.  The meaning of
single codes of the error matrices could not be checked: any but 0 counts as an error, as in
prismaread.  INFERRED: pixels that are 0 in all bands lie outside the image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError, listed
from hsizoo.io.hdf5 import load
from hsizoo.io.limits import check_memory
from hsizoo.io.products.arrays import mostly_flagged
from hsizoo.io.raster import Raster
from hsizoo.io.statements import numbers_in

__all__ = ["read"]

_CUBE: Final = re.compile(
    r"(?P<folder>HDFEOS/SWATHS/PRS_(?P<level>L\w+)_HCO/Data Fields/)(?P<part>VNIR|SWIR)_Cube"
)
_ERRORS: Final = ("{}_PIXEL_L2_ERR_MATRIX", "{}_PIXEL_SAT_ERR_MATRIX")
_HIGHEST: Final = 65535  # the stored value of the greatest reflectance


@dataclass(frozen=True)
class _Part:
    """One of the two spectrometers."""

    name: str
    cube: Any  # h5py.Dataset of rows, bands, columns
    errors: Any | None
    nm: npt.NDArray[np.float64] | None
    gain: float
    offset: float
    how: str


def read(path: Path, found: Mapping[str, Any], attributes: Mapping[str, Any]) -> Raster | None:
    """Read the cubes of both spectrometers as one, with ascending wavelengths.

    Parameters
    ----------
    path : Path
    found : mapping of str to h5py.Dataset
        All arrays in the file.
    attributes : mapping
        Those of the file.

    Returns
    -------
    Raster or None
        None if this is another product.

    Raises
    ------
    DataError
        If the two cubes differ in size.
    """
    matches = [match for match in map(_CUBE.fullmatch, sorted(found)) if match]
    if not matches:
        return None
    level, remarks = matches[0]["level"], []
    parts = [
        _part(found, attributes, match)
        for name in ("VNIR", "SWIR")
        for match in matches
        if match["part"] == name and match["level"] == level and found[match[0]].ndim == 3
    ]
    if not parts:
        return None
    if len({(p.cube.shape[0], p.cube.shape[2]) for p in parts}) > 1:
        sizes = ", ".join(f"{p.name} {p.cube.shape[0]} × {p.cube.shape[2]}" for p in parts)
        raise DataError(
            f"{path}: the two cubes differ in rows and columns ({sizes}); read one of them: "
            f"--variable '{matches[0][0]}' --layout hbw"
        )
    product = f"PRISMA {level}"
    remarks += [f"{product}: {p.name} {p.how}" for p in parts]
    remarks += [f"{product} has no {n}_Cube" for n in ("VNIR", "SWIR") if n not in _names(parts)]
    chosen = _chosen(parts, remarks)
    shape = (parts[0].cube.shape[0], parts[0].cube.shape[2], sum(map(len, chosen)))
    check_memory(path, shape, parts[0].cube.dtype.itemsize)
    values = np.empty(shape, np.result_type(*(p.cube.dtype for p in parts)))
    flags = np.zeros(shape, bool) if any(p.errors is not None for p in parts) else None
    factors = np.empty((3, shape[2]))  # wavelength, gain, offset
    start = 0
    for part, picked in zip(parts, chosen, strict=True):
        to = slice(start, start := start + len(picked))
        values[:, :, to] = load(path, part.cube)[:, picked, :].transpose(0, 2, 1)
        if part.errors is not None and flags is not None:
            flags[:, :, to] = load(path, part.errors)[:, picked, :].transpose(0, 2, 1) != 0
        factors[1, to], factors[2, to] = part.gain, part.offset
        factors[0, to] = np.nan if part.nm is None else part.nm[picked]
    known = bool(np.isfinite(factors[0]).all())
    nm, gains, offsets = (tuple(each.tolist()) for each in factors)
    valid = np.asarray((values != 0).any(axis=2))
    remarks += [f"{(~valid).sum()} pixel(s) are 0 in all bands: no data"] * bool((~valid).any())
    bad: frozenset[int] = frozenset()
    if flags is not None:
        valid, bad = _without_errors(flags, valid, nm, remarks)
    return Raster(
        path=path,
        values=values,
        wavelengths=nm if known else None,
        gains=gains,
        offsets=offsets,
        bad_bands=bad,
        valid=valid,
        product=product,
        remarks=tuple(remarks),
    )


def _names(parts: list[_Part]) -> list[str]:
    return [part.name for part in parts]


def _part(found: Mapping[str, Any], attributes: Mapping[str, Any], match: re.Match[str]) -> _Part:
    cube, name = found[match[0]], match["part"]
    errors = [found.get(match["folder"] + each.format(name)) for each in _ERRORS]
    known = next((e for e in errors if e is not None and e.shape == cube.shape), None)
    word = name.capitalize()

    def number(key: str) -> float | None:
        values = numbers_in(attributes.get(key, "")) or []
        return values[0] if len(values) == 1 and np.isfinite(values[0]) else None

    low, high = number(f"L2Scale{word}Min"), number(f"L2Scale{word}Max")
    scale, offset = number(f"ScaleFactor_{word}"), number(f"Offset_{word}")
    gain, add, how = 1.0, 0.0, f"values are as stored: L2Scale{word}Min and Max are missing"
    if low is not None and high is not None:
        gain, add = (high - low) / _HIGHEST, low
        how = f"values are {low:g} + stored × ({high:g} - {low:g}) / {_HIGHEST}"
    elif scale:
        gain, add = 1 / scale, -(offset or 0.0)
        how = f"values are stored / {scale:g} - {offset or 0.0:g}"
    nm = np.array(numbers_in(attributes.get(f"List_Cw_{word}", "")) or [])
    if len(nm) != cube.shape[1] or not np.isfinite(nm).all():
        return _Part(name, cube, known, None, gain, add, f"{how}; List_Cw_{word} is missing")
    used = np.array(numbers_in(attributes.get(f"List_Cw_{word}_Flags", "")) or [])
    if len(used) == len(nm):
        nm = np.where(used == 0, 0.0, nm)
    return _Part(name, cube, known, nm, gain, add, how)


def _chosen(parts: list[_Part], remarks: list[str]) -> list[npt.NDArray[np.intp]]:
    """Return the bands of each part in the order of their wavelengths.

    Where both have bands, those of SWIR are taken, as in prismaread.
    """
    chosen, first = [], np.inf
    if all(part.nm is not None for part in parts) and len(parts) == 2:
        swir = parts[1].nm
        first = float(swir[swir > 0].min()) if swir is not None and (swir > 0).any() else np.inf
    for part in parts:
        if part.nm is None:
            chosen.append(np.arange(part.cube.shape[1]))
            continue
        order = np.argsort(part.nm, kind="stable")
        picked = order[part.nm[order] > 0]
        if unused := len(order) - len(picked):
            remarks.append(f"{unused} {part.name} band(s) without a wavelength left out")
        if part.name == "VNIR":
            both = part.nm[picked] >= first
            if both.any():
                remarks.append(
                    f"{both.sum()} VNIR band(s) from {first:g} nm on left out: SWIR has them too"
                )
            picked = picked[~both]
        chosen.append(picked)
    return chosen


def _without_errors(
    flags: npt.NDArray[np.bool_],
    valid: npt.NDArray[np.bool_],
    nm: tuple[float, ...],
    remarks: list[str],
) -> tuple[npt.NDArray[np.bool_], frozenset[int]]:
    """Return which values are without error, and the bands that have errors nearly everywhere."""
    bad = mostly_flagged(flags, valid)
    if bad:
        known = np.isfinite(nm).all()
        names = (f"{nm[band]:g} nm" if known else f"band {band}" for band in sorted(bad))
        remarks.append(
            f"{len(bad)} band(s) left out, which the error matrix flags in most pixels: "
            f"{listed(names, 20)}"
        )
    kept = [band for band in range(flags.shape[2]) if band not in bad]
    pixels = int((flags[:, :, kept].any(axis=2) & valid).sum())
    if pixels:
        remarks.append(
            f"{pixels} pixel(s) have a value that the error matrix flags, which is no data; keep "
            "them with nodata=none"
        )
    return valid[:, :, None] & ~flags, bad

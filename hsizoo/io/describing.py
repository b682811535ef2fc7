"""What a cube is, in figures and words: for ``hsizoo show`` and ``hsizoo data check``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.io.formats import FORMATS, format_of
from hsizoo.io.raster import Raster, row_blocks, usable_bands
from hsizoo.wavelengths import range_text

__all__ = ["Description", "describe", "facts"]

_PIXEL_SCALE, _GEO_KEYS = "33550", "34735"
_PROJECTED, _GEOGRAPHIC = 3072, 2048  # GeoTIFF 1.1, §7.1: keys of the coordinate system's code
_USER_DEFINED: Final = 32767


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a cube is.

    Parameters
    ----------
    path : Path
    format, product : str
        In words; no product if the file is of none that is known.
    height, width : int
    bands : int
        Those that are used.
    stored_bands : int
        Those in the file.
    stored_type : str
        Number type in the file, such as ``int16``.
    wavelengths : tuple of float, optional
        Of the used bands, in nm.
    rgb_bands : tuple of int, optional
        Of the pseudo-RGB image, among the used bands.
    valid_pixels : int
        Pixels with a value in every used band.
    lowest, highest : float
        Of all values.
    mean, deviation : array of float64, shape (bands,)
        Over the valid pixels.
    place : str
        Coordinate system and pixel size, as far as the file tells; empty if it does not.
    remarks : tuple of str
        How the file was read.
    """

    path: Path
    format: str
    product: str
    height: int
    width: int
    bands: int
    stored_bands: int
    stored_type: str
    wavelengths: tuple[float, ...] | None
    rgb_bands: tuple[int, ...] | None
    valid_pixels: int
    lowest: float
    highest: float
    mean: npt.NDArray[np.float64]
    deviation: npt.NDArray[np.float64]
    place: str
    remarks: tuple[str, ...]

    def rows(self) -> list[tuple[str, str]]:
        """Return names and texts, for a table."""
        pixels = self.height * self.width
        left_out = self.stored_bands - self.bands
        share = f"{100 * self.valid_pixels / pixels:.4g} %"
        return [
            ("format", f"{self.format}{f', {self.product}' if self.product else ''}"),
            ("size", f"{self.height} rows × {self.width} columns"),
            ("bands", f"{self.bands}{f' ({left_out} more left out)' if left_out else ''}"),
            ("wavelengths", _range(self.wavelengths)),
            ("stored as", self.stored_type),
            ("values", f"{self.lowest:.6g} to {self.highest:.6g}"),
            ("valid pixels", f"{self.valid_pixels} of {pixels} ({share})"),
            ("place", self.place or "no georeference"),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "file": str(self.path),
            "format": self.format,
            "product": self.product,
            "height": self.height,
            "width": self.width,
            "bands": self.bands,
            "stored_bands": self.stored_bands,
            "stored_type": self.stored_type,
            "wavelengths": None if self.wavelengths is None else list(self.wavelengths),
            "rgb_bands": None if self.rgb_bands is None else list(self.rgb_bands),
            "valid_pixels": self.valid_pixels,
            "lowest": self.lowest,
            "highest": self.highest,
            "mean": self.mean.tolist(),
            "deviation": self.deviation.tolist(),
            "place": self.place,
            "remarks": list(self.remarks),
        }


def describe(path: Path, raster: Raster) -> Description:
    """Look through all values of a cube once, in blocks of rows.

    Parameters
    ----------
    path : Path
        The file as the user names it.
    raster : Raster
        As `hsizoo.io.reading.open_cube` opens it.

    Raises
    ------
    DataError
        If the values are unusable.
    """
    bands, nm, rgb = usable_bands(raster)
    height, width = raster.values.shape[:2]
    count, low, high = 0, np.inf, -np.inf
    mean, squares = np.zeros(len(bands)), np.zeros(len(bands))
    for _, rows in row_blocks(raster):
        finite = rows[np.isfinite(rows)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        spectra = rows[np.isfinite(rows).all(axis=2)].astype(np.float64)
        if not len(spectra):
            continue
        # Chan, Golub and LeVeque 1979: joins the moments of two parts without cancellation.
        part, number = spectra.mean(axis=0), len(spectra)
        squares += ((spectra - part) ** 2).sum(axis=0)
        squares += (part - mean) ** 2 * (count * number / (count + number))
        mean += (part - mean) * (number / (count + number))
        count += number
    return Description(
        path=path,
        format=FORMATS[format_of(path)],
        product=raster.product,
        height=height,
        width=width,
        bands=len(bands),
        stored_bands=raster.values.shape[2] if raster.values.ndim == 3 else 1,
        stored_type=raster.values.dtype.name,
        wavelengths=None if nm is None else tuple(nm),
        rgb_bands=None if rgb is None else tuple(rgb),
        valid_pixels=count,
        lowest=low,
        highest=high,
        mean=mean,
        deviation=np.sqrt(squares / max(count, 1)),
        place=_place(raster.place),
        remarks=raster.remarks,
    )


def facts(path: Path, raster: Raster) -> str:
    """Return format, size, type and wavelengths in one line, without reading the values."""
    bands, nm, _ = usable_bands(raster)
    height, width = raster.values.shape[:2]
    parts = [FORMATS[format_of(path)]]
    parts += [raster.product] if raster.product else []
    parts += [f"{height}×{width}×{len(bands)} {raster.values.dtype.name}", _range(nm)]
    if raster.bad_bands:
        parts.append(f"{len(raster.bad_bands)} band(s) left out")
    if raster.scale != 1:
        parts.append(f"divided by {raster.scale:g}")
    return ", ".join(parts)


def _range(nm: Any) -> str:
    return range_text(nm) if nm else "no wavelengths"


def _place(place: Mapping[str, Any]) -> str:
    """Describe a georeference in the terms of ENVI or GeoTIFF."""
    parts = []
    if info := [part.strip() for part in str(place.get("map info", "")).split(",")]:
        if len(info) >= 7:
            parts = [f"{info[0]}", f"pixels of {info[5]} × {info[6]}"]
        if len(info) >= 10 and info[0].upper() == "UTM":
            parts[0] = f"UTM zone {info[7]} {info[8]}"
    keys = place.get(_GEO_KEYS, ())
    codes = {keys[at]: keys[at + 3] for at in range(4, len(keys) - 3, 4) if keys[at + 1] == 0}
    code = codes.get(_PROJECTED, codes.get(_GEOGRAPHIC))
    if code is not None:
        parts.append("a coordinate system of its own" if code == _USER_DEFINED else f"EPSG:{code}")
    if scale := place.get(_PIXEL_SCALE):
        parts.append(f"pixels of {scale[0]:g} × {scale[1]:g}")
    return ", ".join(parts) or ("georeferenced" if place else "")

"""Hyperion on EO-1, levels L1T and L1Gst: one GeoTIFF per band, and ``*_MTL*.TXT``.

Radiance is the stored number divided by 40 for bands 1 to 70 (VNIR) and by 80 for bands 71 to 242
(SWIR), or by the factors in the metadata.  Bands 8 to 57 and 77 to 224 are calibrated; 77 and 78
repeat wavelengths of 56 and 57 (all from the USGS's description).  Wavelengths are the nominal
ones, which are evenly spaced in each spectrometer to 0.1 nm.  INFERRED: pixels that are 0 in all
calibrated bands lie outside the image.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from hsizoo.io.bands import band_files
from hsizoo.io.raster import Raster

__all__ = ["describe"]

_FILE: Final = re.compile(r"EO1H.+_B(\d{3})(?:_.*)?", re.I)
_VNIR: Final = np.linspace(355.59, 1057.68, 70)
_SWIR: Final = np.linspace(851.92, 2577.08, 172)
_NM: Final = np.concatenate([_VNIR, _SWIR])  # of bands 1 to 242
_GOOD: Final = {*range(8, 58), *range(79, 225)}
_FACTORS: Final = {"VNIR": 40.0, "SWIR": 80.0}
_LONGEST: Final = 2**22


def describe(raster: Raster, folder: Path) -> Raster:
    """Add wavelengths, scale and unused bands, if a folder of bands is a scene of Hyperion.

    Parameters
    ----------
    raster : Raster
        The bands in the order of their numbers.
    folder : Path
    """
    matches = [_FILE.fullmatch(path.stem) for path in band_files(folder)]
    numbers = [int(match[1]) for match in matches if match]
    if len(numbers) != len(matches) or not all(1 <= n <= len(_NM) for n in numbers):
        return raster
    factors, where = _factors(folder)
    scales = [factors["VNIR" if n <= len(_VNIR) else "SWIR"] for n in numbers]
    bad = frozenset(band for band, number in enumerate(numbers) if number not in _GOOD)
    good = [band for band in range(len(numbers)) if band not in bad]
    valid = np.zeros(raster.values.shape[:2], bool)
    for band in good or range(len(numbers)):
        valid |= raster.values[:, :, band] != 0
    remarks = [
        f"Hyperion: radiance is the stored number / {factors['VNIR']:g} (VNIR), "
        f"/ {factors['SWIR']:g} (SWIR), {where}",
        f"{len(bad)} band(s) left out: not calibrated, or repeated by both spectrometers",
    ]
    remarks += [f"{(~valid).sum()} pixel(s) are 0 in all bands: no data"] * bool((~valid).any())
    return replace(
        raster,
        product="Hyperion",
        wavelengths=tuple(round(float(_NM[number - 1]), 2) for number in numbers),
        gains=tuple(1 / scale for scale in scales),
        bad_bands=raster.bad_bands | bad,
        valid=valid if raster.valid is None else valid & raster.valid,
        remarks=(*raster.remarks, *remarks),
    )


def _factors(folder: Path) -> tuple[dict[str, float], str]:
    """Return the factors of both spectrometers, and where they come from."""
    for path in sorted(folder.iterdir()):
        if not re.fullmatch(r".*MTL.*\.(?:txt|L1T|L1GST)", path.name, re.I):
            continue
        if path.stat().st_size > _LONGEST:
            continue
        text = path.read_text(encoding="latin-1")
        found = {
            part: re.search(rf"^\s*SCALING_FACTOR_{part}\s*=\s*([0-9.]+)\s*$", text, re.M)
            for part in _FACTORS
        }
        values = {part: float(match[1]) for part, match in found.items() if match}
        if len(values) == len(_FACTORS) and all(values.values()):
            return values, f"from {path.name}"
    return dict(_FACTORS), "as usual; no file *_MTL*.TXT says so"

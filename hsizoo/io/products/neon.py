"""NEON's airborne observation platform: reflectance in HDF5 (DP1.30006, DP3.30006).

Layout as in NEON's tutorials: ``SITE/Reflectance/Reflectance_Data`` of rows, columns and bands with
the attributes ``Data_Ignore_Value`` and ``Scale_Factor``, ``Metadata/Spectral_Data/Wavelength``
below the same group, and the windows of water vapour as its attributes
``Band_Window_1_Nanometers`` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from hsizoo.io.hdf5 import attributes_of
from hsizoo.io.products.arrays import cube_of
from hsizoo.io.raster import Raster
from hsizoo.io.statements import numbers_in

__all__ = ["read"]

_CUBE: Final = re.compile(r"([^/]+/Reflectance)/Reflectance_Data")
_WINDOW: Final = re.compile(r"Band_Window_\d+_Nanometers")


def read(path: Path, file: Any, found: Mapping[str, Any]) -> Raster | None:
    """Read the reflectance of the only site in the file.

    Parameters
    ----------
    path : Path
    file : h5py.File
    found : mapping of str to h5py.Dataset
        All arrays in the file.

    Returns
    -------
    Raster or None
        None if this is another product.
    """
    names = [name for name in found if _CUBE.fullmatch(name) and found[name].ndim == 3]
    if len(names) != 1:
        return None
    folder = names[0].rpartition("/")[0]
    spectral = f"{folder}/Metadata/Spectral_Data/Wavelength"
    axes, beside = ("rows", "columns", "bands"), {"wavelengths": spectral}
    raster = cube_of(path, found, names[0], axes, beside, "NEON AOP reflectance")
    windows = []
    for key, value in attributes_of(file[folder]).items():
        limits = numbers_in(value) or []
        if _WINDOW.fullmatch(key) and len(limits) == 2:
            windows.append((min(limits), max(limits)))
    if raster.wavelengths is None or not windows:
        return raster
    bad = {
        band
        for band, nm in enumerate(raster.wavelengths)
        if any(low <= nm <= high for low, high in windows)
    }
    shown = ", ".join(f"{low:g} to {high:g} nm" for low, high in sorted(windows))
    remark = f"{len(bad)} band(s) in the windows of water vapour left out ({shown})"
    return replace(raster, bad_bands=raster.bad_bands | bad, remarks=(*raster.remarks, remark))

"""EMIT on the space station: L1B radiance and L2A reflectance in netCDF4 of the LP DAAC.

Layout as in NASA's EMIT-Data-Resources: ``reflectance`` or ``radiance`` of downtrack, crosstrack
and bands, wavelengths and good bands in the group ``sensor_band_parameters``, and the geographic
lookup table ``glt_x`` (columns), ``glt_y`` (rows) in ``location``, counted from 1.
The masks of clouds and others are files of their own, which are not applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from hsizoo.io.products.arrays import cube_of, on_the_map
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings

__all__ = ["read"]

_LEVELS: Final = {"reflectance": "EMIT L2A reflectance", "radiance": "EMIT L1B radiance"}
_WAVELENGTHS: Final = "sensor_band_parameters/wavelengths"
_GOOD: Final = "sensor_band_parameters/good_wavelengths"


def read(path: Path, found: Mapping[str, Any], settings: Settings) -> Raster | None:
    """Read reflectance or radiance.

    Parameters
    ----------
    path : Path
    found : mapping of str to h5py.Dataset
        All arrays in the file.
    settings : Settings

    Returns
    -------
    Raster or None
        None if this is another product.

    Raises
    ------
    DataError
        If the pixels cannot be arranged as the settings say.
    """
    name = next((n for n in _LEVELS if n in found and found[n].ndim == 3), None)
    if name is None or _WAVELENGTHS not in found:
        return None
    beside = {"wavelengths": _WAVELENGTHS}
    if name == "reflectance":
        beside["good_wavelengths"] = _GOOD
    axes = ("downtrack", "crosstrack", "bands")
    raster = cube_of(path, found, name, axes, beside, _LEVELS[name])
    return on_the_map(raster, found, "location/glt_y", "location/glt_x", settings)

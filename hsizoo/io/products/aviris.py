"""AVIRIS-NG, AVIRIS-3 and AVIRIS-5: ENVI files, and netCDF4 of the newer ones.

In netCDF4 a group ``reflectance`` or ``radiance`` holds the cube of the same name, of bands, lines
and samples, and its ``wavelength``; ``geolocation_lookup_table`` has ``line`` and ``sample``, below
0 where a neighbour fills a gap.  In ENVI, -9999 is no data, also where the header does not say so.
The gains of AVIRIS-Classic (``.gain``) are not applied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from hsizoo.io.products.arrays import cube_of, on_the_map
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings

__all__ = ["describe", "read"]

_FILL: Final = -9999.0
_NAME: Final = re.compile(r"(?:ang|av[35])\d{8}t\d{6}", re.I)
_SAID: Final = re.compile(r"\baviris(?:[ -]?(?:ng|3|5))?\b", re.I)


def read(path: Path, found: Mapping[str, Any], settings: Settings) -> Raster | None:
    """Read netCDF4, or return None if this is another product; see `hsizoo.io.products.emit`."""
    for name in ("reflectance", "radiance"):
        cube, waves = found.get(f"{name}/{name}"), f"{name}/wavelength"
        if cube is not None and cube.ndim == 3 and waves in found:
            axes = ("wavelength", "lines", "samples")
            product = f"AVIRIS {name}"
            raster = cube_of(path, found, f"{name}/{name}", axes, {"wavelengths": waves}, product)
            table = "geolocation_lookup_table"
            return on_the_map(raster, found, f"{table}/line", f"{table}/sample", settings)
    return None


def describe(raster: Raster, fields: Mapping[str, str]) -> Raster:
    """Add the value of pixels without data to an ENVI file of AVIRIS that does not give it.

    Parameters
    ----------
    raster : Raster
    fields : mapping of str to str
        Of the header.
    """
    said = " ".join(fields.get(key, "") for key in ("description", "sensor type"))
    if not _SAID.search(said) and not _NAME.match(raster.path.name):
        return raster
    if raster.nodata:
        return replace(raster, product="AVIRIS")
    remark = "values of -9999 are no data, as in all files of AVIRIS"
    return replace(raster, product="AVIRIS", nodata=(_FILL,), remarks=(*raster.remarks, remark))

"""Where a cube lies on the map, as rasterio reads it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Final

from hsizoo.errors import DataError
from hsizoo.io.formats import format_of
from hsizoo.io.limits import need
from hsizoo.io.raster import Raster

__all__ = ["Place", "place_of"]

_DRIVERS: Final = {"tiff": "GTiff", "envi": "ENVI"}


@dataclass(frozen=True)
class Place:
    """The georeference of a cube.

    Parameters
    ----------
    transform : affine.Affine
        From (column, row), counted from the image's corner, to map coordinates.
    crs : rasterio.crs.CRS or None
        None if the file does not tell the coordinate system.
    """

    transform: Any
    crs: Any


def place_of(raster: Raster) -> Place | None:
    """Return the georeference of a GeoTIFF or ENVI cube, or None if it has none.

    Raises
    ------
    DataError
        If the file has a georeference that cannot be used.
    MissingRequirement
        If rasterio is not installed.
    """
    driver = _DRIVERS.get(format_of(raster.path))
    if driver is None:
        return None
    rasterio = need("rasterio", "geo", raster.path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(raster.path, driver=driver) as file:
                transform, crs, size = file.transform, file.crs, (file.height, file.width)
    except (rasterio.errors.RasterioError, ValueError) as error:
        if not raster.place:
            return None
        raise DataError(
            f"the georeference of {raster.path} cannot be read: {error}.  If the polygons are in "
            'pixels, set mask_coordinates = "pixels" in hsizoo.toml'
        ) from error
    if transform.is_identity:
        return None
    if transform.is_degenerate:
        raise DataError(
            f"the georeference of {raster.path} is degenerate: its pixels have no area.  If the "
            'polygons are in pixels, set mask_coordinates = "pixels" in hsizoo.toml'
        )
    if size != raster.values.shape[:2]:
        raise DataError(
            f"{raster.path} is read as {raster.values.shape[:2]} (rows, columns), but its "
            f"georeference is for {size}: a layout in hsizoo.toml exchanges its axes"
        )
    return Place(transform, crs)

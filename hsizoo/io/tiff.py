"""TIFF and GeoTIFF, read with tifffile.

The georeference is kept as raw tags, so that a written mask has exactly the georeference of its
input, and GDAL is not needed.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import numpy as np

from hsizoo.errors import DataError, MissingRequirement
from hsizoo.io.choosing import Want
from hsizoo.io.limits import check_memory, check_stored, need
from hsizoo.io.raster import Layout, Raster

__all__ = ["GEO_TAGS", "read"]

GEO_TAGS: Final = {
    33550: "d",  # ModelPixelScale
    33922: "d",  # ModelTiepoint
    34264: "d",  # ModelTransformation
    34735: "H",  # GeoKeyDirectory
    34736: "d",  # GeoDoubleParams
    34737: "s",  # GeoAsciiParams
}
"""Georeference tags and the types of their values."""

_NODATA: Final = 42113
_BANDS: Final = "SCIQ"  # tifffile's axes that may be bands: samples, channels, pages, other


def read(path: Path, want: Want, variable: str | None, layout: Layout) -> Raster:
    """Read the first image of a file, with the bands on any axis."""
    tifffile = need("tifffile", "tiff", path)
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        axes, shape = series.axes, series.shape
        bands = [number for number, axis in enumerate(axes) if axis in _BANDS]
        if "Y" not in axes or "X" not in axes or len(bands) > 1 or len(axes) != 2 + len(bands):
            raise DataError(f"{path}: axes {axes} of sizes {shape} are not rows, columns and bands")
        page = series.keyframe
        check_memory(path, shape, series.dtype.itemsize)
        size = math.prod(shape) * series.dtype.itemsize
        check_stored(path, "the image", size, path.stat().st_size)
        if page.compression == 1 and size > path.stat().st_size:
            raise DataError(f"{path} declares {size} bytes of pixels but has fewer")
        place = {str(code): _plain(page.tags[code].value) for code in GEO_TAGS if code in page.tags}
        nodata = page.tags[_NODATA].value if _NODATA in page.tags else ""
        if series.dataoffset is not None and page.compression == 1:
            dtype = series.dtype.newbyteorder(file.byteorder)
            values: Any = np.memmap(path, dtype, "r", series.dataoffset, shape)
        else:
            try:
                values = series.asarray()
            except ValueError as error:
                if "imagecodecs" in str(error):
                    raise MissingRequirement(
                        f"{path} is compressed in a way that needs the package imagecodecs; "
                        "install it: pip install imagecodecs"
                    ) from error
                raise
    order = [axes.index("Y"), axes.index("X"), *bands]
    return Raster(
        path=path,
        values=values.transpose(order),
        nodata=_nodata(nodata),
        place=place,
    )


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | bytes) else tuple(np.atleast_1d(value).tolist())


def _nodata(text: Any) -> float | None:
    """Parse GDAL's tag, which holds text; None unless it is a finite number."""
    try:
        value = float(str(text).strip("\0 "))
    except ValueError:
        return None
    return value if math.isfinite(value) else None

"""Write masks and maps of classes as polygons: GeoJSON and GeoPackage."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError, OptionError
from hsizoo.io.limits import need
from hsizoo.io.place import Place, place_of
from hsizoo.io.writing import check_ending, system_errors

if TYPE_CHECKING:
    from hsizoo.io.raster import Raster

__all__ = ["POLYGON_FORMATS", "Written", "write_polygons"]

POLYGON_FORMATS: Final = (".geojson", ".gpkg")
_DEGREES: Final = "EPSG:4326"  # of GeoJSON, as RFC 7946 says
_LAYER: Final = "objects"


@dataclass(frozen=True)
class Written:
    """What `write_polygons` wrote.

    Parameters
    ----------
    path : Path
    polygons : int
    remarks : tuple of str
        Where the coordinates count from, and how far outlines were moved.
    """

    path: Path
    polygons: int
    remarks: tuple[str, ...]


def write_polygons(
    path: str | os.PathLike[str],
    labels: npt.ArrayLike,
    class_names: Mapping[int, str],
    *,
    like: Raster | None = None,
    tolerance: float = 0.0,
) -> Written:
    """Write the areas of labels above 0 as polygons with the properties ``class`` and ``number``.

    Outlines follow the edges of pixels.  GeoJSON of a georeferenced image is in degrees (WGS 84),
    GeoPackage in the coordinate system of the image; without a georeference both count pixels: x =
    column, y = row.  `hsizoo.io.read_labels` reads them back.

    Parameters
    ----------
    path : path
        Ending in ``.geojson`` or ``.gpkg``.  An existing file is replaced.
    labels : array_like of bool or int, shape (H, W)
        From 0 to 65535.
    class_names : mapping of int to str
    like : Raster, optional
        The image that they belong to, for its georeference.
    tolerance : float, default 0
        In pixels: simplified outlines are at most so far from those of the pixels.  Each polygon is
        simplified alone, so that neighbours may overlap by that much.

    Returns
    -------
    Written

    Raises
    ------
    DataError
        If the extension is not supported, the labels do not fit, or the file cannot be written.
    OptionError
        If the tolerance is negative or not finite.
    MissingRequirement
        If rasterio, shapely or pyogrio is not installed.
    """
    path = Path(path)
    check_ending(path, "polygons", POLYGON_FORMATS)
    if not (np.isfinite(tolerance) and tolerance >= 0):
        raise OptionError(f"the tolerance must be 0 pixels or more; got {tolerance}")
    array = np.asarray(labels)
    if array.ndim != 2 or array.dtype.kind not in "biu" or (array.size and array.min() < 0):
        raise DataError(f"{path}: labels must be (rows, columns) of numbers from 0 to 65535")
    features = need("rasterio.features", "geo", path)
    shapely = need("shapely", "geo", path)
    shape = need("shapely.geometry", "geo", path).shape
    array = array.astype(np.uint16)
    numbers, outlines = [], []
    for geometry, value in features.shapes(array, mask=array > 0, connectivity=4):
        numbers.append(int(value))
        outlines.append(shape(geometry))
    remarks = []
    if tolerance:
        outlines = [shapely.simplify(each, tolerance, preserve_topology=True) for each in outlines]
        remarks.append(f"outlines are simplified: they are off by at most {tolerance:g} pixels")
    place = None if like is None else place_of(like)
    geometries = np.array(outlines, dtype=object)
    crs = None
    if place is None:
        remarks.append("the image has no georeference: x is the column, y the row")
    else:
        geometries, crs = _on_map(path, geometries, place)
    names = [class_names.get(number, f"class {number}") for number in numbers]
    with system_errors(path):
        if path.suffix.lower() == ".geojson":
            _geojson(path, geometries, names, numbers)
        else:
            _geopackage(path, geometries, names, numbers, crs)
    return Written(path, len(numbers), tuple(remarks))


def _on_map(path: Path, geometries: npt.NDArray[Any], place: Place) -> tuple[Any, Any]:
    """Return the geometries in the coordinates that the format wants, and their system."""
    shapely = need("shapely", "geo", path)
    warp = need("rasterio.warp", "geo", path)
    a, b, c, d, e, f = tuple(place.transform)[:6]
    degrees = path.suffix.lower() == ".geojson" and place.crs is not None

    def move(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        x, y = points.T
        x, y = a * x + b * y + c, d * x + e * y + f
        if degrees and len(points):
            x, y = map(np.asarray, warp.transform(place.crs, _DEGREES, x, y))
        return np.column_stack((x, y))

    return shapely.transform(geometries, move), place.crs


def _geojson(
    path: Path, geometries: npt.NDArray[Any], names: list[str], numbers: list[int]
) -> None:
    shapely = need("shapely", "geo", path)
    features = [
        {
            "type": "Feature",
            "properties": {"class": name, "number": number},
            "geometry": json.loads(text),
        }
        for name, number, text in zip(names, numbers, shapely.to_geojson(geometries), strict=True)
    ]
    document = {"type": "FeatureCollection", "features": features}
    path.write_text(json.dumps(document) + "\n", encoding="utf-8")


def _geopackage(
    path: Path, geometries: npt.NDArray[Any], names: list[str], numbers: list[int], crs: Any
) -> None:
    pyogrio = need("pyogrio", "geo", path)
    shapely = need("shapely", "geo", path)
    path.unlink(missing_ok=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided")  # pixels have none
        pyogrio.raw.write(
            path,
            geometry=shapely.to_wkb(geometries),
            field_data=[np.array(names, dtype=object), np.array(numbers, dtype=np.int32)],
            fields=["class", "number"],
            geometry_type="Polygon",
            crs=None if crs is None else crs.to_wkt(),
            layer=_LAYER,
            driver="GPKG",
        )

"""Masks as polygons: GeoJSON, GeoPackage and Shapefile, drawn in the size of their cube.

With a georeferenced cube, the coordinates are places on its map; otherwise they are x = column and
y = row of the cube, as annotation tools write them.  Between the corners of a polygon, edges are
straight in the coordinate system of the cube.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.documents import read_json
from hsizoo.errors import DataError, did_you_mean, listed
from hsizoo.io.class_numbers import class_of, number_classes, same_kind
from hsizoo.io.drawing import Outline, areas_of, draw
from hsizoo.io.formats import format_of
from hsizoo.io.limits import LONGEST_JSON, check_memory, need
from hsizoo.io.place import Place, place_of
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings

__all__ = ["classes_of", "read", "survey"]

_PROPERTIES: Final = ("class", "label", "classification.name", "name", "id")
_NONE: Final = "none"
_ONLY: Final = 1  # the label if all polygons are of one class
_DEGREES: Final = "EPSG:4326"  # of GeoJSON without a statement, as RFC 7946 says


@dataclass(frozen=True)
class _Feature:
    name: str
    geometry: Any
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class _Layer:
    """What a file holds; `crs` is what it says about its coordinates, or None."""

    path: Path
    features: Sequence[_Feature]
    crs: Any = None
    remarks: tuple[str, ...] = ()


def read(path: Path, settings: Settings, like: Raster, classes: Mapping[int, str]) -> Raster:
    """Draw the polygons of a file; see `hsizoo.io.formats.open_raster`."""
    layer, values = _with_classes(_open(path, settings), settings)
    try:
        labels, names = number_classes([v for v in values if v is not None], classes)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    height, width = like.values.shape[:2]
    check_memory(path, (height, width), 16)
    geometries, where = _in_pixels(layer, like, settings)
    remarks = [*layer.remarks, where]
    outlines, outside, others, repaired, unnamed = [], [], [], [], []
    shapely = need("shapely", "geo", path)
    image = shapely.box(0, 0, width, height)
    for feature, geometry, value in zip(layer.features, geometries, values, strict=True):
        areas, mended = (None, False)
        if geometry is not None:
            areas, mended = areas_of(path, feature.name, geometry)
        if areas is None:
            others.append(feature.name)
        elif value is None:
            unnamed.append(feature.name)
        elif not shapely.intersects(image, areas):
            outside.append(feature.name)
        else:
            repaired += [feature.name] * mended
            outlines.append(Outline(areas, labels[value]))
    for found, what in (
        (others, "have no polygon and are left out"),
        (unnamed, "have no class and are left out"),
        (outside, "lie outside the image"),
        (repaired, "crossed themselves and were repaired"),
    ):
        if found:
            remarks.append(
                f"{len(found)} of {len(layer.features)} features {what}: {listed(found)}"
            )
    if outside and not outlines:
        raise DataError(_all_outside(layer, geometries, where, (height, width)))
    drawn, contested = draw(path, outlines, (height, width))
    if contested:
        remarks.append(
            f"{contested} pixels lie in polygons of several classes; the later polygon wins"
        )
    empty = sorted({each.label for each in outlines} - set(np.unique(drawn).tolist()))
    if empty:
        shown = ", ".join(names.get(label, str(label)) for label in empty)
        remarks.append(f"no pixel is left of: {shown}")
    names = {label: str(name) for label, name in names.items()}
    return Raster(path=path, values=drawn, class_names=names, remarks=tuple(remarks))


def classes_of(path: Path, settings: Settings) -> list[int | str]:
    """Return the class of each polygon that has one: numbers, or texts."""
    values = _with_classes(_open(path, settings), settings)[1]
    return [value for value in values if value is not None]


def survey(path: Path, settings: Settings) -> tuple[str, tuple[str, ...]]:
    """Describe a file without its cube: the number of polygons of each class, and remarks."""
    layer, values = _with_classes(_open(path, settings), settings)
    counts = Counter("without class" if value is None else str(value) for value in values)
    shown = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
    return f"{len(layer.features)} features; {shown}", layer.remarks


def _open(path: Path, settings: Settings) -> _Layer:
    layer = _geojson(path) if format_of(path) == "geojson" else _with_gdal(path, settings)
    if not layer.features:
        return replace(layer, remarks=(*layer.remarks, "there is no polygon in it"))
    return layer


def _geojson(path: Path) -> _Layer:
    """Read GeoJSON, or the list of features that QuPath writes."""
    shapely = need("shapely", "geo", path)
    shape = need("shapely.geometry", "geo", path).shape
    document, crs = read_json(path, longest=LONGEST_JSON), None
    if isinstance(document, dict):
        crs = _crs_member(path, document.get("crs"))
        kind = document.get("type")
        rows = document.get("features") if kind == "FeatureCollection" else [document]
        if kind not in ("FeatureCollection", "Feature"):
            rows = [{"geometry": document}]
    else:
        rows = document
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path} is not GeoJSON: its features must be a list of objects")
    features = []
    for number, row in enumerate(rows, start=1):
        name, geometry, properties = f"feature {number}", row.get("geometry"), row.get("properties")
        try:
            geometry = shape(geometry) if geometry else None
        except (
            AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError,
            shapely.errors.ShapelyError,
        ) as error:  # fmt: skip
            raise DataError(
                f"{path}: the geometry of {name} is not GeoJSON: {error!s:.200}; correct or "
                "remove it"
            ) from error
        found = dict(properties) if isinstance(properties, dict) else {}
        if "id" in row:  # a member beside the properties
            found.setdefault("id", row["id"])
        features.append(_Feature(name, geometry, found))
    return _Layer(path, features, crs)


def _crs_member(path: Path, member: Any) -> Any:
    """Return what GeoJSON before RFC 7946 says about its coordinates."""
    if member is None:
        return None
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str):
        raise DataError(f"{path}: its crs has no name, such as urn:ogc:def:crs:EPSG::32632")
    return name


def _with_gdal(path: Path, settings: Settings) -> _Layer:
    """Read a layer of a GeoPackage or Shapefile."""
    pyogrio = need("pyogrio", "geo", path)
    shapely = need("shapely", "geo", path)
    layers = [str(name) for name, kind in pyogrio.list_layers(path).tolist() if kind]
    chosen = settings.mask_variable
    if chosen is None and len(layers) != 1:
        raise DataError(
            f"{path} has {len(layers)} layers with geometries ({', '.join(layers)}); choose one "
            "with mask_variable in hsizoo.toml"
        )
    if chosen is not None and chosen not in layers:
        raise DataError(
            f"{path} has no layer {chosen!r}.{did_you_mean(chosen, layers)} Available layers: "
            f"{', '.join(layers)}"
        )
    about, ids, shapes, columns = pyogrio.raw.read(
        path, layer=chosen or layers[0], force_2d=True, return_fids=True
    )
    names = [str(name) for name in about["fields"]]
    rows = zip(*(column.tolist() for column in columns), strict=True) if names else [()] * len(ids)
    features = [
        _Feature(f"feature {number}", geometry, dict(zip(names, row, strict=True)))
        for number, geometry, row in zip(ids.tolist(), shapely.from_wkb(shapes), rows, strict=True)
    ]
    crs = about["crs"]
    return _Layer(path, features, None if crs is None or "Undefined" in crs else crs)


def _with_classes(layer: _Layer, settings: Settings) -> tuple[_Layer, list[int | str | None]]:
    """Return the class of each feature, with a remark on the property that tells it."""
    asked, found = settings.class_property, layer.features
    if asked == _NONE or not found:
        return layer, [_ONLY] * len(found)
    for key in (asked,) if asked else _PROPERTIES:
        values = [class_of(_property(each.properties, key)) for each in found]
        if any(value is not None for value in values):
            remark = f"classes are told by the property {key}"
            return replace(layer, remarks=(*layer.remarks, remark)), same_kind(values)
    known = sorted({key for each in found for key in each.properties})
    if asked is None and not known:
        remark = f"the polygons have no properties; all are of class {_ONLY}"
        return replace(layer, remarks=(*layer.remarks, remark)), [_ONLY] * len(found)
    raise DataError(
        f"{layer.path}: no polygon has a class in "
        f"{f'the property {asked!r}' if asked else 'a property ' + ' or '.join(_PROPERTIES)}; "
        f"properties: {', '.join(known) or 'none'}.{did_you_mean(asked or '', known)}  Set "
        'class_property = "PROPERTY" in hsizoo.toml, or "none" if all polygons are of one class'
    )


def _property(properties: Mapping[str, Any], key: str) -> Any:
    """Look a property up, in any case; after a dot, in the object that is its value."""
    lower = {name.lower(): value for name, value in properties.items()}
    if key.lower() in lower:
        return lower[key.lower()]
    first, dot, rest = key.partition(".")
    inner = lower.get(first.lower())
    return _property(inner, rest) if dot and isinstance(inner, dict) else None


def _in_pixels(layer: _Layer, like: Raster, settings: Settings) -> tuple[list[Any], str]:
    """Return the geometries in pixel coordinates, and a remark on what they were."""
    geometries = [feature.geometry for feature in layer.features]
    place = None if settings.mask_coordinates == "pixels" else place_of(like)
    if place is not None:
        source, remark = _source(layer, place, like)
        return _moved(layer.path, geometries, place, source), remark
    if settings.mask_coordinates == "map":
        raise DataError(
            f"{layer.path} cannot be placed on the map: {like.path} has no georeference.  If its "
            'coordinates are pixels, set mask_coordinates = "pixels" in hsizoo.toml'
        )
    if layer.crs is not None and settings.mask_coordinates != "pixels":
        raise DataError(
            f"{layer.path} is in map coordinates ({layer.crs!s:.60}), but {like.path} has no "
            "georeference: save the polygons in pixels, or give the cube as GeoTIFF or as ENVI "
            'with map info.  If they are pixels, set mask_coordinates = "pixels" in hsizoo.toml'
        )
    return geometries, "the polygons' coordinates are pixels: x = column, y = row"


def _source(layer: _Layer, place: Place, like: Raster) -> tuple[Any, str]:
    """Return the coordinate system of the polygons."""
    crs = need("rasterio.crs", "geo", layer.path).CRS
    if place.crs is None:
        return None, f"the polygons are taken to be on the map of {like.path.name}"
    stated = layer.crs
    if stated is None:
        if format_of(layer.path) != "geojson" or not _may_be_degrees(layer):
            return place.crs, (
                "the polygons' coordinate system is not stated; it is taken to be that of "
                f"{like.path.name}"
            )
        stated = _DEGREES
    try:
        source = crs.from_user_input(stated)
    except ValueError as error:  # CRSError
        raise DataError(
            f"{layer.path}: its coordinate system {stated!s:.60} is unknown: {error}"
        ) from error
    if source == place.crs:
        return source, f"the polygons are on the map of {like.path.name}"
    return source, f"the polygons are projected from {_short(source)} to {_short(place.crs)}"


def _short(crs: Any) -> str:
    return f"{crs.to_string():.60}"


def _may_be_degrees(layer: _Layer) -> bool:
    """Whether all coordinates can be longitudes and latitudes."""
    shapely = need("shapely", "geo", layer.path)
    points = shapely.get_coordinates([each.geometry for each in layer.features])
    return bool((np.abs(points) <= (180, 90)).all())


def _moved(path: Path, geometries: Sequence[Any], place: Place, source: Any) -> list[Any]:
    """Project geometries and count them in pixels."""
    shapely = need("shapely", "geo", path)
    warp = need("rasterio.warp", "geo", path)
    a, b, c, d, e, f = tuple(~place.transform)[:6]

    def move(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        x, y = points.T
        if source is not None and source != place.crs and len(points):
            x, y = map(np.asarray, warp.transform(source, place.crs, x, y))
        with np.errstate(invalid="ignore"):  # a point that is on no map is infinite
            return np.column_stack((a * x + b * y + c, d * x + e * y + f))

    return list(shapely.transform(np.array(geometries, dtype=object), move))


def _all_outside(
    layer: _Layer, geometries: Sequence[Any], where: str, shape: tuple[int, int]
) -> str:
    shapely = need("shapely", "geo", layer.path)
    left, top, right, bottom = shapely.total_bounds(geometries)
    return (
        f"{layer.path}: all polygons lie outside the image.  They reach from row {top:.0f} to "
        f"{bottom:.0f} and column {left:.0f} to {right:.0f} of {shape} (rows, columns), as "
        f'{where}.  Set mask_coordinates = "pixels" or "map" in hsizoo.toml if that is wrong'
    )

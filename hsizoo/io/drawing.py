"""Draw polygons as a label map.

A pixel belongs to a polygon if its centre does.  In pixel coordinates, the pixel in row r and
column c reaches from x = c to c + 1 and from y = r to r + 1, so its centre is (c + 0.5, r + 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError
from hsizoo.io.limits import need

__all__ = ["Outline", "areas_of", "draw"]

_NOWHERE: Final = -2  # neither a label nor NO_LABEL


@dataclass(frozen=True)
class Outline:
    """A polygon in pixel coordinates.

    Parameters
    ----------
    geometry : shapely geometry
        Polygon or multipolygon, valid.
    label : int
    """

    geometry: Any
    label: int


def areas_of(path: Path, feature: str, geometry: Any) -> tuple[Any, bool]:
    """Return the polygons of a geometry, valid, and whether it had to be repaired.

    Parameters
    ----------
    path : Path
        File of the feature, for messages.
    feature : str
        Name of the feature, for messages.
    geometry : shapely geometry

    Returns
    -------
    areas : shapely geometry or None
        A multipolygon; None if the geometry has only points and lines.
    repaired : bool

    Raises
    ------
    DataError
        If a polygon has coordinates that are not finite, or no area.
    """
    shapely = need("shapely", "geo", path)
    if not np.isfinite(shapely.get_coordinates(geometry)).all():
        raise DataError(
            f"{path}: {feature} has coordinates that are not finite or not on the cube's map; "
            "correct or remove it"
        )
    if not _polygons(shapely, geometry):
        return None, False
    valid = bool(shapely.is_valid(geometry))
    found = _polygons(shapely, geometry if valid else shapely.make_valid(geometry))
    if not found:
        reason = shapely.is_valid_reason(geometry)
        raise DataError(f"{path}: {feature} has no area ({reason:.100}); correct or remove it")
    return shapely.MultiPolygon(found) if valid else shapely.union_all(found), not valid


def _polygons(shapely: Any, geometry: Any) -> list[Any]:
    """Return the single polygons of a geometry of any type."""
    parts = shapely.get_parts([geometry])
    while (shapely.get_type_id(parts) > 3).any():  # collections, of multipolygons or nested
        parts = shapely.get_parts(parts)
    chosen = (shapely.get_type_id(parts) == 3) & ~shapely.is_empty(parts)
    return list(parts[chosen])


def draw(
    path: Path, outlines: Sequence[Outline], shape: tuple[int, int]
) -> tuple[npt.NDArray[np.int32], int]:
    """Draw polygons one after the other, so that later ones cover earlier ones.

    Parameters
    ----------
    path : Path
        For messages.
    outlines : sequence of Outline
    shape : (int, int)
        Height and width.

    Returns
    -------
    labels : array of int32, shape (H, W)
        0 outside of all polygons.
    contested : int
        Number of pixels that lie in polygons of several classes.
    """
    if not outlines:
        return np.zeros(shape, dtype=np.int32), 0

    def burn(order: Sequence[Outline]) -> npt.NDArray[np.int32]:
        features = need("rasterio.features", "geo", path)
        drawn: npt.NDArray[np.int32] = features.rasterize(
            [(each.geometry, each.label) for each in order],
            out_shape=shape,
            fill=_NOWHERE,
            all_touched=False,
            dtype="int32",
        )
        return drawn

    # The last polygon wins: drawn by label, up and down, the highest and the lowest one.
    upwards = sorted(outlines, key=lambda each: each.label)
    labels = burn(outlines)
    contested = burn(upwards) != burn(upwards[::-1])
    labels[labels == _NOWHERE] = 0
    return labels, int(contested.sum())

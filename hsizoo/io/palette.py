"""Class colours: a label has the same colour in every map and figure.

The first seven are distinguishable in print and to most eyes (Okabe and Ito, "Color universal
design", 2008).  Each further one is the colour, neither very dark nor very light, that is farthest
from black, white and all earlier ones in OKLab (Ottosson 2020), which is perceptually uniform.
With dozens of classes no palette is easy for all eyes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["class_colours"]

Colours = npt.NDArray[np.uint8]

_BLACK: Final = (0, 0, 0)
_FIRST: Final = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0),
    (204, 121, 167),
)  # fmt: skip
_WHITE: Final = (255, 255, 255)
_LIGHTNESS: Final = (0.4, 0.93)  # in OKLab; beyond, hues look almost black or white
_TABLE: Final = 256
_CODES: Final = 2**24
_STRIDE: Final = 0x9E3779  # odd, so that its multiples visit every colour once

_FROM_LINEAR: Final = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929],
     [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
_TO_LAB: Final = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468],
     [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip


def class_colours(count: int) -> Colours:
    """Return the colours of labels 0 to `count` - 1, all different.

    Parameters
    ----------
    count : int
        From 0 to 65536.  A longer palette starts with the shorter one.

    Returns
    -------
    ndarray of uint8, shape (count, 3)
        Red, green, blue.  Label 0, which is unlabelled, is black.

    Examples
    --------
    >>> class_colours(3).tolist()
    [[0, 0, 0], [230, 159, 0], [86, 180, 233]]
    """
    table = _table()
    if count <= len(table):
        return table[:count].copy()
    codes = np.arange(1, count, dtype=np.int64) * _STRIDE % _CODES
    rest = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype(np.uint8)
    used = {tuple(colour) for colour in table.tolist()}
    fresh = [tuple(colour) not in used for colour in rest.tolist()]
    return np.concatenate([table, rest[fresh]])[:count]


@lru_cache(maxsize=1)
def _table() -> Colours:
    """Return the colours of 256 labels, each far from the earlier ones."""
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    offered = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    places = _oklab(offered)
    seen = (places[:, 0] > _LIGHTNESS[0]) & (places[:, 0] < _LIGHTNESS[1])
    offered, places = offered[seen], places[seen]
    chosen = [_BLACK, *_FIRST]
    apart = np.full(len(offered), np.inf)
    for place in _oklab(np.array([*chosen, _WHITE], dtype=np.uint8)):
        apart = np.minimum(apart, np.linalg.norm(places - place, axis=1))
    while len(chosen) < _TABLE:
        best = int(apart.argmax())
        chosen.append(tuple(offered[best].tolist()))
        apart = np.minimum(apart, np.linalg.norm(places - places[best], axis=1))
    return np.array(chosen, dtype=np.uint8)


def _oklab(colours: Colours) -> npt.NDArray[Any]:
    """Convert RGB colours (n, 3) to OKLab."""
    value = colours / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    places: npt.NDArray[Any] = np.cbrt(linear @ _FROM_LINEAR.T) @ _TO_LAB.T
    return places

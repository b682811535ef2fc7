"""A picture of a cube, red, green and blue."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import hsizoo

__all__ = ["pseudo_rgb"]

_COLOURS = (640.0, 550.0, 460.0)  # nm
_PERCENTILES = (2.0, 98.0)


def pseudo_rgb(cube: hsizoo.HyperCube) -> npt.NDArray[np.uint8]:
    """Turn a cube into an (H, W, 3) picture.

    The bands are the cube's own `rgb_bands`; else those nearest to 640, 550 and 460 nm; else three
    that are evenly spread.  Each is stretched from its 2nd to its 98th percentile.  Pixels that
    are not valid become black.
    """
    bands = cube.rgb_bands
    if bands is None and cube.wavelengths is not None:
        red, green, blue = (int(np.abs(cube.wavelengths - nm).argmin()) for nm in _COLOURS)
        bands = red, green, blue
    if bands is None:
        last = cube.bands - 1
        bands = last, last // 2, 0
    picture = cube.data[..., list(bands)].astype(np.float32)
    seen = picture[cube.valid]
    if not len(seen):
        return np.zeros(picture.shape, dtype=np.uint8)
    low, high = np.percentile(seen, _PERCENTILES, axis=0).astype(np.float32)
    span = np.where(high > low, high - low, 1)
    scaled = np.where(cube.valid[..., None], (picture - low) / span, 0)
    return np.asarray(np.rint(scaled.clip(0, 1) * 255), dtype=np.uint8)

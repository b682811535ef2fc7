"""PNG masks: one channel of 1, 8 or 16 bits, or a palette whose indices are the labels."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hsizoo.errors import DataError
from hsizoo.io.choosing import Want
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings

__all__ = ["read"]

_MODES = ("1", "L", "P", "I", "I;16", "I;16B")


def read(path: Path, want: Want, settings: Settings, images: Sequence[tuple[int, int]]) -> Raster:
    """Read the labels of a mask."""
    from PIL import Image

    if want == "cube":
        raise DataError(f"{path} is a PNG image, which cannot hold a cube")
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path) as image:
            if image.mode not in _MODES:
                raise DataError(
                    f"{path} is a colour image ({image.mode}), not a mask; save the labels as one "
                    "channel"
                )
            values = np.array(image)
    return Raster(path=path, values=values)

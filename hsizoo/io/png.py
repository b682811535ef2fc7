"""PNG masks: one channel of 1 to 16 bits, or a palette whose indices are the labels."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from hsizoo.errors import DataError
from hsizoo.io.choosing import Want
from hsizoo.io.gdal_metadata import with_pam
from hsizoo.io.limits import check_memory, check_stored
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings

__all__ = ["read"]

_MODES: Final = ("1", "L", "P", "I", "I;16", "I;16B")
_GREY: Final = 0  # PNG's type of colour


def read(path: Path, want: Want, settings: Settings, images: Sequence[tuple[int, int]]) -> Raster:
    """Read the labels of a mask."""
    from PIL import Image

    if want == "cube":
        raise DataError(f"{path} is a PNG image, which cannot hold a cube")
    with path.open("rb") as file:
        header = file.read(26)
    width, height = (int.from_bytes(header[at : at + 4], "big") for at in (16, 20))
    bits, colour = header[24:26] if len(header) == 26 else (8, _GREY)
    check_memory(path, (height, width), max(1, bits // 8))
    check_stored(path, "the image", height * (width * bits // 8), path.stat().st_size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # as checked above
        try:
            with Image.open(path) as image:
                image.verify()  # the checksums, which reading does not look at
        except Image.DecompressionBombError:
            raise DataError(
                f"{path} has {height} × {width} pixels, more than are read from PNG; save the mask "
                "as TIFF, ENVI or NumPy"
            ) from None
        with Image.open(path) as image:
            if image.mode not in _MODES:
                raise DataError(
                    f"{path} is a colour image ({image.mode}), not a mask; save the labels as one "
                    "channel"
                )
            if getattr(image, "is_animated", False):
                raise DataError(f"{path} is an animation, not a mask; save one image")
            values = np.array(image)
            clear = image.info.get("transparency") if colour == _GREY else None
    if colour == _GREY and bits in (2, 4):  # Pillow stretches these to 0 to 255
        values //= 255 // (2**bits - 1)
    # A grey that is transparent is how GDAL writes a no-data value.
    nodata = (float(min(clear, 2**bits - 1)),) if isinstance(clear, int) else ()
    return with_pam(Raster(path=path, values=values, nodata=nodata), want)

"""The Tivita camera's ``*_SpecCube.dat``, used by HeiPorSPECTRAL and other surgical datasets.

The file has three big-endian int32, width, height and bands, then big-endian float32 values in the
order x, y, band, with y counted from the bottom.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError
from hsizoo.io.choosing import Want
from hsizoo.io.limits import check_memory
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings

__all__ = ["band_centres", "is_spec_cube", "read", "write_spec_cube"]

_HEADER: Final = 12
_BANDS: Final = 100


def band_centres(bands: int) -> tuple[float, ...] | None:
    """Return wavelengths in nm: band k of 100 is at 500 + 5 k, as in the camera's software."""
    return tuple(500.0 + 5.0 * band for band in range(bands)) if bands == _BANDS else None


def is_spec_cube(path: Path, head: bytes) -> bool:
    """Whether a file is a SpecCube, judged by its name or by a header that matches its size."""
    if path.name.endswith("_SpecCube.dat"):
        return True
    shape = np.frombuffer(head[:_HEADER], ">i4").tolist() if len(head) >= _HEADER else [0]
    return min(shape) > 0 and path.stat().st_size == _size(*shape)


def _size(width: int, height: int, bands: int) -> int:
    return _HEADER + 4 * width * height * bands


def read(path: Path, want: Want, settings: Settings, images: Sequence[tuple[int, int]]) -> Raster:
    """Read a cube; wavelengths are known for 100 bands."""
    found = path.stat().st_size
    with path.open("rb") as file:
        header = np.frombuffer(file.read(_HEADER), ">i4")
        if len(header) < 3 or header.min() < 1:
            raise DataError(f"{path}: a SpecCube must start with its width, height and bands")
        width, height, bands = header.tolist()
        if found != _size(width, height, bands):
            raise DataError(
                f"{path} has {found} bytes, but its header, {width} × {height} × {bands}, implies "
                f"{_size(width, height, bands)}; it is incomplete or not a SpecCube"
            )
        check_memory(path, (height, width, bands), 4)
        values = np.fromfile(file, ">f4")
    if not values.dtype.isnative:  # in place: a copy would take twice as long
        values = values.byteswap(inplace=True).view(values.dtype.newbyteorder())
    return Raster(
        path=path,
        values=np.rot90(values.reshape(width, height, bands)),
        wavelengths=band_centres(bands),
    )


def write_spec_cube(path: str | os.PathLike[str], values: npt.ArrayLike) -> None:
    """Write a cube of shape (H, W, B) in the camera's format."""
    array = np.asarray(values)
    height, width, bands = array.shape
    with Path(path).open("wb") as file:
        np.array([width, height, bands], ">i4").tofile(file)
        np.rot90(array, -1).astype(">f4").tofile(file)

"""Masks and label maps as short texts, for logs: compressed, in base 64."""

from __future__ import annotations

import base64
import zlib
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["pack_labels", "pack_mask", "step_of", "thinned", "unpack_labels", "unpack_mask"]

Shape = tuple[int, int]

_SIDE: Final = 1024  # pixels: what is longer is thinned out, as pictures are smaller anyway
_QUICK: Final = 1  # level of compression: one of a few kB is not worth more time


def step_of(shape: tuple[int, ...]) -> int:
    """Every how many-th pixel of an image of this shape is kept, along rows and columns."""
    return -(-max(shape) // _SIDE)


def thinned(shape: Shape) -> Shape:
    """Shape of what is kept of an image of this shape.

    Examples
    --------
    >>> thinned((100, 3000))
    (34, 1000)
    """
    step = step_of(shape)
    return -(-shape[0] // step), -(-shape[1] // step)


def pack_mask(mask: npt.NDArray[np.bool_]) -> str:
    """Pack a mask (H, W).

    Examples
    --------
    >>> unpack_mask(pack_mask(np.eye(2, dtype=bool)), (2, 2)).tolist()
    [[True, False], [False, True]]
    """
    return _packed(np.packbits(np.asarray(mask, dtype=bool)))


def unpack_mask(text: str, shape: Shape) -> npt.NDArray[np.bool_]:
    """Unpack a mask of this shape.

    Raises
    ------
    ValueError
        If it is not one.
    """
    height, width = shape
    bits = np.frombuffer(_unpacked(text, -(-height * width // 8)), dtype=np.uint8)
    return np.unpackbits(bits, count=height * width).astype(bool).reshape(shape)


def pack_labels(labels: npt.NDArray[np.integer[Any]]) -> str:
    """Pack a label map (H, W)."""
    return _packed(labels.astype("<i4"))


def unpack_labels(text: str, shape: Shape) -> npt.NDArray[np.int32]:
    """Unpack a label map of this shape.

    Raises
    ------
    ValueError
        If it is not one.
    """
    raw = _unpacked(text, 4 * shape[0] * shape[1])
    return np.frombuffer(raw, dtype="<i4").astype(np.int32).reshape(shape)


def _packed(values: npt.NDArray[Any]) -> str:
    return base64.b64encode(zlib.compress(values.tobytes(), _QUICK)).decode()


def _unpacked(text: str, size: int) -> bytes:
    try:
        # Never more than is expected: a short text may stand for gigabytes.
        unpacking = zlib.decompressobj()
        found = unpacking.decompress(base64.b64decode(text, validate=True), size + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(found) != size:
        raise ValueError(f"{len(found)} bytes, expected {size}")
    return found

"""Classification of a whole image as text, for records."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import numpy.typing as npt

__all__ = ["decode_map", "encode_map"]


def decode_map(text: str, shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Decode a stored classification.

    Returns
    -------
    ndarray of int32, shape (H, W)
        Position of the class in ``classes``, from 1; 0 for an invalid spectrum.
    """
    raw = zlib.decompress(base64.b64decode(text))
    return np.frombuffer(raw, dtype="<u2").reshape(shape).astype(np.int32)


def encode_map(places: npt.NDArray[np.integer]) -> str:
    """Encode a classification as text: compressed, in base 64."""
    return base64.b64encode(zlib.compress(places.astype("<u2").tobytes(), 9)).decode()

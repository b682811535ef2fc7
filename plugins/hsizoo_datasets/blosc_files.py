"""Read and write the ``.blosc`` files of HeiPorSPECTRAL's intermediates.

Each is a pickle of shape and dtype, followed by the array, compressed with Blosc.  The unpickler
accepts only tuples, numbers, strings and ``numpy.dtype``.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError, MissingRequirement
from hsizoo.io.limits import check_memory, check_stored, need

__all__ = ["read_blosc", "write_blosc"]

_TYPES: Final = ("float16", "float32", "float64", "uint8", "int32")
_HEADER: Final = 16  # bytes of a Blosc header
_MOST_AXES: Final = 4
_LONGEST_PICKLE: Final = 2**12


class _ShapeAndType(pickle.Unpickler):
    """Unpickler that builds no object except a numpy dtype."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        raise pickle.UnpicklingError(f"{module}.{name} is neither a shape nor a dtype")


def read_blosc(path: Path) -> npt.NDArray[Any]:
    """Read the array of a file.

    Raises
    ------
    MissingRequirement
        If the file or the package numcodecs is missing.
    DataError
        If the file is damaged, or its pickle holds anything but a shape and a dtype.
    """
    if not path.is_file():
        raise MissingRequirement(f"{path} is missing; use source=cube, or fetch the intermediates")
    codec = need("numcodecs.blosc", "zarr", path)
    content = path.read_bytes()
    try:
        stream = io.BytesIO(content[:_LONGEST_PICKLE])
        shape, dtype = _ShapeAndType(stream).load()
        shape, dtype = tuple(int(side) for side in shape), np.dtype(dtype)
        payload = content[stream.tell() :]
        _, _, _, _, declared, _, stored = struct.unpack_from("<BBBBIII", payload)
    except Exception as error:  # unpickling may raise anything
        raise DataError(f"{path} does not begin with a shape and a dtype: {error}") from error
    if dtype.name not in _TYPES or len(shape) > _MOST_AXES or min(shape, default=0) < 1:
        raise DataError(f"{path} declares an array of {dtype} and shape {shape}")
    size = math.prod(shape) * dtype.itemsize
    if declared != size or stored != len(payload):
        raise DataError(
            f"{path}: shape {shape} of {dtype} needs {size} bytes, the header declares {declared}; "
            f"{len(payload)} of {stored} compressed bytes are present"
        )
    check_memory(path, shape, dtype.itemsize)
    check_stored(path, "the array", size, stored)
    try:
        values = codec.decompress(payload)
    except RuntimeError as error:
        raise DataError(f"{path} cannot be decompressed: {error}") from error
    array: npt.NDArray[Any] = np.frombuffer(values, dtype).reshape(shape)
    return array


def write_blosc(path: Path, values: npt.NDArray[Any]) -> None:
    """Write an array in the format of the dataset's authors: zstd, shuffled."""
    codec = need("numcodecs.blosc", "zarr", path)
    array = np.ascontiguousarray(values)
    payload = codec.compress(array, b"zstd", 5, codec.SHUFFLE)
    path.write_bytes(pickle.dumps((array.shape, array.dtype)) + bytes(payload))

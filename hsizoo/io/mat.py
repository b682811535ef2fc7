"""MATLAB's ``.mat`` files of versions 5 to 7: matrices of numbers.

SciPy reads them too, but a damaged file can make it crash the whole process (seen with SciPy 1.17:
one flipped bit in a struct); so these few hundred bytes of headers are read here.  Version 7.3 is
HDF5: `hsizoo.io.hdf5`.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError
from hsizoo.io.choosing import WAVELENGTHS, Want, choose, wavelengths_of
from hsizoo.io.limits import check_memory, check_stored
from hsizoo.io.numpy_ import to_hwb
from hsizoo.io.raster import Layout, Raster

__all__ = ["read"]

_STORED: Final = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
_MATRIX: Final = 14
_COMPRESSED: Final = 15
_NUMERIC: Final = range(6, 16)  # classes double, single, int8 to uint64
_COMPLEX: Final = 0x0800
_FILE_HEADER: Final = 128
_PEEK: Final = 2**12  # flags, axes and name of a matrix take less
_MOST_AXES: Final = 32


@dataclass(frozen=True)
class _Matrix:
    """Where a matrix of numbers lies."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]  # as stored, which may be narrower than its class
    data: int  # where its numbers begin, from the beginning of the (uncompressed) element
    offset: int  # of the element in the file, behind its tag
    length: int  # of the element in the file
    compressed: bool

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def read(path: Path, want: Want, variable: str | None, layout: Layout) -> Raster:
    """Read the wanted matrix."""
    with path.open("rb") as file:
        found = _matrices(path, file)
        shapes = {name: matrix.shape for name, matrix in found.items()}
        chosen = choose(path, shapes, want, variable)
        values = _load(path, file, chosen, found[chosen])
        small = {
            name: _load(path, file, name, found[name])
            for name in WAVELENGTHS
            if name in found and found[name].nbytes < 2**20
        }
    waves = next((small[name].size for name in WAVELENGTHS if name in small), None)
    if want == "cube":
        values = to_hwb(path, values, layout, waves)
    nm = wavelengths_of(small, values.shape[-1]) if want == "cube" else None
    return Raster(path=path, values=values, wavelengths=nm)


def _matrices(path: Path, file: IO[bytes]) -> dict[str, _Matrix]:
    """All matrices of real numbers at the top of a file."""
    header = file.read(_FILE_HEADER)
    order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
    if order is None:
        raise DataError(
            f"{path} is not a MATLAB file of version 5 to 7.3; save it in MATLAB with -v7"
        )
    size = path.stat().st_size
    found, position = {}, _FILE_HEADER
    while position + 8 <= size:
        file.seek(position)
        kind, length = struct.unpack(f"{order}II", file.read(8))
        offset = position + 8
        if offset + length > size:
            raise DataError(
                f"{path} ends within a variable: {length} bytes announced at byte {position}, "
                f"{size - offset} there"
            )
        if kind in (_MATRIX, _COMPRESSED):
            head = file.read(min(length, _PEEK))
            if kind == _COMPRESSED:
                head = zlib.decompressobj().decompress(head, _PEEK)
            named = _describe(path, head, order, offset, length, kind == _COMPRESSED)
            if named is not None:
                found[named[0]] = named[1]
        position = offset + length
    return found


def _describe(
    path: Path, head: bytes, order: str, offset: int, length: int, compressed: bool
) -> tuple[str, _Matrix] | None:
    """Name and place of a matrix, or None if it is not one of real numbers."""
    at = 0
    if compressed:  # the matrix has a tag of its own inside
        if len(head) < 8 or struct.unpack_from(f"{order}I", head)[0] != _MATRIX:
            return None
        at = 8
    parts = []
    for _ in range(3):
        _, start, count, at = _tag(head, order, at)
        parts.append(head[start : start + count])
        if len(parts[-1]) < count:
            return None
    flags = struct.unpack_from(f"{order}I", parts[0])[0]
    if flags & 0xFF not in _NUMERIC or flags & _COMPLEX:
        return None
    shape = tuple(np.frombuffer(parts[1], f"{order}i4").tolist())
    if not 2 <= len(shape) <= _MOST_AXES or min(shape) < 1:
        return None
    kind, start, count, _ = _tag(head, order, at)
    if kind not in _STORED:
        return None
    matrix = _Matrix(shape, np.dtype(order + _STORED[kind]), start, offset, length, compressed)
    name = parts[2].decode("latin-1")
    if matrix.nbytes != count:
        raise DataError(
            f"{path}: the variable {name!r} declares {matrix.nbytes} bytes but has {count}"
        )
    return name, matrix


def _tag(head: bytes, order: str, at: int) -> tuple[int, int, int, int]:
    """Type, begin and length of an element, and where the next begins."""
    first = struct.unpack_from(f"{order}I", head, at)[0]
    if first >> 16:  # short: type, length and up to four bytes of data in eight
        return first & 0xFFFF, at + 4, first >> 16, at + 8
    count = struct.unpack_from(f"{order}I", head, at + 4)[0]
    return first, at + 8, count, at + 8 + -(-count // 8) * 8


def _load(path: Path, file: IO[bytes], name: str, matrix: _Matrix) -> npt.NDArray[Any]:
    if not matrix.compressed:
        if matrix.data + matrix.nbytes > matrix.length:
            raise DataError(f"{path}: {name} ends before its {matrix.nbytes} bytes of numbers")
        start = matrix.offset + matrix.data
        return np.memmap(path, matrix.dtype, "r", start, matrix.shape, order="F")
    check_stored(path, name, matrix.nbytes, matrix.length)
    check_memory(path, matrix.shape, matrix.dtype.itemsize)
    file.seek(matrix.offset)
    wanted = matrix.data + matrix.nbytes
    content = zlib.decompressobj().decompress(file.read(matrix.length), wanted)
    if len(content) < wanted:
        raise DataError(f"{path}: {name} ends before its {matrix.nbytes} bytes of numbers")
    count = math.prod(matrix.shape)
    flat: npt.NDArray[Any] = np.frombuffer(content, matrix.dtype, count, matrix.data)
    return flat.reshape(matrix.shape, order="F")

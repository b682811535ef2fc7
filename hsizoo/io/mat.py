"""MATLAB's ``.mat`` files of versions 5 to 7: numeric matrices.

SciPy reads them too, but a damaged file can crash the whole process (seen with SciPy 1.17: one
flipped bit in a struct); so these few hundred bytes of headers are parsed here.  Contents of
structs and cells are not read, and the message says how to extract them.  Version 7.3 is HDF5,
whose structs are groups: `hsizoo.io.hdf5`.  Version 4 has two-dimensional matrices only, so no
cubes.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError
from hsizoo.io.choosing import Want, choose
from hsizoo.io.containers import SMALL, STATED, Beside, is_beside, make_raster
from hsizoo.io.limits import check_memory, check_stored
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings

__all__ = ["read"]

_STORED: Final = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
_MATRIX: Final = 14
_COMPRESSED: Final = 15
_NUMERIC: Final = range(6, 16)  # classes double, single, int8 to uint64
_OTHER: Final = {1: "cell", 2: "struct", 3: "object", 5: "sparse matrix", 17: "object"}
_COMPLEX: Final = 0x0800
_FILE_HEADER: Final = 128
_PEEK: Final = 2**12  # flags, axes and name of a matrix take less
_MOST_AXES: Final = 32
_VERSION_4_HEADER: Final = 20


@dataclass(frozen=True)
class _Matrix:
    """Type of a numeric matrix, and its place in the file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]  # as stored, which may be narrower than the class
    data: int  # start of the numbers within the (uncompressed) element
    offset: int  # start of the element in the file, after its tag
    length: int  # bytes of the element in the file
    compressed: bool

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def read(path: Path, want: Want, settings: Settings, images: Sequence[tuple[int, int]]) -> Raster:
    """Read the requested matrix."""
    with path.open("rb") as file:
        variables = _variables(path, file)
        found = {name: what for name, what in variables.items() if isinstance(what, _Matrix)}
        others = {name: what for name, what in variables.items() if isinstance(what, str)}
        shapes = {name: matrix.shape for name, matrix in found.items()}
        variable = settings.variable if want == "cube" else settings.mask_variable
        try:
            chosen = choose(path, shapes, want, variable)
        except DataError as error:
            raise DataError(f"{error}{_advice(others)}") from None
        values = _load(path, file, chosen, found[chosen])
        small = {
            name.lower(): _load(path, file, name, matrix)
            for name, matrix in found.items()
            if (is_beside(name) or name.lower() in STATED) and matrix.nbytes < SMALL
        }
    beside = Beside(arrays=small, shapes=shapes)
    return make_raster(path, values, want, settings, beside=beside, images=images)


def _advice(others: Mapping[str, str]) -> str:
    """Return advice on variables that are not read, such as structs."""
    if not others:
        return ""
    listed = ", ".join(f"{name!r} is a {what}" for name, what in others.items())
    return (
        f".  {listed}: hsizoo reads top-level matrices of real numbers only; extract the "
        "array and save it alone, in MATLAB: x = s.field; save('x.mat', 'x', '-v7')"
    )


def _variables(path: Path, file: IO[bytes]) -> dict[str, _Matrix | str]:
    """Locate the matrices of real numbers, and name the types of other variables."""
    header = file.read(_FILE_HEADER)
    order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
    if order is None:
        if not _is_version_4(header):
            raise DataError(f"{path} is not a MATLAB file: its header has no byte order")
        raise DataError(
            f"{path} is a MATLAB file of version 4, which holds no cubes; hsizoo reads 5 to 7.3.  "
            "Load it in MATLAB and save it with -v7, or in Python: scipy.io.savemat(NEW, {k: v "
            "for k, v in scipy.io.loadmat(OLD).items() if k[0] != '_'})"
        )
    size = path.stat().st_size
    found: dict[str, _Matrix | str] = {}
    position = _FILE_HEADER
    while position + 8 <= size:
        file.seek(position)
        kind, length = struct.unpack(f"{order}II", file.read(8))
        offset = position + 8
        if offset + length > size:
            raise DataError(
                f"{path} ends within a variable: {length} bytes declared at byte {position}, "
                f"{size - offset} found"
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


def _is_version_4(header: bytes) -> bool:
    """Whether a file starts with the number MOPT: machine, always 0, number type, matrix type."""
    for order in "<>" if len(header) >= _VERSION_4_HEADER else "":
        mopt = struct.unpack_from(f"{order}I", header)[0]
        if mopt < 5000 and mopt // 100 % 10 == 0 and mopt // 10 % 10 < 6 and mopt % 10 < 3:
            return True
    return False


def _describe(
    path: Path, head: bytes, order: str, offset: int, length: int, compressed: bool
) -> tuple[str, _Matrix | str] | None:
    """Return name and place of a real matrix, or the name and type of another; None if unknown."""
    at = 0
    if compressed:  # the matrix inside has its own tag
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
    name = parts[2].decode("latin-1")
    if flags & 0xFF not in _NUMERIC or flags & _COMPLEX:
        what = _OTHER.get(flags & 0xFF) or ("matrix of complex numbers" if flags & _COMPLEX else "")
        return (name, what) if what and name else None
    shape = tuple(np.frombuffer(parts[1], f"{order}i4").tolist())
    if not 2 <= len(shape) <= _MOST_AXES or min(shape) < 1:
        return None
    kind, start, count, _ = _tag(head, order, at)
    if kind not in _STORED:
        return None
    matrix = _Matrix(shape, np.dtype(order + _STORED[kind]), start, offset, length, compressed)
    if matrix.nbytes != count:
        raise DataError(
            f"{path}: the variable {name!r} declares {matrix.nbytes} bytes but has {count}"
        )
    return name, matrix


def _tag(head: bytes, order: str, at: int) -> tuple[int, int, int, int]:
    """Return type, start and length of an element, and the start of the next."""
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

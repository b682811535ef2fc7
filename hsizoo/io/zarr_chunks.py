"""Checks of Zarr's compressed chunks, before a library reads them.

Blosc trusts the sizes in a chunk's own header, so that one wrong byte can end the whole process
(numcodecs 0.16).  Its header has 16 bytes: four of version and flags, then the size of the values,
of a block and of the chunk itself.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hsizoo.errors import DataError

__all__ = ["METADATA", "check_chunks"]

METADATA: Final = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
"""Names of the files of a store that are no chunks."""

_HEADER: Final = 16
_ABSENT: Final = 2**64 - 1  # in the index of a shard: this chunk is not stored


def check_chunks(path: Path, name: str, array: Any) -> None:
    """Check the headers of an array's chunks, if they are compressed by Blosc.

    Parameters
    ----------
    path : Path
        The store.
    name : str
        Of the array, for messages.
    array : zarr.Array

    Raises
    ------
    DataError
        If the header of a chunk does not fit the chunk.
    """
    if "blosc" not in str((array.compressors, array.filters)).lower():
        return
    size = math.prod(map(int, array.chunks)) * int(array.dtype.itemsize)
    folder = path / array.path if array.path else path
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.name in METADATA:
            continue
        with file.open("rb") as content:
            for start, length in _places(file, array):
                content.seek(start)
                head = content.read(_HEADER)
                values, _, stored = struct.unpack("<III", head[4:].ljust(12, b"\0"))
                # A filter before Blosc may change the size of the values.
                right = values == size or (array.filters and values <= size)
                if len(head) < _HEADER or stored != length or not right:
                    raise DataError(
                        f"{file} is damaged: the header of a chunk of {name} declares {values} "
                        f"bytes in {stored}; expected {size} in {length}"
                    )


def _places(file: Path, array: Any) -> Iterator[tuple[int, int]]:
    """Yield start and length of each chunk in a file: one, or those of a shard."""
    total = file.stat().st_size
    if array.shards is None:
        yield 0, total
        return
    (sharding,) = array.metadata.codecs
    count = math.prod(s // c for s, c in zip(array.shards, array.chunks, strict=True))
    checksum = 4 * ("crc32c" in str(sharding.index_codecs).lower())
    length = 16 * count + checksum
    at_end = "end" in str(sharding.index_location).lower()
    with file.open("rb") as content:
        content.seek(max(0, total - length) if at_end else 0)
        index = content.read(16 * count)
    if len(index) < 16 * count:
        raise DataError(f"{file} is damaged: it is too short for the index of its {count} chunks")
    for start, size in struct.iter_unpack("<QQ", index):
        if start == size == _ABSENT:
            continue
        if start + size > total:
            raise DataError(f"{file} is damaged: a chunk ends at byte {start + size} of {total}")
        yield start, size

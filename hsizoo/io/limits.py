"""Memory limits for reading files, and errors for missing packages."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from hsizoo.errors import DataError, MissingRequirement, OptionError

__all__ = ["LONGEST_JSON", "check_memory", "check_stored", "memory_limit", "need", "size_text"]

_VARIABLE = "HSIZOO_MEMORY_GB"
_GIB = 2**30
LONGEST_JSON = 2**29
"""Greatest size in bytes of annotations in JSON."""
_UNKNOWN = 8 * _GIB  # if the size of the memory is unknown
_DEFLATE = 1032  # maximum expansion of a deflate stream


def memory_limit() -> int:
    """Return the maximum bytes of an array: ``HSIZOO_MEMORY_GB``, or half of the memory.

    Raises
    ------
    OptionError
        If the variable is not a positive number.
    """
    if text := os.environ.get(_VARIABLE):
        try:
            limit = float(text)
        except ValueError:
            limit = math.nan
        if not 0 < limit < math.inf:
            raise OptionError(f"{_VARIABLE}={text!r} must be a positive number of gigabytes")
        return int(limit * _GIB)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN


def size_text(size: int) -> str:
    """Format a number of bytes.

    Examples
    --------
    >>> size_text(123), size_text(122_880_012)
    ('123 bytes', '117.2 MiB')
    """
    if size < 2**10:
        return f"{size} bytes"
    for unit, name in ((2**40, "TiB"), (_GIB, "GiB"), (2**20, "MiB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size / 2**10:.1f} KiB"


def check_memory(path: Path, shape: Sequence[int], itemsize: int) -> None:
    """Raise `DataError` if an array of this shape would take more than `memory_limit`."""
    size, limit = math.prod(map(int, shape)) * itemsize, memory_limit()
    if size > limit:
        raise DataError(
            f"{path} declares {' × '.join(map(str, shape))} values of {itemsize} bytes, "
            f"{size_text(size)}; at most {size_text(limit)} are read into memory.  Float32 ENVI "
            "cubes of any size are used from disk: hsizoo data convert FILE OUT.hdr.  Or raise the "
            f"limit: {_VARIABLE}"
        )


def check_stored(path: Path, name: str, declared: int, stored: int) -> None:
    """Raise `DataError` if `stored` compressed bytes cannot expand to `declared` bytes."""
    if declared > stored * _DEFLATE + 2**16:
        raise DataError(
            f"{path}: {name} declares {size_text(declared)} but only {size_text(stored)} are "
            "stored; the file is damaged or malicious"
        )


def need(module: str, extra: str, path: Path) -> Any:
    """Import a package that a format needs.

    Raises
    ------
    MissingRequirement
        If it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingRequirement(
            f"reading or writing {path} needs the package {module} ({error}); "
            f"install it: pip install 'hsizoo[{extra}]'"
        ) from error

"""Read JSON that somebody else has written: GeoJSON and COCO annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from hsizoo.errors import DataError
from hsizoo.io.limits import size_text

__all__ = ["read_json", "read_json_bytes"]

_LONGEST: Final = 2**29


def read_json_bytes(path: Path) -> bytes:
    """Return the content of a file of a sensible size.

    Raises
    ------
    DataError
        If it is longer than 512 MiB or cannot be read.
    """
    try:
        if (size := path.stat().st_size) > _LONGEST:
            raise DataError(
                f"{path} has {size_text(size)}; at most {size_text(_LONGEST)} of JSON are read.  "
                "Split it into several files"
            )
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def read_json(path: Path) -> Any:
    """Parse a JSON file.

    Raises
    ------
    DataError
        If it is not JSON, too long, or nested too deep.
    """
    content = read_json_bytes(path)
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}") from error

"""Identify a component's initial weights without building or downloading anything."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from hsizoo import WeightFile
from hsizoo.documents import user_path
from hsizoo.errors import OptionError
from hsizoo_sam2.options import PHOTOS, meant
from hsizoo_sam2.sizes import RANDOM_SEED, SIZES, packaged_weights

__all__ = ["base_weights", "file_weights", "weight_files"]


def base_weights(size: str, checkpoint: str) -> str:
    """Identify the weights of a SAM 2.1; see `hsizoo_sam2.Sam21.base_weights`.

    Raises
    ------
    OptionError
        If the size is unknown, or `checkpoint` is Meta's name for another size.
    """
    if size not in SIZES:
        raise OptionError(f"size={size!r}: expected one of {', '.join(SIZES)}")
    checkpoint = meant(size, checkpoint)
    published = SIZES[size].weights
    if checkpoint == PHOTOS:
        return file_weights(packaged_weights(size, PHOTOS))
    if checkpoint not in ("auto", "random"):
        return file_weights(checkpoint)
    if checkpoint == "auto" and published is not None:
        return f"sha256:{published.sha256}"
    packaged = packaged_weights(size)
    if checkpoint == "auto" and packaged.is_file():
        return file_weights(packaged)
    return f"random:{RANDOM_SEED}"


def weight_files(size: str, checkpoint: str) -> tuple[WeightFile, ...]:
    """List the published file that a SAM 2.1 starts from, if any.

    Raises
    ------
    OptionError
        If `checkpoint` is Meta's name for another size.
    """
    published = SIZES[size].weights
    return (published,) if published is not None and meant(size, checkpoint) == "auto" else ()


def file_weights(path: str | Path) -> str:
    """Return ``sha256:<digest>`` of a file, or ``missing:<path>``."""
    path = user_path(path)
    if not path.is_file():
        return f"missing:{path}"
    about = path.stat()
    return f"sha256:{_digest(path.resolve(), about.st_size, about.st_mtime_ns)}"


@lru_cache
def _digest(path: Path, size: int, modified: int) -> str:
    """SHA-256 of a file; size and modification time only serve as the cache key."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

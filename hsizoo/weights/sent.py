"""Trained weights that another machine sent, by digest.

::

    <HSIZOO_HOME>/weights/by-digest/<sha256>.safetensors

The name ``tiny:weights=/runs/7/`` means a file of the machine where it was written.  A worker
elsewhere is told what digest the file has there; without such a file, or with another one, it takes
what was sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hsizoo.weights.places import home

__all__ = ["SentWeights", "digest_expected_at", "expect", "is_here", "sent_folder", "sent_path"]


@dataclass(frozen=True)
class SentWeights:
    """Weights as the jobs of a run name them.

    Parameters
    ----------
    name : str
        Value of the option ``weights``: a path on the machine of the driver.
    digest : str
        SHA-256 of the file.
    """

    name: str
    digest: str


_expected: dict[str, str] = {}


def expect(weights: Iterable[SentWeights]) -> None:
    """From now on, take the names of these weights for those of the driver's files."""
    _expected.update({str(Path(each.name)): each.digest for each in weights})


def digest_expected_at(path: Path) -> str | None:
    """Return the digest of the driver's file of that name, if there is one."""
    return _expected.get(str(path))


def sent_folder() -> Path:
    """Return the folder of weights that were sent."""
    return home() / "weights" / "by-digest"


def sent_path(digest: str) -> Path:
    """Return where weights are, or would be, that were sent."""
    return sent_folder() / f"{digest}.safetensors"


def is_here(digest: str) -> bool:
    """Whether weights were sent to this machine, and are undamaged."""
    try:
        with sent_path(digest).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        return False

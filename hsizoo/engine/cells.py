"""`Cell`: one unit of a run; one component on one scene with one seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

__all__ = ["Cell", "key_of"]


def key_of(identity: Mapping[str, Any]) -> str:
    """First 32 hexadecimal digits of the SHA-256 of an identity; see `Cell`."""
    text = json.dumps(identity, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, eq=False)
class Cell:
    """One unit of a run.

    Parameters
    ----------
    identity : mapping
        Plain values that the result depends on: component and dataset, each with options and
        version, scene, protocol, seed.  Device, threads and time belong to provenance, not
        identity.
    job : mapping
        Plain values that a worker process needs to compute the cell.
    label : str
        Name shown in progress and messages.
    image : str, optional
        Identifier of the image, equal for all cells that share one.  Default: a unique image.
    values : str, optional
        Identifier of what is read from files, equal for all cells whose records must tell the same
        digests.  Default: nothing is compared, as for computed scenes, whose last digits may differ
        from machine to machine.
    """

    identity: Mapping[str, Any]
    job: Mapping[str, Any]
    label: str
    image: str = ""
    values: str = ""

    @cached_property
    def key(self) -> str:
        """First 32 hexadecimal digits of the SHA-256 of the identity."""
        return key_of(self.identity)

    @property
    def affinity(self) -> str:
        """Group of cells that one worker should compute, since they share work on their image."""
        return self.image or self.key

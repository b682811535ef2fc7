"""`Cell`: one unit of a run, one component on one scene with one seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

__all__ = ["Cell"]


@dataclass(frozen=True, eq=False)
class Cell:
    """One unit of a run.

    Parameters
    ----------
    identity : mapping
        Plain values that the result depends on: component with options and version, dataset with
        options and version, scene, protocol, seed.  Device, threads and time are provenance, not
        identity.
    job : mapping
        Plain values that a worker process needs to compute the cell.
    label : str
        What to call it in progress and messages.
    image : str, optional
        The same text for all cells of one image.  Default: it shares its image with no other cell.
    """

    identity: Mapping[str, Any]
    job: Mapping[str, Any]
    label: str
    image: str = ""

    @cached_property
    def key(self) -> str:
        """The first 32 hexadecimal digits of the SHA-256 of the identity."""
        text = json.dumps(self.identity, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def affinity(self) -> str:
        """Cells of one affinity share what is made of their image: they belong to one worker."""
        return self.image or self.key

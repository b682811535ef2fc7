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
    """

    identity: Mapping[str, Any]
    job: Mapping[str, Any]
    label: str

    @cached_property
    def key(self) -> str:
        """The first 32 hexadecimal digits of the SHA-256 of the identity."""
        text = json.dumps(self.identity, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @cached_property
    def image(self) -> str:
        """The same for all cells of one image, which can share what is made of it."""
        if "scene" not in self.identity:
            return self.key
        parts = [self.identity.get(name) for name in ("dataset", "scene", "perturbation")]
        if parts[-1] is not None:  # it may draw at random
            parts.append(self.identity.get("seed"))
        return json.dumps(parts, sort_keys=True)

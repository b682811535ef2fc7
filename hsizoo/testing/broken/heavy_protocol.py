"""A protocol that every ``hsizoo bench --help`` would wait for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hsizoo.testing.broken import marks
from hsizoo.testing.broken.protocols import Contrast

__all__: list[str] = []

_ROUNDING = float(np.float32(1e-6))


@marks.breaks("light", "protocol")
@dataclass(frozen=True, kw_only=True)
class Heavy(Contrast):
    """Imports NumPy with its module."""

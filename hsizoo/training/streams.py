"""Independent streams of random numbers."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Stream"]


class Stream(IntEnum):
    """Purpose of a random draw; part of its seed, besides `TrainingSettings.seed`."""

    ORDER = 1
    CLICKS = 2
    SUBJECTS = 3
    LOSSES = 4

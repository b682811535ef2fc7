"""Streams of chance that must not share their draws."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Stream"]


class Stream(IntEnum):
    """What a draw is for: a part of its seed, beside `TrainingSettings.seed`."""

    ORDER = 1
    CLICKS = 2
    SUBJECTS = 3

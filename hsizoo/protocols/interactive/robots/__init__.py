"""Robots: simulated users who know the truth and click where a mask needs it.

A robot sees the object, what the model makes of it, and the clicks so far; never the model or the
cube.  Robots are frozen dataclasses: ``dataclasses.asdict`` is the configuration that goes into
the record of a run, next to `Robot.name` and `Robot.version`.

===================== ========================================= ====================
name                  next click                                sign
===================== ========================================= ====================
``paper``             least probable pixel of the object        positive
``ritm``              deepest pixel of all errors               positive or negative
``largest-component`` centre of the largest connected error     positive or negative
``random``            any wrong pixel                           positive or negative
===================== ========================================= ====================

Positions are ``(row, col)``.  Wherever several pixels are equally good, the first in row-major
order is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hsizoo.protocols.interactive.robots.base import Robot
from hsizoo.protocols.interactive.robots.correcting import (
    LargestComponentRobot,
    RandomRobot,
    RitmRobot,
)
from hsizoo.protocols.interactive.robots.paper import PaperRobot

__all__ = [
    "ROBOTS",
    "LargestComponentRobot",
    "PaperRobot",
    "RandomRobot",
    "RitmRobot",
    "Robot",
]

ROBOTS: Mapping[str, type[Robot]] = MappingProxyType(
    {robot.name: robot for robot in (PaperRobot, RitmRobot, LargestComponentRobot, RandomRobot)}
)
"""The robots by name."""

"""Robots: simulated users who know the ground truth and click to correct a mask.

A robot sees the object, the model's prediction, and the clicks so far; never the model or the
cube.  Robots are frozen dataclasses: ``dataclasses.asdict`` gives the configuration stored in the
record of a run, next to `Robot.name` and `Robot.version`.  `make_robot` builds one from text, and
``str(robot)`` returns that text.

===================== ========================================= ====================
name                  next click                                sign
===================== ========================================= ====================
``paper``             least probable pixel of the object        positive
``ritm``              deepest pixel of all errors               positive or negative
``largest-component`` centre of the largest connected error     positive or negative
``random``            any wrong pixel                           positive or negative
===================== ========================================= ====================

Positions are ``(row, col)``.  Ties between pixels are resolved to the first in row-major order.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hsizoo.errors import NameLookupError, did_you_mean
from hsizoo.protocols.interactive.robots.base import Robot
from hsizoo.protocols.interactive.robots.correcting import (
    LargestComponentRobot,
    RandomRobot,
    RitmRobot,
)
from hsizoo.protocols.interactive.robots.paper import PaperRobot
from hsizoo.zoo.names import parse_name
from hsizoo.zoo.options import declared_options, resolve_options

__all__ = [
    "ROBOTS",
    "LargestComponentRobot",
    "PaperRobot",
    "RandomRobot",
    "RitmRobot",
    "Robot",
    "make_robot",
]

ROBOTS: Mapping[str, type[Robot]] = MappingProxyType(
    {robot.name: robot for robot in (PaperRobot, RitmRobot, LargestComponentRobot, RandomRobot)}
)
"""Robots by name."""


def make_robot(text: str) -> Robot:
    """Build a simulated user from its name, ``ritm`` or ``paper:first=centroid,jitter=2``.

    Raises
    ------
    NameLookupError
        If there is no such robot.
    OptionError, ProtocolError
        For an unknown option or an invalid value.
    """
    name = parse_name(text)
    if name.dist or name.base not in ROBOTS:
        hint = did_you_mean(name.base, ROBOTS)
        raise NameLookupError(
            f"no robot is named {text!r}.{hint} Available robots: {', '.join(ROBOTS)}."
        )
    target = ROBOTS[name.base]
    options = resolve_options(f"robot {name.base}", declared_options(target), {}, name.options)
    return target(**options)

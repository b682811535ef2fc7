"""Checks of options: each raises `OptionError` with an option's name, its value and what may be."""

from __future__ import annotations

from hsizoo.errors import OptionError

__all__ = ["above_zero", "at_least", "at_most_one", "below_one", "odd", "share"]


def at_least(least: float, **options: float) -> None:
    """Refuse options below `least`."""
    for name, value in options.items():
        _require(value >= least, name, value, f"at least {least:g}")


def above_zero(**options: float) -> None:
    """Refuse options that are not above 0."""
    for name, value in options.items():
        _require(value > 0, name, value, "above 0")


def at_most_one(**options: float) -> None:
    """Refuse options that are not above 0 and at most 1."""
    for name, value in options.items():
        _require(0 < value <= 1, name, value, "above 0 and at most 1")


def share(**options: float) -> None:
    """Refuse options that are not from 0 to 1, both included."""
    for name, value in options.items():
        _require(0 <= value <= 1, name, value, "from 0 to 1")


def below_one(**options: float) -> None:
    """Refuse options that are not from 0 to below 1."""
    for name, value in options.items():
        _require(0 <= value < 1, name, value, "from 0 to below 1")


def odd(least: int, **options: int) -> None:
    """Refuse options that are even or below `least`."""
    for name, value in options.items():
        _require(value >= least and value % 2 == 1, name, value, f"an odd number from {least} on")


def _require(fine: bool, name: str, value: float, what: str) -> None:
    if not fine:
        raise OptionError(f"{name}={value}: must be {what}")

"""Option checks; each raises `OptionError` with the name, the value and the allowed range."""

from __future__ import annotations

from hsizoo.errors import OptionError

__all__ = ["above_zero", "at_least", "at_most_one", "below_one", "odd", "share"]


def at_least(least: float, **options: float) -> None:
    """Require options to be at least `least`."""
    for name, value in options.items():
        _require(value >= least, name, value, f"at least {least:g}")


def above_zero(**options: float) -> None:
    """Require options to be above 0."""
    for name, value in options.items():
        _require(value > 0, name, value, "above 0")


def at_most_one(**options: float) -> None:
    """Require options to be above 0 and at most 1."""
    for name, value in options.items():
        _require(0 < value <= 1, name, value, "above 0 and at most 1")


def share(**options: float) -> None:
    """Require options to be between 0 and 1, inclusive."""
    for name, value in options.items():
        _require(0 <= value <= 1, name, value, "between 0 and 1")


def below_one(**options: float) -> None:
    """Require options to be at least 0 and below 1."""
    for name, value in options.items():
        _require(0 <= value < 1, name, value, "at least 0 and below 1")


def odd(least: int, **options: int) -> None:
    """Require options to be odd and at least `least`."""
    for name, value in options.items():
        valid = value >= least and value % 2 == 1
        _require(valid, name, value, f"an odd number, at least {least}")


def _require(valid: bool, name: str, value: float, what: str) -> None:
    if not valid:
        raise OptionError(f"{name}={value}: must be {what}")

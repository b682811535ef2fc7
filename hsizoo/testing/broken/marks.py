"""What the classes of the zoo are marked with."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from hsizoo.zoo.spec import ComponentSpec, Kind

__all__ = ["BREAKS", "breaks", "good", "specs_of"]

BREAKS: dict[str, str] = {}
"""The check that a component fails, by its name; an empty text for a good one."""

_SPECS: dict[str, list[ComponentSpec]] = {}
_Class = TypeVar("_Class", bound=type)


def breaks(
    check: str, kind: Kind, *, target: str = "", **options: Any
) -> Callable[[_Class], _Class]:
    """Mark a class with the check that it fails.

    Parameters
    ----------
    check : str
    kind : str
    target : str, optional
        Attribute that the spec names instead of the class.
    **options
        Presets of the spec.
    """

    def mark(broken: _Class) -> _Class:
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", broken.__name__).lower()
        name = f"{kind}-{name}" if kind == "pseudo-labeler" else name
        spec = ComponentSpec(
            name=name,
            kind=kind,
            target=f"{broken.__module__}:{target or broken.__name__}",
            summary=(broken.__doc__ or "without a word").splitlines()[0],
            options=options,
        )
        _SPECS.setdefault(broken.__module__, []).append(spec)
        BREAKS[name] = check
        return broken

    return mark


def good(kind: Kind) -> Callable[[_Class], _Class]:
    """Mark a class that fails no check."""
    return breaks("", kind)


def specs_of(module: str) -> list[ComponentSpec]:
    """Return the specs of the classes that a module marks."""
    return _SPECS[module]

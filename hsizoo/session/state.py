"""The user's choices: objects with their clicks, the threshold, the component."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hsizoo.clicks import Clicks
from hsizoo.errors import NameLookupError, OptionError, did_you_mean
from hsizoo.session.painted import Painted

__all__ = ["SessionObject", "SessionState", "check_name", "checked_threshold"]

_LONGEST_NAME = 200


@dataclass(frozen=True)
class SessionObject:
    """One object that is being segmented.

    Parameters
    ----------
    name : str
        Unique within its session.
    clicks : Clicks
        Positive and negative clicks, in the order of clicking.
    painted : Painted
        Pixels corrected by hand, which no component sees.
    """

    name: str
    clicks: Clicks
    painted: Painted = field(default_factory=Painted)


@dataclass(frozen=True)
class SessionState:
    """All choices of the user at one moment of a session; undo and redo move between these.

    Parameters
    ----------
    component : str
        Name of the segmenter or scorer with its options; the class name if given as an object.
    threshold : float
        Probability above which a pixel belongs to the object, at least 0 and below 1.
    objects : tuple of SessionObject
        Objects in the order of adding; object ``n``, counted from 1, has label ``n`` in
        `Session.label_map`.
    """

    component: str
    threshold: float
    objects: tuple[SessionObject, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the objects, in order."""
        return tuple(each.name for each in self.objects)

    def object(self, name: str) -> SessionObject:
        """Return one object.

        Raises
        ------
        NameLookupError
            If no object has that name; the message lists the objects.
        """
        for each in self.objects:
            if each.name == name:
                return each
        raise NameLookupError(
            f"no object is named {name!r}.{did_you_mean(str(name), self.names)} Objects: "
            f"{', '.join(self.names) or 'none yet; add one'}."
        )


def check_name(name: Any, taken: Iterable[str]) -> None:
    """Raise `OptionError` if an object cannot have this name."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise OptionError(f"an object's name must be printable text; got {name!r}")
    if len(name) > _LONGEST_NAME:
        raise OptionError(
            f"an object's name must have at most {_LONGEST_NAME} characters; got {len(name)}"
        )
    if name in taken:
        raise OptionError(f"there is an object named {name!r} already; choose another name")


def checked_threshold(threshold: Any) -> float:
    """Return a valid threshold as a float, or raise `OptionError`."""
    try:
        value = float(threshold)
    except (TypeError, ValueError):
        value = math.nan
    if not 0 <= value < 1:
        raise OptionError(f"threshold must be at least 0 and below 1; got {threshold!r}")
    return value

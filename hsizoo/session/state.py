"""What a user decided: objects with their clicks, the threshold, the component."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hsizoo.clicks import Clicks
from hsizoo.errors import NameLookupError, OptionError, did_you_mean

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
        Positive and negative, in the order in which they were made.
    """

    name: str
    clicks: Clicks


@dataclass(frozen=True)
class SessionState:
    """Everything that a user decided, at one moment of a session; undo and redo go through these.

    Parameters
    ----------
    component : str
        Name of the segmenter or scorer with its options; of an object given as such, its class.
    threshold : float
        Probability above which is the object, at least 0 and below 1.
    objects : tuple of SessionObject
        In the order in which they were added; object ``n``, counted from 1, has label ``n`` in
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
            If there is none of that name; the message says which there are.
        """
        for each in self.objects:
            if each.name == name:
                return each
        raise NameLookupError(
            f"no object is named {name!r}.{did_you_mean(str(name), self.names)} There are: "
            f"{', '.join(self.names) or 'none yet; add one'}."
        )


def check_name(name: Any, taken: Iterable[str]) -> None:
    """Raise `OptionError` if an object cannot be called so."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise OptionError(f"an object's name must be a printable text; got {name!r}")
    if len(name) > _LONGEST_NAME:
        raise OptionError(
            f"an object's name must have at most {_LONGEST_NAME} characters; got {len(name)}"
        )
    if name in taken:
        raise OptionError(f"there is an object named {name!r} already; choose another name")


def checked_threshold(threshold: Any) -> float:
    """Return it as a number, or raise `OptionError` if it cannot be one."""
    try:
        value = float(threshold)
    except (TypeError, ValueError):
        value = math.nan
    if not 0 <= value < 1:
        raise OptionError(f"threshold must be at least 0 and below 1; got {threshold!r}")
    return value

"""`Fields`: what a message says, each field checked when it is read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.documents import shorten
from hsizoo.errors import OptionError, did_you_mean

__all__ = ["Fields"]

_LONGEST: Final = 500  # characters of a text
_MOST_PIXELS: Final = 1_000_000


class Fields:
    """The fields of a message.

    Parameters
    ----------
    content : mapping

    Raises
    ------
    OptionError
        By every method, if a field is missing or is something else.
    """

    def __init__(self, content: Any) -> None:
        if not isinstance(content, Mapping):
            raise OptionError(f"a message is a JSON object; got {shorten(repr(content))}")
        self._content = content

    def has(self, key: str) -> bool:
        """Whether a field is given."""
        return self._content.get(key) is not None

    def raw(self, key: str) -> Any:
        """Return a field of any type."""
        if not self.has(key):
            raise OptionError(f"the message has no field {key!r}")
        return self._content[key]

    def text(self, key: str, default: str | None = None, longest: int = _LONGEST) -> str:
        """Return a text."""
        value = self._content.get(key, default)
        if not isinstance(value, str):
            raise self._wrong(key, "a text")
        if len(value) > longest:
            raise OptionError(f"{key} has {len(value)} characters; expected at most {longest}")
        return value

    def choice(self, key: str, known: Iterable[str], default: str | None = None) -> str:
        """Return one of several words."""
        value, words = self.text(key, default), list(known)
        if value not in words:
            raise OptionError(
                f"{key} {shorten(repr(value))} is none of {', '.join(words)}."
                f"{did_you_mean(value, words)}"
            )
        return value

    def flag(self, key: str, default: bool | None = None) -> bool:
        """Return true or false."""
        value = self._content.get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """Return a whole number from `low` to `high`, both included."""
        value = self._content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self._wrong(key, f"a whole number from {low} to {high}")
        return value

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """Return a number from `low` to `high`, both included."""
        value = self._content.get(key, default)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
            or not low <= value <= high
        ):
            raise self._wrong(key, f"a number from {low:g} to {high:g}")
        return float(value)

    def pixels(self, key: str, most: int = _MOST_PIXELS) -> npt.NDArray[np.int64]:
        """Return positions (n, 2) of (row, col), at least one."""
        value = self._content.get(key)
        try:
            array = np.array(value if isinstance(value, list) else None)
        except ValueError:  # rows of different lengths
            array = np.array(None)
        if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
            raise self._wrong(key, "a list of [row, col]")
        if len(array) > most:
            raise OptionError(f"{key} has {len(array)} pixels; expected at most {most}")
        return array.astype(np.int64)

    def rows(self, key: str, most: int) -> list[Fields]:
        """Return a list of objects."""
        value = self._content.get(key)
        if not isinstance(value, list) or len(value) > most:
            raise self._wrong(key, f"a list of at most {most} objects")
        return [Fields(each) for each in value]

    def _wrong(self, key: str, expected: str) -> OptionError:
        got = shorten(repr(self._content.get(key)))
        return OptionError(f"{key} must be {expected}; got {got}")

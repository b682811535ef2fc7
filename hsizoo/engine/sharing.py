"""`Sharing`: equal parts of many records as one object, so that memory holds them once."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

__all__ = ["Sharing"]

_PLACES = ("provenance", "component", "dataset", "protocol", "perturbation", "resolved")
_WITHIN = ("identity", "result")
_MOST = 64  # different values that are compared with, per place
_MOST_LEAVES = 100_000  # numbers and texts that are looked for: some 10 MB


class Sharing:
    """Makes one object of what many records of a run have in common.

    The records of a run repeat the identity of a component, a dataset and a protocol, and with what
    they were made; all have the same keys, and rounded figures are often equal.  Read from files, a
    record takes a third of the memory then.

    Examples
    --------
    >>> sharing = Sharing()
    >>> one, two = (sharing.shared({"provenance": {"device": "cpu"}}) for _ in range(2))
    >>> one["provenance"] is two["provenance"]
    True
    """

    def __init__(self) -> None:
        self._known: dict[str, list[Any]] = {}
        self._numbers: dict[float, float] = {}
        self._texts: dict[str, str] = {}

    def shared(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return an equal record that shares its parts with earlier ones; `record` is used up."""
        for part in (record, *_dictionaries(record.get(key) for key in _WITHIN)):
            for key in _PLACES:
                value = part.get(key)
                if isinstance(value, dict):
                    part[key] = self._one(key, value)
        return {sys.intern(key): self._compact(key, value) for key, value in record.items()}

    def _one(self, key: str, value: dict[str, Any]) -> Any:
        known = self._known.setdefault(key, [])
        for place, each in enumerate(known):
            if each == value:
                if place:  # neighbours are alike
                    known.insert(0, known.pop(place))
                return each
        known.insert(0, value)
        del known[_MOST:]
        return value

    def _compact(self, key: str, value: Any) -> Any:
        """The same with shared keys, numbers and texts."""
        kind = type(value)
        if kind is float:
            return self._number(value)
        if kind is str:
            if len(self._texts) < _MOST_LEAVES:
                return self._texts.setdefault(value, value)
            return self._texts.get(value, value)
        if kind is list:
            if value and type(value[0]) is float and set(map(type, value)) == {float}:
                return list(map(self._number, value))
            return [self._compact("", each) for each in value]
        if kind is dict and key not in _PLACES:
            return {sys.intern(key): self._compact(key, each) for key, each in value.items()}
        return value

    def _number(self, value: float) -> float:
        if not value:  # 0.0 equals -0.0
            return value
        if len(self._numbers) < _MOST_LEAVES:
            return self._numbers.setdefault(value, value)
        return self._numbers.get(value, value)


def _dictionaries(values: Iterable[Any]) -> Iterable[dict[str, Any]]:
    return (value for value in values if isinstance(value, dict))

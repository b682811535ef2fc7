"""`Sharing`: equal parts of many records as one object, so that memory holds them once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["Sharing"]

_PLACES = ("provenance", "component", "dataset", "protocol", "perturbation", "resolved")
_WITHIN = ("identity", "result")
_MOST = 64  # different values that are compared with, per place


class Sharing:
    """Replaces what most records of a run have in common by one object each.

    The records of a run repeat the identity of a component, a dataset and a protocol, and with what
    they were made: half of a small record.

    Examples
    --------
    >>> sharing = Sharing()
    >>> one, two = ({"provenance": {"device": "cpu"}} for _ in range(2))
    >>> sharing.share(one)
    >>> sharing.share(two)
    >>> one["provenance"] is two["provenance"]
    True
    """

    def __init__(self) -> None:
        self._known: dict[str, list[Any]] = {}

    def share(self, record: dict[str, Any]) -> None:
        """Replace parts of a record, in place, by equal ones of earlier records."""
        for part in (record, *_dictionaries(record.get(key) for key in _WITHIN)):
            for key in _PLACES:
                value = part.get(key)
                if isinstance(value, dict):
                    part[key] = self._one(key, value)

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


def _dictionaries(values: Iterable[Any]) -> Iterable[dict[str, Any]]:
    return (value for value in values if isinstance(value, dict))

"""Number the classes that polygons name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from hsizoo.errors import did_you_mean

__all__ = ["class_of", "number_classes", "same_kind"]

_HIGHEST: Final = 2**31 - 1


def class_of(value: Any) -> int | str | None:
    """Return a property's value as a class: a number, a text, or None if it tells none.

    Examples
    --------
    >>> class_of(" corn "), class_of(3.0), class_of(""), class_of(["a"])
    ('corn', 3, None, None)
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return int(value) if value.is_integer() else f"{value:g}"
    return (value.strip() or None) if isinstance(value, str) else None


def same_kind(values: Sequence[int | str | None]) -> list[int | str | None]:
    """Make the classes of a file all numbers, if all can be, or else all texts.

    Examples
    --------
    >>> same_kind(["1", 10, None]), same_kind(["corn", 2])
    ([1, 10, None], ['corn', '2'])
    """
    given = [value for value in values if value is not None]
    if all(isinstance(v, int) or re.fullmatch(r"[0-9]{1,10}", v) for v in given):
        return [None if value is None else int(value) for value in values]
    return [None if value is None else str(value) for value in values]


def number_classes(
    classes: Iterable[int | str], known: Mapping[int, str]
) -> tuple[dict[int | str, int], dict[int, str]]:
    """Number the classes of polygons.

    Numbers stay as they are; texts are numbered from 1 in alphabetical order, or as is known.

    Parameters
    ----------
    classes : iterable of int or str
        All of one type.
    known : mapping of int to str
        Names of labels; may be empty.

    Returns
    -------
    labels : dict of int or str to int
    names : dict of int to str
        Name of each label that has one.

    Raises
    ------
    ValueError
        If a number is no label, or a text is not among the known names.

    Examples
    --------
    >>> number_classes(["oats", "corn"], {})
    ({'corn': 1, 'oats': 2}, {1: 'corn', 2: 'oats'})
    >>> number_classes(["oats", "corn"], {3: "corn", 4: "oats"})[0]
    {'corn': 3, 'oats': 4}
    """
    found = sorted(set(classes), key=lambda each: (isinstance(each, str), each))
    texts = [each for each in found if isinstance(each, str)]
    if not texts:
        numbers: dict[int | str, int] = {each: int(each) for each in found}
        if wrong := [n for n in numbers.values() if not 0 <= n <= _HIGHEST]:
            raise ValueError(f"the class {wrong[0]} is not a number from 0 to {_HIGHEST}")
        return numbers, {label: known[label] for label in numbers.values() if label in known}
    if not known:
        labels: dict[int | str, int] = {name: n for n, name in enumerate(texts, start=1)}
    else:
        by_name = {name: label for label, name in known.items()}
        if missing := [name for name in texts if name not in by_name]:
            raise ValueError(
                f"the class {missing[0]!r:.100} is not among the known ones "
                f"({', '.join(by_name):.300}).{did_you_mean(missing[0], by_name)} "
                "Add it under [names] in hsizoo.toml"
            )
        labels = {name: by_name[name] for name in texts}
    return labels, {label: str(name) for name, label in labels.items()}

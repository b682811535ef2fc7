"""The grammar of names: ``name``, ``dist/name``, ``name:key=value,key=value`` and ``a+b``.

A value that contains a comma, or a ``+`` before a letter, is put in square brackets:
``sa-rw:scorer=[ace:shrinkage=0.1,signed=true],beta=50``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from hsizoo.errors import NameLookupError, OptionError
from hsizoo.zoo.spec import NAME_PATTERN

__all__ = ["Name", "parse_composition", "parse_name", "split_outside_brackets"]

_DIST_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
# A name begins with a letter, so the "+" of a number such as 1e+5 never joins.
_JOINT = re.compile(r"\+(?=[A-Za-z])")
_NAME = re.compile(
    rf"(?:(?P<dist>{_DIST_PATTERN})/)?(?P<base>{NAME_PATTERN})(?::(?P<options>.*))?", re.S
)


@dataclass(frozen=True)
class Name:
    """A parsed name: optional distribution, component name, and options as text."""

    base: str
    dist: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        dist = f"{self.dist}/" if self.dist else ""
        options = ",".join(f"{key}={_quote(value)}" for key, value in self.options.items())
        return f"{dist}{self.base}{':' if options else ''}{options}"


def parse_name(text: str) -> Name:
    """Parse one name with its options.

    Raises
    ------
    NameLookupError
        If the text is not a valid name.
    OptionError
        If the options are not ``key=value`` pairs, or one is given twice.

    Examples
    --------
    >>> parse_name("hsizoo/sa-rw:scorer=[ace:shrinkage=0.1],beta=50")
    Name(base='sa-rw', dist='hsizoo', options={'scorer': 'ace:shrinkage=0.1', 'beta': '50'})
    """
    match = _NAME.fullmatch(text.strip())
    if match is None:
        lower = text.strip().lower()
        hint = f" Did you mean {lower!r}?" if _NAME.fullmatch(lower) else ""
        if text.startswith((".", "/", "~")):
            hint = " The plugin of a folder has a name once it is installed: pip install -e FOLDER"
        raise NameLookupError(
            f"{text!r} is not a valid name; expected name, dist/name or "
            f"name:key=value,key=value.{hint}"
        )
    options: dict[str, str] = {}
    for part in split_outside_brackets(match["options"] or "", ","):
        key, equals, value = part.partition("=")
        key = key.strip()
        if not equals or not key.isidentifier():
            raise OptionError(f"{text!r}: expected key=value, got {part!r}")
        if key in options:
            raise OptionError(f"{text!r}: option {key!r} is given twice")
        value = value.strip()
        options[key] = _unquote(value)
    return Name(match["base"], match["dist"] or "", options)


def parse_composition(text: str) -> tuple[Name, ...]:
    """Parse a single name, or ``a+b``, a pseudo-labeler that feeds a classifier.

    Examples
    --------
    >>> [str(name) for name in parse_composition("ipg:tau_h=0.8+svm:C=1e+5")]
    ['ipg:tau_h=0.8', 'svm:C=1e+5']
    """
    parts = _split(text, _JOINT)
    if len(parts) > 2:
        raise NameLookupError(
            f"{text!r} joins {len(parts)} components; only PSEUDO-LABELER+CLASSIFIER can be joined"
        )
    return tuple(parse_name(part) for part in parts)


def split_outside_brackets(text: str, separator: str) -> list[str]:
    """Split at a one-character separator, but not inside ``[...]``; empty text gives no parts.

    Examples
    --------
    >>> split_outside_brackets("a=1,b=[c,d],e=2", ",")
    ['a=1', 'b=[c,d]', 'e=2']
    """
    return _split(text, re.compile(re.escape(separator))) if text else []


def _split(text: str, separator: re.Pattern[str]) -> list[str]:
    """Split at a separator of one character, but not inside ``[...]``."""
    parts, depth = [""], 0
    for position, character in enumerate(text):
        depth += (character == "[") - (character == "]")
        if depth < 0:
            break
        if depth == 0 and separator.match(text, position):
            parts.append("")
        else:
            parts[-1] += character
    if depth != 0:
        raise OptionError(f"unbalanced brackets in {text!r}")
    return parts


def _quote(value: str) -> str:
    """Put a value in brackets if it would be parsed differently without them."""
    plain = value == value.strip() and not re.search(rf"[,\[\]]|{_JOINT.pattern}", value)
    return value if plain else f"[{value}]"


def _unquote(value: str) -> str:
    """Strip brackets that enclose a whole value; ``[a][b]`` is left unchanged."""
    if not value.startswith("["):
        return value
    depth = accumulate((character == "[") - (character == "]") for character in value)
    return value[1:-1] if list(depth).index(0) == len(value) - 1 else value

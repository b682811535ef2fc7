"""Texts that a plugin wrote, made fit for a line of a terminal."""

from __future__ import annotations

import re
from typing import Final

from hsizoo.errors import HsizooError

__all__ = ["clean", "is_plain", "one_line"]

_LONGEST: Final = 500  # characters of an error's line

# Sequences that move the cursor, set colours or titles: CSI, OSC and other strings, the rest.
_ESCAPES: Final = (
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_JOINERS: Final = "\u200c\u200d"  # some scripts need them


def clean(text: str, longest: int, *, lines: bool = False) -> str:
    r"""Leave out of a text what would do more in a terminal than be read.

    Escape sequences, control characters and those that change the direction of writing are left
    out; all white space between words is one space.

    Parameters
    ----------
    text : str
    longest : int
        Maximum length in characters; what is longer ends in ``…``.
    lines : bool, default False
        Whether line breaks and indentation are kept.

    Examples
    --------
    >>> clean("\x1b[31mred\x1b[0m\n  and\u202e plain", 100)
    'red and plain'
    >>> clean("many words", 6)
    'many w…'
    """
    text = str.__str__(text)[: 4 * longest + 1]  # no more is looked at
    if not text.isprintable():
        text = re.sub(_ESCAPES, "", text)
        kept = (each if _is_kept(each, lines) else " " if each.isspace() else "" for each in text)
        text = "".join(kept)
    if lines:
        text = "\n".join(row.rstrip() for row in text.split("\n")).strip()
    else:
        text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[:longest]}…"


def _is_kept(character: str, lines: bool) -> bool:
    return character.isprintable() or character in _JOINERS or (lines and character == "\n")


def is_plain(text: str, longest: int) -> bool:
    """Whether a text is one line that `clean` leaves as it is, but for spaces."""
    return len(text) <= longest and text.isprintable()


def one_line(error: BaseException) -> str:
    """Format an error as ``ErrorType: message`` on one line; hsizoo's own without the type.

    Errors of plugins may fail to say what they are, or say it at any length.
    """
    name = clean(type.__dict__["__name__"].__get__(type(error)), 100)
    try:
        text = clean(str(error), _LONGEST)
    except BaseException as again:  # noqa: BLE001 (whatever a plugin's error does)
        text = f"its message cannot be read ({clean(type(again).__name__, 100)})"
    if isinstance(error, HsizooError) and text:
        return text
    return f"{name}: {text}" if text else name

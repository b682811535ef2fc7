"""Texts that a plugin wrote, made fit for a line of a terminal."""

from __future__ import annotations

import re
from typing import Final

from hsizoo.errors import HsizooError

__all__ = ["clean", "is_plain", "one_line"]

_LONGEST: Final = 500  # characters of an error's line

# Sequences that move the cursor, set colours or titles: CSI, OSC and other strings, the rest.
_ESCAPES: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_BREAKS: Final = re.compile(r"[\t\v\f\r\x1c-\x1f\x85\u2028\u2029]")
# Control characters, those that reverse the direction of writing or take no room, half characters.
_UNSEEN: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


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
    text = _UNSEEN.sub("", _BREAKS.sub(" ", _ESCAPES.sub("", text.replace("\r\n", "\n"))))
    if lines:
        text = "\n".join(row.rstrip() for row in text.split("\n")).strip()
    else:
        text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[:longest]}…"


def is_plain(text: str, longest: int) -> bool:
    """Whether a text is one line without what `clean` leaves out, and not too long."""
    return len(text) <= longest and not (
        "\n" in text or _BREAKS.search(text) or _UNSEEN.search(text)
    )


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

"""Read JSON and TOML that somebody else may have written.

The parsers of Python raise `RecursionError`, `ValueError` or `UnicodeDecodeError`, wait forever for
a pipe, read a file of any size, keep the last of two equal keys, and make infinity of 1e400.  Here
each of these is one error that names the file.

What hsizoo writes to read it back has a seal: its last entry is a digest of all before it, so that
a flipped digit is noticed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from pathlib import Path
from typing import Any, Final, NoReturn

from hsizoo.errors import DataError, HsizooError

__all__ = [
    "check_seal",
    "parse_json",
    "read_file",
    "read_json",
    "read_sealed",
    "read_toml",
    "sealed",
    "shorten",
    "user_path",
]

_LONGEST_JSON: Final = 16 * 2**20
_LONGEST_TOML: Final = 2**20
_DEEPEST: Final = 64
_LONGEST_REASON: Final = 300  # characters
_MOST_DOTS: Final = 2000  # in one key; tomllib's time grows with the square
_SEAL: Final = ', "seal": "'
_SEALED: Final = len(_SEAL) + 64 + len('"}')  # characters after those that the digest is of
_BOM: Final = b"\xef\xbb\xbf"

_SAME_DIGITS: Final = bytes.maketrans(b"0123456789E", b"0000000000e")
_NOT_BRACKETS: Final = bytes(each for each in range(256) if each not in b'[]{}"\\')


def read_file(
    path: Path, *, longest: int = _LONGEST_JSON, error: type[HsizooError] = DataError
) -> bytes:
    """Return the content of a regular file.

    Parameters
    ----------
    path : Path
    longest : int, default 16 MiB
        Maximum size in bytes; checked before anything is read.
    error : type of HsizooError, default DataError
        Class of the error.

    Raises
    ------
    HsizooError
        Of the class `error`, if the file cannot be read, is longer, or is a folder, a pipe or a
        device.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):  # reading a pipe would wait for its writer
            kind = "folder" if stat.S_ISDIR(about.st_mode) else "pipe or device"
            raise error(f"{path} cannot be read: it is a {kind}; expected a file")
        if about.st_size > longest:
            raise error(
                f"{path} cannot be read: it has {about.st_size} bytes; expected at most {longest}"
            )
        with path.open("rb") as file:  # which reads on where a system call ends early
            return file.read(about.st_size)
    except HsizooError:
        raise
    except (OSError, ValueError) as reason:  # ValueError: a NUL character in the path
        what = reason.strerror if isinstance(reason, OSError) else reason
        raise error(f"{path} cannot be read: {what}") from reason


def read_json(
    path: Path, *, longest: int = _LONGEST_JSON, error: type[HsizooError] = DataError
) -> Any:
    """Read a JSON file.

    Parameters
    ----------
    path, longest, error
        See `read_file`.

    Raises
    ------
    HsizooError
        Of the class `error`, as for `read_file` and `parse_json`.
    """
    return parse_json(read_file(path, longest=longest, error=error), path, error=error)


def parse_json(
    content: bytes | str, source: object, *, error: type[HsizooError] = DataError
) -> Any:
    """Parse JSON.

    Parameters
    ----------
    content : bytes or str
        UTF-8.
    source : object
        Where it comes from, for the message.
    error : type of HsizooError, default DataError
        Class of the error.

    Raises
    ------
    HsizooError
        Of the class `error`, if it is not JSON, is nested more than 64 deep, has a key twice in one
        object, or a number that is not finite as float64.

    Examples
    --------
    >>> parse_json(b'{"a": [1, 2.5]}', "a.json")
    {'a': [1, 2.5]}
    >>> parse_json('{"a": 1e400}', "a.json")
    Traceback (most recent call last):
        ...
    hsizoo.errors.DataError: a.json is not JSON: a number is too large, or not a number
    """
    try:
        if isinstance(content, str):
            content = content.encode()
        value = _DECODER.decode(_text(content))
        if _may_overflow(content) or _may_be_deep(content):
            _check(value)
    except (ValueError, RecursionError) as reason:
        raise error(f"{source} is not JSON: {_why(reason)}") from reason
    return value


def sealed(document: str) -> str:
    """Add a digest of a JSON object to it, as its last entry.

    Parameters
    ----------
    document : str
        A JSON object with at least one entry, and none called ``seal``.

    Examples
    --------
    >>> sealed('{"a": 1}')[:22]
    '{"a": 1, "seal": "795e'
    """
    body = document.rstrip().removesuffix("}").rstrip()
    return f'{body}{_SEAL}{hashlib.sha256(body.encode()).hexdigest()}"}}'


def check_seal(
    value: Any, content: bytes, source: object, *, error: type[HsizooError] = DataError
) -> Any:
    """Check the seal of what was parsed, and remove it.

    Parameters
    ----------
    value : Any
        The parsed content.  Without a seal, as earlier versions wrote it, it is not checked.
    content : bytes
        What was parsed.  Line ends may be those of another system.
    source : object
        Where it comes from, for the message.
    error : type of HsizooError, default DataError
        Class of the error.

    Raises
    ------
    HsizooError
        Of the class `error`, if the seal does not fit.
    """
    if not isinstance(value, dict) or "seal" not in value:
        return value
    plain = content.replace(b"\r\n", b"\n").rstrip()
    digest = hashlib.sha256(plain[:-_SEALED]).hexdigest()
    if plain[-_SEALED:] != f'{_SEAL}{digest}"}}'.encode():
        raise error(f"{source} has changed since it was written: its seal does not fit its content")
    return {key: each for key, each in value.items() if key != "seal"}


def read_sealed(
    path: Path, *, longest: int = _LONGEST_JSON, error: type[HsizooError] = DataError
) -> Any:
    """Read a JSON file that `sealed` made; see `read_json` and `check_seal`."""
    content = read_file(path, longest=longest, error=error)
    return check_seal(parse_json(content, path, error=error), content, path, error=error)


def read_toml(
    path: Path,
    *,
    longest: int = _LONGEST_TOML,
    nan: bool = False,
    error: type[HsizooError] = DataError,
) -> tuple[dict[str, Any], bytes]:
    """Read a TOML file.

    Parameters
    ----------
    path, longest, error
        See `read_file`; here `longest` is 1 MiB by default.
    nan : bool, default False
        Whether a number may be NaN.

    Returns
    -------
    table : dict of str to Any
    content : bytes
        What was parsed, for a digest.

    Raises
    ------
    HsizooError
        Of the class `error`, as for `read_file`; also if the file is not TOML in UTF-8, is nested
        more than 64 deep, or has a number that is not finite as float64.
    """
    import tomllib  # a moment that `hsizoo list` need not wait

    content = read_file(path, longest=longest, error=error)
    try:
        text = _text(content)
        if any(_dots(line) > _MOST_DOTS for line in text.splitlines()):
            raise ValueError(f"a key has more than {_MOST_DOTS} dots")
        table = tomllib.loads(text)
        _check(table, nan=nan)
    except (ValueError, RecursionError) as reason:
        raise error(f"{path} is not TOML: {_why(reason)}") from reason
    return table, content


def user_path(path: str | os.PathLike[str]) -> Path:
    """Return a path as a user types it, with ``~`` and ``~name`` replaced by home folders.

    Raises
    ------
    DataError
        If there is no such user, or no home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise DataError(
            f"{path}: {Path(path).parts[0]} is no home folder that is known here; write the path "
            "in full"
        ) from None


def shorten(text: object) -> str:
    """Shorten a message about content of any length.

    Examples
    --------
    >>> shorten([1, 2])
    '[1, 2]'
    >>> len(shorten("x" * 1000))
    301
    """
    whole = str(text)
    return whole if len(whole) <= _LONGEST_REASON else f"{whole[:_LONGEST_REASON]}…"


def _dots(line: str) -> int:
    """Upper limit of the dots in a key, which is before an equals sign, or a table's header."""
    key, equals, _ = line.rpartition("=")
    return key.count(".") if equals or not line.lstrip().startswith("[") else line.count(".")


def _text(content: bytes) -> str:
    return content.removeprefix(_BOM).decode()  # which editors of one system write


def _why(reason: ValueError | RecursionError) -> str:
    if isinstance(reason, RecursionError):
        return f"it is nested more than {_DEEPEST} deep"
    if isinstance(reason, UnicodeDecodeError):
        return f"byte {reason.start} is not UTF-8"
    if "integer string conversion" in str(reason):
        return "a number is too large"
    return shorten(reason)


def _whole(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:100]!r} is there twice")
    return found


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_whole, parse_constant=_constant)


def _check(value: Any, *, nan: bool = False) -> None:
    """Raise `ValueError` for a number that is not finite, or too many levels of lists and dicts."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > _DEEPEST + 1:
            raise ValueError(f"it is nested more than {_DEEPEST} deep")
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner += each.values()
            elif isinstance(each, list):
                inner += each
            elif isinstance(each, int | float):
                try:
                    finite = math.isfinite(each)
                except OverflowError:
                    finite = False
                if not finite and not (nan and each != each):
                    raise ValueError("a number is too large, or not a number")
        level = inner


# Both of the following pass over the bytes of JSON in C, since `_check` would slow down the reading
# of many stored cells.  They may be true for harmless content, but never false for harmful.


def _may_overflow(content: bytes) -> bool:
    """Whether a number may exceed float64: it has 200 digits, or 3 in its exponent."""
    plain = content.translate(_SAME_DIGITS, b"+")
    if b"0" * 200 in plain:
        return True
    at = plain.find(b"0e000")
    while at >= 0:
        # Most are in digests, whose other letters come before.
        if plain[max(0, at - 500) : at].rstrip(b"0.-")[-1:] in b" \t\r\n:,[":
            return True
        at = plain.find(b"0e000", at + 1)
    return False


def _may_be_deep(content: bytes) -> bool:
    """Whether lists and objects may be nested too deep."""
    brackets = content.translate(None, _NOT_BRACKETS).replace(b'""', b"")
    if len(brackets) <= 2 * _DEEPEST:
        return False
    if b'"' in brackets or b"\\" in brackets:  # some are in strings
        return True
    return len(brackets.replace(b"[]", b"").replace(b"{}", b"")) > 2 * _DEEPEST

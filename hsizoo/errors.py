"""Every exception that hsizoo raises on purpose.

::

    HsizooError
    ├── NameLookupError      no component, dataset or robot has that name, or several have
    ├── OptionError          an unknown option, or one of the wrong type or value
    ├── SpecError            a plugin's ComponentSpec is malformed
    ├── PluginError          a plugin failed to load (raised only in strict mode)
    ├── MissingRequirement   an optional package is not installed
    ├── ContractError        a component returned something its interface forbids
    ├── DataError            a cube, label map or data file is unusable
    │   └── ClickError       a click is outside the image or on an unusable pixel
    ├── ProtocolError        a protocol cannot run with these settings or this scene
    └── StoreError           the run folder cannot be read or written

The command line prints the message of an `HsizooError` and exits with status 2; every other
exception is a bug and keeps its traceback.  A message says what was wrong, with the values,
and what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import PurePath

__all__ = [
    "ClickError",
    "ContractError",
    "DataError",
    "HsizooError",
    "MissingRequirement",
    "NameLookupError",
    "OptionError",
    "PluginError",
    "ProtocolError",
    "SpecError",
    "StoreError",
    "about_tilde",
    "did_you_mean",
    "listed",
]


class HsizooError(Exception):
    """Base class of all errors that hsizoo raises on purpose."""


class NameLookupError(HsizooError, LookupError):
    """No component, dataset or robot has the given name, or more than one has it."""


class OptionError(HsizooError, ValueError):
    """A component got an unknown option or an invalid value."""


class SpecError(HsizooError, ValueError):
    """A `ComponentSpec` is malformed."""


class PluginError(HsizooError, RuntimeError):
    """A plugin failed to load; raised only when ``HSIZOO_STRICT_PLUGINS=1``."""


class MissingRequirement(HsizooError, ImportError):
    """A component needs a package that is not installed."""


class ContractError(HsizooError, TypeError):
    """A component broke the contract of its interface (shape, range, type)."""


class DataError(HsizooError, ValueError):
    """A cube, a label map or a data file is unusable."""


class ClickError(DataError):
    """A click lies outside the image or on a pixel without a usable spectrum."""


class ProtocolError(HsizooError, ValueError):
    """A protocol cannot run with the given settings or on the given scene."""


class StoreError(HsizooError, OSError):
    """The run folder cannot be read or written, or another run holds it."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest known words, or an empty string.

    Parameters
    ----------
    word : str
        The word that the user typed.
    known : iterable of str
        The valid words.

    Examples
    --------
    >>> did_you_mean("sa-ew", ["sa", "sa-eq", "pcc"])
    " Did you mean 'sa-eq' or 'sa'?"
    >>> did_you_mean("zzz", ["sa", "pcc"])
    ''
    """
    close = difflib.get_close_matches(word, sorted(set(known)), n=2, cutoff=0.55)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""


def listed(names: Iterable[object], most: int = 8) -> str:
    """List names for a message, the first ones if there are many.

    Examples
    --------
    >>> listed(["a", "b", "c"], most=2), listed([])
    ('a, b and 1 more', '')
    """
    texts = [str(name) for name in names]
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more} more" if more > 0 else "")


def about_tilde(path: PurePath) -> str:
    """Explain a path that begins with ``~`` and was not found; empty for other paths."""
    tilde = path.parts[:1] == ("~",)
    return "; only the shell replaces ~, and only at the start of a word without quotes" * tilde

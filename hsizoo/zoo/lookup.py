"""Whether names are known: asked before anything heavy is imported, so that a typo is told at once.

Only the registry is looked at, and the options of components whose specs say where they are
declared; those of others are checked later, by `hsizoo.zoo.factory`, as that takes their classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hsizoo.errors import DataError, NameLookupError
from hsizoo.zoo.checking import check_options
from hsizoo.zoo.names import Name, parse_composition
from hsizoo.zoo.registry import FIRST_PARTY, registry
from hsizoo.zoo.spec import Kind

__all__ = ["EVALUATED", "check_components", "find_dataset", "is_path"]

EVALUATED: tuple[Kind, ...] = ("segmenter", "scorer", "classifier", "pseudo-labeler")
"""Kinds of what is benched; a name of several means the first."""


def check_components(texts: Iterable[str], kinds: tuple[Kind, ...] = EVALUATED) -> None:
    """Refuse names that mean nothing.

    Parameters
    ----------
    texts : iterable of str
        Names, with options if need be; ``labeler+classifier`` where classifiers will do.
    kinds : tuple of str
        The kinds that will do, the preferred one first.

    Raises
    ------
    NameLookupError, OptionError
    """
    for text in texts:
        parts = parse_composition(text)
        if len(parts) == 1:
            check_options(registry().find(parts[0], kinds), parts[0].options)
            continue
        if "classifier" not in kinds:
            raise NameLookupError(f"{text!r} is a classifier, not a {kinds[0]}.")
        check_options(registry().find(parts[1], ("classifier",)), parts[1].options)
        check_options(registry().find(parts[0], ("pseudo-labeler",)), parts[0].options)


def find_dataset(text: str) -> Name:
    """The name of the dataset that a text means.

    Parameters
    ----------
    text : str
        A name, with options if need be, or the path of a folder of cubes, see `is_path`.

    Raises
    ------
    NameLookupError, OptionError
        If there is no such dataset.
    DataError
        If there is no such folder.
    """
    if is_path(text):
        return _folder(text)
    parts = parse_composition(text)
    if len(parts) == 2:
        raise NameLookupError(f"{text!r} is a classifier, not a dataset.")
    try:
        registry().find(parts[0], ("dataset",))
    except NameLookupError as error:
        if Path(text).is_dir():
            raise NameLookupError(f"{error} If you mean the folder, type '{text}/'.") from None
        raise
    return parts[0]


def is_path(text: str) -> bool:
    """Whether a dataset is given by the path of its folder.

    Such a text begins with ``/``, ``./``, ``../`` or ``~``, or ends with ``/`` and has no colon.
    """
    begins = text.startswith(("/", "./", "../", "~")) or text in (".", "..")
    return begins or (text.endswith("/") and ":" not in text)  # heipor:data_dir=out/ is a name


def _folder(text: str) -> Name:
    """The dataset that a path means, whichever way the path is written."""
    path = Path(text)
    if not path.expanduser().is_dir():
        what = "is a file" if path.expanduser().exists() else "does not exist"
        raise DataError(
            f"{text} {what}; a dataset is a folder of cubes with masks beside them, which "
            "`hsizoo data check FOLDER` describes, or one of `hsizoo data list`"
        )
    return Name("folder", FIRST_PARTY, {"path": str(path)})

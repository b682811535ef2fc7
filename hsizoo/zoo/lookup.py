"""Check names before anything heavy is imported, so that a typo is reported at once.

Only the registry is consulted, and the options of components whose specs have ``options_type``.
Other options need the component's class; `hsizoo.zoo.factory` checks them later.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hsizoo.documents import user_path
from hsizoo.errors import DataError, NameLookupError
from hsizoo.zoo.checking import check_options
from hsizoo.zoo.names import Name, parse_composition
from hsizoo.zoo.registry import FIRST_PARTY, Entry, registry
from hsizoo.zoo.spec import Kind

__all__ = ["EVALUATED", "check_components", "check_scorer", "find_dataset", "is_path"]

EVALUATED: tuple[Kind, ...] = ("segmenter", "scorer", "classifier", "pseudo-labeler")
"""Kinds that can be benchmarked; a name shared by several kinds means the first of them."""


def check_components(texts: Iterable[str], kinds: tuple[Kind, ...] = EVALUATED) -> None:
    """Check that names refer to components, and that their options are valid.

    Parameters
    ----------
    texts : iterable of str
        Names, optionally with options; ``labeler+classifier`` if classifiers are accepted.
    kinds : tuple of str
        Accepted kinds, the preferred one first.

    Raises
    ------
    NameLookupError, OptionError
    """
    for text in texts:
        parts = parse_composition(text)
        if len(parts) == 1:
            check_options(_find(text, parts[0], kinds), parts[0].options)
            continue
        if "classifier" not in kinds:
            raise NameLookupError(f"{text!r} is a classifier, not a {kinds[0]}.")
        check_options(registry().find(parts[1], ("classifier",)), parts[1].options)
        check_options(registry().find(parts[0], ("pseudo-labeler",)), parts[0].options)


def _find(text: str, name: Name, kinds: tuple[Kind, ...]) -> Entry:
    try:
        return registry().find(name, kinds)
    except NameLookupError as error:
        if Path(text).is_file():
            raise NameLookupError(
                f"{text!r} is a file, not the name of a {kinds[0]}; the name goes first, then the "
                f"file. `hsizoo list --kind {kinds[0]}` shows the names."
            ) from error
        raise


def check_scorer(text: str) -> None:
    """Check that a name refers to a scorer, which needs no positions of clicks.

    Raises
    ------
    NameLookupError, OptionError
    """
    try:
        check_components([text], ("scorer",))
    except NameLookupError as error:
        names = ", ".join(entry.spec.name for entry in registry().entries("scorer"))
        raise NameLookupError(
            f"{error} Reference spectra have no positions in the image, so they need a scorer: "
            f"{names}."
        ) from None


def find_dataset(text: str) -> Name:
    """Parse the name of a dataset, or the path of its folder.

    Parameters
    ----------
    text : str
        A name, optionally with options, or the path of a folder of cubes, see `is_path`.

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
        if Path(text).is_file():
            raise NameLookupError(
                f"{text!r} is a file; a dataset is a folder of cubes and masks (see `hsizoo data "
                "check FOLDER`), or a name from `hsizoo data list`"
            ) from None
        raise
    return parts[0]


def is_path(text: str) -> bool:
    """Whether a text is the path of a dataset's folder.

    A path begins with ``/``, ``./``, ``../`` or ``~``, or ends with ``/`` and has no colon.
    """
    begins = text.startswith(("/", "./", "../", "~")) or text in (".", "..")
    return begins or (text.endswith("/") and ":" not in text)  # heipor:data_dir=out/ is a name


def _folder(text: str) -> Name:
    """Return the dataset of a folder; the same for all spellings of its path."""
    path = Path(text)
    if not user_path(path).is_dir():
        what = "is a file" if user_path(path).exists() else "does not exist"
        raise DataError(
            f"{text} {what}; expected a folder of cubes and masks (see `hsizoo data check "
            "FOLDER`), or a name from `hsizoo data list`"
        )
    return Name("folder", FIRST_PARTY, {"path": str(path)})

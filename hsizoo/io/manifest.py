"""``hsizoo.toml``: settings of a folder of cubes that its files do not contain."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from hsizoo.documents import read_toml
from hsizoo.errors import DataError, OptionError, did_you_mean
from hsizoo.io.settings import Settings, parse_setting, text, whole

__all__ = ["MANIFEST", "Manifest", "find_manifest", "read_manifest", "refuse_for_folder"]

MANIFEST: Final = "hsizoo.toml"
_SPLITS: Final = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class Manifest(Settings):
    """The settings of a folder of cubes, all optional: how to read its files, and what they are.

    Parameters
    ----------
    folder : Path, optional
        Where the file is; None if there is none.
    title, licence, citation : str
        For the dataset's card.
    names : mapping of int to str
        Name of each label.  Default: those in the mask's file, else ``class 1`` and so on.
    ignore : frozenset of int, optional
        Labels of pixels excluded from all metrics.  Default: none but those without data.
    targets : frozenset of int, optional
        Labels that are segmented one by one.  Default: all but 0 and `ignore`.  INFERRED: in masks
        without a legend 0 is the background.
    subject : str, optional
        Regular expression; its first group, or else its match, in a cube's path below the folder
        is the subject.  Default: the first folder, or the cube's name if there is none.
    split : mapping of str to str
        ``train``, ``val`` or ``test`` for each subject.
    skip : tuple of str
        Patterns of paths below the folder to skip, such as ``raw/*``.
    masks : mapping of str to str
        Path of the mask of each cube, both below the folder, where their names do not tell.
    """

    folder: Path | None = None
    title: str = ""
    licence: str = ""
    citation: str = ""
    names: Mapping[int, str] = field(default_factory=dict)
    ignore: frozenset[int] | None = None
    targets: frozenset[int] | None = None
    subject: str | None = None
    split: Mapping[str, str] = field(default_factory=dict)
    skip: tuple[str, ...] = ()
    masks: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The file, or its name if there is none."""
        return (self.folder or Path()) / MANIFEST


def find_manifest(path: Path) -> Manifest:
    """Read the ``hsizoo.toml`` of a file or folder: the nearest one, beside it or above.

    Raises
    ------
    DataError
        As for `read_manifest`.
    """
    start = path.resolve()
    for folder in (start, *start.parents):
        try:
            if folder.is_dir() and (folder / MANIFEST).is_file():
                # Shown as the user wrote it, where it is below the working folder.
                return read_manifest(path if folder == start else _shown(folder, path))
        except PermissionError:
            break
    return Manifest()


def _shown(folder: Path, path: Path) -> Path:
    """Return a folder above a path as the user would write it."""
    for above in path.parents:
        if above.resolve() == folder:
            return above
    return folder


def read_manifest(folder: Path) -> Manifest:
    """Read the ``hsizoo.toml`` of a folder, if there is one.

    Raises
    ------
    DataError
        If it is not TOML, has an unknown key, or a value has the wrong type.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return Manifest()
    given, _ = read_toml(path, nan=True)
    known = [item.name for item in fields(Manifest) if item.name != "folder"]
    values: dict[str, Any] = {"folder": folder}
    for key, value in given.items():
        if key not in known:
            raise DataError(
                f"{path} has the unknown key {key!r}.{did_you_mean(key, known)} "
                f"Allowed keys: {', '.join(known)}"
            )
        try:
            values[key] = _READERS[key](value) if key in _READERS else parse_setting(key, value)
        except OptionError as error:
            raise DataError(f"{path}: {error}") from None
        except (ValueError, TypeError, re.error) as error:
            raise DataError(f"{path}: {key} = {value!r:.200}: {error}") from None
    return Manifest(**values)


def refuse_for_folder(settings: Settings, folder: Path) -> None:
    """Raise `OptionError` if there are settings for a folder, which has them in a file."""
    if settings.given:
        raise OptionError(f"for a folder, set {', '.join(settings.given)} in {folder / MANIFEST}")


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("expected a list of strings")
    return tuple(text(each) for each in value)


def _table(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError("expected a table of strings")
    return {key: text(each) for key, each in value.items()}


def _names(value: Any) -> dict[int, str]:
    return {int(label): name for label, name in _table(value).items()}


def _split(value: Any) -> dict[str, str]:
    table = _table(value)
    if wrong := sorted(set(table.values()) - set(_SPLITS)):
        raise ValueError(f"{wrong[0]!r} is not a split; expected one of {', '.join(_SPLITS)}")
    return table


def _subject(value: Any) -> str:
    re.compile(text(value))
    return str(value)


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "title": text,
    "licence": text,
    "citation": text,
    "names": _names,
    "ignore": lambda value: frozenset(whole(value)),
    "targets": lambda value: frozenset(whole(value)),
    "subject": _subject,
    "split": _split,
    "skip": _texts,
    "masks": _table,
}

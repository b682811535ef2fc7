"""``hsizoo.toml``: settings of a folder of cubes that its files do not contain."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from hsizoo.errors import DataError, did_you_mean
from hsizoo.io.raster import Layout

__all__ = ["MANIFEST", "Manifest", "read_manifest"]

MANIFEST: Final = "hsizoo.toml"
_SPLITS: Final = ("train", "val", "test")
_LAYOUTS: Final = ("hwb", "bhw")
_LONGEST: Final = 2**20


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The settings of a folder of cubes, all optional.

    Parameters
    ----------
    title, licence, citation : str
        For the dataset's card.
    names : mapping of int to str
        Name of each label.  Default: those in the mask's file, else ``class 1`` and so on.
    ignore : frozenset of int
        Labels of pixels excluded from all metrics.
    targets : frozenset of int, optional
        Labels that are segmented one by one.  Default: all but 0 and `ignore`.  INFERRED: in masks
        without a legend 0 is the background.
    rgb_bands : (int, int, int), optional
        Bands of a pseudo-RGB image, red first, counted from 0 before bands are dropped.
    wavelengths : tuple of float, optional
        Wavelengths of all bands in nm, for files without them.
    drop_bands : frozenset of int
        Bands to leave out, counted from 0.
    scale : float, optional
        Divisor of the values, in place of the one in the file.
    nodata : float, optional
        The value of pixels without data.
    layout : {"hwb", "bhw"}
        Order of the axes in files whose format does not define it.
    variable, mask_variable : str, optional
        Names of the cube's and the mask's arrays, in files with several.
    subject : str, optional
        Regular expression; its first group, or else its match, in a cube's path below the folder
        is the subject.  Default: the first folder, or the cube's name if there is none.
    split : mapping of str to str
        ``train``, ``val`` or ``test`` for each subject.
    skip : tuple of str
        Patterns of paths below the folder to skip, such as ``raw/*``.
    """

    title: str = ""
    licence: str = ""
    citation: str = ""
    names: Mapping[int, str] = field(default_factory=dict)
    ignore: frozenset[int] = frozenset()
    targets: frozenset[int] | None = None
    rgb_bands: tuple[int, int, int] | None = None
    wavelengths: tuple[float, ...] | None = None
    drop_bands: frozenset[int] = frozenset()
    scale: float | None = None
    nodata: float | None = None
    layout: Layout = "hwb"
    variable: str | None = None
    mask_variable: str | None = None
    subject: str | None = None
    split: Mapping[str, str] = field(default_factory=dict)
    skip: tuple[str, ...] = ()


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
    try:
        if path.stat().st_size > _LONGEST:
            raise DataError(f"{path} has more than {_LONGEST} bytes")
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError, RecursionError) as error:
        raise DataError(f"{path} is not TOML: {error}") from error
    known = [item.name for item in fields(Manifest)]
    readers = {"names": _names, "split": _split, "subject": _subject, "layout": _layout}
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in known:
            raise DataError(
                f"{path} has the unknown key {key!r}.{did_you_mean(key, known)} "
                f"Allowed keys: {', '.join(known)}"
            )
        reader = readers.get(key) or _SIMPLE[key]
        try:
            values[key] = reader(value)
        except (ValueError, TypeError, re.error) as error:
            raise DataError(f"{path}: {key} = {value!r}: {error}") from None
    return Manifest(**values)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a string in quotes")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
        raise TypeError("expected a number")
    return float(value)


def _scale(value: Any) -> float:
    if _number(value) <= 0:
        raise ValueError("expected a number above 0")
    return float(value)


def _whole(value: Any) -> list[int]:
    numbers = value if isinstance(value, list) else [value]
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in numbers):
        raise TypeError("expected whole numbers, such as [0, 255]")
    return numbers


def _rgb(value: Any) -> tuple[int, int, int]:
    if len(_whole(value)) != 3 or min(value) < 0:
        raise ValueError("expected three bands, red first, counted from 0")
    red, green, blue = value
    return red, green, blue


def _wavelengths(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise TypeError("expected a list of nanometres")
    return tuple(_number(each) for each in value)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("expected a list of strings")
    return tuple(_text(each) for each in value)


def _table(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError("expected a table of strings")
    return {key: _text(text) for key, text in value.items()}


def _names(value: Any) -> dict[int, str]:
    return {int(label): text for label, text in _table(value).items()}


def _split(value: Any) -> dict[str, str]:
    table = _table(value)
    if wrong := sorted(set(table.values()) - set(_SPLITS)):
        raise ValueError(f"{wrong[0]!r} is not a split; expected one of {', '.join(_SPLITS)}")
    return table


def _subject(value: Any) -> str:
    re.compile(_text(value))
    return str(value)


def _layout(value: Any) -> str:
    if value not in _LAYOUTS:
        raise ValueError(f"expected one of {', '.join(_LAYOUTS)}")
    return str(value)


_SIMPLE: Final[Mapping[str, Any]] = {
    "title": _text,
    "licence": _text,
    "citation": _text,
    "variable": _text,
    "mask_variable": _text,
    "ignore": lambda value: frozenset(_whole(value)),
    "targets": lambda value: frozenset(_whole(value)),
    "drop_bands": lambda value: frozenset(_whole(value)),
    "rgb_bands": _rgb,
    "wavelengths": _wavelengths,
    "scale": _scale,
    "nodata": _number,
    "skip": _texts,
}

"""Labelled pixels in a text table: a header ``row,col,class`` and one line per pixel."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hsizoo.errors import DataError

__all__ = ["Point", "Points", "read_points"]

_HEADER: Final = "row,col,class"
_COLUMNS: Final = {
    "row": ("row", "y"),
    "column": ("col", "column", "x"),
    "class": ("class", "label"),
}
"""What a table has to tell, and how its header may call it."""

_DELIMITERS: Final = (",", ";", "\t")
_WHOLE: Final = re.compile(r"[+-]?\d{1,18}(?:[.,]0*)?", re.ASCII)  # tables of floats have 12.0
_MOST_BYTES: Final = 2**26
_LARGEST: Final = 65535  # that a map can hold


@dataclass(frozen=True)
class Point:
    """A labelled pixel, and the line of the file that has it."""

    row: int
    col: int
    label: int
    line: int


@dataclass(frozen=True)
class Points:
    """The labelled pixels of a table.

    Parameters
    ----------
    points : list of Point
    class_names : dict of int to str
        Classes given as text are numbered from 1 in alphabetical order; for classes given as
        numbers, empty.
    remarks : list of str
        Notes for the user on how the table was read.
    """

    points: list[Point]
    class_names: dict[int, str]
    remarks: list[str] = field(default_factory=list)


def read_points(path: Path) -> Points:
    """Read labelled pixels.

    The delimiter is a comma, a semicolon or a tab.  Rows and columns are counted from 0.  Lines of
    class 0 are left out: it stands for unlabelled.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DataError
        If the file is no such table; the message gives the line.
    """
    lines = _lines(path, _text(path))
    try:
        start, header = next(lines)
    except StopIteration:
        raise DataError(f"{path} is empty; expected the header {_HEADER}") from None
    places, remark = _places(f"{path}, line {start}", header)
    found: list[tuple[int, int, str, int]] = []
    for line, cells in lines:
        where = f"{path}, line {line}"
        if len(cells) <= max(places):
            raise DataError(
                f"{where} has {len(cells)} field(s), but the header has {len(header)}: "
                f"{','.join(cells)!r:.80}"
            )
        row, col, text = (cells[place].strip() for place in places)
        if not text:
            raise DataError(f"{where} has no class; give one, or remove the line")
        found.append((_whole(where, "row", row), _whole(where, "column", col), text, line))
    if not found:
        raise DataError(f"{path} has a header but no labelled pixel; add lines such as 12,40,corn")
    return _numbered(path, found, [remark] if remark else [])


def _text(path: Path) -> str:
    if not path.is_file():  # opening a pipe may wait for ever
        raise DataError(f"{path} is not a plain file" if path.exists() else f"there is no {path}")
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise DataError(
                f"{path} has {size} bytes, more than the {_MOST_BYTES} of a table of pixels; for "
                "many pixels, pass a mask image"
            )
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if b"\0" in raw:
        raise DataError(f"{path} is not a text file; save the table as CSV in UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}, line {line}, is not UTF-8; save the table as CSV in UTF-8"
        ) from None


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of each line that is not empty."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}, cannot be read: {error}") from None


def _places(where: str, header: Sequence[str]) -> tuple[tuple[int, int, int], str]:
    """Return the places of row, column and class in a line, and a remark on other names."""
    names = [cell.strip().lower() for cell in header]
    places, other = [], []
    for meaning, words in _COLUMNS.items():
        word = next((word for word in words if word in names), None)
        if word is None:
            raise DataError(
                f"{where} is {','.join(header)!r:.80}, which has no column {words[0]!r}; expected "
                f"the header {_HEADER}"
            )
        if names.count(word) > 1:
            raise DataError(f"{where} has {names.count(word)} columns {word!r}; remove one")
        places.append(names.index(word))
        if word != words[0] and word != meaning:
            other.append(f"{word} is taken as the {meaning}")
    remark = f"{', '.join(other)}; rows and columns are counted from 0" if other else ""
    row, col, label = places
    return (row, col, label), remark


def _whole(where: str, what: str, text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise DataError(
            f"{where}: the {what} {text!r:.40} is not a whole number; expected pixels, counted "
            "from 0 at the top left"
        )
    return int(re.split("[.,]", text)[0])


def _numbered(path: Path, found: list[tuple[int, int, str, int]], remarks: list[str]) -> Points:
    """Number the classes, or take their numbers."""
    first: dict[bool, tuple[str, int]] = {}
    for _, _, text, line in found:
        first.setdefault(_WHOLE.fullmatch(text) is not None, (text, line))
    if len(first) == 2:
        (number, one), (name, two) = first[True], first[False]
        raise DataError(
            f"{path} has the class {number!r} (line {one}), a number, and the class {name!r:.40} "
            f"(line {two}), a name; use only numbers or only names"
        )
    if False in first:
        names = sorted({text for _, _, text, _ in found})
        number_of = {name: number for number, name in enumerate(names, start=1)}
        if len(names) > _LARGEST:
            raise DataError(f"{path} has {len(names)} classes; a map can hold {_LARGEST}")
        points = [Point(row, col, number_of[text], line) for row, col, text, line in found]
        return Points(points, {number: name for name, number in number_of.items()}, remarks)
    points = []
    for row, col, text, line in found:
        label = _whole(f"{path}, line {line}", "class", text)
        if not 0 <= label <= _LARGEST:
            raise DataError(
                f"{path}, line {line}: class {label} is not a number from 1 to {_LARGEST}"
            )
        if label:
            points.append(Point(row, col, label, line))
    if left := len(found) - len(points):
        remarks = [*remarks, f"{left} line(s) of class 0, which is unlabelled, are left out"]
    return Points(points, {}, remarks)

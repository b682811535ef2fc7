"""Reference spectra in text: CSV of spreadsheets, and what spectrometers and archives write."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError
from hsizoo.io.limits import size_text
from hsizoo.wavelengths import to_nanometres

__all__ = ["TextSpectra", "read_text"]

_LARGEST: Final = 2**25
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,40}\.?\d{0,60}|\.\d{1,60})(?:[eE][+-]?\d{1,4})?")
_DECIMAL_COMMA: Final = re.compile(r"([+-]?\d*),(\d+(?:[eE][+-]?\d+)?)")
_MISSING: Final = ("", "nan", "na", "n/a", "null", "none", "-")
_DELETED: Final = -1e30  # the US Geological Survey writes -1.23e34 for deleted channels
_WAVE_WORD: Final = re.compile(
    r"wave|lambda|\bwl\b|\bwvl\b|\bnm\b|\bum\b|[µμ]m|nanomet|micromet|micron|λ", re.I
)
_NAME_WORD: Final = re.compile(
    r"names?|id|ids|class|classes|labels?|spectrum|spectra|samples?|materials?|species|targets?|"
    r"endmembers?|index|#|",
    re.I,
)
_UNIT: Final = (
    (re.compile(r"nm\b|nanomet", re.I), "nm"),
    (re.compile(r"um\b|[µμ]m\b|micro", re.I), "um"),
)
_NAMED: Final = re.compile(r"name\s*:\s*(\S.*)", re.I)  # of the ECOSTRESS library
_IN_NAME: Final = re.compile(
    r"(?:x|wl|wvl|wavelength|lambda)?[\s_]*(\d{1,9}(?:\.\d{1,20})?)\s*(?:nm|um|[µμ]m)?", re.I
)  # 400.5, X400.5 as R writes it, 400 nm
_MANY: Final = 8  # lines or bands
_SHORTEST_NM: Final = 100.0


@dataclass(frozen=True, eq=False)
class TextSpectra:
    """What a text file holds: names, spectra (N, B), wavelengths in nm, remarks."""

    names: list[str]
    spectra: npt.NDArray[np.float64]
    wavelengths: tuple[float, ...] | None
    remarks: list[str]


@dataclass(frozen=True)
class _Line:
    """A line of the file, split: what its cells are, and what they are as numbers."""

    number: int
    cells: list[str]
    values: list[float | None]  # None where a cell is text, NaN where it is empty

    @property
    def numbers(self) -> int:
        return sum(value is not None and not math.isnan(value) for value in self.values)

    @property
    def is_numeric(self) -> bool:
        return None not in self.values and self.numbers > 0

    @property
    def is_named(self) -> bool:
        """Whether it is text followed by numbers only."""
        rest = self.values[1:]
        return self.values[0] is None and None not in rest and self.numbers > 0


def read_text(path: Path) -> TextSpectra:
    """Read spectra from text; see `hsizoo.io.read_library`.

    Raises
    ------
    DataError
        If it is no text, too long, or no table of spectra; the message names the line.
    """
    lines = _split(path, _text_of(path))
    start = next((n for n, each in enumerate(lines) if each.is_numeric or each.is_named), None)
    if start is None:
        raise DataError(
            f"{path} has no line of numbers.  Expected wavelengths in the first column and a "
            "spectrum in each further one, or a spectrum per line"
        )
    before, table = lines[:start], lines[start:]
    header: _Line | None = None
    if before and len(before[-1].cells) == len(table[0].cells) and len(table[0].cells) > 1:
        header, before = before[-1], before[:-1]
        if not math.isnan(header.values[0] or math.nan):
            raise DataError(_no_number(path, header))
    elif _is_header(table):
        header, table = table[0], table[1:]
    _check_table(path, table, header)
    remarks = []
    if before:
        remarks.append(f"the first {before[-1].number} line(s) are not numbers and not used")
    title = next((m[1].strip() for b in before if (m := _NAMED.fullmatch(b.cells[0]))), path.stem)
    header, table = _without_empty_columns(header, table)
    read = _columns if _has_columns(path, header, table) else _rows
    found = read(path, header, table, title, remarks)
    found.spectra[found.spectra < _DELETED] = np.nan
    return found


def _text_of(path: Path) -> str:
    size = path.stat().st_size
    if size > _LARGEST:
        raise DataError(
            f"{path} has {size_text(size)}; text with spectra is read up to {size_text(_LARGEST)}, "
            "so write it as an ENVI spectral library (.sli with .hdr)"
        )
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError:
            raise DataError(f"{path} is damaged: it is not the UTF-16 it claims to be") from None
    if b"\0" in content:
        raise DataError(
            f"{path} is no text; reference spectra are read from ENVI spectral libraries (.sli "
            "with .hdr), and from text (.csv, .txt)"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _split(path: Path, text: str) -> list[_Line]:
    """Split all lines by the separator that makes most of the first lines rows of numbers."""
    rows = [
        (number, line)
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1)
        if line.strip() and not line.lstrip().startswith(("#", "%"))
    ]
    sample = rows[:20] + rows[20:200:9]

    def lines(separator: str, chosen: list[tuple[int, str]]) -> Iterator[_Line]:
        for (number, _), cells in zip(chosen, _cells(path, chosen, separator), strict=True):
            yield _Line(number, cells, [_value(c, separator) for c in cells])

    def fitting(separator: str) -> int:
        return sum(
            len(each.cells) > 1 and (each.is_numeric or each.is_named)
            for each in lines(separator, sample)
        )

    best = max(("\t", ";", ",", " "), key=fitting)  # the first of equals
    return list(lines(best, rows))


def _cells(path: Path, rows: Sequence[tuple[int, str]], separator: str) -> Iterator[list[str]]:
    for number, line in rows:
        if separator == " ":
            yield line.split()
            continue
        try:  # line by line: an open quote must not swallow the rest of the file
            (cells,) = csv.reader([line], delimiter=separator, skipinitialspace=True)
        except (csv.Error, ValueError) as error:
            raise DataError(f"{path}, line {number}: {error}") from None
        yield [cell.strip() for cell in cells]


def _value(cell: str, separator: str) -> float | None:
    if cell.lower() in _MISSING:
        return math.nan
    if separator != "," and (comma := _DECIMAL_COMMA.fullmatch(cell)):
        cell = f"{comma[1]}.{comma[2]}"
    if not _NUMBER.fullmatch(cell):
        return None
    return float(cell)


def _is_header(table: Sequence[_Line]) -> bool:
    """Whether the first line, a word and numbers, names the columns: by its word or its values."""
    first = table[0]
    word, values = first.cells[0], _array(first.values[1:])
    if not (first.is_named or not word):
        return False
    if _WAVE_WORD.search(word):
        return True
    if len(table) == 1:
        return False
    if _NAME_WORD.fullmatch(word):
        return _are_wavelengths(values) or _is_count(values)
    return _above_all(values, [each.values[1:] for each in table[1:]])


def _check_table(path: Path, table: Sequence[_Line], header: _Line | None) -> None:
    """Raise `DataError` at the first line that is not like the others."""
    if not table:
        raise DataError(f"{path} has no spectrum below its first line")
    width, named = len(table[0].cells), table[0].is_named
    names = header is not None and _NAME_WORD.fullmatch(header.cells[0]) is not None
    for each in table:
        if len(each.cells) != width:
            raise DataError(
                f"{path}, line {each.number} has {len(each.cells)} values, but line "
                f"{table[0].number} has {width}"
            )
        if None in each.values[named or names :]:
            raise DataError(_no_number(path, each, named or names))
        if math.inf in map(abs, filter(None, each.values)):
            raise DataError(f"{path}, line {each.number} has a number that is too large")
        if each.is_named != named and not names:
            number, word = table[0].number, table[0].cells[0]
            raise DataError(
                f"{path}, line {each.number} begins with {each.cells[0]!r:.60}, but line {number} "
                f"with {word!r:.60}; either all lines begin with a name, or none does"
            )
    if header is not None and len(header.cells) != width:
        raise DataError(
            f"{path}, line {header.number} names {len(header.cells)} columns, but line "
            f"{table[0].number} has {width} values"
        )


def _no_number(path: Path, line: _Line, skip: int = 0) -> str:
    wrong = next(
        cell
        for cell, value in zip(line.cells[skip:], line.values[skip:], strict=True)
        if value is None
    )
    return f"{path}, line {line.number}: {wrong!r:.60} is not a number"


def _without_empty_columns(
    header: _Line | None, table: list[_Line]
) -> tuple[_Line | None, list[_Line]]:
    """Leave out columns at the right without any content, as a trailing comma makes them."""
    width = len(table[0].cells)
    every = [*table, *([header] if header else [])]
    while width > 1 and not any(each.cells[width - 1] for each in every):
        width -= 1

    def cut(line: _Line) -> _Line:
        return _Line(line.number, line.cells[:width], line.values[:width])

    return (cut(header) if header else None), [cut(each) for each in table]


def _has_columns(path: Path, header: _Line | None, table: Sequence[_Line]) -> bool:
    """Whether each column after the first is a spectrum, and the first has the wavelengths."""
    if table[0].is_named or len(table[0].cells) == 1:
        return False
    if header is not None:
        if _WAVE_WORD.search(header.cells[0]):
            return True
        if header.cells[0] and _NAME_WORD.fullmatch(header.cells[0]):
            return False
        if _are_wavelengths(_header_numbers(header)):
            return False
    first = _array(each.values[0] for each in table)
    if not _are_wavelengths(first):
        return False
    # Spectra that stand one per line rarely rise from line to line.
    long = len(first) >= (3 if len(table[0].cells) == 2 else _MANY)
    if long or _above_all(first, [each.values[1:] for each in table]):
        return True
    raise DataError(
        f"{path}: the first column could be wavelengths or the first band of each line's "
        "spectrum; begin the file with a line that names the columns, such as "
        "wavelength,grass,soil or name,400,500"
    )


def _columns(
    path: Path, header: _Line | None, table: Sequence[_Line], title: str, remarks: list[str]
) -> TextSpectra:
    values = np.array([each.values for each in table], dtype=np.float64)
    nm, spectra = values[:, 0], values[:, 1:].T
    bad = np.flatnonzero(~(nm > 0))
    if bad.size:
        line = table[int(bad[0])]
        raise DataError(
            f"{path}, line {line.number}: {line.cells[0]!r} is not a wavelength above 0"
        )
    word = header.cells[0] if header else ""
    wavelengths = _in_nm(path, nm, word, remarks)
    names = header.cells[1:] if header else [title] * (len(spectra) == 1)
    return TextSpectra(_named(names, len(spectra)), spectra, wavelengths, remarks)


def _rows(
    path: Path, header: _Line | None, table: Sequence[_Line], title: str, remarks: list[str]
) -> TextSpectra:
    named, word, waves = table[0].is_named, "", np.empty(0)
    if header is not None:
        word, waves = header.cells[0], _header_numbers(header)
        # The first column may hold numbers of the spectra in place of names.
        own = len(waves) < len(header.cells) and _are_wavelengths(waves)
        named = named or own or _NAME_WORD.fullmatch(word) is not None
    elif not named and len(table) > 1 and _are_wavelengths(_array(table[0].values)):
        if _above_all(_array(table[0].values), [each.values for each in table[1:]]):
            waves, table = _array(table[0].values), table[1:]
        elif len(table[0].cells) >= _MANY:
            raise DataError(
                f"{path}, line {table[0].number} could be wavelengths or a spectrum; begin the "
                "file with a line that names the columns, such as name,400,500"
            )
    names = [each.cells[0] for each in table] if named else []
    values = np.array([each.values[named:] for each in table], dtype=np.float64)
    if values.shape[1] == 1 and len(values) > 1 and not named:  # one number per line
        values = values.T
        names = [title]
    if not values.shape[1]:
        raise DataError(f"{path}, line {table[0].number} has a name but no values")
    wavelengths = None
    if len(waves) == values.shape[1] and _are_wavelengths(waves):
        wavelengths = _in_nm(path, waves, word, remarks)
    if wavelengths is None:
        remarks.append(
            "there are no wavelengths; "
            + ("each line is" if len(values) > 1 else "all numbers are")
            + " taken for one spectrum"
        )
    return TextSpectra(_named(names, len(values)), values, wavelengths, remarks)


def _named(names: Sequence[str], count: int) -> list[str]:
    given = [*names, *[""] * (count - len(names))]
    clean = ["".join(c for c in " ".join(name.split()) if c.isprintable()) for name in given]
    return [name or f"spectrum {number}" for number, name in enumerate(clean, 1)]


def _in_nm(
    path: Path, values: npt.NDArray[np.float64], word: str, remarks: list[str]
) -> tuple[float, ...] | None:
    unit = next((name for pattern, name in _UNIT if pattern.search(word)), "")
    nm, remark = to_nanometres(values, unit)
    if nm is None:
        raise DataError(f"{path}: {remark}")
    remarks += [remark] * bool(remark)
    return nm


def _array(values: Iterable[float | None]) -> npt.NDArray[np.float64]:
    return np.array([math.nan if value is None else value for value in values])


def _header_numbers(header: _Line) -> npt.NDArray[np.float64]:
    """Return the numbers in the names of the columns, NaN where there is none.

    A first name that is not a number is left out.
    """
    found = []
    for cell, value in zip(header.cells, header.values, strict=True):
        match = _IN_NAME.fullmatch(cell) if value is None else None
        found.append(float(match[1]) if match else math.nan if value is None else value)
    return np.array(found[math.isnan(found[0]) :])


def _is_count(values: npt.NDArray[np.float64]) -> bool:
    return len(values) > 1 and bool((np.diff(values) == 1).all()) and values[0] in (0, 1)


def _are_wavelengths(values: npt.NDArray[np.float64]) -> bool:
    """Whether numbers can be wavelengths in nm or µm: they rise or fall, and are no count."""
    if len(values) < 2 or not np.isfinite(values).all() or _is_count(values):
        return False
    steps, low, high = np.diff(values), values.min(), values.max()
    plausible = low >= _SHORTEST_NM or (low >= _SHORTEST_NM / 1000 and high < 100)
    return bool(plausible) and bool((steps > 0).all() or (steps < 0).all())


def _above_all(values: npt.NDArray[np.float64], others: Sequence[Sequence[float | None]]) -> bool:
    """Whether numbers are wavelengths in nm beyond doubt: all others are much smaller."""
    rest = np.array([value for each in others for value in each if value is not None])
    small = rest[np.isfinite(rest)]
    return _are_wavelengths(values) and values.min() > max(_SHORTEST_NM, small.max(initial=0))

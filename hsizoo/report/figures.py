"""Formatting of figures in tables for people, in the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hsizoo.interfaces import Column, Protocol
from hsizoo.report.rows import Row

__all__ = [
    "Layout",
    "best_of",
    "count_of",
    "figure",
    "headline_of",
    "listed",
    "scaled",
    "shown_columns",
    "spread_of",
]

_DIGITS_BESIDE_INTERVALS = 3
_MISSING = "—"


@dataclass(frozen=True)
class Layout:
    """Settings of a protocol that its tables need; stored with the results.

    Parameters
    ----------
    columns : tuple of Column
    headline : tuple of str
    count : str
        See `hsizoo.Protocol`.
    """

    columns: tuple[Column, ...]
    headline: tuple[str, ...]
    count: str

    @classmethod
    def of(cls, protocol: type[Protocol]) -> Layout:
        """Return the layout of a protocol."""
        return cls(tuple(protocol.columns), tuple(protocol.headline), protocol.count)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `from_json`."""
        return asdict(self)

    def at_most(self, digits: int) -> Layout:
        """Return the layout with no more than so many decimals in any column."""
        columns = [replace(each, digits=min(each.digits, digits)) for each in self.columns]
        return replace(self, columns=tuple(columns))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Layout:
        """Rebuild a layout from `to_json`; other versions may have other columns."""
        columns = tuple(Column(**each) for each in data["columns"])
        return cls(columns, tuple(data["headline"]), data["count"])


def shown_columns(columns: Sequence[Column], rows: Sequence[Row]) -> list[Column]:
    """Select the columns that are shown in tables for people."""
    return [
        column
        for column in columns
        if column.shown and not (column.optional and all(row[column.name] is None for row in rows))
    ]


def headline_of(headline: Sequence[str], rows: Sequence[Row]) -> str:
    """Return the name of the column that rows are sorted by: the first one that has a value."""
    return next(
        (name for name in headline if any(row[name] is not None for row in rows)), headline[0]
    )


def spread_of(layout: Layout, rows: Sequence[Row], digits: int) -> list[str] | None:
    """Format the standard deviations of the headline over seeds, for a separate column.

    None if no row has one, or if figures are already shown with ±.
    """
    headline = headline_of(layout.headline, rows)
    found = [row.deviations.get(headline) for row in rows]
    if any(column.deviation for column in layout.columns) or all(sd is None for sd in found):
        return None
    return [_MISSING if sd is None else f"{sd:.{digits}f}" for sd in found]


def count_of(layout: Layout, row: Row) -> str:
    """Return the text of the last column: the number of samples, or of seeds."""
    return str(row.samples if layout.count == "samples" else row.seeds)


def best_of(column: Column, rows: Sequence[Row]) -> float | None:
    """Return the best figure of a column; None if it has fewer than two."""
    values = [value for row in rows if (value := row[column.name]) is not None]
    if len(values) < 2 or not column.better:
        return None
    return min(values) if column.better == "lower" else max(values)


def figure(row: Row, column: Column, *, intervals: bool = True, digits: int | None = None) -> str:
    """Format a figure, with its interval or standard deviation if it has one.

    Parameters
    ----------
    row : Row
    column : Column
    intervals : bool, default True
        Whether to show the interval.
    digits : int, optional
        Decimals; seconds have two significant digits in any case.  Default: those of the column,
        but at most three beside an interval.

    Examples
    --------
    >>> oa = Column(name="oa", meaning="", unit="%", digits=2, deviation=True)
    >>> figure(Row(component="svm", values={"oa": 0.4521}, deviations={"oa": 0.0538}), oa)
    '45.21 ± 5.38'
    """
    value = row[column.name]
    if value is None:
        return _MISSING
    if column.unit == "s":
        return f"{value:.2g}" if value < 10 else f"{value:.0f}"
    ends = row.intervals.get(column.name)
    if ends is not None and intervals:
        digits = min(column.digits, _DIGITS_BESIDE_INTERVALS) if digits is None else digits
        low, high = (f"{scaled(end, column):.{digits}f}" for end in ends)
        return f"{scaled(value, column):.{digits}f} [{low}, {high}]"
    digits = column.digits if digits is None else digits
    text = f"{scaled(value, column):.{digits}f}"
    spread = row.deviations.get(column.name)
    if column.deviation and spread is not None:
        text += f" ± {scaled(spread, column):.{digits}f}"
    return text


def listed(words: Sequence[str]) -> str:
    """Join words as in a sentence.

    Examples
    --------
    >>> listed(["best", "median", "worst"]), listed(["best"])
    ('best, median and worst', 'best')
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def scaled(value: float, column: Column) -> float:
    """Convert a figure to the unit of its column: shares become per cent."""
    return 100 * value if column.unit in ("%", "×100") else value

"""How figures are written in tables for people: in the terminal and in Markdown alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hsizoo.interfaces import Column, Protocol
from hsizoo.report.rows import Row

__all__ = [
    "Layout",
    "best_of",
    "count_of",
    "figure",
    "headline_of",
    "scaled",
    "shown_columns",
    "spread_of",
]

_DIGITS_BESIDE_INTERVALS = 3
_MISSING = "—"


@dataclass(frozen=True)
class Layout:
    """What a table needs to know of its protocol, kept with the results.

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
        """That of a protocol."""
        return cls(tuple(protocol.columns), tuple(protocol.headline), protocol.count)

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Layout:
        """Rebuild what `to_json` returned; a table of another version may have other columns."""
        columns = tuple(Column(**each) for each in data["columns"])
        return cls(columns, tuple(data["headline"]), data["count"])


def shown_columns(columns: Sequence[Column], rows: Sequence[Row]) -> list[Column]:
    """Select the columns that tables for people have."""
    return [
        column
        for column in columns
        if column.shown and not (column.optional and all(row[column.name] is None for row in rows))
    ]


def headline_of(headline: Sequence[str], rows: Sequence[Row]) -> str:
    """The column that rows are put in order by: the first one that has a value."""
    return next(
        (name for name in headline if any(row[name] is not None for row in rows)), headline[0]
    )


def spread_of(layout: Layout, rows: Sequence[Row], digits: int) -> list[str] | None:
    """Standard deviations over seeds of the headline, row by row, for a column of their own.

    None where no row has one, or where figures are shown with ± theirs.
    """
    headline = headline_of(layout.headline, rows)
    found = [row.deviations.get(headline) for row in rows]
    if any(column.deviation for column in layout.columns) or all(sd is None for sd in found):
        return None
    return [_MISSING if sd is None else f"{sd:.{digits}f}" for sd in found]


def count_of(layout: Layout, row: Row) -> str:
    """What the last column says of a row: the number of its samples, or of its seeds."""
    return str(row.samples if layout.count == "samples" else row.seeds)


def best_of(column: Column, rows: Sequence[Row]) -> float | None:
    """The best figure of a column; None where there are not two to choose from."""
    values = [value for row in rows if (value := row[column.name]) is not None]
    if len(values) < 2 or not column.better:
        return None
    return min(values) if column.better == "lower" else max(values)


def figure(row: Row, column: Column, *, intervals: bool = True) -> str:
    """Write one figure, with its interval or its standard deviation where it has one.

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
        digits = min(column.digits, _DIGITS_BESIDE_INTERVALS)
        low, high = (f"{scaled(end, column):.{digits}f}" for end in ends)
        return f"{scaled(value, column):.{digits}f} [{low}, {high}]"
    text = f"{scaled(value, column):.{column.digits}f}"
    spread = row.deviations.get(column.name)
    if column.deviation and spread is not None:
        text += f" ± {scaled(spread, column):.{column.digits}f}"
    return text


def scaled(value: float, column: Column) -> float:
    """A figure in the unit of its column: shares become per cent."""
    return 100 * value if column.unit in ("%", "×100") else value

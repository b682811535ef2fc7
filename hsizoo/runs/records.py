"""What is wrong with the record of a cell: whether its protocol can make a table of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from hsizoo.interfaces import Column, Protocol, Record

__all__ = ["fault_of"]

_ROUNDING = 1e-9  # by which a mean of values in the range may be out of it


def fault_of(protocol: type[Protocol], record: Record) -> str:
    """Return why a record cannot be in a table; empty if it can.

    Parameters
    ----------
    protocol : type of Protocol
        The protocol that the cell was evaluated by.
    record : mapping
        A record that is done.

    Returns
    -------
    str
        Continues a sentence: ``has the value 17 …``, ``lacks …``.
    """
    missing = [key for key in ("scene", "seed", "dataset") if key not in record["identity"]]
    missing += [key for key in ("subject",) if not isinstance(record.get(key), str)]
    if missing:
        return f"lacks {', '.join(missing)}"
    columns = {column.name: column for column in protocol.columns}
    try:
        (observations,) = protocol.observe([record])
        values: list[tuple[str, float | None]] = []
        for each in observations:
            values += each.values.items()
        values += protocol.measures(record).items()
        return _out_of_range(columns, values)
    except Exception as error:  # noqa: BLE001, as what a plugin makes of a record that is wrong
        return f"cannot be read by protocol {protocol.name}: {type(error).__name__}: {error}"


def _out_of_range(columns: Mapping[str, Column], values: Iterable[tuple[str, float | None]]) -> str:
    for name, value in values:
        column = columns.get(name)
        if column is None or value is None or math.isnan(value):
            continue
        too_low = column.low is not None and value < column.low - _ROUNDING
        too_high = column.high is not None and value > column.high + _ROUNDING
        if too_low or too_high:
            return f"has the value {value:g} for {name}, {_range(column)}"
    return ""


def _range(column: Column) -> str:
    if column.low is None:
        return f"which is at most {column.high:g}"
    if column.high is None:
        return f"which is at least {column.low:g}"
    return f"which is between {column.low:g} and {column.high:g}"

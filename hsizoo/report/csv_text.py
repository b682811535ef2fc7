"""Tables as CSV text."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["csv_blocks", "csv_with_conditions", "names_of_conditions", "to_csv"]

_BLOCK = 10_000  # lines that are formatted at a time


def to_csv(head: Sequence[str], lines: Iterable[Mapping[str, Any]]) -> str:
    """Format lines as CSV; missing values are left empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, head, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def csv_blocks(head: Sequence[str], lines: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Format any number of lines as CSV in UTF-8, in pieces; None is left empty."""
    left = itertools.chain([head], lines)
    while block := list(itertools.islice(left, _BLOCK)):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(block)
        yield text.getvalue().encode()


def names_of_conditions(conditions: Iterable[str], head: Sequence[str]) -> dict[str, str]:
    """Return the column of each condition; see `csv_with_conditions`."""
    taken = {"component", *head}
    return {key: f"condition {key}" if key in taken else key for key in conditions}


def csv_with_conditions(
    head: Sequence[str], lines: Sequence[tuple[Mapping[str, str], dict[str, Any]]]
) -> str:
    """Format lines as CSV, with a column for each condition after the component.

    A condition with the same name as one of the table's own columns gets the prefix ``condition``.
    """
    names = names_of_conditions(lines[0][0] if lines else (), head)
    return to_csv(
        ["component", *names.values(), *head],
        [{**line, **{names[key]: value for key, value in mine.items()}} for mine, line in lines],
    )

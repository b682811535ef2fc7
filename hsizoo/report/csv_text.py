"""Tables as CSV text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["csv_with_conditions", "to_csv"]


def to_csv(head: Sequence[str], lines: Iterable[Mapping[str, Any]]) -> str:
    """Format lines as CSV; missing values are left empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, head, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def csv_with_conditions(
    head: Sequence[str], lines: Sequence[tuple[Mapping[str, str], dict[str, Any]]]
) -> str:
    """Format lines as CSV, with a column for each condition after the component.

    A condition with the same name as one of the table's own columns gets the prefix ``condition``.
    """
    conditions = list(lines[0][0]) if lines else []
    taken = {"component", *head}
    names = {key: f"condition {key}" if key in taken else key for key in conditions}
    return to_csv(
        ["component", *names.values(), *head],
        [{**line, **{names[key]: value for key, value in mine.items()}} for mine, line in lines],
    )

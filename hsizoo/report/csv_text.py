"""Tables as CSV text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["to_csv"]


def to_csv(head: Sequence[str], lines: Iterable[Mapping[str, Any]]) -> str:
    """Write lines as CSV; what a line lacks is left empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, head, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()

"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["markdown_table"]


def markdown_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    r"""Format a table in Markdown.

    Examples
    --------
    >>> print(markdown_table(["a"], [["x | y"]]))
    | a |
    | --- |
    | x \| y |
    """
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

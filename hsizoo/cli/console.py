"""Console output of the commands: in a terminal of any width, and in a pipe.

In a terminal, or where ``COLUMNS`` is set, lines fit the width; a table that does not is written as
paragraphs.  In a pipe nothing is wrapped, cut or padded.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any, TextIO, cast

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

__all__ = ["console", "json_alone", "print_json", "print_pairs", "print_rows"]

_PIPE = 100_000  # columns: no line is wrapped
_NARROWEST = 40  # a narrower terminal breaks the lines itself
_GAP = 2  # spaces between columns
_PROSE = 26  # columns that the last column of a table needs at least
_INDENT = (0, 0, 0, 4)


def console(stderr: bool = False) -> Console:
    """Return a console on stdout or stderr."""
    stream = sys.stderr if stderr else sys.stdout
    if stream.isatty():
        made = Console(stderr=stderr, highlight=False, emoji=False)
        made.width = max(made.width, _NARROWEST)
        return made
    asked = os.environ.get("COLUMNS", "")
    width = max(int(asked), _NARROWEST) if asked.isdecimal() and int(asked) else _PIPE
    return Console(file=cast(TextIO, _Unpadded(stream)), width=width, highlight=False, emoji=False)


class _Unpadded(io.TextIOBase):
    """A stream that leaves out the spaces with which tables fill their lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(re.sub(r" +(?=\n)", "", text))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream: rich draws in ASCII where it must."""
        return self._stream.encoding or "utf-8"


def print_rows(
    out: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], indent: int = 0
) -> None:
    """Print a table; a paragraph per row where there is too little room.

    Parameters
    ----------
    out : Console
    columns : sequence of str
        Headings; all of them empty for a table without.
    rows : sequence of sequence of str
        Cells in rich's markup.  The last one may be prose, which is wrapped.
    indent : int, default 0
        Spaces in front of every line.
    """
    if not rows:
        return
    parsed = [[Text.from_markup(cell, emoji=False) for cell in cells] for cells in rows]
    widths = [
        max(len(column), *(cells[place].cell_len for cells in parsed))
        for place, column in enumerate(columns)
    ]
    *others, last = widths
    needed = indent + sum(others) + _GAP * len(others) + min(last, _PROSE)
    if needed > out.width and len(columns) > 2:
        _print_paragraphs(out, columns, rows)
        return
    made = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    fits = needed <= out.width
    for column, width in zip(columns[:-1], others, strict=True):
        made.add_column(column, no_wrap=fits, width=width if fits else None, overflow="fold")
    room = out.width - (needed - min(last, _PROSE))
    # With all widths told, rich measures no cell again, which takes as long as printing it.
    made.add_column(columns[-1], width=min(last, room) if fits else None, overflow="fold")
    for cells in parsed:
        made.add_row(*cells)
    out.print(Padding(made, (0, 0, 0, indent), expand=False) if indent else made)


def _print_paragraphs(out: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for first, *others, prose in rows:
        words = [
            f"{column} {cell}".strip()
            for column, cell in zip(columns[1:], others, strict=False)
            if cell
        ]
        whole = " · ".join(filter(None, (f"[bold]{first}[/]", *words, prose)))
        if "\n" not in prose and Text.from_markup(whole, emoji=False).cell_len <= out.width:
            out.print(whole)
            continue
        out.print(first, style="bold")
        for text in filter(None, (" · ".join(words), prose)):
            out.print(Padding(text, _INDENT))


def print_pairs(out: Console, pairs: Sequence[tuple[str, str]]) -> None:
    """Print keys and values below each other; values are text and may have several lines."""
    made = Table.grid(padding=(0, _GAP, 0, 0))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for key, value in pairs:
        made.add_row(Text(key), Text(value))
    out.print(made)


_for_json: ContextVar[TextIO | None] = ContextVar("_for_json", default=None)


@contextlib.contextmanager
def json_alone() -> Iterator[None]:
    """Keep stdout for `print_json`: what a plugin or a library prints meanwhile goes to stderr."""
    reserved = _for_json.set(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _for_json.reset(reserved)


def print_json(data: Any) -> None:
    """Print data as JSON."""
    print(json.dumps(data, indent=2), file=_for_json.get() or sys.stdout)

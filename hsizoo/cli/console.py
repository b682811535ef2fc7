"""Console output of the commands."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["console", "print_json", "table"]

_WIDTH_OF_A_PIPE = 500  # avoids line breaks in logs and tests


def console(stderr: bool = False) -> Console:
    """Return a console on stdout or stderr that does not truncate tables in a pipe."""
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, width=None if terminal else _WIDTH_OF_A_PIPE, highlight=False)


def table(*columns: str, title: str | None = None) -> Table:
    """Return an empty table in the common style; the first column is never wrapped."""
    made = Table(title=title, box=None, pad_edge=False, header_style="bold", title_justify="left")
    for number, column in enumerate(columns):
        made.add_column(column, no_wrap=number == 0, overflow="fold")
    return made


def print_json(data: Any) -> None:
    """Print data as JSON."""
    print(json.dumps(data, indent=2))  # noqa: T201

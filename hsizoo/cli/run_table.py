"""The table of a run in the terminal, for ``hsizoo bench`` and ``hsizoo table``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hsizoo.cli.console import console
from hsizoo.report.console_table import fitting_table
from hsizoo.report.figures import Layout
from hsizoo.report.rows import Row

__all__ = ["print_run_table"]


def print_run_table(
    layout: Layout,
    rows: Sequence[Row],
    title: str,
    notes: Iterable[str],
    digits: int | None = None,
) -> None:
    """Print a table, what was omitted for the width, and the notes."""
    out = console()
    shown, left_out = fitting_table(layout, rows, title, out.width, digits=digits)
    out.print(shown)
    if left_out:
        out.print(f"omitted, terminal too narrow: {', '.join(left_out)}", style="dim")
    for note in notes:
        out.print(note, style="yellow", markup=False)

"""A progress bar for work that reports by `hsizoo.tell_progress`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hsizoo.progress import listening

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(out: Console, text: str) -> Iterator[None]:
    """Show what the work within reports, in a terminal; elsewhere nothing.

    Parameters
    ----------
    out : Console
    text : str
        What is being done.
    """
    if not out.is_terminal:
        yield
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task(escape(text), total=None)
        with listening(lambda done, total: bar.update(task, completed=done, total=total)):
            yield

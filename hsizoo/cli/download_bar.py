"""A progress bar for downloads, in a terminal only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hsizoo.progress import listening

__all__ = ["download_bar"]


@contextlib.contextmanager
def download_bar(name: str) -> Iterator[None]:
    """Show the progress that a download tells, in bytes.

    Parameters
    ----------
    name : str
        Name of the file.
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from hsizoo.cli.console import console

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    out = console(stderr=True)
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task(name, total=None, visible=False)
        with listening(
            lambda done, total: bar.update(task, completed=done, total=total, visible=True)
        ):
            yield

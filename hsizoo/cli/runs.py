"""``hsizoo runs``: list stored runs."""

from __future__ import annotations

from typing import Annotated

import typer

from hsizoo.cli.parameters import Json
from hsizoo.documents import user_path


def runs(
    folder: Annotated[
        str,
        typer.Argument(metavar="FOLDER", help="Where to look, at any depth."),
    ] = "hsizoo-runs",
    json: Json = False,
) -> None:
    """List the runs in FOLDER and below it: dataset, protocol, components and cells.

    A run without a table was stopped; its command resumes it.  Tables that another run in the same
    folder has replaced are in its folder "earlier".
    """
    from dataclasses import asdict

    from rich.markup import escape

    from hsizoo.cli.console import console, print_json, print_rows
    from hsizoo.runs.stored import find_runs

    found = find_runs(user_path(folder))
    if json:
        print_json([asdict(run) for run in found])
        return
    if not found:
        console().print(f"no runs in {folder}", markup=False)
        return
    head = ("run", "dataset", "protocol", "done", "failed", "finished (UTC)", "components")
    rows = [
        (
            escape(run.folder),
            escape(", ".join(run.datasets)),
            escape(run.protocol),
            str(run.done) if run.complete else f"{run.done}, no table",
            f"[red]{run.failed}[/]" if run.failed else "0",
            run.finished[:16].replace("T", " "),
            escape(", ".join(run.components)),
        )
        for run in found
    ]
    print_rows(console(), head, rows)

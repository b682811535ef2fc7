"""``hsizoo --version``."""

from __future__ import annotations

from typing import Annotated

import typer


def _show(wanted: bool) -> None:
    if wanted:
        import hsizoo

        typer.echo(f"hsizoo {hsizoo.__version__}")
        raise typer.Exit


def before_all(
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show, help="Show the version and exit."),
    ] = False,
) -> None:
    """Handle the options before a command."""

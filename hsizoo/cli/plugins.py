"""``hsizoo plugins``: list the plugins found, and why some failed to load."""

from __future__ import annotations

from typing import Annotated

import typer

from hsizoo.cli.parameters import Json

_COLOUR = {"ok": "green", "failed": "red", "disabled": "yellow"}


def plugins(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show the traceback of each failure.")
    ] = False,
    again: Annotated[
        bool,
        typer.Option("--again", help="Ask plugins again, even those whose answer is known."),
    ] = False,
    json: Json = False,
) -> None:
    """List plugins with their status.

    A plugin of another distribution is asked once what it offers, in a process of its own.

    HSIZOO_NO_PLUGINS=1 loads only hsizoo's own plugins; HSIZOO_STRICT_PLUGINS=1 stops at the first
    plugin that fails; HSIZOO_PLUGIN_SECONDS is the time that a plugin has to answer.
    """
    from dataclasses import asdict

    from rich.markup import escape

    from hsizoo.cli.console import console, print_json, print_rows
    from hsizoo.zoo.registry import registry, reset

    if again:
        reset(again=True)
    records = registry().plugins
    if json:
        print_json([asdict(record) for record in records])
        return
    rows = [
        (
            escape(record.name),
            escape(f"{record.dist} {record.version}"),
            f"[{_COLOUR[record.status]}]{record.status}[/]",
            str(len(record.components)),
            escape("; ".join(filter(None, (record.detail, record.mend)))),
        )
        for record in records
    ]
    print_rows(console(), ("plugin", "from", "status", "components", "detail"), rows)
    if verbose:
        for record in records:
            if record.traceback:
                whose = f"\n{record.name} ({record.dist} {record.version}):"
                console().print(whose, style="bold", markup=False)
                console().print(record.traceback, markup=False)

"""``hsizoo list``: list all components."""

from __future__ import annotations

from typing import Annotated

import typer

from hsizoo.cli.listing import print_components
from hsizoo.cli.parameters import Json
from hsizoo.zoo.spec import KINDS


def list_components(
    kind: Annotated[
        str | None,
        typer.Option("--kind", "-k", metavar="KIND", help=f"Only one kind: {', '.join(KINDS)}."),
    ] = None,
    json: Json = False,
) -> None:
    """List all components: scorers, segmenters, datasets and so on."""
    print_components(kind, json)

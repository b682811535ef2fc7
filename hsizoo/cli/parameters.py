"""Arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

__all__ = ["DataDir", "Device", "Json", "Layout", "Variable"]

DataDir = Annotated[
    str | None,
    typer.Option(metavar="FOLDER", help="Folder of the dataset's files: its option data_dir."),
]
Device = Annotated[str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda, cuda:NUMBER or mps.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Layout = Annotated[
    Literal["hwb", "bhw"],
    typer.Option(
        help="Order of the axes where the format does not say it: bands last, or first.",
    ),
]
Variable = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Which array is the cube, where a file holds several."),
]

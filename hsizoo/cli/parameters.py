"""Arguments and options shared by several commands."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

__all__ = ["DataDir", "Dataset", "Device", "Json", "Layout", "Variable"]

DataDir = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER", help="Folder with the dataset's files; sets its option data_dir."
    ),
]
Dataset = Annotated[
    str,
    typer.Option(
        "--dataset",
        "-d",
        metavar="DATASET",
        help="Dataset, optionally with options: phantom:height=256,width=256; or your own "
        "folder of cubes and masks: ./cubes/.",
    ),
]
Device = Annotated[str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda, cuda:NUMBER or mps.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Layout = Annotated[
    Literal["hwb", "bhw"],
    typer.Option(
        help="Axis order if the format does not define it: bands last, or first.",
    ),
]
Variable = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Array that is the cube, if a file has several."),
]

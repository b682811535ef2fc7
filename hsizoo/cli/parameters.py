"""Arguments and options shared by several commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer

__all__ = [
    "DataDir",
    "Dataset",
    "Device",
    "ExecutorName",
    "Jobs",
    "Json",
    "Layout",
    "SetOption",
    "Variable",
    "settings_given",
]

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
ExecutorName = Annotated[
    str,
    typer.Option(
        "--executor",
        metavar="NAME",
        help="Where to compute: local, or ray or ray:ADDRESS, a Ray cluster with --jobs "
        "workers; see docs/cluster.md.",
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", metavar="N", help="Compute in N processes.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Layout = Annotated[
    Literal["auto", "hwb", "bhw", "hbw"],
    typer.Option(
        help="Order of the axes, if the file does not tell it: bands last (hwb), first (bhw) or in "
        "the middle (hbw).",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="How to read the file, as in hsizoo.toml: nodata=-9999, scale=10000, "
        "'drop_bands=[0, 1]', 'wavelengths=[500, 510]'; may be repeated.",
    ),
]
Variable = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Array that is the cube, if a file has several."),
]


def settings_given(
    pairs: Sequence[str] | None, variable: str | None = None, layout: str = "auto"
) -> dict[str, Any]:
    """Return the settings of ``--set``, ``--variable`` and ``--layout``, as TOML gives them.

    Raises
    ------
    typer.BadParameter
        If one is not KEY=VALUE.
    """
    import tomllib

    found: dict[str, Any] = {}
    for pair in pairs or ():
        key, equals, text = pair.partition("=")
        if not equals or not key.strip().replace("_", "").isalpha():
            raise typer.BadParameter(f"{pair!r} is not KEY=VALUE", param_hint="--set")
        try:
            value = tomllib.loads(f"value = {text.strip()}")["value"]
        except (ValueError, RecursionError):
            value = text.strip()  # a word without quotes
        found[key.strip()] = value
    given = {"variable": variable, "layout": layout if layout != "auto" else None}
    return found | {key: value for key, value in given.items() if value is not None}

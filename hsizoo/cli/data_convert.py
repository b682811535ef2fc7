"""``hsizoo data convert``: a cube in another format."""

from __future__ import annotations

from typing import Annotated

import typer

from hsizoo.cli.parameters import Layout, Variable


def convert(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The cube to read.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The file to write.")],
    variable: Variable = None,
    layout: Layout = "hwb",
    force: Annotated[bool, typer.Option("--force", help="Replace TARGET if it is there.")] = False,
) -> None:
    """Write the cube SOURCE as TARGET: float32, as .hdr (ENVI), .zarr, .npz or .npy.

    Bad bands are left out, pixels without data become NaN, and a scale factor is divided out.
    """
    from pathlib import Path

    from hsizoo.errors import DataError
    from hsizoo.io.formats import open_raster
    from hsizoo.io.writing import write_cube

    raster = open_raster(source, "cube", variable=variable, layout=layout)
    out = Path(target)
    written = {out, out.with_suffix(".img")} if out.suffix.lower() == ".hdr" else {out}
    there = [path for path in sorted(written) if path.exists()]
    if {path.resolve() for path in there} & {raster.path.resolve(), Path(source).resolve()}:
        raise DataError(f"{target} would overwrite the cube that is read; choose another name")
    if there and not force:
        raise DataError(f"{there[0]} is there; choose another name, or replace it with --force")
    write_cube(out, raster)
    typer.echo(f"{out}")

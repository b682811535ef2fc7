"""``hsizoo data convert``: write a cube in another format."""

from __future__ import annotations

from typing import Annotated

import typer

from hsizoo.cli.parameters import Layout, SetOption, Variable, settings_given


def convert(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Cube to read.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="File to write.")],
    variable: Variable = None,
    layout: Layout = "auto",
    set_: SetOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace TARGET if it exists.")] = False,
) -> None:
    """Write the cube SOURCE as TARGET: float32, as .hdr (ENVI), .zarr, .npz or .npy.

    Bad bands are dropped, pixels without data become NaN, and values are divided by a scale factor.
    """
    from pathlib import Path

    from hsizoo.errors import DataError
    from hsizoo.io.axes import stands_apart
    from hsizoo.io.manifest import find_manifest
    from hsizoo.io.raster import usable_bands
    from hsizoo.io.reading import open_cube
    from hsizoo.io.settings import MASK_SETTINGS, Settings
    from hsizoo.io.writing import write_cube

    raster = open_cube(source, Settings.of(settings_given(set_, variable, layout)))
    for remark in raster.remarks:
        typer.echo(f"{source}: {remark}", err=True)
    out = Path(target)
    written = {out, out.with_suffix(".img")} if out.suffix.lower() == ".hdr" else {out}
    existing = [path for path in sorted(written) if path.exists()]
    if {path.resolve() for path in existing} & {raster.path.resolve(), Path(source).resolve()}:
        raise DataError(f"{target} would overwrite the source cube; choose another name")
    if existing and not force:
        raise DataError(
            f"{existing[0]} already exists; choose another name, or replace it with --force"
        )
    write_cube(out, raster)
    typer.echo(f"{out}")
    shape = (*raster.values.shape[:2], len(usable_bands(raster)[0]))
    if out.suffix.lower() == ".npy" and not stands_apart(shape):
        typer.echo(
            f"{out}: .npy does not keep the order of the axes, and {shape} does not tell it; read "
            "it with --layout hwb, or write .npz",
            err=True,
        )
    manifest = find_manifest(out)
    if again := [key for key in manifest.given if key not in MASK_SETTINGS]:
        typer.echo(
            f"{out}: what {manifest.path} says ({', '.join(again)}) has been applied, and would be "
            "applied once more when this file is read; move it to a folder of its own",
            err=True,
        )

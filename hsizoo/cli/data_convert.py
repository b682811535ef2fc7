"""``hsizoo data convert``: write a cube in another format."""

from __future__ import annotations

from typing import Annotated

import typer

from hsizoo.cli.parameters import Layout, SetOption, Variable, settings_given


def convert(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The cube, of any known format.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="File to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace TARGET if it exists.")] = False,
    variable: Variable = None,
    layout: Layout = "auto",
    set_: SetOption = None,
) -> None:
    """Write the cube SOURCE as TARGET: float32, as .hdr (ENVI), .zarr, .npz or .npy.

    Bad bands are left out, pixels without data become NaN, and scale factors and offsets are
    applied.
    """
    from pathlib import Path

    from hsizoo.cli.console import console
    from hsizoo.errors import DataError
    from hsizoo.io.formats import files_of
    from hsizoo.io.reading import open_cube
    from hsizoo.io.settings import Settings
    from hsizoo.io.writing import write_cube

    raster = open_cube(source, Settings.of(settings_given(set_, variable, layout)))
    errors = console(stderr=True)
    for remark in raster.remarks:
        errors.print(f"{source}: {remark}", style="yellow", markup=False)
    out = Path(target)
    written = {out, out.with_suffix(".img")} if out.suffix.lower() == ".hdr" else {out}
    existing = [path for path in sorted(written) if path.exists()]
    read = {path.resolve() for path in (raster.path, *files_of(Path(source)))}
    if not read.isdisjoint(path.resolve() for path in existing):
        raise DataError(f"{target} would overwrite the source cube; choose another name")
    if existing and not force:
        raise DataError(f"{existing[0]} exists; choose another name, or replace it with --force")
    write_cube(out, raster)
    typer.echo(f"{out}")

"""``hsizoo show``: what a cube is, in words and as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hsizoo.cli.parameters import Json, Layout, SetOption, Variable, settings_given

if TYPE_CHECKING:
    from pathlib import Path

    from hsizoo.io.raster import Raster
    from hsizoo.io.settings import Settings

__all__ = ["EPILOG", "show"]

EPILOG = (
    "Example: hsizoo show scene.hdr --out scene.png; its axes are the ROW,COL of the clicks of "
    "hsizoo segment"
)


def show(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The cube, of any known format.")],
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", metavar="PATH", help="Draw its pseudo-RGB image and mean spectra, .png."
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            "-l",
            metavar="MASK",
            help="With --out: the mean spectrum of each class of MASK.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace PATH if it exists.")] = False,
    variable: Variable = None,
    layout: Layout = "auto",
    set_: SetOption = None,
    json: Json = False,
) -> None:
    """Show what the cube FILE is: size, bands, wavelengths, values, valid pixels, georeference.

    All values are read.  What was done to them, because the file or a hsizoo.toml says so, is told.
    """
    from pathlib import Path

    from hsizoo.errors import DataError
    from hsizoo.io.describing import describe
    from hsizoo.io.reading import open_cube
    from hsizoo.io.settings import Settings
    from hsizoo.io.writing import check_parent

    target = None if out is None else Path(out)
    if target is not None and target.suffix.lower() != ".png":
        raise DataError(f"{target}: the picture is written as .png, not {target.suffix!r}")
    if target is not None:
        check_parent(target)
    if target is not None and target.exists() and not force:
        raise DataError(f"{target} exists; choose another name, or replace it with --force")
    if labels is not None and target is None:
        raise DataError("--labels needs --out PATH.png, the picture with the spectra")
    settings = Settings.of(settings_given(set_, variable, layout))
    raster = open_cube(file, settings)
    described = describe(Path(file), raster)
    if json:
        from hsizoo.cli.console import print_json

        print_json(described.to_json())
    else:
        width = max(len(name) for name, _ in described.rows())
        typer.echo(f"{file}")
        for name, text in described.rows():
            typer.echo(f"  {name:{width}}  {text}")
        for remark in described.remarks:
            typer.echo(f"  {'note':{width}}  {remark}")
    if target is not None:
        _draw(target, raster, labels, settings)
        typer.echo(f"{target}  pseudo-RGB image and mean spectra", err=json)


def _draw(target: Path, raster: Raster, labels: str | None, settings: Settings) -> None:
    import numpy as np

    from hsizoo.cube import LabelMap
    from hsizoo.errors import DataError
    from hsizoo.io.raster import to_cube, to_labels
    from hsizoo.io.reading import open_labels
    from hsizoo.io.writing import system_errors
    from hsizoo.report.cube_picture import draw_cube

    cube, label_map = to_cube(raster), None
    if labels is not None:
        opened = open_labels(labels, settings, like=raster)
        values = to_labels(opened)
        if values.shape != cube.data.shape[:2]:
            raise DataError(
                f"{labels} has {values.shape} (rows, columns), but {raster.path} has "
                f"{cube.data.shape[:2]}"
            )
        present = [label for label in np.unique(values).tolist() if label > 0]
        names = {label: opened.class_names.get(label, f"class {label}") for label in present}
        label_map = LabelMap(np.maximum(values, 0), names, ignore=[0])
    content = draw_cube(cube, label_map)
    with system_errors(target):
        target.write_bytes(content)

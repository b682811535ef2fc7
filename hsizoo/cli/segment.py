"""``hsizoo segment``: segment one object of a cube by clicks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from hsizoo.cli.parameters import Device, Layout, SetOption, Variable, settings_given
from hsizoo.zoo.lookup import check_components

__all__ = ["EPILOG", "segment"]

EPILOG = "Example: hsizoo segment sa-rw scene.hdr --click 60,100 --not 10,10 --out mask.png"

_OBJECT = "object"


def segment(
    component: Annotated[
        str, typer.Argument(metavar="COMPONENT", help="A segmenter or scorer: sa-rw, samsa2-small.")
    ],
    file: Annotated[str, typer.Argument(metavar="FILE", help="The cube, of any known format.")],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            metavar="PATH",
            help="Mask file: .png, .hdr (ENVI classification), .tif (GeoTIFF if FILE is one) or "
            ".npz.",
        ),
    ],
    click: Annotated[
        list[str] | None,
        typer.Option("--click", metavar="ROW,COL", help="Click on the object; may be repeated."),
    ] = None,
    not_: Annotated[
        list[str] | None,
        typer.Option("--not", metavar="ROW,COL", help="Click on the background; may be repeated."),
    ] = None,
    replay: Annotated[
        str | None,
        typer.Option(
            "--replay",
            metavar="PATH",
            help="Start with the clicks saved by an earlier call, and with its threshold unless "
            "--threshold is given.",
        ),
    ] = None,
    object_: Annotated[
        str | None,
        typer.Option(
            "--object",
            metavar="NAME",
            help="With --replay of several objects: the one to write and to click on.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="T",
            help="Probability above which a pixel is in the mask, in [0, 1).  [default: 0.5]",
        ),
    ] = None,
    overlay: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="Also draw the mask and the clicks on the image, as .png."
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace files that are not from an earlier call."),
    ] = False,
    variable: Variable = None,
    layout: Layout = "auto",
    set_: SetOption = None,
    device: Device = "auto",
    allow_untrained: Annotated[
        bool, typer.Option("--allow-untrained", help="Allow an untrained segmenter.")
    ] = False,
) -> None:
    """Segment one object of the cube FILE by clicks with COMPONENT, and write its mask.

    The clicks are saved next to the mask, as OUT.clicks.json; --replay OUT.clicks.json with the
    same component gives the same mask.
    """
    check_components([component], ("segmenter", "scorer"))
    positive, negative = _positions("--click", click or ()), _positions("--not", not_ or ())
    if threshold is not None and not 0 <= threshold < 1:
        raise typer.BadParameter(
            f"{threshold:g} is not in the range 0<=x<1", param_hint="--threshold"
        )
    from pathlib import Path

    from hsizoo.cli.console import console
    from hsizoo.errors import ClickError, DataError
    from hsizoo.io.writing import check_mask_name
    from hsizoo.session import Session
    from hsizoo.session.masks import check_own

    check_mask_name(out)
    if overlay and not overlay.lower().endswith(".png"):
        raise DataError(f"{overlay}: overlays are written as .png")
    how = settings_given(set_, variable, layout)
    errors = console(stderr=True)
    if replay:
        session = Session.replay(
            replay, file, component, settings=how, device=device, allow_untrained=allow_untrained
        )  # fmt: skip
        if len(session.objects) > 1 and object_ is None:
            raise DataError(
                f"{replay} has {len(session.objects)} objects ({', '.join(session.objects)}), "
                "but this command writes the mask of one; name it: --object NAME"
            )
    else:
        session = Session(
            file, component, settings=how, device=device, allow_untrained=allow_untrained
        )  # fmt: skip
    for remark in session.remarks:
        errors.print(remark, style="yellow", markup=False)
    if not session.objects:
        session.add(object_ or _OBJECT)
    name = object_ or session.objects[0]
    if threshold is not None:
        session.set_threshold(threshold)
    for row, col in positive:
        session.click(name, row, col)
    for row, col in negative:
        session.click(name, row, col, positive=False)
    painted = session.state.object(name).painted
    if not session.clicks(name).positive.any() and not len(painted.added):
        raise ClickError("give at least one click on the object: --click ROW,COL")
    session.check_export(out)
    clicks_file = Path(f"{out}.clicks.json")
    if not force:
        check_own(Path(out), clicks_file)
        if overlay and Path(overlay).exists() and not Path(out).exists():
            raise DataError(f"{overlay} exists; choose another name, or replace it with --force")
    session.mask(name)  # write nothing if this fails
    kept = session.save(clicks_file)
    mask = session.export(out, name)
    height, width, _ = session.cube.shape
    typer.echo(f"{mask.path}  {mask.pixels} of {height * width} pixels")
    typer.echo(f"{kept}  {len(session.clicks(name))} click(s)")
    if overlay:
        typer.echo(f"{session.overlay(overlay, name)}  mask and clicks on the image")
    for remark in mask.remarks:
        errors.print(remark.replace("the threshold", "--threshold"), style="yellow", markup=False)


def _positions(option: str, values: Sequence[str]) -> list[tuple[int, int]]:
    """Parse values of the form ``ROW,COL``."""
    positions = []
    for value in values:
        row, _comma, col = (part.strip() for part in value.partition(","))
        if not (row.isdecimal() and col.isdecimal()):
            raise typer.BadParameter(
                f"{value!r} is not a position; expected ROW,COL, both counted from 0",
                param_hint=option,
            )
        positions.append((int(row), int(col)))
    return positions

"""``hsizoo studio``: the clicking page."""

from __future__ import annotations

from typing import Annotated

import typer

from hsizoo.cli.parameters import Device, Layout, SetOption, Variable, settings_given

__all__ = ["EPILOG", "studio"]

EPILOG = "Examples: hsizoo studio scene.hdr; hsizoo studio --dataset indian-pines"


def studio(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE|FOLDER", help="The cube, of any known format, or a folder of cubes."
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", "-d", metavar="DATASET", help="Open its scenes instead."),
    ] = None,
    component: Annotated[
        str,
        typer.Option(
            "--component",
            "-c",
            metavar="COMPONENT",
            help="The segmenter or scorer to begin with; the page can change it.",
        ),
    ] = "verdict",
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            "-l",
            metavar="MASK",
            help="Labels of FILE, to show them and to tell the Dice.",
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 is any free one.")
    ] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    variable: Variable = None,
    layout: Layout = "auto",
    set_: SetOption = None,
    device: Device = "auto",
    allow_untrained: Annotated[
        bool, typer.Option("--allow-untrained", help="Allow untrained segmenters.")
    ] = False,
) -> None:
    """Look at a cube in the browser, click on objects, get their masks.

    The page is served to this machine only, at an address with a random token.  End it with Ctrl-C.
    """
    from hsizoo.cli.console import console
    from hsizoo.zoo.lookup import check_components

    check_components([component], ("segmenter", "scorer"))
    from hsizoo.studio.protocol import Studio
    from hsizoo.studio.server import check_installed, serve

    check_installed()  # before a large file is read
    opened = Studio(
        source,
        dataset=dataset,
        labels=labels,
        settings=settings_given(set_, variable, layout),
        component=component,
        device=device,
        allow_untrained=allow_untrained,
    )
    errors = console(stderr=True)
    for remark in opened.desk.remarks:
        errors.print(remark, style="yellow", markup=False)

    def tell(address: str) -> None:
        typer.echo(address)
        typer.echo("open this address in a browser of this machine; Ctrl-C ends it", err=True)

    serve(opened, port=port, browser=browser, tell=tell)

"""``hsizoo package-weights``: the result of a training as a plugin ships it."""

from __future__ import annotations

from typing import Annotated

import typer

from hsizoo.cli.parameters import Json
from hsizoo.documents import user_path

EPILOG = (
    "Example: hsizoo package-weights hsizoo-runs/train/my-unet src/my_package/weights/my-unet;  "
    'the component\'s spec then says packaged="my_package:weights/my-unet"'
)


def package_weights(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="Folder of a finished training, as `hsizoo train` printed it."
        ),
    ],
    destination: Annotated[
        str,
        typer.Argument(
            metavar="PACKAGE/PATH", help="Folder inside the package; made if it is not there."
        ),
    ],
    limits: Annotated[
        str,
        typer.Option(metavar="TEXT", help="What the weights are not good for; shown by `info`."),
    ] = "",
    json: Json = False,
) -> None:
    """Write the trained weights of RUN and their card into a package, at half the size.

    Tensors of float32 are rounded to bfloat16; the card records it, with the digest of the weights
    before.  The weights in RUN are left as they are.
    """
    from hsizoo.cli.console import print_json
    from hsizoo.training.folder import package

    made = package(user_path(run), user_path(destination), limits)
    size = made.path.stat().st_size
    if json:
        print_json(
            {
                "path": str(made.path),
                "bytes": size,
                "sha256": made.digest,
                "component": made.card["component"],
            }
        )
        return
    typer.echo(f"{made.path}: {size:,} bytes, sha256 {made.digest}")
    typer.echo(f"weights of {made.card['component']}; the card is beside them")

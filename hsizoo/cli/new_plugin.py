"""``hsizoo new-plugin``: a package for a method of one's own, from a template."""

from __future__ import annotations

from typing import Annotated

import typer

from hsizoo.documents import user_path

EPILOG = "Example: hsizoo new-plugin my-angle --kind scorer"


def new_plugin(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Name of the method, such as my-angle."),
    ],
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            "-k",
            metavar="KIND",
            help="scorer, segmenter, trainable (a segmenter with weights), pseudo-labeler, "
            "classifier, dataset or protocol; may be repeated.",
        ),
    ] = None,
    out: Annotated[
        str,
        typer.Option("--out", "-o", metavar="FOLDER", help="Where to put the package's folder."),
    ] = ".",
) -> None:
    """Write a complete package that adds NAME to hsizoo, ready to install, test and publish.

    What it computes is a small example of its kind that passes `hsizoo check`: replace it by your
    method.
    """
    import shlex

    import hsizoo
    from hsizoo.new_plugin import make_plugin, write_plugin
    from hsizoo.zoo.registry import FIRST_PARTY, registry

    own = {each.spec.name for each in registry().entries() if each.dist == FIRST_PARTY}
    made = make_plugin(name, kind or (), hsizoo.__version__, taken=own)
    place = write_plugin(made, user_path(out))
    for path in made.texts:
        typer.echo(f"  {place / path}")
    first = next(iter(made.components))
    typer.echo(
        f"\nNext:  cd {shlex.quote(str(place))} && pip install -e '.[test]' && pytest\n"
        f"Then:  hsizoo info {first};  the README there says how to try it"
    )

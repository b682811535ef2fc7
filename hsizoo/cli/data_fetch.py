"""``hsizoo data fetch``: download the files of a dataset."""

from __future__ import annotations

from typing import Annotated

import typer

from hsizoo.zoo.lookup import find_dataset


def fetch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Dataset that `hsizoo data list` says downloads.")
    ],
    download: Annotated[
        bool,
        typer.Option(
            "--download",
            help="Download even a file without a known digest; its SHA-256 is shown and recorded, "
            "and a different file is refused later.",
        ),
    ] = False,
) -> None:
    """Download the files of the dataset NAME to HSIZOO_HOME/data, unless they are here.

    Prints their paths.  Each file is checked by SHA-256, and a download that broke goes on where it
    stopped.  Files in the folders of HSIZOO_DATA are used as they are.
    """
    from hsizoo.cli.download_bar import download_bar
    from hsizoo.errors import OptionError
    from hsizoo.weights.fetching import locate_data
    from hsizoo.zoo.registry import registry

    wanted = find_dataset(name)
    entry = registry().find(wanted, ("dataset",))
    if not entry.spec.files:
        raise OptionError(
            f"{entry.full_name} has no files to download: its data come with hsizoo, are computed, "
            f"or are yours to get; `hsizoo data info {name}` says which"
        )
    if wanted.options:
        raise OptionError(f"{name}: type the name without options: hsizoo data fetch {wanted.base}")
    for file in entry.spec.files:
        with download_bar(file.name):
            path = locate_data(file, dataset=name, download=download)
        typer.echo(f"{path}")

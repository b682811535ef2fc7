"""``hsizoo data fixture``: write a tiny dataset in the layout of a large one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from hsizoo.zoo.lookup import find_dataset

if TYPE_CHECKING:
    from hsizoo.interfaces import SceneDataset


def fixture(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Dataset: heipor or hib.")],
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Folder to write to.")],
) -> None:
    """Write a tiny dataset in the layout of NAME below FOLDER, to try it without the real data.

    The values are random, not measured.
    """
    find_dataset(name)  # report a typo before anything heavy is imported
    import shlex
    from pathlib import Path

    from hsizoo.errors import DataError, OptionError
    from hsizoo.training.division import proposed_folds
    from hsizoo.zoo.factory import resolve, with_data_dir

    resolved = resolve(name, "dataset")
    dataset = cast("type[SceneDataset]", resolved.target)
    try:
        root = dataset.write_fixture(Path(folder))
    except OSError as error:
        raise DataError(f"{folder} cannot be written to: {error.strerror or error}") from error
    if root is None:
        raise OptionError(f"{resolved.entry.full_name} has no fixture; use heipor or hib")
    typer.echo(f"{root}")
    where = f"--dataset {name} --data-dir {shlex.quote(str(root))}"
    typer.echo(f"try: hsizoo bench sa sa-rw {where}")
    folds = proposed_folds(resolve(with_data_dir(name, str(root)), "dataset").build().scenes())
    if folds:
        typer.echo(f"train: hsizoo train samsa2-nano {where} --folds {folds} --fold 0 --epochs 2")

"""The cubes that a command works through: files, folders of them, or cubes in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hsizoo.cube import HyperCube, Scene
from hsizoo.documents import user_path
from hsizoo.errors import DataError
from hsizoo.io.collection import Collection, Member
from hsizoo.io.formats import is_store
from hsizoo.io.manifest import refuse_for_folder
from hsizoo.io.raster import to_cube
from hsizoo.io.settings import Settings
from hsizoo.session.source import Source, read_source

__all__ = ["Cubes", "Input", "list_inputs"]

One = str | os.PathLike[str] | HyperCube | Scene
Cubes = One | Iterable[One]
"""One cube, a folder, or several of either."""


@dataclass(frozen=True, eq=False)
class Input:
    """A cube that is read when its turn comes.

    Parameters
    ----------
    name : str
        For files: the path below the folder, or the file's name, without the extension.
    path : Path, optional
        None for a cube in memory.
    open : callable
        Reads it.
    """

    name: str
    path: Path | None
    open: Callable[[], Source]


def list_inputs(
    cubes: Cubes, settings: Settings, *, outside: Path | None = None
) -> tuple[list[Input], dict[Path, str]]:
    """List cubes without reading them.

    Parameters
    ----------
    cubes : path, HyperCube, Scene, or iterable of these
    settings : Settings
        For files; a folder has its ``hsizoo.toml``.
    outside : Path, optional
        A folder whose files do not count, such as that of the results.

    Returns
    -------
    inputs : list of Input
    wrong : dict of Path to str
        Files of folders that do not fit in, with the reason.

    Raises
    ------
    DataError
        If a folder has no cube, or a file does not exist.
    OptionError
        If there are settings for a folder.
    """
    whole: list[Any] = (
        [cubes] if isinstance(cubes, str | os.PathLike | HyperCube | Scene) else [*cubes]
    )
    inputs: list[Input] = []
    wrong: dict[Path, str] = {}
    for each in whole:
        if not isinstance(each, str | os.PathLike):
            source = partial(read_source, each, settings)
            name = each.name if isinstance(each, HyperCube | Scene) else "cube"
            inputs.append(Input(name, None, source))
            continue
        path = user_path(each)
        if path.is_dir() and not is_store(path):
            refuse_for_folder(settings, path)
            found, more = _in_folder(path, outside)
            inputs += found
            wrong |= more
        elif not path.exists():
            raise DataError(f"there is no file or folder {path}")
        else:
            inputs.append(Input(path.stem, path, partial(read_source, path, settings)))
    return inputs, wrong


def _in_folder(folder: Path, outside: Path | None) -> tuple[list[Input], dict[Path, str]]:
    collection = Collection(folder)
    members, wrong = collection.gathered

    def counts(path: Path) -> bool:
        return outside is None or not path.resolve().is_relative_to(outside.resolve())

    inputs = [
        Input(each.name, each.cube, partial(_read_member, collection, each))
        for each in members
        if counts(each.cube)
    ]
    if not inputs:
        raise DataError(f"there is no cube in {folder}; see: hsizoo data check {folder}")
    return inputs, {path: why for path, why in wrong.items() if counts(path)}


def _read_member(collection: Collection, member: Member) -> Source:
    raster = collection.raster(member)
    files = {each.resolve() for each in (*collection.files_of(member), raster.path)}
    about = {"file": member.cube.name}
    return Source(to_cube(raster, member.name), raster, frozenset(files), about)

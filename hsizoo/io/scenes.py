"""One scene from a file: a cube with the mask in the same file or beside it."""

from __future__ import annotations

import os
from pathlib import Path

from hsizoo.cube import Scene
from hsizoo.errors import DataError
from hsizoo.io.collection import Collection
from hsizoo.io.envi import find_header
from hsizoo.io.matching import CUBE_FOLDERS, MASK_FOLDERS
from hsizoo.io.reading import open_cube

__all__ = ["read_scene"]


def read_scene(path: str | os.PathLike[str]) -> Scene:
    """Read a cube and its mask, as a folder with that cube would be read.

    Parameters
    ----------
    path : path
        The cube.  Its mask is in the same file, or beside it by its name: ``a.mask.png`` beside
        ``a.hdr``.

    Raises
    ------
    DataError
        If there is no such file, it is not a cube, or it has no mask.
    MissingRequirement
        If the format needs a package that is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"there is no file {path}")
    collection = _around(path)
    members, wrong = collection.gathered
    for each in (path, find_header(path)):
        if each is not None and each in wrong:
            raise DataError(wrong[each])
        for member in members:
            if member.cube == each:
                return collection.scene(member)
    open_cube(path)  # says what is wrong with the file
    raise DataError(f"{path} is not a cube with a mask; read a cube alone with hsizoo.read_cube")


def _around(path: Path) -> Collection:
    """Return the folder of a file, or that of images and their masks, and nothing below it."""
    here = path.parent
    if here.name.lower() not in CUBE_FOLDERS:
        return Collection(here, only=[here])
    beside = here.parent
    masks = [each for each in beside.iterdir() if each.name.lower() in MASK_FOLDERS]
    return Collection(beside, only=[here, *masks])

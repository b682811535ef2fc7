"""Where the files of a dataset lie on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import hsizoo
from hsizoo.errors import MissingRequirement

__all__ = ["VARIABLE", "find", "find_folder", "folders"]

VARIABLE = "HSIZOO_DATA"


def folders(data_dir: str | None) -> list[Path]:
    """Folders in which files are looked for, in this order.

    Parameters
    ----------
    data_dir : str or None
        The user's option ``data_dir``; if given, nothing else is looked at.  Otherwise the folders
        of the environment variable ``HSIZOO_DATA`` (separated as in ``PATH``), then
        ``HSIZOO_HOME/data``.
    """
    if data_dir is not None:
        return [Path(data_dir).expanduser()]
    given = [part for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    return [*(Path(part).expanduser() for part in given), hsizoo.home() / "data"]


def find(name: str, data_dir: str | None, how: str) -> Path:
    """Return the path of a file.

    Parameters
    ----------
    name : str
        Its name, with folders below the data folder if need be.
    data_dir : str or None
        See `folders`.
    how : str
        What the file is and how to get it, for the message.

    Raises
    ------
    MissingRequirement
        If it is in none of the folders; the message lists them.
    """
    looked = folders(data_dir)
    for folder in looked:
        if (folder / name).is_file():
            return folder / name
    places = " or ".join(str(folder) for folder in looked)
    raise MissingRequirement(
        f"{name} is not in {places}.  {how}  Put it into {looked[-1]}, or name its folder with "
        f"the option data_dir=FOLDER or the environment variable {VARIABLE}"
    )


def find_folder(names: tuple[str, ...], inside: str, data_dir: str | None, how: str) -> Path:
    """Return the folder of a dataset of many files.

    Parameters
    ----------
    names : tuple of str
        What it may be called.
    inside : str
        A folder that is in it, to know it by.
    data_dir : str or None
        See `folders`; it may be the folder itself.
    how : str
        How to get it, for the message.

    Raises
    ------
    MissingRequirement
        If it is nowhere; the message lists where it was looked for.
    """
    looked = folders(data_dir)
    for folder in looked:
        for candidate in (folder, *(folder / name for name in names)):
            if (candidate / inside).is_dir():
                return candidate
    places = " or ".join(str(folder) for folder in looked)
    raise MissingRequirement(
        f"{names[0]}/{inside} is not in {places}.  {how}  Name the folder with the option "
        f"data_dir=FOLDER or the environment variable {VARIABLE}"
    )

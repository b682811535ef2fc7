"""Locate the files of a dataset on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import hsizoo
from hsizoo.errors import MissingRequirement

__all__ = ["VARIABLE", "find", "find_folder", "folders"]

VARIABLE = "HSIZOO_DATA"


def folders(data_dir: str | None) -> list[Path]:
    """Return the folders to search for files, in order.

    Parameters
    ----------
    data_dir : str or None
        The user's option ``data_dir``; if given, only that folder is searched.  Otherwise the
        folders of the environment variable ``HSIZOO_DATA`` (separated as in ``PATH``), then
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
        File name, optionally with subfolders of the data folder.
    data_dir : str or None
        See `folders`.
    how : str
        Description of the file and how to get it, for the message.

    Raises
    ------
    MissingRequirement
        If the file is not found; the message lists the folders.
    """
    looked = folders(data_dir)
    for folder in looked:
        if (folder / name).is_file():
            return folder / name
    places = " or ".join(str(folder) for folder in looked)
    raise MissingRequirement(
        f"{name} is not in {places}.  {how}  Put it into {looked[-1]}, or set its folder with "
        f"the option data_dir=FOLDER or the environment variable {VARIABLE}"
    )


def find_folder(names: tuple[str, ...], inside: str, data_dir: str | None, how: str) -> Path:
    """Return the folder of a dataset with many files.

    Parameters
    ----------
    names : tuple of str
        Possible names of the folder.
    inside : str
        Subfolder that identifies it.
    data_dir : str or None
        See `folders`; may be the folder itself.
    how : str
        How to get it, for the message.

    Raises
    ------
    MissingRequirement
        If the folder is not found; the message lists the folders searched.
    """
    looked = folders(data_dir)
    for folder in looked:
        for candidate in (folder, *(folder / name for name in names)):
            if (candidate / inside).is_dir():
                return candidate
    places = " or ".join(str(folder) for folder in looked)
    raise MissingRequirement(
        f"{names[0]}/{inside} is not in {places}.  {how}  Set the folder with the option "
        f"data_dir=FOLDER or the environment variable {VARIABLE}"
    )

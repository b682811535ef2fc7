"""Locate the files of a dataset on this machine."""

from __future__ import annotations

from pathlib import Path

from hsizoo import data_folders
from hsizoo.errors import MissingRequirement

__all__ = ["VARIABLE", "find", "find_folder"]

VARIABLE = "HSIZOO_DATA"


def find(name: str, data_dir: str | None, how: str) -> Path:
    """Return the path of a file.

    Parameters
    ----------
    name : str
        File name, optionally with subfolders of the data folder.
    data_dir : str or None
        See `hsizoo.data_folders`.
    how : str
        Description of the file and how to get it, for the message.

    Raises
    ------
    MissingRequirement
        If the file is not found; the message lists the folders.
    """
    looked = data_folders(data_dir)
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
        See `hsizoo.data_folders`; may be the folder itself.
    how : str
        How to get it, for the message.

    Raises
    ------
    MissingRequirement
        If the folder is not found; the message lists the folders searched.
    """
    looked = data_folders(data_dir)
    for folder in looked:
        for candidate in (folder, *(folder / name for name in names)):
            if (candidate / inside).is_dir():
                return candidate
    places = " or ".join(str(folder) for folder in looked)
    raise MissingRequirement(
        f"{names[0]}/{inside} is not in {places}.  {how}  Set the folder with the option "
        f"data_dir=FOLDER or the environment variable {VARIABLE}"
    )

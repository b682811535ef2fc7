"""Where weights and data are on this machine, and whether hsizoo may download."""

from __future__ import annotations

import os
from pathlib import Path

from hsizoo.documents import user_path

__all__ = ["DATA_VARIABLE", "data_folders", "home", "is_offline"]

DATA_VARIABLE = "HSIZOO_DATA"


def home() -> Path:
    """Return the folder of weights, data and caches: ``HSIZOO_HOME``, or the user's cache."""
    if given := os.environ.get("HSIZOO_HOME"):
        return user_path(given)
    import platformdirs

    return platformdirs.user_cache_path("hsizoo", appauthor=False)


def data_folders(data_dir: str | None = None) -> list[Path]:
    """Return the folders to search for the files of a dataset, in order.

    Parameters
    ----------
    data_dir : str, optional
        The user's option ``data_dir``; if given, only that folder is searched.  Otherwise the
        folders of the environment variable ``HSIZOO_DATA`` (separated as in ``PATH``), then
        ``HSIZOO_HOME/data``, the only one that hsizoo downloads to.
    """
    if data_dir is not None:
        return [user_path(data_dir)]
    given = [part for part in os.environ.get(DATA_VARIABLE, "").split(os.pathsep) if part]
    return [*(user_path(part) for part in given), home() / "data"]


def is_offline() -> bool:
    """Whether ``HSIZOO_OFFLINE`` forbids downloads."""
    return os.environ.get("HSIZOO_OFFLINE", "0") not in ("", "0")

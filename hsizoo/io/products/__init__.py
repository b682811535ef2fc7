"""Products of the field whose files do not say by themselves how they are to be read.

One module per product.  Each recognises its files by their contents and describes them as a
`hsizoo.io.raster.Raster`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings

__all__ = ["read_hdf5"]


def read_hdf5(path: Path, file: Any, found: Mapping[str, Any], settings: Settings) -> Raster | None:
    """Read an HDF5 file that is one of the products.

    Parameters
    ----------
    path : Path
    file : h5py.File
    found : mapping of str to h5py.Dataset
        All arrays in the file.
    settings : Settings

    Returns
    -------
    Raster or None
        None if it is none of them.
    """
    return None

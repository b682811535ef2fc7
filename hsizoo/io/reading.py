"""Reading a cube or a mask of any known format."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from hsizoo.cube import HyperCube
from hsizoo.io.formats import open_raster
from hsizoo.io.raster import Layout, to_cube, to_labels

__all__ = ["read_cube", "read_labels"]


def read_cube(
    path: str | os.PathLike[str], *, variable: str | None = None, layout: Layout = "hwb"
) -> HyperCube:
    """Read a cube of any known format.

    A native float32 cube without compression, scale or left-out bands stays on disk as a memory
    map; any other cube is read into memory as float32.

    Parameters
    ----------
    path : path
        A file, or the folder of a Zarr store.  For ENVI, the header or the data file.
    variable : str, optional
        Name of the array, if the file has several.
    layout : {"hwb", "bhw"}, default "hwb"
        Order of the axes if the format does not define it (NumPy, MATLAB, HDF5, Zarr): rows,
        columns, bands, or bands first.

    Raises
    ------
    DataError
        If the file does not exist, is damaged or has an unknown format; the message names the file
        and what was expected.
    MissingRequirement
        If the format needs a package that is not installed.

    Examples
    --------
    >>> cube = read_cube("scene.hdr")                                     # doctest: +SKIP
    """
    return to_cube(open_raster(path, "cube", variable=variable, layout=layout))


def read_labels(
    path: str | os.PathLike[str], *, variable: str | None = None
) -> tuple[npt.NDArray[np.int32], dict[int, str]]:
    """Read a mask or a map of classes of any known format.

    Parameters
    ----------
    path : path
    variable : str, optional
        Name of the array, if the file has several.

    Returns
    -------
    labels : array of int32, shape (H, W)
    class_names : dict of int to str
        Empty if the file names none.

    Raises
    ------
    DataError, MissingRequirement
        As for `read_cube`; also if values are not whole numbers.
    """
    raster = open_raster(path, "labels", variable=variable)
    return to_labels(raster), dict(raster.class_names)

"""What the products in HDF5 share: small arrays beside the cube, and tables of places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hsizoo.arrays import strips
from hsizoo.errors import DataError
from hsizoo.io.containers import SMALL, Beside, make_raster
from hsizoo.io.hdf5 import attributes_of, load, stated_of
from hsizoo.io.limits import check_memory
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings
from hsizoo.io.statements import unit_in

__all__ = ["cube_of", "mostly_flagged", "on_the_map"]


def cube_of(
    path: Path,
    found: Mapping[str, Any],
    cube: str,
    axes: Sequence[str],
    beside: Mapping[str, str],
    product: str,
) -> Raster:
    """Describe a cube by its own attributes and the small arrays that belong to it.

    Parameters
    ----------
    path : Path
    found : mapping of str to h5py.Dataset
        All arrays in the file.
    cube : str
        Name of the cube.
    axes : sequence of str
        Names of its axes.
    beside : mapping of str to str
        The arrays ``wavelengths`` and ``good_wavelengths`` by their names in the file.
    product : str
    """
    arrays, units, remarks = {}, {}, []
    for role, name in beside.items():
        item = found.get(name)
        if item is None or item.nbytes > SMALL:
            remarks.append(f"{product} has no usable {name}")
            continue
        try:
            arrays[role] = np.array(load(path, item))
        except (DataError, OSError, RuntimeError) as error:
            remarks.append(f"{name} is not used: {error}")
            continue
        units[role] = unit_in(attributes_of(item))
    raster = make_raster(
        path,
        load(path, found[cube]),
        "cube",
        Settings(),
        names=axes,
        attributes=stated_of(found[cube]),
        beside=Beside(arrays=arrays, units=units),
    )
    # How the axes were found is of no interest where the product tells.
    said = [each for each in raster.remarks if not each.startswith("axes ")]
    return replace(raster, product=product, remarks=(*said, *remarks))


def on_the_map(
    raster: Raster,
    found: Mapping[str, Any],
    rows: str,
    columns: str,
    settings: Settings,
) -> Raster:
    """Arrange the pixels on the map by the file's lookup table, if the user asks for it.

    The table has for each cell of the map the row and column of a pixel, counted from 1; 0 where
    there is none, and below 0 where a neighbour fills a gap.

    Raises
    ------
    DataError
        If the user asks for it and the table is missing or points outside the image.
    """
    path, values = raster.path, raster.values
    table = [found[name] for name in (rows, columns) if name in found and found[name].ndim == 2]
    names = f"{rows} and {columns}"
    here = len(table) == 2
    if not settings.orthorectify:
        if not here:
            return raster
        remark = f"pixels are as the sensor saw them; on the map with orthorectify=true ({names})"
        return replace(raster, remarks=(*raster.remarks, remark))
    if not here or table[0].shape != table[1].shape:
        raise DataError(f"{path} has no lookup table {names}; leave out orthorectify=true")
    row, col = (np.abs(np.nan_to_num(np.asarray(load(path, item)))) for item in table)
    row, col = row.astype(np.int64) - 1, col.astype(np.int64) - 1
    valid = (row >= 0) & (col >= 0)
    if row.max() >= values.shape[0] or col.max() >= values.shape[1]:
        raise DataError(
            f"{path}: the lookup table {names} points to row {row.max()}, column {col.max()}, but "
            f"the image has {values.shape[0]} × {values.shape[1]}; leave out orthorectify=true"
        )
    shape = (*row.shape, values.shape[2])
    check_memory(path, shape, values.dtype.itemsize)
    image = np.empty(shape, values.dtype)
    for part in strips(image):
        image[part] = values[np.maximum(row[part], 0), np.maximum(col[part], 0)]
    remark = f"pixels are arranged on the map by the table in the file ({names})"
    return replace(raster, values=image, valid=valid, remarks=(*raster.remarks, remark))


def mostly_flagged(flags: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_]) -> frozenset[int]:
    """Return the bands of which more than half of the values are flagged.

    Parameters
    ----------
    flags : array of bool, shape (…, B)
    among : array of bool, shape (…)
        The values that count.
    """
    counted = flags[among]
    share = counted.mean(axis=0) if len(counted) else np.zeros(flags.shape[-1])
    return frozenset(np.flatnonzero(share > 0.5).tolist())

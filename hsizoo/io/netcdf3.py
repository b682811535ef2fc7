"""Classic netCDF (version 3), read with SciPy; netCDF4 is HDF5: `hsizoo.io.hdf5`."""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.io import netcdf_file

from hsizoo.io.choosing import Want, choose
from hsizoo.io.containers import SMALL, Beside, is_beside, make_raster
from hsizoo.io.limits import check_memory
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings
from hsizoo.io.statements import plain_text

__all__ = ["read"]


def read(path: Path, want: Want, settings: Settings, images: Sequence[tuple[int, int]]) -> Raster:
    """Read the requested variable."""
    check_memory(path, (path.stat().st_size,), 1)  # SciPy reads all variables
    with (
        path.open("rb") as content,
        # A map returns what there is; a file allocates whatever a damaged header asks for.
        mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        netcdf_file(mapped, "r", mmap=False) as file,
    ):
        values, names, attributes, beside = _contents(path, file, want, settings)
    return make_raster(
        path, values, want, settings,
        names=names, attributes=attributes, beside=beside, images=images,
    )  # fmt: skip


def _contents(
    path: Path, file: Any, want: Want, settings: Settings
) -> tuple[npt.NDArray[Any], list[str], dict[str, Any], Beside]:
    """Return the chosen variable and what is beside it."""
    found = {name: item for name, item in file.variables.items() if item.data.dtype.kind in "iuf"}
    variable = settings.variable if want == "cube" else settings.mask_variable
    shapes = {name: item.shape for name, item in found.items()}
    chosen = found[choose(path, shapes, want, variable)]
    small = {
        name.lower(): item
        for name, item in found.items()
        if is_beside(name) and math.prod(item.shape) * item.data.dtype.itemsize <= SMALL
    }
    beside = Beside(
        arrays={name: np.asarray(item.data) for name, item in small.items()},
        units={name: plain_text(getattr(item, "units", "")) for name, item in small.items()},
        shapes=list(shapes.values()),
    )
    names = [str(name) for name in chosen.dimensions]
    return np.asarray(chosen.data), names, dict(chosen._attributes), beside

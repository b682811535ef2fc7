"""Classic netCDF (version 3), read with SciPy; netCDF4 is HDF5: `hsizoo.io.hdf5`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import netcdf_file

from hsizoo.io.choosing import Want, choose, numeric
from hsizoo.io.containers import SMALL, Beside, is_beside, make_raster
from hsizoo.io.limits import check_memory
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings
from hsizoo.io.statements import unit_in

__all__ = ["read"]


def read(path: Path, want: Want, settings: Settings, images: Sequence[tuple[int, int]]) -> Raster:
    """Read the requested variable."""
    with netcdf_file(path, "r", mmap=False) as file:
        variable = settings.variable if want == "cube" else settings.mask_variable
        arrays = {name: item.data for name, item in file.variables.items()}
        shapes, others = numeric(arrays, want)
        found: dict[str, Any] = {name: file.variables[name] for name in shapes}
        chosen = found[choose(path, shapes, want, variable, others)]
        check_memory(path, chosen.shape, chosen.data.dtype.itemsize)
        small = {
            name.lower(): item
            for name, item in found.items()
            if is_beside(name) and math.prod(item.shape) * item.data.dtype.itemsize <= SMALL
        }
        beside = Beside(
            arrays={name: np.array(item.data) for name, item in small.items()},
            units={name: unit_in(item._attributes) for name, item in small.items()},
            shapes=shapes,
            above=dict(file._attributes),
        )
        return make_raster(
            path, np.array(chosen.data), want, settings,
            names=list(chosen.dimensions), attributes=dict(chosen._attributes), beside=beside,
            images=images,
        )  # fmt: skip

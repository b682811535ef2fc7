"""What the readers of files with several arrays share: NumPy, MATLAB, HDF5, netCDF, Zarr.

Such a file holds a cube or a mask among other arrays: wavelengths, flags of good bands, class
names, an image of the same size.  `make_raster` puts them together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.arrays import axes_by_name
from hsizoo.io.axes import order_axes
from hsizoo.io.choosing import AXES, Want, class_names_of
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings
from hsizoo.io.statements import Statements, inherited, numbers_in, read_statements
from hsizoo.wavelengths import WAVELENGTH_UNITS, to_nanometres

__all__ = ["SMALL", "STATED", "WAVELENGTHS", "Beside", "is_beside", "make_raster"]

WAVELENGTHS: Final = (
    "wavelengths", "wavelength", "wavelength_nm", "wavelengths_nm", "wavelength_um",
    "wavelengths_um", "wl", "wvl", "waves", "lambda", "band_centers", "band_centres",
    "center_wavelength", "center_wavelengths", "centre_wavelength", "centre_wavelengths",
    "central_wavelength", "central_wavelengths",
)  # fmt: skip
"""Names of arrays of wavelengths, the surest first."""

_COORDINATES: Final = ("band", "bands", "channel", "channels", "spectral", "spectrum")
"""Names of axes whose coordinate is one of wavelengths if it has a unit of length."""

STATED: Final = (
    "nodata", "no_data", "nodata_value", "_fillvalue", "fill_value", "missing_value",
    "data_ignore_value", "scale_factor", "add_offset", "reflectance_scale_factor",
)  # fmt: skip
"""Names of arrays of one number that state what attributes would, in files without attributes."""

_NO_IMAGE: Final = re.compile(r"wave|fwhm|dark|white|ref|spectr|calib|gain|offset|endmember")
_GOOD: Final = ("good_wavelengths", "good_bands", "bbl")
_NAMES: Final = ("class_names", "label_names", "labels_names", "classes")
SMALL: Final = 2**20
"""Greatest size in bytes of an array that is read because of its name."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What else there is in the file.

    Parameters
    ----------
    arrays : mapping of str to array
        Small arrays by their names in lower case, those that `is_beside` knows.
    units : mapping of str to str
        Units of these arrays, where the file gives them.
    shapes : mapping of str to tuple of int
        Shapes of all arrays.
    above : mapping of str to anything
        Attributes of the file and the groups that the cube is in.
    """

    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    above: Mapping[str, Any] = field(default_factory=dict)


def is_beside(name: str) -> bool:
    """Whether an array of this name is worth reading besides the cube or mask."""
    return _last(name) in (*WAVELENGTHS, *_COORDINATES, *_GOOD, *_NAMES)


def _last(name: str) -> str:
    return name.rpartition("/")[2].lower()


def make_raster(
    path: Path,
    values: npt.NDArray[Any],
    want: Want,
    settings: Settings,
    *,
    names: Sequence[str] | None = None,
    attributes: Mapping[str, Any] | None = None,
    beside: Beside | None = None,
    images: Sequence[tuple[int, int]] = (),
) -> Raster:
    """Put an array into order, and collect what its file says about it.

    Parameters
    ----------
    path : Path
    values : array
        The cube or mask, with its axes as in the file.
    want : {"cube", "labels"}
    settings : Settings
        Only the layout is used here.
    names : sequence of str, optional
        Names of the axes.
    attributes : mapping, optional
        Attributes of the array.
    beside : Beside, optional
    images : sequence of (int, int)
        Sizes of other images known to belong to the cube.

    Raises
    ------
    DataError
        If nothing tells the order of the axes.
    """
    beside, said = beside or Beside(), attributes or {}
    single = {key: beside.arrays[key] for key in STATED if key in beside.arrays}
    said = {key: array for key, array in single.items() if array.size == 1} | dict(said)
    if values.ndim > AXES[want]:  # such as one time
        kept = [axis for axis, size in enumerate(values.shape) if size != 1]
        if len(kept) == AXES[want]:
            names = [names[axis] for axis in kept] if names is not None else None
            values = values.reshape([values.shape[axis] for axis in kept])
    if want == "labels":
        return _labels(path, values, names, said, beside)
    waves = _wavelengths(beside)
    above, unused = inherited(beside.above)
    said = (above if not waves else {}) | said
    counts = [array.size for array in waves.values()] + [len(each) for each in _lists(said)]
    pairs = [
        (shape[0], shape[1])
        for name, shape in beside.shapes.items()
        if len(shape) == 2 and min(shape) > 1 and not _NO_IMAGE.search(name.lower())
    ]
    order, remark = order_axes(
        path, values.shape, settings.layout,
        names=names, wavelengths=counts, images=images, alike=pairs,
    )  # fmt: skip
    values = values.transpose(order)
    bands = values.shape[2] if values.ndim == 3 else 1
    stated = read_statements(said, bands, dtype=values.dtype)
    nm, note = stated.wavelengths, ""
    for name in waves if nm is None else ():
        unit = beside.units.get(name, "") or _unit_of(name, waves[name])
        nm, note = to_nanometres(waves[name], unit, bands)
        if nm is not None:
            break
    raster = _described(Raster(path=path, values=values, wavelengths=nm), stated)
    remarks = [*filter(None, (remark, note)), *raster.remarks, *unused]
    bad, more = _bad_bands(beside, bands)
    return replace(
        raster, bad_bands=raster.bad_bands | bad, remarks=tuple(dict.fromkeys([*remarks, *more]))
    )


def _wavelengths(beside: Beside) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of wavelengths, the surest first."""
    found = {name: beside.arrays[name] for name in WAVELENGTHS if name in beside.arrays}
    for name in _COORDINATES:
        unit = beside.units.get(name, "").strip().lower()
        if name in beside.arrays and unit in WAVELENGTH_UNITS:
            found[name] = beside.arrays[name]
    return found


def _lists(attributes: Mapping[str, Any]) -> list[list[float]]:
    """Return the lists of wavelengths among attributes."""
    found = []
    for key, value in attributes.items():
        if key.lower() in WAVELENGTHS and (numbers := numbers_in(value)) and len(numbers) > 1:
            found.append(numbers)
    return found


def _unit_of(name: str, values: npt.NDArray[Any]) -> str:
    """Return the unit that the name of an array or the size of its numbers tells."""
    if name.endswith(("_nm", "_um")):
        return name[-2:]
    return "nm" if values.dtype.kind in "iuf" and values.size and values.min() > 100 else ""


def _described(raster: Raster, stated: Statements) -> Raster:
    """Add what the attributes say."""
    values = raster.values
    nodata, (low, high) = stated.nodata, stated.limits
    modulus = 2 ** (8 * values.dtype.itemsize)
    if stated.unsigned and values.dtype.kind == "i":
        values = values.view(values.dtype.str.replace("i", "u"))
        nodata = tuple(each + modulus if each < 0 else each for each in nodata)
        if low >= 0 > high > -math.inf:
            high += modulus
    elif stated.unsigned is False and values.dtype.kind == "u":
        values = values.view(values.dtype.str.replace("u", "i"))
        nodata = tuple(each - modulus if each >= modulus // 2 else each for each in nodata)
    return replace(
        raster,
        values=values,
        scale=stated.scale,
        gains=stated.gains,
        offsets=stated.offsets,
        nodata=nodata,
        limits=(low, high),
        bad_bands=stated.bad_bands,
        remarks=stated.remarks,
    )


def _labels(
    path: Path,
    values: npt.NDArray[Any],
    names: Sequence[str] | None,
    attributes: Mapping[str, Any],
    beside: Beside,
) -> Raster:
    order = axes_by_name(names) if names is not None and len(names) == values.ndim else None
    if order is not None and values.ndim == 2:
        values = values.transpose(order)
    stated = read_statements(attributes, dtype=values.dtype)
    classes = dict(stated.class_names)
    for name in _NAMES:
        array = beside.arrays.get(name)
        if not classes and array is not None and array.dtype.kind in "USO":
            texts = [_text(each) for each in array.ravel()]
            classes = class_names_of(texts, values[~np.isin(values, stated.nodata)])
    raster = Raster(
        path=path, values=values, nodata=stated.nodata, limits=stated.limits, class_names=classes
    )
    if stated.unsigned is not None:
        raster = replace(_described(raster, stated), class_names=classes)
    return raster


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _bad_bands(beside: Beside, bands: int) -> tuple[frozenset[int], list[str]]:
    """Return the bands that an array of flags marks as bad."""
    for name in _GOOD:
        if name in beside.arrays:
            flags = np.asarray(beside.arrays[name]).ravel()
            if flags.size != bands or flags.dtype.kind not in "biuf":
                return frozenset(), [f"{name} is not used: {flags.size} values for {bands} bands"]
            bad = frozenset(np.flatnonzero(flags == 0).tolist())
            return bad, [f"{len(bad)} band(s) marked as bad ({name}) left out"] if bad else []
    return frozenset(), []

"""Arrays of any origin: what other libraries hold becomes a NumPy array, if possible uncopied.

Also passes over images that do not fit into memory: `strips`, `release`.
"""

from __future__ import annotations

import math
import mmap
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError

__all__ = ["Foreign", "axes_by_name", "from_any", "release", "strips"]

_STRIP_BYTES = 2**25  # per strip: bounds the temporary memory of a pass over a whole cube
_SMALL_MAP_BYTES = 2**28  # a memory map of this size may stay in memory

_ROW: Final = """
    y row rows line lines lat latitude northing height downtrack along_track alongtrack scanline
    scanlines nrow nrows nlines ny ydim h azimuth
"""
_COL: Final = """
    x col cols column columns sample samples lon longitude easting width crosstrack across_track
    acrosstrack pixel pixels ncol ncols nsamples nx xdim w
"""
_BAND: Final = """
    band bands wavelength wavelengths wavelength_nm wavelength_um wl wvl lambda channel channels
    chan spectral spectrum nband nbands frequency wavenumber c z b
"""
_AXES: Final = {
    kind: frozenset(words.split())
    for kind, words in (("row", _ROW), ("col", _COL), ("band", _BAND))
}
_WAVES: Final = (
    "wavelength", "wavelengths", "wavelength_nm", "wavelength_um", "center_wavelength",
    "central_wavelength", "wl", "wvl", "band",
)  # fmt: skip


@dataclass(frozen=True)
class Foreign:
    """An array, and what the object that held it says about it.

    Parameters
    ----------
    values : ndarray
        A masked array if its owner masks values.
    names : tuple of str, optional
        Names of the axes.
    wavelengths : ndarray, optional
        Coordinate of the band axis, if it is one of wavelengths.
    unit : str
        Unit of the wavelengths, as the object gives it.
    remarks : tuple of str
        What was done with the values.
    """

    values: npt.NDArray[Any]
    names: tuple[str, ...] | None = None
    wavelengths: npt.NDArray[Any] | None = None
    unit: str = ""
    remarks: tuple[str, ...] = ()


def from_any(data: Any, what: str) -> Foreign:
    """Return the array that an object holds.

    NumPy arrays of any kind, PyTorch tensors on any device, CuPy arrays, xarray's ``DataArray``,
    variables of netCDF4, and whatever NumPy can convert.  Where a ``DataArray`` still says what its
    values mean, as xarray's own reader would have applied it, that is applied: ``_FillValue``,
    ``missing_value``, ``scale_factor`` and ``add_offset``.

    Parameters
    ----------
    data : array_like
    what : str
        For messages.

    Raises
    ------
    DataError
        If it is not one array.
    """
    names = waves = None
    unit, said = "", {}
    if hasattr(data, "data_vars"):  # xarray
        raise DataError(
            f"{what} must be one array; got a Dataset of {', '.join(map(str, data.data_vars))}: "
            "take one, as in dataset['NAME']"
        )
    if hasattr(data, "dims") and hasattr(data, "coords") and hasattr(data, "values"):  # xarray
        names = tuple(map(str, data.dims))
        waves, unit = _coordinate(data, names)
        said, data = data.attrs, data.values
    elif hasattr(data, "set_auto_maskandscale"):  # netCDF4, which masks and scales
        names, data = tuple(map(str, data.dimensions)), data[...]
    elif hasattr(data, "detach") and hasattr(data, "cpu"):  # PyTorch
        data = data.detach().cpu()
        try:
            data = (data.float() if str(data.dtype) == "torch.bfloat16" else data).numpy()
        except (TypeError, RuntimeError) as error:  # such as a sparse one
            raise DataError(f"{what} must be an array of numbers: {error}") from None
    elif hasattr(data, "get") and hasattr(data, "__cuda_array_interface__"):  # CuPy
        data = data.get()
    try:
        array = np.asanyarray(data)
    except (ValueError, TypeError) as error:  # rows of different lengths
        raise DataError(f"{what} must be one array of numbers: {error}") from None
    if array.ndim == 0 and array is not np.ma.masked:
        raise DataError(
            f"{what} must be an array; got {type(data).__name__}.  To read a file: "
            "hsizoo.read_cube(PATH); load an image of another library first"
        )
    if type(array) is not np.memmap and not isinstance(array, np.ma.MaskedArray):
        array = np.asarray(array)
    array, remarks = _decoded(array, said)
    return Foreign(array, names, waves, unit, remarks)


def _decoded(
    array: npt.NDArray[Any], said: Mapping[str, Any]
) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Apply the attributes that xarray has left undecoded, as its engine for rasters does."""
    if array.dtype.kind not in "iuf":
        return array, ()
    missing: list[float] = []
    for key in ("_FillValue", "missing_value"):
        values = np.ravel(said.get(key, ()))
        if values.dtype.kind in "iuf":
            missing += values.tolist()
    factors = []
    for key, neutral in (("scale_factor", 1.0), ("add_offset", 0.0)):
        value = np.asarray(said.get(key, neutral))
        factors.append(float(value) if value.dtype.kind in "iuf" and value.size == 1 else neutral)
    remarks = []
    mask = np.zeros(array.shape, bool)
    for number in missing:
        exact = number if array.dtype.kind != "f" else array.dtype.type(number)
        mask |= array == exact
    if mask.any():
        remarks.append(f"values of {missing[0]:g} are no data (_FillValue)")
        array = np.ma.MaskedArray(array, mask)
    if factors != [1.0, 0.0]:
        array = array * factors[0] + factors[1]
        remarks.append(f"values are multiplied by {factors[0]:g}, plus {factors[1]:g}")
    return array, tuple(remarks)


def _coordinate(data: Any, names: Sequence[str]) -> tuple[npt.NDArray[Any] | None, str]:
    """Return the wavelengths of a ``DataArray``: a coordinate along one axis."""
    for key in _WAVES:
        coordinate = data.coords.get(key)
        if coordinate is None or tuple(map(str, coordinate.dims)) not in {
            (name,) for name in names
        }:
            continue
        unit = str(coordinate.attrs.get("units", ""))
        if key != "band" or unit:  # a coordinate `band` without a unit counts the bands
            return np.asarray(coordinate.values), unit
    for key in _WAVES[:-1]:
        if np.ndim(data.attrs.get(key)) == 1:
            return np.asarray(data.attrs[key]), str(data.attrs.get("wavelength_units", ""))
    return None, ""


def axes_by_name(names: Sequence[str]) -> tuple[int, ...] | None:
    """Return which axes are rows, columns and bands, judged by their names.

    Parameters
    ----------
    names : sequence of str
        Of two or three axes.  One of three may be unknown.

    Returns
    -------
    tuple of int, or None
        The numbers of the axes of rows, columns and, if there are three, bands; None if the names
        do not tell.

    Examples
    --------
    >>> axes_by_name(["bands", "y", "x"]), axes_by_name(["downtrack", "crosstrack"])
    ((1, 2, 0), (0, 1))
    >>> axes_by_name(["phony_dim_0", "phony_dim_1", "phony_dim_2"]) is None
    True
    """
    found: dict[str, int] = {}
    unknown = []
    for number, name in enumerate(names):
        kind = _kind_of(name)
        if kind is None:
            unknown.append(number)
        elif kind in found:
            return None
        else:
            found[kind] = number
    kinds = ("row", "col", "band")[: len(names)]
    missing = [kind for kind in kinds if kind not in found]
    if len(names) not in (2, 3) or len(missing) > 1 or len(missing) != len(unknown):
        return None
    found.update(zip(missing, unknown, strict=True))
    return tuple(found[kind] for kind in kinds)


def _kind_of(name: str) -> str | None:
    """Return what an axis is, by its whole name or one of the words in it."""
    text = name.rpartition("/")[2].lower()
    for words in ({text}, set(re.split(r"[^a-z]+", text))):
        kinds = [kind for kind, known in _AXES.items() if words & known]
        if len(kinds) == 1:
            return kinds[0]
    return None


def strips(values: npt.NDArray[Any]) -> Iterator[slice]:
    """Iterate over the rows of an image in strips, without keeping a large memory map resident.

    Parameters
    ----------
    values : ndarray, shape (H, W, …)
        In any memory order.  A memory map is released after each strip (see `release`).

    Yields
    ------
    slice
        Rows, from first to last: up to 32 MiB per strip, but at least one row.
    """
    row = values.itemsize * math.prod(values.shape[1:])
    step = max(1, _STRIP_BYTES // max(1, row))
    step -= step % 64 if step > 64 else 0  # chunked files are then written in whole chunks
    for start in range(0, len(values), step):
        yield slice(start, min(start + step, len(values)))
        release(values)


def release(values: npt.NDArray[Any]) -> None:
    """Release the pages of a large memory map that have been read; they are reread on access.

    The system would do so only when memory runs short.  Other arrays and small maps stay in memory.
    """
    whole: Any = values
    while isinstance(whole, np.ndarray) and not isinstance(whole.base, mmap.mmap):
        whole = whole.base
    # Whatever else owns the numbers, such as a tensor, is left alone; and a map in mode "c" may
    # hold changes that exist nowhere else.
    if not isinstance(whole, np.ndarray) or getattr(whole, "mode", "c") == "c":
        return
    if hasattr(mmap, "MADV_DONTNEED") and len(whole.base) > _SMALL_MAP_BYTES:  # type: ignore[arg-type]
        whole.base.madvise(mmap.MADV_DONTNEED)  # type: ignore[union-attr]

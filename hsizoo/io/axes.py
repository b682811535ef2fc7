"""Which axis of an array holds the rows, the columns and the bands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hsizoo.arrays import axes_by_name
from hsizoo.errors import DataError
from hsizoo.io.settings import Layout

__all__ = ["order_axes", "stands_apart"]

_ORDERS: Final[dict[str, tuple[int, int, int]]] = {
    "hwb": (0, 1, 2), "bhw": (1, 2, 0), "hbw": (0, 2, 1),
}  # fmt: skip
_WORDS: Final = {
    "hwb": "rows, columns, bands", "bhw": "bands, rows, columns", "hbw": "rows, bands, columns",
}  # fmt: skip
# INFERRED, from the shapes of public scenes:
_APART: Final = 2.0  # a last axis so much smaller than both others holds the bands


def order_axes(
    path: Path,
    shape: Sequence[int],
    layout: Layout = "auto",
    *,
    names: Sequence[str] | None = None,
    wavelengths: Sequence[int] = (),
    images: Sequence[tuple[int, int]] = (),
    alike: Sequence[tuple[int, int]] = (),
    shape_tells: bool = True,
) -> tuple[tuple[int, ...], str]:
    """Return the axes of a cube in the order rows, columns, bands.

    Parameters
    ----------
    path : Path
        The file, for messages.
    shape : sequence of int
        Unless it has three axes, they stay as they are.
    layout : {"auto", "hwb", "bhw", "hbw"}
        What the user says; goes before everything else.
    names : sequence of str, optional
        Names of the axes in the file.
    wavelengths : sequence of int
        How many wavelengths there are, in each list of the file.
    images : sequence of (int, int)
        Height and width of images known to belong to the cube, such as its mask.
    alike : sequence of (int, int)
        Sizes of other arrays in the file.  They tell the order unless the shape tells another.
    shape_tells : bool
        Whether the shape alone may tell.

    Returns
    -------
    order : tuple of int
        For ``transpose``.
    remark : str
        How the order was found, if it is not rows, columns, bands; otherwise empty.

    Raises
    ------
    DataError
        If nothing tells the order.

    Examples
    --------
    >>> order_axes(Path("a.npy"), (610, 340, 103))
    ((0, 1, 2), '')
    >>> order_axes(Path("a.h5"), (103, 610, 340), wavelengths=[103])
    ((1, 2, 0), 'axes read as bands, rows, columns: there are 103 wavelengths')
    """
    if len(shape) != 3:
        return tuple(range(len(shape))), ""
    if layout != "auto":
        return _ORDERS[layout], ""
    if names is not None and (named := axes_by_name(names)) is not None:
        return named, "" if named == (0, 1, 2) else f"axes ordered by their names, {_list(names)}"
    fits = {key for key in _ORDERS for count in wavelengths if shape[_ORDERS[key][2]] == count}
    if len(fits) == 1:
        why = f"there are {shape[_ORDERS[min(fits)][2]]} wavelengths"
        return _found(fits.pop(), why)
    clear = shape_tells and stands_apart(shape) and (not fits or "hwb" in fits)
    for sizes in (images, alike):
        likely = {
            key
            for key, (row, col, _) in _ORDERS.items()
            if (shape[row], shape[col]) in set(sizes) and (not fits or key in fits)
        }
        if len(likely) == 1 and (sizes is images or not clear or likely == {"hwb"}):
            return _found(likely.pop(), "a mask or image of the same file or name has that size")
        clear = clear and (not likely or "hwb" in likely)
    if clear:
        return _ORDERS["hwb"], ""
    raise DataError(
        f"{path}: nothing tells which axis of {' × '.join(map(str, shape))} holds the bands; say "
        "layout=hwb (rows, columns, bands), bhw (bands first) or hbw (bands in the middle): "
        '--layout hwb, or layout = "hwb" in hsizoo.toml'
    )


def _found(key: str, why: str) -> tuple[tuple[int, ...], str]:
    return _ORDERS[key], "" if key == "hwb" else f"axes read as {_WORDS[key]}: {why}"


def stands_apart(shape: Sequence[int]) -> bool:
    """Whether the last axis stands apart from the two others, as bands do.

    It is less than half as long as both (1905 × 349 × 144), or both are of one length and it is of
    another (145 × 145 × 200).  Anything else may as well be bands first or in the middle: as rows,
    bands, columns of a line scanner (500 × 448 × 1024), or a narrow image.
    """
    first, second, last = shape
    return last * _APART <= min(first, second) or (first == second != last)


def _list(names: Sequence[str]) -> str:
    return ", ".join(name.rpartition("/")[2] for name in names)

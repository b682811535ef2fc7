"""Choose the cube or mask in a file with several arrays, and number its class names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError, did_you_mean

__all__ = ["AXES", "SEVERAL", "Want", "choose", "class_names_of", "numeric"]

Want = Literal["cube", "labels"]

SEVERAL: Final = "has several arrays that can be"
"""In the message that asks which array is meant."""

_PREFERRED: dict[Want, tuple[str, ...]] = {
    "cube": (
        "cube",
        "data",
        "hsi",
        "image",
        "reflectance",
        "surface_reflectance",
        "rfl",
        "radiance",
    ),
    "labels": ("gt", "labels", "label", "mask", "ground_truth", "groundtruth"),
}
AXES: dict[Want, int] = {"cube": 3, "labels": 2}
"""Number of axes."""

_KINDS: dict[Want, str] = {"cube": "iuf", "labels": "biuf"}
_IS: dict[Want, str] = {"cube": "a cube (3 axes)", "labels": "a mask (2 axes)"}


def numeric(
    arrays: Mapping[str, Any], want: Want
) -> tuple[dict[str, tuple[int, ...]], tuple[str, ...]]:
    """Return the shapes of the arrays that hold numbers, and what the others are, for `choose`.

    Parameters
    ----------
    arrays : mapping of str to object
        Whatever has a ``shape`` and a ``dtype``.
    want : {"cube", "labels"}
    """
    found, others = {}, []
    for name, array in arrays.items():
        if array.dtype.kind in _KINDS[want]:
            found[name] = tuple(array.shape)
        elif len(array.shape) >= AXES[want]:
            kind = "text" if array.dtype.kind in "OSUT" else str(array.dtype)
            others.append(f"{name} {tuple(array.shape)} {kind:.60}")
    return found, tuple(others)


def choose(
    path: Path,
    found: Mapping[str, Sequence[int]],
    want: Want,
    variable: str | None,
    others: Sequence[str] = (),
) -> str:
    """Return the name of the array to read.

    It is the one that the user names; otherwise the only one with the right number of axes;
    otherwise the one with a usual name, such as ``cube`` or ``gt``.

    Parameters
    ----------
    path : Path
        The file, for messages.
    found : mapping of str to shape
        The numeric arrays in the file.
    want : {"cube", "labels"}
    variable : str or None
    others : sequence of str
        Arrays that hold no real numbers, in words.

    Raises
    ------
    DataError
        If no array is suitable, or several are; the message lists the arrays.

    Examples
    --------
    >>> choose(Path("a.npz"), {"cube": (4, 5, 6), "abundance": (4, 5, 3)}, "cube", None)
    'cube'
    """
    listed = ", ".join(f"{name} {tuple(shape)}" for name, shape in found.items()) or "none"
    if others:
        listed += f".  These hold no real numbers: {', '.join(others)}"
    if variable is not None:
        if variable not in found:
            raise DataError(
                f"{path} has no numeric array {variable!r}.{did_you_mean(variable, found)} "
                f"Available arrays: {listed}"
            )
        return variable
    # MATLAB stores vectors with two axes; masks are at least two pixels wide.
    fit = [
        name
        for name, shape in found.items()
        if _axes(shape, want) == AXES[want] and (want == "cube" or min(shape) > 1 or len(shape) > 2)
    ]
    if len(fit) > 1:
        by_name = {name.rpartition("/")[2].lower(): name for name in reversed(fit)}
        usual = [by_name[name] for name in _PREFERRED[want] if name in by_name]
        if want == "labels":
            usual += [name for name in fit if name.lower().endswith("_gt")]
        fit = usual[:1] or fit
    if len(fit) == 1:
        return fit[0]
    if not fit:
        more = want == "cube" and any(_axes(shape, want) > AXES[want] for shape in found.values())
        advice = "  One image is read at a time: of an array with more axes, save one image."
        raise DataError(
            f"{path} has no array that can be {_IS[want]}.{advice if more else ''}  Available "
            f"arrays: {listed}"
        )
    key = "variable" if want == "cube" else "mask_variable"
    raise DataError(
        f"{path} {SEVERAL} {_IS[want]}; choose one with variable=NAME "
        f"(--variable NAME; {key} in hsizoo.toml).  Available arrays: {listed}"
    )


def _axes(shape: Sequence[int], want: Want) -> int:
    """Number of axes; of more than are wanted, those of size 1, such as a time, do not count."""
    return len(shape) if len(shape) <= AXES[want] else sum(size != 1 for size in shape)


def class_names_of(names: Sequence[str], labels: npt.NDArray[Any]) -> dict[int, str]:
    """Number the class names of a file, from 1 if there are as many as the highest label.

    Returns an empty dictionary if the count fits numbering neither from 1 nor from 0.

    Examples
    --------
    >>> import numpy as np
    >>> class_names_of(["corn", "oats"], np.array([[0, 1], [2, 2]]))
    {1: 'corn', 2: 'oats'}
    """
    finite = labels[np.isfinite(labels)]
    highest = int(finite.max()) if finite.size else 0
    for first in (1, 0):
        if len(names) == highest + 1 - first:
            return {number: str(name) for number, name in enumerate(names, start=first)}
    return {}

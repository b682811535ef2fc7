"""Choose the cube or mask in a file with several arrays, and number its class names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError, did_you_mean

__all__ = ["Want", "choose", "class_names_of"]

Want = Literal["cube", "labels"]

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
_NDIM: dict[Want, int] = {"cube": 3, "labels": 2}
_IS: dict[Want, str] = {"cube": "a cube (3 axes)", "labels": "a mask (2 axes)"}


def choose(path: Path, found: Mapping[str, Sequence[int]], want: Want, variable: str | None) -> str:
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
        if _axes(shape) == _NDIM[want] and (want == "cube" or min(shape) > 1 or len(shape) > 2)
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
        raise DataError(f"{path} has no array that can be {_IS[want]}.  Available arrays: {listed}")
    key = "variable" if want == "cube" else "mask_variable"
    raise DataError(
        f"{path} has several arrays that can be {_IS[want]}; choose one with variable=NAME "
        f"(--variable NAME; {key} in hsizoo.toml).  Available arrays: {listed}"
    )


def _axes(shape: Sequence[int]) -> int:
    """Number of axes; of more than three, those of size 1, such as a single time, do not count."""
    return len(shape) if len(shape) <= 3 else sum(size != 1 for size in shape)


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

"""Picture of a cube: its pseudo-RGB image beside its mean spectra; needs matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.cube import HyperCube, LabelMap
from hsizoo.io.palette import class_colours
from hsizoo.io.pseudo_rgb import PseudoRgb
from hsizoo.report.pictures import new_figure, to_png

__all__ = ["draw_cube"]

_MOST_CLASSES: Final = 16  # beyond, lines and legend cannot be told apart
_GAP: Final = 4  # bands farther apart than so many usual steps are not joined: bands left out


def draw_cube(cube: HyperCube, labels: LabelMap | None = None) -> bytes:
    """Draw a cube.

    Parameters
    ----------
    cube : HyperCube
    labels : LabelMap, optional
        With it, one mean spectrum per target class, up to 16; otherwise that of all valid pixels.

    Returns
    -------
    bytes
        A PNG file.

    Raises
    ------
    MissingRequirement
        If matplotlib is not installed.
    """
    figure = new_figure((11, 4.6))
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    how = PseudoRgb().describe(cube)
    left.imshow(PseudoRgb().render(cube), interpolation="nearest")
    left.set_title(f"{cube.name}: {_bands(cube, how)}", fontsize=9)
    left.set_xlabel("column")
    left.set_ylabel("row")
    where = np.arange(cube.bands) if cube.wavelengths is None else cube.wavelengths
    order = np.argsort(where, kind="stable")
    gaps = _gaps(np.asarray(where, dtype=np.float64)[order])
    for name, (colour, spectra) in _spectra(cube, labels).items():
        mean, spread = spectra.mean(axis=0)[order], spectra.std(axis=0)[order]
        x, middle, low, high = (
            np.insert(np.asarray(v, dtype=np.float64), gaps, np.nan)
            for v in (np.asarray(where)[order], mean, mean - spread, mean + spread)
        )
        right.plot(x, middle, color=colour, linewidth=1.4, label=name)
        right.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    right.set_xlabel("band" if cube.wavelengths is None else "wavelength (nm)")
    right.set_title("mean spectrum ± standard deviation", fontsize=9)
    right.grid(alpha=0.3)
    right.legend(fontsize=7)
    return to_png(figure)


def _bands(cube: HyperCube, how: Mapping[str, Any]) -> str:
    """Name the bands of the pseudo-RGB image."""
    if "bands" not in how:
        return str(how["rgb"])
    if cube.wavelengths is None:
        return "bands " + ", ".join(map(str, how["bands"]))
    return ", ".join(f"{cube.wavelengths[band]:.0f}" for band in how["bands"]) + " nm"


def _spectra(
    cube: HyperCube, labels: LabelMap | None
) -> dict[str, tuple[Any, npt.NDArray[np.float64]]]:
    """Return a colour and the spectra (n, B) of each class that has some."""
    if labels is None:
        return {"all valid pixels": ("#0072b2", cube.data[cube.valid].astype(np.float64))}
    colours = class_colours(max(labels.targets, default=0) + 1) / 255
    found = {}
    for label in sorted(labels.targets)[:_MOST_CLASSES]:
        inside = (labels.labels == label) & cube.valid
        if label >= 0 and inside.any():
            name = f"{labels.class_names[label]} ({int(inside.sum())})"
            found[name] = tuple(colours[label]), cube.data[inside].astype(np.float64)
    return found


def _gaps(where: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Return before which bands a line must break."""
    steps = np.diff(where)
    if not steps.size:
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(steps > _GAP * np.median(steps)) + 1

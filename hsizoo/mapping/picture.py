"""A class map with its legend as a picture; needs matplotlib."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from hsizoo.io import class_colours
from hsizoo.report.pictures import new_figure, to_png

__all__ = ["map_png"]

_WIDTH: Final = 8.0  # inches
_TALLEST: Final = 12.0
_MOST_PIXELS: Final = 2000  # per side: more could not be seen
_ACROSS: Final = 4
_LINE: Final = 110  # characters of the legend
_LONGEST: Final = 60


def map_png(labels: npt.NDArray[np.integer], names: Mapping[int, str], title: str) -> bytes:
    """Draw a class map as PNG, in the colours of its classes.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
    names : mapping of int to str
        Names of all labels; those that do not occur are left out of the legend.
    title : str

    Raises
    ------
    MissingRequirement
        If matplotlib is not installed.
    """
    present = np.unique(labels).tolist()
    shown = [label for label in names if label in present]
    height, width = labels.shape
    texts = [textwrap.shorten(names[label], _LONGEST, placeholder=" …") for label in shown]
    across = min(_ACROSS, _LINE // (max(map(len, texts)) + 6))
    legend = 0.25 * math.ceil(len(shown) / across)
    figure = new_figure((_WIDTH, min(_TALLEST, _WIDTH * height / width) + legend + 0.5))
    from matplotlib.patches import Patch

    step = max(1, math.ceil(max(height, width) / _MOST_PIXELS))
    colours = class_colours(max(names) + 1)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.imshow(colours[labels[::step, ::step]], interpolation="nearest")
    axes.set_title(title, fontsize=9)
    entries = [
        Patch(color=colours[label] / 255, label=text)
        for label, text in zip(shown, texts, strict=True)
    ]
    figure.legend(
        handles=entries, loc="outside lower center", ncols=across, frameon=False, fontsize=7
    )
    return to_png(figure)

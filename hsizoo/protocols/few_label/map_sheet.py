"""All maps of a scene side by side, as in papers; needs matplotlib."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from hsizoo.interfaces import Record
from hsizoo.io import class_colours
from hsizoo.protocols.few_label.classes import classes_of
from hsizoo.protocols.few_label.file_names import FileNames
from hsizoo.protocols.few_label.maps import shown_maps
from hsizoo.protocols.few_label.splits import Split
from hsizoo.report.pictures import new_figure, to_png

__all__ = ["map_sheet_files", "map_sheet_png"]

_WIDTH = 10.0  # inches
_MOST_ACROSS = 5
_PALE = 0.35  # strength of the colours at pixels that are neither training nor test pixels

Panel = tuple[str, npt.NDArray[np.integer], npt.NDArray[np.bool_]]


def map_sheet_files(records: Sequence[Record]) -> Iterator[tuple[str, bytes]]:
    """Plot one sheet per scene, with the map of each row for its lowest finished seed.

    Parameters
    ----------
    records : sequence of mapping

    Yields
    ------
    (str, bytes)
        ``maps/all-<scene>.png``, in the colours of `hsizoo.protocols.few_label.maps`.

    Raises
    ------
    MissingRequirement
        If matplotlib is not installed.
    """
    scenes: dict[str, list[Panel]] = {}
    for row, record, labels in shown_maps(records):
        result = record["result"]
        split = Split.from_record(result["split"])
        known = split.mask(split.train) | split.mask(split.test)
        oa = result["scores"]["oa"]
        title = row if oa is None else f"{row}: OA {100 * oa:.1f} %"
        panel = title, labels, known
        scenes.setdefault(record["identity"]["scene"], []).append(panel)
    classes = [name for _, name in classes_of(records)]
    names = FileNames()
    for scene, panels in scenes.items():
        yield f"maps/{names.of(f'all-{scene}')}.png", map_sheet_png(panels, classes, scene)


def map_sheet_png(panels: Sequence[Panel], classes: Sequence[str], title: str) -> bytes:
    """Plot maps side by side as PNG, with the names of their classes.

    Parameters
    ----------
    panels : sequence of (str, ndarray of int, ndarray of bool)
        Title; labels (H, W), the number of the class from 1, or 0 for an invalid spectrum; and mask
        of the training and test pixels (H, W), outside of which colours are pale.
    classes : sequence of str
        Names of the classes; their order determines their colours.
    title : str
        Title of the figure.

    Raises
    ------
    MissingRequirement
        If matplotlib is not installed.
    """
    down = math.ceil(len(panels) / _MOST_ACROSS)
    across = math.ceil(len(panels) / down)
    height, width = panels[0][1].shape
    side = _WIDTH / across
    tall = min(2 * side, side * height / width) + 0.45  # limits the height of a narrow image
    legend = 0.22 * math.ceil((len(classes) + 1) / 5)
    figure = new_figure((_WIDTH, down * tall + legend + 0.5))
    colours = class_colours(len(classes) + 1)
    pale = (255 + _PALE * (colours - 255.0)).round().astype(np.uint8)
    characters = int(15 * side)
    for axes in figure.subplots(down, across, squeeze=False).flat:
        axes.set_axis_off()
    for axes, (name, labels, known) in zip(figure.axes, panels, strict=False):
        shown = np.where(known[..., None], colours[labels], pale[labels])
        axes.imshow(shown, interpolation="nearest")
        axes.set_title("\n".join(textwrap.wrap(name, characters)), fontsize=8)
    from matplotlib.patches import Patch

    present = set().union(*(np.unique(labels).tolist() for _, labels, _ in panels))
    entries = [
        Patch(color=colours[place] / 255, label=name)
        for place, name in enumerate(["unusable", *classes])
        if place in present
    ]
    figure.legend(handles=entries, loc="outside lower center", ncols=5, frameon=False, fontsize=7)
    figure.suptitle(f"{title} (pale: neither training nor test pixels)", fontsize=9)
    return to_png(figure)

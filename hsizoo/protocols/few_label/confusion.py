"""Plots of confusion matrices; needs matplotlib (``pip install 'hsizoo[report]'``)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hsizoo.interfaces import Record
from hsizoo.io import class_colours
from hsizoo.protocols.few_label.classes import classes_of
from hsizoo.protocols.few_label.file_names import FileNames
from hsizoo.protocols.few_label.scores import scores
from hsizoo.report.pictures import new_figure, to_png
from hsizoo.report.rows import by_row, done, row_name

__all__ = ["confusion_files", "confusion_png", "summed_confusion"]

_MOST_COUNTED = 60  # classes; with more, cells are too small for numbers
_DARK = 0.55  # darker shades need light text


def confusion_files(records: Sequence[Record]) -> Iterator[tuple[str, bytes]]:
    """Plot the confusion matrix of each row that has results, summed over its seeds and scenes.

    Parameters
    ----------
    records : sequence of mapping

    Yields
    ------
    (str, bytes)
        ``confusion/<component>.png``.

    Raises
    ------
    MissingRequirement
        If matplotlib is not installed.
    """
    places = classes_of(records)
    names = FileNames()
    for (label, pairs), mine in by_row(records).items():
        finished = done(mine)
        if not finished:
            continue
        total, over = summed_confusion(finished, places)
        row = row_name(label, dict(pairs))
        picture = confusion_png(total, [name for _, name in places], row, f"sum of {over}")
        yield f"confusion/{names.of(row)}.png", picture


def summed_confusion(
    records: Sequence[Record], places: Mapping[tuple[int, str], int]
) -> tuple[npt.NDArray[np.int64], str]:
    """Sum the confusion matrices of finished cells.

    Parameters
    ----------
    records : sequence of mapping
    places : mapping
        See `classes_of`.

    Returns
    -------
    total : ndarray of int64, shape (K, K)
    over : str
        What it is the sum of, in words.
    """
    total = np.zeros((len(places), len(places)), dtype=np.int64)
    for record in records:
        result = record["result"]
        known = zip(result["labels"], result["classes"], strict=True)
        where = [places[each] - 1 for each in known]
        total[np.ix_(where, where)] += np.array(result["confusion"])
    seeds = len({record["identity"]["seed"] for record in records})
    scenes = len({record["identity"]["scene"] for record in records})
    return total, f"{seeds} seed(s)" + (f", {scenes} scenes" if scenes > 1 else "")


def confusion_png(confusion: Any, classes: Sequence[str], title: str, remark: str = "") -> bytes:
    """Plot a confusion matrix as PNG: counts, shaded by their share of the true class.

    Next to each true class are its colour in the run's maps and its recall, below each column the
    precision of the predicted class, both in percent; a dash for a class without test pixels.

    Parameters
    ----------
    confusion : array_like of int, shape (K, K)
        Rows are true classes.
    classes : sequence of str
        Names of the classes; their order determines their colours.
    title, remark : str
        Title of the figure, and a remark below the scores.

    Raises
    ------
    MissingRequirement
        If matplotlib is not installed.
    """
    counts = np.asarray(confusion, dtype=np.int64)
    number = len(counts)
    found = scores(counts)
    tested = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(tested, 1)
    cell = 0.52 if number <= _MOST_COUNTED else 0.2
    side = max(2.4, cell * number)
    # Inches added for names, colour bar and title; the layout distributes them.
    figure = new_figure((side + 4.4, side + 3.2))
    axes = figure.subplots()
    shown = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    small = 7.5 if number <= _MOST_COUNTED else 5
    axes.set_xticks(range(number), classes, rotation=90, fontsize=small + 0.5)
    axes.set_yticks(range(number), classes, fontsize=small + 0.5)
    axes.tick_params(axis="y", length=0, pad=12)
    axes.tick_params(axis="x", length=0, pad=19)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_xticks(np.arange(number - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(number - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="0.85", linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    if number <= _MOST_COUNTED:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > _DARK else "black"
                size = small if count < 10_000 else small - 1.5
                axes.text(column, row, str(count), ha="center", va="center", color=colour,
                          fontsize=size)  # fmt: skip
    colours = class_colours(number + 1)[1:] / 255
    across, down = axes.get_yaxis_transform(), axes.get_xaxis_transform()
    gap = 0.08 / side  # between the matrix and the text next to it, as a share of its side
    beside: dict[str, Any] = {"va": "center", "fontsize": small}
    below: dict[str, Any] = {"va": "top", "fontsize": small}
    for place in range(number):
        recall, precision = (_percent(found[key][place]) for key in ("recall", "precision"))
        axes.text(1 + gap, place, recall, transform=across, ha="left", **beside)
        axes.text(place, -gap, precision, transform=down, ha="center", **below)
        axes.plot(-gap, place, transform=across, marker="s", markersize=6, color=colours[place],
                  clip_on=False)  # fmt: skip
    axes.text(1 + gap, 1 + gap, "recall %", transform=axes.transAxes, fontsize=small)
    axes.text(-gap, -gap, "precision %", transform=axes.transAxes, ha="right", **below)
    axes.set_xlim(-0.5, number - 0.5)
    axes.set_ylim(number - 0.5, -0.5)
    bar = figure.colorbar(shown, ax=axes, shrink=min(1.0, 3 / side), pad=0.09, aspect=14)
    bar.set_label("share of the true class")
    kappa = "—" if found["kappa"] is None else f"{found['kappa']:.3f}"
    words = (
        f"OA {_percent(found['oa'])} %, AA (mean recall) {_percent(found['aa'])} %, "
        f"mean precision {_percent(found['macro_precision'])} %, kappa {kappa}"
    )
    width = int(13 * (side + 4.4))  # characters at this font size
    lines = [*textwrap.wrap(title, width), *textwrap.wrap(words, width), remark]
    figure.suptitle("\n".join(line for line in lines if line), fontsize=9)
    return to_png(figure)


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{100 * share:.1f}"

"""The picture of a sweep over a setting; needs matplotlib (``pip install 'hsizoo[report]'``)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hsizoo.protocols.few_label.tables import Row, name_of
from hsizoo.report.pictures import new_figure, to_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["sweep_png", "swept"]

_LONG = 16  # letters of a name beside which there is no room for the next
_NEAR = 0.04  # share of the axis that a number needs for itself


def swept(rows: Sequence[Row]) -> list[str]:
    """The conditions that take several values in a run."""
    keys = rows[0]["conditions"] if rows else ()
    return [key for key in keys if len({row["conditions"][key] for row in rows} - {""}) > 1]


def sweep_png(rows: Sequence[Row], key: str, title: str) -> bytes:
    """Draw accuracy and time against a swept setting, as PNG.

    On the left overall accuracy, with its standard deviation over seeds, and, dashed, the share of
    pseudo labels that are right; on the right the median seconds to learn.  A component that the
    setting does not touch is a dotted line from side to side.

    Parameters
    ----------
    rows : sequence of Row
        See `hsizoo.protocols.few_label.tables`.
    key : str
        The condition along the horizontal axis: in proportion where all its values are numbers;
        to their logarithms where they would touch.
    title : str

    Raises
    ------
    MissingRequirement
        If matplotlib is not installed.
    """
    figure = new_figure((10, 4.8))  # says so where matplotlib is missing
    from matplotlib.lines import Line2D

    left, right = figure.subplots(1, 2)
    values = list(dict.fromkeys(row["conditions"][key] for row in rows if row["conditions"][key]))
    numbers = [_number(value) for value in values]
    in_proportion = None not in numbers
    at = dict(zip(values, numbers if in_proportion else range(len(values)), strict=True))
    lines = _lines(rows, key)
    legend = []
    for place, (name, mine) in enumerate(lines.items()):
        colour = f"C{place % 10}"
        if not mine[0]["conditions"][key]:
            _across(left, right, mine[0], colour)
            legend.append(Line2D([], [], color=colour, ls=":", label=name))
            continue
        mine = sorted((row for row in mine if row["oa"] is not None),
                      key=lambda row: at[row["conditions"][key]])  # fmt: skip
        # Words have no order to draw a line along; side by side their bars are told apart.
        aside = 0.0 if in_proportion else 0.4 * ((place + 0.5) / len(lines) - 0.5)
        joined = "-" if in_proportion else ""
        where = [at[row["conditions"][key]] + aside for row in mine]
        spread = [100 * (row["oa_sd"] or 0) for row in mine]
        look: dict[str, Any] = {"color": colour, "markersize": 4}
        left.errorbar(where, [100 * row["oa"] for row in mine], spread, marker="o", ls=joined,
                      capsize=3, **look)  # fmt: skip
        legend.append(Line2D([], [], marker="o", ls=joined, label=name, **look))
        pseudo = [math.nan if row["pseudo_right"] is None else 100 * row["pseudo_right"]
                  for row in mine]  # fmt: skip
        if not all(map(math.isnan, pseudo)):
            look |= {"marker": "s", "ls": "--" if in_proportion else "", "fillstyle": "none"}
            left.plot(where, pseudo, **look)
            legend.append(Line2D([], [], label=f"{name}: pseudo labels", **look))
        right.plot(where, [row["fit_seconds"] for row in mine], marker="o", ls=joined,
                   color=colour, markersize=4)  # fmt: skip
    for axes, words in ((left, "right, % (mean ± sd over seeds)"), (right, "seconds to learn")):
        axes.set(xlabel=key, ylabel=words)
        axes.grid(alpha=0.3)
        if in_proportion and _crowded(list(at.values())):
            axes.set_xscale("log")
            axes.minorticks_off()
        axes.set_xticks(list(at.values()), values)
        if not in_proportion and max(map(len, values)) > _LONG:
            axes.tick_params(axis="x", labelrotation=90)
    right.set_ylim(bottom=0)
    figure.legend(handles=legend, loc="outside lower center", ncols=1 if len(legend) < 4 else 2,
                  frameon=False, fontsize="small")  # fmt: skip
    figure.suptitle(title)
    return to_png(figure)


def _across(left: Axes, right: Axes, row: Row, colour: str) -> None:
    """Draw a row that the setting does not touch from side to side."""
    if row["oa"] is not None:
        left.axhline(100 * row["oa"], color=colour, ls=":")
        right.axhline(row["fit_seconds"], color=colour, ls=":")


def _lines(rows: Sequence[Row], key: str) -> Mapping[str, list[Row]]:
    """Rows that differ in one setting only, by their component and their other conditions."""
    lines: dict[str, list[Row]] = {}
    for row in rows:
        others = {each: value for each, value in row["conditions"].items() if each != key}
        lines.setdefault(name_of(row["component"], others), []).append(row)
    return lines


def _crowded(numbers: Sequence[float]) -> bool:
    """Whether numbers touch on an axis, and have logarithms."""
    ordered = sorted(numbers)
    nearest = min((more - less for less, more in itertools.pairwise(ordered)), default=math.inf)
    return ordered[0] > 0 and nearest < _NEAR * (ordered[-1] - ordered[0])


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None

"""The picture of a swept option; needs matplotlib (``pip install 'hsizoo[report]'``)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hsizoo.interfaces import Column, Protocol
from hsizoo.report.figures import headline_of, scaled
from hsizoo.report.pictures import new_figure, to_png
from hsizoo.report.rows import Row, row_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["sweep_png", "swept"]

_LONG = 16  # letters of a name beside which there is no room for the next
_NEAR = 0.04  # share of the axis that a number needs for itself


def swept(rows: Sequence[Row]) -> list[str]:
    """The conditions that take several values in a run."""
    keys = rows[0].conditions if rows else ()
    return [key for key in keys if len({row.conditions[key] for row in rows} - {""}) > 1]


def sweep_png(protocol: type[Protocol], rows: Sequence[Row], key: str, title: str) -> bytes:
    """Draw the figures of a run against a swept option, as PNG.

    The panels are those of `Protocol.sweep_panels`.  A component that the option does not concern
    is a dotted line from side to side.

    Parameters
    ----------
    protocol : type of Protocol
    rows : sequence of Row
    key : str
        The condition along the horizontal axis: in proportion where all its values are numbers,
        and to their logarithms where they would touch.
    title : str

    Raises
    ------
    MissingRequirement
        If matplotlib is not installed.
    """
    columns = {column.name: column for column in protocol.columns}
    panels = protocol.sweep_panels or ((headline_of(protocol.headline, rows),),)
    figure = new_figure((5 * len(panels) if len(panels) > 1 else 7, 4.8))
    values = list(dict.fromkeys(row.conditions[key] for row in rows if row.conditions[key]))
    numbers = [_number(value) for value in values]
    in_proportion = None not in numbers
    at: dict[str, float] = dict(
        zip(values, numbers if in_proportion else range(len(values)), strict=True)  # type: ignore[arg-type]
    )
    legend: dict[str, Any] = {}
    for axes, names in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        shown = [columns[name] for name in names]
        lines = _lines(rows, key)
        for place, (name, mine) in enumerate(lines.items()):
            # Words have no order to draw a line along; side by side their bars are told apart.
            aside = 0.0 if in_proportion else 0.4 * ((place + 0.5) / len(lines) - 0.5)
            for number, column in enumerate(shown):
                colour = f"C{place % 10}"
                look: dict[str, Any] = {"color": colour, "markersize": 4}
                label = f"{name}: {column.heading}" if number else name
                if not mine[0].conditions[key]:
                    artist = _across(axes, mine[0], column, colour) if not number else None
                else:
                    style = ("-", "--")[number > 0] if in_proportion else ""
                    look |= {"marker": "os"[number > 0], "ls": style}
                    look |= {"fillstyle": "none"} if number else {}
                    artist = _along(axes, mine, column, key, at, aside, look)
                if artist is not None:
                    legend.setdefault(label, artist)
        unit = {"s": "seconds", "": ""}.get(shown[0].unit, shown[0].unit)
        spread = any(shown[0].name in row.deviations for row in rows)
        words = [shown[0].heading, *[unit] * (unit not in shown[0].heading)]
        axes.set(xlabel=key, ylabel=" ".join(words) + " (mean ± sd over seeds)" * spread)
        axes.grid(alpha=0.3)
        if shown[0].unit == "s":
            axes.set_ylim(bottom=0)
        if in_proportion and _crowded(list(at.values())):
            axes.set_xscale("log")
            axes.minorticks_off()
        axes.set_xticks(list(at.values()), values)
        if not in_proportion and max(map(len, values)) > _LONG:
            axes.tick_params(axis="x", labelrotation=90)
    figure.legend(
        handles=list(legend.values()), labels=list(legend), loc="outside lower center",
        ncols=1 if len(legend) < 4 else 2, frameon=False, fontsize="small",
    )  # fmt: skip
    figure.suptitle(title)
    return to_png(figure)


def _along(
    axes: Axes,
    rows: Sequence[Row],
    column: Column,
    key: str,
    at: Mapping[str, float],
    aside: float,
    look: Mapping[str, Any],
) -> Any:
    """Draw the rows of one component along the axis; None if there is nothing to draw."""
    points = sorted(
        (at[row.conditions[key]] + aside, scaled(value, column),
         scaled(row.deviations.get(column.name, 0.0), column))
        for row in rows if (value := row[column.name]) is not None
    )  # fmt: skip
    if not points:
        return None
    where, heights, spread = zip(*points, strict=True)
    if any(spread):
        return axes.errorbar(where, heights, spread, capsize=3, **look)
    return axes.plot(where, heights, **look)[0]


def _across(axes: Axes, row: Row, column: Column, colour: str) -> Any:
    """Draw a row that the option does not concern from side to side."""
    value = row[column.name]
    return None if value is None else axes.axhline(scaled(value, column), color=colour, ls=":")


def _lines(rows: Sequence[Row], key: str) -> Mapping[str, list[Row]]:
    """Rows that differ in this option only, by their component and their other conditions."""
    lines: dict[str, list[Row]] = {}
    for row in rows:
        others = {each: value for each, value in row.conditions.items() if each != key}
        lines.setdefault(row_name(row.component, others), []).append(row)
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

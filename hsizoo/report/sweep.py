"""Plot of a swept option; needs matplotlib (``pip install 'hsizoo[report]'``)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hsizoo.interfaces import Column, Protocol
from hsizoo.report.figures import headline_of, scaled
from hsizoo.report.pictures import in_legend, new_figure, to_png
from hsizoo.report.rows import Row, row_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["sweep_png", "swept"]

_LONG = 16  # characters of a tick label; longer ones are rotated
_NEAR = 0.04  # share of the axis that a tick label needs


def swept(rows: Sequence[Row]) -> list[str]:
    """Return the conditions that have several values in a run."""
    keys = rows[0].conditions if rows else ()
    return [key for key in keys if len({row.conditions[key] for row in rows} - {""}) > 1]


def sweep_png(protocol: type[Protocol], rows: Sequence[Row], key: str, title: str) -> bytes:
    """Plot the figures of a run against a swept option, as PNG.

    The panels are those of `Protocol.sweep_panels`.  A component without the option is a dotted
    horizontal line.

    Parameters
    ----------
    protocol : type of Protocol
    rows : sequence of Row
    key : str
        Condition along the horizontal axis.  The axis is numeric if all values are numbers, and
        logarithmic if their labels would overlap otherwise.
    title : str
        Title of the figure.

    Raises
    ------
    MissingRequirement
        If matplotlib is not installed.
    """
    columns = {column.name: column for column in protocol.columns}
    panels = protocol.sweep_panels or ((headline_of(protocol.headline, rows),),)
    figure = new_figure((5 * len(panels) if len(panels) > 1 else 7, 4.8))
    values = list(dict.fromkeys(row.conditions[key] for row in rows if row.conditions[key]))
    numbers = [number for value in values if (number := _number(value)) is not None]
    numeric = len(numbers) == len(values)
    at = dict(zip(values, numbers if numeric else range(len(values)), strict=True))
    legend: dict[str, Any] = {}
    for axes, names in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        shown = [columns[name] for name in names]
        for label, artist in _draw(axes, rows, shown, key, at, numeric=numeric):
            legend.setdefault(label, artist)
        words = shown[0].heading
        if shown[0].unit not in words:
            words += f" {shown[0].unit}"
        if any(shown[0].name in row.deviations for row in rows):
            words += " (mean ± sd over seeds)"
        axes.set(xlabel=key, ylabel=words)
        axes.grid(alpha=0.3)
        if shown[0].unit == "s":
            axes.set_ylim(bottom=0)
        if numeric and _crowded(numbers):
            axes.set_xscale("log")
            axes.minorticks_off()
        axes.set_xticks(list(at.values()), values)
        if not numeric and max(map(len, values)) > _LONG:
            axes.tick_params(axis="x", labelrotation=90)
    figure.legend(
        handles=list(legend.values()), labels=list(map(in_legend, legend)),
        loc="outside lower center",
        ncols=1 if len(legend) < 4 else 2, frameon=False, fontsize="small",
    )  # fmt: skip
    figure.suptitle(title)
    return to_png(figure)


def _draw(
    axes: Axes,
    rows: Sequence[Row],
    columns: Sequence[Column],
    key: str,
    at: Mapping[str, float],
    *,
    numeric: bool,
) -> Iterator[tuple[str, Any]]:
    """Draw the lines of one panel; yield label and artist of each for the legend."""
    lines = _lines(rows, key)
    for place, (name, mine) in enumerate(lines.items()):
        colour = f"C{place % 10}"
        if not mine[0].conditions[key]:
            if (artist := _across(axes, mine[0], columns[0], colour)) is not None:
                yield name, artist
            continue
        # Words have no order, so draw no lines, and put the error bars side by side.
        aside = 0.0 if numeric else 0.4 * ((place + 0.5) / len(lines) - 0.5)
        solid: dict[str, Any] = {"color": colour, "markersize": 4, "marker": "o", "ls": "-"}
        dashed = {**solid, "marker": "s", "ls": "--", "fillstyle": "none"}
        for number, column in enumerate(columns):
            look = dashed if number else solid
            if not numeric:
                look = {**look, "ls": ""}
            if (artist := _along(axes, mine, column, key, at, aside, look)) is not None:
                yield f"{name}: {column.heading}" if number else name, artist


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
    """Draw a row without the option as a horizontal line."""
    value = row[column.name]
    return None if value is None else axes.axhline(scaled(value, column), color=colour, ls=":")


def _lines(rows: Sequence[Row], key: str) -> Mapping[str, list[Row]]:
    """Group rows that differ only in this option, by component and other conditions."""
    lines: dict[str, list[Row]] = {}
    for row in rows:
        others = {each: value for each, value in row.conditions.items() if each != key}
        lines.setdefault(row_name(row.component, others), []).append(row)
    return lines


def _crowded(numbers: Sequence[float]) -> bool:
    """Whether tick labels would overlap on a linear axis, and all numbers are positive."""
    ordered = sorted(numbers)
    nearest = min((more - less for less, more in itertools.pairwise(ordered)), default=math.inf)
    return ordered[0] > 0 and nearest < _NEAR * (ordered[-1] - ordered[0])


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None

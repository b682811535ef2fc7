"""Figures that any protocol has: paired differences, speed against quality, swept conditions."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hsizoo.interfaces import Chart, Column, Series
from hsizoo.report.comparison import Comparison
from hsizoo.report.figures import Layout, headline_of, scaled
from hsizoo.report.rows import Row, row_name
from hsizoo.report.sweep import swept

__all__ = ["derived_charts", "difference_chart"]

_STRENGTH = re.compile(r"([^:=,]+):([\w-]+)=([-+.\deE]+)")
_CLEAN = "none"  # a condition that is 0 of everything
_FAR = 10.0  # times the smallest value, from which on an axis of seconds is logarithmic


def derived_charts(layout: Layout, comparison: Comparison) -> Iterator[Chart]:
    """Yield the charts made of the table: speed against quality, and each swept condition."""
    rows = comparison.rows
    if not rows:
        return
    columns = {column.name: column for column in layout.columns}
    headline = columns[headline_of(layout.headline, rows)]
    for column in layout.columns:
        if column.unit == "s" and len(rows) > 1 and (chart := _speed(rows, column, headline)):
            yield chart
    for key in swept(rows):
        yield from _swept(rows, headline, key)


def difference_chart(
    layout: Layout, lines: Sequence[Mapping[str, Any]], against: str
) -> Chart | None:
    """Return the chart of paired differences to a row.

    Parameters
    ----------
    layout : Layout
    lines : sequence of mapping
        ``name``, ``column``, ``difference``, ``low`` and ``high`` of each; see
        `hsizoo.report.baseline`.
    against : str
        Name of the row, for the axis.
    """
    known = [line for line in lines if line.get("low") is not None]
    if not known:
        return None
    column: Column = known[0]["column"]
    better = {"higher": ", right is better", "lower": ", left is better"}.get(column.better, "")
    return Chart(
        name="differences",
        title="Paired differences",
        x=f"{column.heading}: difference{better}",
        y="",
        series=[
            Series(
                label="difference",
                x=[scaled(line["difference"], column) for line in known],
                y=[float(place) for place in range(len(known))],
                low=[scaled(line["low"], column) for line in known],
                high=[scaled(line["high"], column) for line in known],
            )
        ],
        ticks=[line["name"] for line in known],
        joined=False,
        flat=True,
        remark=f"Each row minus {against}, on the results that both have.  Bars: 95 % bootstrap "
        "intervals.",
    )


def _speed(rows: Sequence[Row], seconds: Column, headline: Column) -> Chart | None:
    points = [
        (row, time, value)
        for row in rows
        if (time := row[seconds.name]) is not None and (value := row[headline.name]) is not None
    ]
    times = [time for _, time, _ in points]
    if len(points) < 2:
        return None
    return Chart(
        name=f"speed-{_plain(seconds.name)}",
        title=f"{headline.heading} against {seconds.heading}",
        x=f"{seconds.meaning} (s)",
        y=_words(headline),
        series=[
            Series(
                label=row.name,
                x=[time],
                y=[scaled(value, headline)],
                **_ends([row], headline),
            )
            for row, time, value in points
        ],
        joined=False,
        log=min(times) > 0 and max(times) > _FAR * min(times),
    )


def _swept(rows: Sequence[Row], headline: Column, key: str) -> Iterator[Chart]:
    """Charts of a condition: one for each kind of strength, and one of values that are words."""
    values = list(dict.fromkeys(row.conditions[key] for row in rows if row.conditions[key]))
    kinds: dict[str, dict[str, float]] = {}
    for value in values:
        number, match = _number(value), _STRENGTH.fullmatch(value)
        if number is not None:
            kinds.setdefault(key, {})[value] = number
        elif match and (strength := _number(match[3])) is not None:
            kinds.setdefault(f"{match[1]}: {match[2]}", {})[value] = strength
    for kind, at in kinds.items():
        if _CLEAN in values and kind != key:
            at = {_CLEAN: 0.0, **at}
        if len(at) > 1:
            yield _along(rows, headline, key, kind, at, ())
    words = [each for each in values if not any(each in at for at in kinds.values())]
    if len(words) > 1:
        at = {each: float(place) for place, each in enumerate(words)}
        yield _along(rows, headline, key, key, at, words)


def _along(
    rows: Sequence[Row],
    headline: Column,
    key: str,
    kind: str,
    at: Mapping[str, float],
    ticks: Sequence[str],
) -> Chart:
    lines: dict[str, list[Row]] = {}
    for row in rows:
        if row.conditions[key] in at and row[headline.name] is not None:
            others = {name: value for name, value in row.conditions.items() if name != key}
            lines.setdefault(row_name(row.component, others), []).append(row)
    series = []
    for name, mine in lines.items():
        mine = sorted(mine, key=lambda row: at[row.conditions[key]])
        x = [at[row.conditions[key]] for row in mine]
        y = [scaled(row[headline.name] or 0.0, headline) for row in mine]
        series.append(Series(label=name, x=x, y=y, **_ends(mine, headline)))
    places = sorted(at.values())
    near = min((more - less for less, more in itertools.pairwise(places)), default=math.inf)
    return Chart(
        name=f"{_plain(key)}-{_plain(kind)}" if kind != key else f"over-{_plain(key)}",
        title=f"{headline.heading} over {kind}",
        x=kind,
        y=_words(headline),
        series=series,
        joined=not ticks,
        ticks=ticks,
        log=not ticks and places[0] > 0 and near < 0.04 * (places[-1] - places[0]),
        remark="With 95 % bootstrap intervals." if any(len(each.low) for each in series) else "",
    )


def _ends(rows: Sequence[Row], column: Column) -> dict[str, list[float]]:
    """The intervals of these rows, if all have one; or mean ± standard deviation over seeds."""
    ends = [row.intervals.get(column.name) for row in rows]
    if all(ends):
        low, high = zip(*(each for each in ends if each), strict=True)
    elif column.deviation and all(column.name in row.deviations for row in rows):
        pairs = [(row[column.name] or 0.0, row.deviations[column.name]) for row in rows]
        low, high = zip(*((mean - sd, mean + sd) for mean, sd in pairs), strict=True)
    else:
        return {}
    return {
        "low": [scaled(each, column) for each in low],
        "high": [scaled(each, column) for each in high],
    }


def _words(column: Column) -> str:
    return column.heading if column.unit in column.heading else f"{column.heading} {column.unit}"


def _plain(text: str) -> str:
    """A text as a part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "value"


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None

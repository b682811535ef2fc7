"""Charts of a report: Dice over clicks, and clicks to a wanted overlap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from hsizoo.interfaces import Chart, Record, Series
from hsizoo.protocols.interactive.curve import Curve, curves_of
from hsizoo.protocols.interactive.observations import observe_curves
from hsizoo.report.rows import RowName, by_row, covers, done, row_name, settings_of

__all__ = ["charts"]

_IOU = 0.85
_DICE = (
    ("dice", "dice-over-clicks", "Dice over clicks, at threshold 0.5"),
    ("dice_max", "best-dice-over-clicks", "Dice over clicks, at each sample's best threshold"),
)


def charts(records: Sequence[Record]) -> Iterator[Chart]:
    """Yield the charts of each setting; see `hsizoo.Protocol.figures`."""
    rows = curves_of(records, "dice", "dice_max")
    reached = {name: _reached(done(mine)) for name, mine in by_row(records).items()}
    settings: list[dict[str, str]] = settings_of([dict(pairs) for _, pairs in rows]) or [{}]
    for number, setting in enumerate(settings, start=1):
        mine = [name for name in rows if covers(dict(name[1]), setting)]
        ending = f"-{number}" if len(settings) > 1 else ""
        where = row_name("", setting).removeprefix(" | ")
        where = f" ({where})" if where else ""
        for key, name, title in _DICE:
            curves = {row: rows[row][key] for row in mine}
            bands = dict.fromkeys(curve[3] for curve in curves.values() if curve[3])
            yield Chart(
                name=name + ending,
                title=title + where,
                x="clicks",
                y="Dice",
                series=list(_lines(curves)),
                remark="".join(f"Band: {band}." for band in bands),
                limits=(0, 1),
            )
        yield Chart(
            name="clicks-to-iou" + ending,
            title=f"Samples that have reached IoU {_IOU:g}{where}",
            x="clicks",
            y="share of samples",
            series=[
                Series(label=_label(row), x=range(1, 1 + len(reached[row])), y=reached[row])
                for row in mine
            ],
            remark=f"The column noc85 is the mean number of clicks to IoU {_IOU:g}.",
            limits=(0, 1),
        )


def _lines(curves: Mapping[RowName, Curve]) -> Iterator[Series]:
    for row, (mean, low, high, _) in curves.items():
        clicks = range(1, len(mean) + 1)
        yield Series(label=_label(row), x=clicks, y=mean, low=low, high=high)


def _label(row: RowName) -> str:
    return row_name(row[0], dict(row[1]))


def _reached(records: Sequence[Record]) -> list[float]:
    """Share of samples that have reached the IoU after each click."""
    (observed,) = observe_curves(records, "iou")
    values = np.array(
        [[each.values[name] for name in observed.names] for mine in observed for each in mine]
    )
    if not values.size:
        return []
    best = np.fmax.accumulate(values, axis=1)
    shares: list[float] = (best >= _IOU).mean(axis=0).tolist()
    return shares

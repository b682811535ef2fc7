"""Plot of Dice over clicks; needs matplotlib (``pip install 'hsizoo[report]'``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hsizoo.interfaces import Record
from hsizoo.protocols.interactive.observations import Observed, observe_curves
from hsizoo.report.draws import Draws
from hsizoo.report.pictures import in_legend, new_figure, to_png
from hsizoo.report.rows import (
    RowName,
    by_row,
    choose_unit,
    covers,
    done,
    observations,
    settings_of,
)
from hsizoo.report.statistics import FEWEST_UNITS, interval, over_samples

__all__ = ["Curve", "curve_png", "curves_of", "mean_curve"]

Curve = tuple[list[float], list[float], list[float], str]
"""Mean, low, high, and a description of the band; see `mean_curve`."""


def mean_curve(
    records: Sequence[Record], key: str = "dice", drawn: dict[int, Draws] | None = None
) -> Curve:
    """Average a per-click metric over all samples, click by click, with a band around it.

    Parameters
    ----------
    records : sequence of mapping
    key : str, default "dice"
    drawn : dict of int to Draws, optional
        Draws by number of units, which other curves may use too.

    Returns
    -------
    mean, low, high : list of float
    band : str
        Description of the band: the 95 % bootstrap interval over subjects or, if there are too
        few, one standard error over samples.
    """
    records = done(records)
    (observed,) = observe_curves(records, key)
    return _mean(records, observed, {} if drawn is None else drawn)


def _mean(records: Sequence[Record], observed: Observed, drawn: dict[int, Draws]) -> Curve:
    if not records:
        return [], [], [], ""
    unit = choose_unit(records)
    rows = observations(records, observed, observed.names, unit)
    order = {name: place for place, name in enumerate(dict.fromkeys(rows.units))}
    mean = rows.values.mean(axis=0)
    if len(order) >= FEWEST_UNITS:
        draws = drawn.setdefault(len(order), Draws(len(order)))
        low, high = interval(over_samples(rows, order, draws)[1:])
        return mean.tolist(), low.tolist(), high.tolist(), f"95 % bootstrap over {unit}s"
    count = len(rows.values)
    error = rows.values.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else 0 * mean
    low, high = mean - error, mean + error
    return mean.tolist(), low.tolist(), high.tolist(), "one standard error over samples"


def curves_of(records: Sequence[Record], *keys: str) -> dict[RowName, dict[str, Curve]]:
    """Average per-click metrics of each row; see `mean_curve`."""
    drawn: dict[int, Draws] = {}
    rows = {}
    for name, mine in by_row(records).items():
        finished = done(mine)
        each = zip(keys, observe_curves(finished, *keys), strict=True)
        rows[name] = {key: _mean(finished, observed, drawn) for key, observed in each}
    return rows


def curve_png(records: Sequence[Record], title: str) -> bytes:
    """Plot Dice over clicks, one line per component, as PNG.

    The left panel is at threshold 0.5, the right one at the best threshold of each sample, an
    upper bound.  A run with several conditions has a pair of panels per setting.  The band is that
    of `mean_curve`, and is described in the legend.

    Raises
    ------
    MissingRequirement
        If matplotlib is not installed.
    """
    rows = curves_of(records, "dice", "dice_max")
    settings: list[dict[str, str]] = settings_of([dict(pairs) for _, pairs in rows]) or [{}]
    labels = list(dict.fromkeys(label for label, _ in rows))
    styles = ["-", "--", "-.", ":"]
    size = (10, 4.4) if len(settings) == 1 else (10, 3.2 * len(settings) + 0.6)
    figure = new_figure(size)  # raises if matplotlib is missing
    from matplotlib.ticker import MaxNLocator

    panels = figure.subplots(len(settings), 2, sharey=True, squeeze=False)
    shown: dict[str, Any] = {}
    bands: dict[str, None] = {}
    for pair, setting in zip(panels, settings, strict=True):
        for axes, key in zip(pair, ("dice", "dice_max"), strict=True):
            for (label, pairs), curves in rows.items():
                if not covers(dict(pairs), setting):
                    continue
                number = labels.index(label)
                look = {"color": f"C{number % 10}", "linestyle": styles[number // 10 % 4]}
                mean, low, high, band = curves[key]
                clicks = range(1, len(mean) + 1)
                (shown[label],) = axes.plot(
                    clicks, mean, marker="o", markersize=3, label=label, **look
                )
                axes.fill_between(clicks, low, high, color=look["color"], alpha=0.12, linewidth=0)
                bands |= {band: None} if band else {}
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_ylim(0, 1)
            axes.grid(alpha=0.3)
        where = ", ".join(f"{key}={value}" for key, value in setting.items() if value)
        pair[0].set_ylabel("Dice")
        pair[0].set_title(where, loc="left", fontsize="medium")
    for axes, words in zip(
        panels[0], ("threshold 0.5", "each sample's best threshold"), strict=True
    ):
        above = f"\n{axes.get_title(loc='left')}" if len(settings) > 1 else ""
        axes.set_title(f"at {words}{above}", loc="left", fontsize="medium")
    for axes in panels[-1]:
        axes.set_xlabel("clicks")
    figure.suptitle(title)
    if shown:
        ordered = [shown[label] for label in labels]
        panels[0][1].legend(
            handles=ordered, labels=list(map(in_legend, labels)), loc="upper left",
            bbox_to_anchor=(1, 1), frameon=False,
            title="\n".join(f"band: {band}" for band in bands), title_fontsize="x-small",
        )  # fmt: skip
    return to_png(figure)

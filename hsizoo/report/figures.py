"""Pictures made from stored records; needs matplotlib (``pip install 'hsizoo[report]'``)."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from hsizoo.errors import MissingRequirement
from hsizoo.report.interactive import mean_curve

__all__ = ["curve_png"]


def curve_png(records: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """Draw Dice over clicks, one line per component, as PNG.

    On the left at threshold 0.5, on the right at the best threshold of each sample: what the
    similarity knows, were its threshold known.  The band is one standard error over samples.

    Raises
    ------
    MissingRequirement
        If matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise MissingRequirement(
            "the picture needs matplotlib: pip install 'hsizoo[report]'"
        ) from error
    # Figure without pyplot: no global state, no display needed.
    figure = Figure(figsize=(10, 4.4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    styles = ["-", "--", "-.", ":"]
    for axes, key in ((left, "dice"), (right, "dice_max")):
        for number, label in enumerate(dict.fromkeys(record["label"] for record in records)):
            mean, spread = mean_curve([r for r in records if r["label"] == label], key)
            look = {"color": f"C{number % 10}", "linestyle": styles[number // 10 % 4]}
            clicks = range(1, len(mean) + 1)
            axes.plot(clicks, mean, marker="o", markersize=3, label=label, **look)
            low = [m - e for m, e in zip(mean, spread, strict=True)]
            high = [m + e for m, e in zip(mean, spread, strict=True)]
            axes.fill_between(clicks, low, high, color=look["color"], alpha=0.12, linewidth=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="clicks", ylim=(0, 1))
        axes.grid(alpha=0.3)
    left.set(title="at threshold 0.5", ylabel="Dice")
    right.set(title="at each sample's best threshold")
    figure.suptitle(title)
    if records:
        right.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    picture = io.BytesIO()
    # No software tag and date: the same records give the same bytes.
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()

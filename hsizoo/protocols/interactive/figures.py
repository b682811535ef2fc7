"""Pictures made from stored records; needs matplotlib (``pip install 'hsizoo[report]'``)."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from hsizoo.errors import MissingRequirement
from hsizoo.protocols.interactive.samples import by_row
from hsizoo.protocols.interactive.tables import mean_curve
from hsizoo.report.comparison import covers, settings_of

__all__ = ["curve_png"]


def curve_png(records: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """Draw Dice over clicks, one line per component, as PNG.

    On the left at threshold 0.5, on the right at the best threshold of each sample: what the
    similarity knows, were its threshold known.  A run of several conditions has a pair of panels
    for each setting of them.  The band is that of `mean_curve`, and is named in the picture.

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
    rows = {
        (label, pairs): {key: mean_curve(mine, key) for key in ("dice", "dice_max")}
        for (label, pairs), mine in by_row(records).items()
    }
    settings: list[dict[str, str]] = settings_of([dict(pairs) for _, pairs in rows]) or [{}]
    labels = list(dict.fromkeys(label for label, _ in rows))
    styles = ["-", "--", "-.", ":"]
    # Figure without pyplot: no global state, no display needed.
    size = (10, 4.4) if len(settings) == 1 else (10, 3.2 * len(settings) + 0.6)
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
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
            handles=ordered, loc="upper left", bbox_to_anchor=(1, 1), frameon=False,
            title="\n".join(f"band: {band}" for band in bands), title_fontsize="x-small",
        )  # fmt: skip
    picture = io.BytesIO()
    # No software tag and date: the same records give the same bytes.
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()

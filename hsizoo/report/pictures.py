"""Helpers shared by all plots of a report; needs matplotlib (``hsizoo[report]``)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from hsizoo.errors import MissingRequirement

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["in_legend", "new_figure", "to_png"]

_LEGEND = 48  # characters: a longer name leaves no room for the panels


def new_figure(size: tuple[float, float]) -> Figure:
    """Create an empty figure with a layout that avoids clipping.

    Parameters
    ----------
    size : tuple of float
        Width and height in inches.

    Raises
    ------
    MissingRequirement
        If matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingRequirement(
            "the plot needs matplotlib: pip install 'hsizoo[report]'"
        ) from error
    # Without pyplot: no global state, no display needed.
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def to_png(figure: Figure) -> bytes:
    """Encode a figure as PNG, without software tag and date, so that the bytes are reproducible."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def in_legend(name: str) -> str:
    """Return a name that fits beside the panels; of a long one, both ends.

    Examples
    --------
    >>> in_legend("sa"), in_legend("a" * 40 + "b" * 40)
    ('sa', 'aaaaaaaaaaaaaaaaaaaaaaa…bbbbbbbbbbbbbbbbbbbbbbbb')
    """
    half = _LEGEND // 2
    return name if len(name) <= _LEGEND else f"{name[: half - 1]}…{name[-half:]}"

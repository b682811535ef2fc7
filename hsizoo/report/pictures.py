"""What all pictures of a report have in common; needs matplotlib (``hsizoo[report]``)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from hsizoo.errors import MissingRequirement

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["new_figure", "to_png"]


def new_figure(size: tuple[float, float]) -> Figure:
    """Make an empty figure, laid out so that nothing is cut.

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
            "the picture needs matplotlib: pip install 'hsizoo[report]'"
        ) from error
    # Figure without pyplot: no global state, no display needed.
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def to_png(figure: Figure) -> bytes:
    """Encode a figure, without software tag and date: the same figure gives the same bytes."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()

"""What a protocol wants to be seen on a report's page: data, drawn by the report.

`Chart`, `Matrix` and `ClassMaps` are figures; `Overlay` is what was given for, and made of, one
cell.  Nothing here draws: a report makes pictures for screens and for paper of the same data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hsizoo.errors import ContractError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Chart", "ClassMaps", "Figure", "Matrix", "Overlay", "Series"]


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+-]*")


def _check_name(name: str) -> None:
    """Raise unless a name can be one of a file, on every system."""
    if not _NAME.fullmatch(name):
        raise ContractError(
            f"a figure is called {name!r}; its name has letters, digits, '.', '_', '=', '+' and "
            "'-' only, as files are called by it"
        )


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a chart, or its points.

    Parameters
    ----------
    label : str
        Name in the legend.  A row of the table has one colour in all charts, so use its name, see
        `hsizoo.report.rows.row_name`.
    x, y : sequence of float
        Equally long; NaN breaks a line.
    low, high : sequence of float, optional
        Ends of the band around the line, or of the bars at the points.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()

    def __post_init__(self) -> None:
        count = len(self.x)
        lengths = [len(self.y), len(self.low) or count, len(self.high) or count]
        if set(lengths) > {count} or bool(len(self.low)) != bool(len(self.high)):
            told = ", ".join(str(len(each)) for each in (self.x, self.y, self.low, self.high))
            raise ContractError(
                f"series {self.label!r} has x, y, low and high of {told} values; they are equally "
                "long, and low and high may both be left out"
            )


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Lines or points in one pair of axes.

    Parameters
    ----------
    name : str
        Name of its files, without ending: letters, digits, ``.``, ``_``, ``=``, ``+`` and ``-``.
    title : str
        What is shown.
    x, y : str
        What is along the axes, with units.
    series : sequence of Series
    remark : str, optional
        What a reader needs to know: what a band is.
    joined : bool, default True
        Whether the points of a series are joined by a line.
    ticks : sequence of str, optional
        Words at 0, 1, 2, … along the axis `x`, or `y` if the chart is `flat`.
    limits : (float, float), optional
        Ends of the axis of the values.
    log : bool, default False
        Whether the axis `x` is logarithmic.
    flat : bool, default False
        Whether each series is one line of text with a point beside it, at the place ``y``.
    """

    name: str
    title: str
    x: str
    y: str
    series: Sequence[Series]
    remark: str = ""
    joined: bool = True
    ticks: Sequence[str] = ()
    limits: tuple[float, float] | None = None
    log: bool = False
    flat: bool = False

    def __post_init__(self) -> None:
        _check_name(self.name)


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A confusion matrix.

    Parameters
    ----------
    name, title, remark : str
        See `Chart`.
    counts : sequence of sequence of int, shape (K, K)
        Rows are true classes.
    classes : sequence of str
        Names of the K classes.
    """

    name: str
    title: str
    counts: Sequence[Sequence[int]]
    classes: Sequence[str]
    remark: str = ""

    def __post_init__(self) -> None:
        _check_name(self.name)
        if {len(self.counts), *map(len, self.counts)} - {len(self.classes)}:
            raise ContractError(
                f"matrix {self.name!r} is not square, or has another size than its "
                f"{len(self.classes)} classes"
            )


@dataclass(frozen=True, kw_only=True)
class ClassMaps:
    """Classifications of one scene, side by side.

    Parameters
    ----------
    name, title, remark : str
        See `Chart`.
    panels : sequence of (str, ndarray of int, shape (H, W))
        Title and map of each; the labels are those of the scene, and 0 is no class.
    classes : mapping of int to str
        Names of the labels.
    key : str, optional
        Key of a record of this scene, beside which its truth is shown if that was kept.
    """

    name: str
    title: str
    panels: Sequence[tuple[str, npt.NDArray[np.integer[Any]]]]
    classes: Mapping[int, str]
    key: str = ""
    remark: str = ""

    def __post_init__(self) -> None:
        _check_name(self.name)
        shapes = {labels.shape for _, labels in self.panels}
        if len(shapes) != 1 or len(next(iter(shapes))) != 2:
            raise ContractError(
                f"maps {self.name!r} have the shapes {sorted(shapes)}; all have that of the scene"
            )


Figure = Chart | Matrix | ClassMaps


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """What was given to a component for one observation, and its answer if the record has it.

    Parameters
    ----------
    clicks : sequence of (int, int, bool)
        Row, column, and whether the click is positive, in the order of clicking.
    box : (int, int, int, int), optional
        First row, first column, last row, last column, inclusive.
    labels : ndarray of int, shape (H, W), optional
        The answer, if it is a whole classification: labels of the scene, 0 for none.
    classes : mapping of int to str, optional
        Names of these labels.
    """

    clicks: Sequence[tuple[int, int, bool]] = ()
    box: tuple[int, int, int, int] | None = None
    labels: npt.NDArray[np.integer[Any]] | None = None
    classes: Mapping[int, str] = field(default_factory=dict)

"""Growth of pseudo labels from round to round; plots need matplotlib."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hsizoo.interfaces import Record
from hsizoo.report.pictures import new_figure, to_png
from hsizoo.report.rows import by_row, done, row_name

__all__ = ["growth", "growth_files", "growth_png"]

Curves = dict[str, npt.NDArray[np.float64]]

_NEW = ("pixels", "new_checked", "new_right")


def growth(records: Sequence[Record]) -> dict[str, Curves]:
    """Return the growth of pseudo labels, for each row whose labeler records its new labels.

    Parameters
    ----------
    records : sequence of mapping
        Stored cells of a few-label run.

    Returns
    -------
    dict of str to dict
        By name of the row: ``labels``, their number after each round; ``right``, the share of
        correct ones among those with known truth (NaN if there are none); and ``coverage``, the
        share of the image decided on (NaN if not recorded).  Means over the row's runs, up to the
        smallest number of rounds.
    """
    found = {}
    for (label, conditions), mine in by_row(done(records)).items():
        histories = [each["result"].get("pseudo_labels", {}).get("history", ()) for each in mine]
        known = [steps for steps in histories if steps and all(set(_NEW) <= set(s) for s in steps)]
        if known:
            rounds = min(map(len, known))
            found[row_name(label, dict(conditions))] = _mean([steps[:rounds] for steps in known])
    return found


def _mean(histories: Sequence[Sequence[Mapping[str, Any]]]) -> Curves:
    given, checked, right = (
        np.cumsum([[_number(step[key]) for step in steps] for steps in histories], axis=1)
        for key in _NEW
    )
    some = checked.sum(axis=0)
    share = np.divide(right.sum(axis=0), some, out=np.full(some.shape, np.nan), where=some > 0)
    covered = [[step.get("coverage", np.nan) for step in steps] for steps in histories]
    return {"labels": given.mean(axis=0), "right": share, "coverage": np.mean(covered, axis=0)}


def _number(value: Any) -> float:
    return float(len(value) if isinstance(value, list) else value)


def growth_files(records: Sequence[Record], title: str) -> Iterator[tuple[str, bytes]]:
    """Plot ``growth.png``, if a row's labeler records its new labels."""
    if growth(records):
        yield "growth.png", growth_png(records, title)


def growth_png(records: Sequence[Record], title: str) -> bytes:
    """Plot the growth of pseudo labels, one colour per row, as PNG.

    The left panel shows the number of pseudo labels after each round; the right panel shows the
    share of correct ones among those with known truth and, dotted, the share of the image decided
    on.

    Parameters
    ----------
    records : sequence of mapping
    title : str
        Title of the figure.

    Raises
    ------
    MissingRequirement
        If matplotlib is not installed.
    """
    figure = new_figure((10, 4.4))
    from matplotlib.ticker import MaxNLocator

    left, right = figure.subplots(1, 2)
    for place, (name, curves) in enumerate(growth(records).items()):
        number = len(curves["labels"])
        rounds = np.arange(1, number + 1)
        # Draw runs with fewer rounds on top; a single round has a marker and no line.
        look: Any = {"color": f"C{place % 10}", "zorder": 2 + 1 / number}
        look["marker"] = "o" if number == 1 else ""
        line = ("-", "--", "-.")[place // 10 % 3]
        left.plot(rounds, curves["labels"], label=name, ls=line, **look)
        right.plot(rounds, 100 * curves["right"], ls=line, **look)
        right.plot(rounds, 100 * curves["coverage"], ls=":", **look)
    left.set_ylabel("pseudo labels")
    right.set_ylabel("%  correct (lines), decided (dotted)")
    right.set_ylim(0, 102)
    for axes in (left, right):
        axes.set_xlabel("round")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.grid(alpha=0.3)
    left.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    figure.legend(loc="outside lower center", frameon=False, ncols=2)
    figure.suptitle(title)
    return to_png(figure)

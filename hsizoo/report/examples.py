"""One picture of a run: best, median and worst sample of its best row; needs matplotlib."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from hsizoo.interfaces import Column, Protocol
from hsizoo.report.comparison import Comparison
from hsizoo.report.figures import Layout, headline_of, listed, scaled
from hsizoo.report.overlays import (
    FOUND,
    MISSED,
    WRONG,
    Kept,
    Shown,
    classes_shown,
    coloured,
    hex_colour,
    shown_of,
)
from hsizoo.report.pictures import new_figure, to_png
from hsizoo.report.rows import Observed, Row, RowName
from hsizoo.report.samples import RankedSamples, Sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["examples_png"]

_MOST_TRIED: Final = 400  # samples whose masks are looked for
_SIDE: Final = 3.1  # inches of a panel
_WIDE: Final = 40  # characters above a panel


def examples_png(
    protocol: type[Protocol],
    comparison: Comparison,
    observed: Mapping[RowName, Observed],
    kept: Kept,
) -> bytes | None:
    """Draw image, clicks and masks of the best, the median and the worst sample.

    Parameters
    ----------
    protocol : type of Protocol
    comparison : Comparison
    observed : mapping
        What `observe_rows` returned.
    kept : callable
        Looks up images and masks; see `hsizoo.report.overlays`.

    Returns
    -------
    bytes or None
        A PNG file; None if no image or mask of the row was kept.

    Raises
    ------
    MissingRequirement
        If matplotlib is not installed.
    """
    layout = Layout.of(protocol)
    found = _best_row(layout, comparison)
    if found is None:
        return None
    row, headline = found
    mine = observed[row.component, tuple(row.conditions.items())]
    ranked = RankedSamples(mine, headline, [headline])
    chosen = _chosen(protocol, ranked, kept)
    if not chosen:
        return None
    return _drawn(row, headline, len(ranked), chosen)


def _best_row(layout: Layout, comparison: Comparison) -> tuple[Row, Column] | None:
    rows = comparison.rows
    if not rows:
        return None
    name = headline_of(layout.headline, rows)
    headline = next(column for column in layout.columns if column.name == name)
    known = [row for row in rows if row[name] is not None]
    sign = -1 if headline.better == "lower" else 1
    best = max(known, key=lambda row: sign * (row[name] or 0.0), default=None)
    return None if best is None else (best, headline)


def _chosen(
    protocol: type[Protocol], ranked: RankedSamples, kept: Kept
) -> list[tuple[str, Sample, Shown]]:
    """Best, median and worst; of a large run, the nearest to them that was kept."""
    count = ranked.known
    wanted = {"best": 0, "worst": count - 1, "median": (count - 1) // 2}  # of two, none is median
    found: list[tuple[str, Sample, Shown]] = []
    tried: dict[int, Shown] = {}
    for words, rank in wanted.items():
        for near in _outwards(rank, count):
            if any(near == sample.rank for _, sample, _ in found):
                continue
            if near not in tried:
                if len(tried) >= _MOST_TRIED:
                    break
                sample = ranked[near]
                tried[near] = shown_of(protocol, ranked.record_of(sample), sample.label, kept)
            if tried[near].has_answer:
                found.append((words, ranked[near], tried[near]))
                break
    return sorted(found, key=lambda each: each[1].rank)


def _outwards(rank: int, count: int) -> Iterator[int]:
    """Yield the nearest ranks of `count` to a rank, the nearest first; not all of a large run."""
    yield rank
    for step in range(1, _MOST_TRIED):
        yield from (near for near in (rank - step, rank + step) if 0 <= near < count)


def _drawn(
    row: Row, headline: Column, count: int, chosen: Sequence[tuple[str, Sample, Shown]]
) -> bytes:
    down = max(1 + _answers(shown) for _, _, shown in chosen)
    tall = max(_tall(shown) for _, _, shown in chosen)
    figure = new_figure((_SIDE * len(chosen), down * (_SIDE * tall + 0.25) + 1.0))
    panels = figure.subplots(down, len(chosen), squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    for column, (words, sample, shown) in enumerate(chosen):
        told = f"{words}, {sample.rank + 1} of {count}: {_value(sample, headline)}"
        about = [sample.category, sample.scene, *([f"seed {sample.seed}"] if sample.seed else [])]
        lines = [told, *textwrap.wrap(", ".join(filter(None, about)), _WIDE)]
        _given(panels[0, column], shown)
        panels[0, column].set_title(_plain("\n".join(lines)), fontsize=8)
        for place, (step, image) in enumerate(_made(shown), start=1):
            panels[place, column].imshow(image, interpolation="nearest", zorder=1)
            panels[place, column].set_title(_plain(step), fontsize=8)
    if any(shown.target is not None and shown.masks for _, _, shown in chosen):
        from matplotlib.patches import Patch

        names = {"object, found": FOUND, "beside it": WRONG, "object, missed": MISSED}
        patches = [Patch(color=hex_colour(colour)) for colour in names.values()]
        figure.legend(handles=patches, labels=list(names), loc="outside lower center",
                      ncols=3, frameon=False, fontsize=8)  # fmt: skip
    which = f"{listed([words for words, _, _ in chosen])} of {count} samples"
    title = f"{row.name}: {which if count > 1 else 'the one sample'}, by {headline.heading}"
    figure.suptitle(_plain(title), fontsize=9)
    return to_png(figure)


def _answers(shown: Shown) -> int:
    return len(_made(shown))


def _made(shown: Shown) -> list[tuple[str, Any]]:
    """Words and image of each answer, and of the truth beside a map."""
    assert shown.scene is not None
    classes = shown.overlay.classes or shown.scene.classes
    if shown.overlay.labels is not None:
        return [
            ("map", classes_shown(shown.overlay.labels, classes)),
            ("truth", classes_shown(shown.scene.truth, classes)),
        ]
    base = shown.scene.pixels().astype(float)
    images = []
    ends = [shown.masks[0], shown.masks[-1]] if len(shown.masks) > 1 else shown.masks
    for step, mask in ends:
        layer = coloured(mask, shown.target)
        share = layer[..., 3:] / 255
        mixed = (base * (1 - share) + layer[..., :3] * share).round().astype("uint8")
        images.append((step or "mask", mixed))
    return images


def _tall(shown: Shown) -> float:
    assert shown.scene is not None
    height, width = shown.scene.shape
    return min(2.0, max(0.25, height / width))


def _given(axes: Axes, shown: Shown) -> None:
    """The image with clicks and box."""
    assert shown.scene is not None
    height, width = shown.scene.shape
    axes.imshow(shown.scene.pixels(), extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    for number, (row, col, positive) in enumerate(shown.overlay.clicks, start=1):
        form, fill, ink = ("circle", "white", "black") if positive else ("square", "black", "white")
        look: dict[str, Any] = {"boxstyle": f"{form},pad=0.25", "lw": 0.8, "fc": fill, "ec": ink}
        axes.text(col, row, str(number), fontsize=5.5, ha="center", va="center", color=ink,
                  bbox=look)  # fmt: skip
    if shown.overlay.box is not None:
        from matplotlib.patches import Rectangle

        top, left, bottom, right = shown.overlay.box
        for colour, thick in (("black", 2.2), ("white", 1.0)):
            axes.add_patch(
                Rectangle((left - 0.5, top - 0.5), right - left + 1, bottom - top + 1,
                          fill=False, ec=colour, lw=thick)
            )  # fmt: skip


def _value(sample: Sample, column: Column) -> str:
    value = sample.values.get(column.name)
    return "—" if value is None else f"{column.heading} {scaled(value, column):.3g}"


def _plain(text: str) -> str:
    return text.replace("$", r"\$")

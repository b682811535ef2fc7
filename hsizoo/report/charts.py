"""Pictures of `hsizoo.interfaces.Figure`: at column width, for pages and for paper; matplotlib.

Colours are those of Okabe and Ito, which most eyes can tell apart; markers differ as well.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.interfaces import Chart, ClassMaps, Figure, Matrix
from hsizoo.io.palette import class_colours
from hsizoo.report.baseline import component_of
from hsizoo.report.csv_text import to_csv
from hsizoo.report.pictures import in_legend, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

__all__ = ["draw", "figure_csv", "inline_svg", "to_pdf", "to_svg"]

WIDTH: Final = 3.5
"""Inches of a column of text."""

_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7f7f7f")
_MARKERS: Final = "os^DvPX"
_STYLES: Final = ("-", "--", "-.", ":")
_INK: Final = "#010203"  # stands for the colour of the text of a page
_MOST_COUNTED: Final = 17  # classes of a matrix; with more, cells are too small for numbers
_DARK: Final = 0.55  # darker shades need light text
_MOST_IN_LEGEND: Final = 24
_WIDE: Final = 46  # characters of a title
_LONG: Final = 26  # characters of words along an axis


def draw(
    figure: Figure, rows: Sequence[str], truth: npt.NDArray[np.integer[Any]] | None = None
) -> Drawing:
    """Draw a figure.

    Parameters
    ----------
    figure : Chart, Matrix or ClassMaps
    rows : sequence of str
        Names of the rows of the table: their places determine their colours.
    truth : ndarray of int, shape (H, W), optional
        Label map of the scene of `ClassMaps`; labels that are no class are shown black.

    Raises
    ------
    MissingRequirement
        If matplotlib is not installed.
    """
    if isinstance(figure, Chart):
        return _chart(figure, rows)
    return _matrix(figure) if isinstance(figure, Matrix) else _maps(figure, truth)


def to_svg(drawing: Drawing, name: str) -> bytes:
    """Encode a drawing as an SVG file; equal drawings are equal bytes."""
    with _settings(**{"svg.fonttype": "path", "svg.hashsalt": name}):
        return _saved(drawing, "svg", {"Date": None, "Creator": None}).replace(
            _INK.encode(), b"#000000"
        )


def to_pdf(drawing: Drawing) -> bytes:
    """Encode a drawing as a PDF file with embedded fonts."""
    with _settings(**{"pdf.fonttype": 42}):
        return _saved(drawing, "pdf", {"CreationDate": None, "Creator": None, "Producer": None})


def inline_svg(drawing: Drawing, name: str, words: str) -> str:
    """Encode a drawing as an element of a page, in the colours of its text.

    Parameters
    ----------
    drawing : matplotlib.figure.Figure
    name : str
        Different for each drawing of a page.
    words : str
        Description for those who do not see it.
    """
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with _settings(**{"svg.fonttype": "none", "svg.hashsalt": name}):
        text = _saved(drawing, "svg", nothing).decode()
    text = text[text.index("<svg") :]
    head, rest = text.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    assert box is not None
    # Within a page, neither namespaces nor sizes are needed, and ids must be of one drawing only.
    rest = re.sub(r"\s*<metadata>.*?</metadata>", "", rest, flags=re.S)
    prefix = re.sub(r"\W", "_", name)
    rest = re.sub(r'( id="|url\(#|xlink:href="#)', rf"\1{prefix}-", rest)
    rest = rest.replace(_INK, "currentColor")
    from markupsafe import escape

    return f'<svg role="img" aria-label="{escape(words)}" {box[0]}>{rest}'


def figure_csv(figure: Figure) -> str:
    """Return the values of a figure as CSV; empty if it has none."""
    if isinstance(figure, Matrix):
        lines = [
            {"true": name, **dict(zip(map(str, range(len(mine))), mine, strict=True))}
            for name, mine in zip(figure.classes, figure.counts, strict=True)
        ]
        names = [str(place) for place in range(len(figure.classes))]
        text = to_csv(["true", *names], lines)
        # Classes may share a name, so columns are named last.
        return to_csv(["true \\ predicted", *figure.classes], []) + text.partition("\n")[2]
    if isinstance(figure, ClassMaps):
        return ""
    words = dict(enumerate(figure.ticks))
    lines = []
    for series in figure.series:
        none: list[float | None] = [None] * len(series.x)
        ends = [list(each) or none for each in (series.low, series.high)]
        for x, y, low, high in zip(series.x, series.y, *ends, strict=True):
            at = y if figure.flat else x
            line = {"series": series.label, "x": x, "y": y, "low": low, "high": high}
            lines.append({**line, "name": words.get(round(at), "")})
    head = ["series", *(["name"] if words else []), "x", "y", "low", "high"]
    return to_csv(head, [{key: line[key] for key in head} for line in lines])


@contextlib.contextmanager
def _settings(**own: Any) -> Iterator[None]:
    import matplotlib as mpl

    ink = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    sizes = {"font.size": 7, "axes.titlesize": 7.5, "axes.labelsize": 7, "legend.fontsize": 6.5}
    small = {"xtick.labelsize": 6.5, "ytick.labelsize": 6.5, "figure.titlesize": 7.5}
    thin = {"axes.linewidth": 0.6, "lines.linewidth": 1.1, "lines.markersize": 3}
    every: Any = {**dict.fromkeys(ink, _INK), **sizes, **small, **thin, **own}
    with mpl.rc_context(every):
        yield


def _saved(drawing: Drawing, form: str, metadata: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    drawing.savefig(file, format=form, metadata=dict(metadata), transparent=True)
    return file.getvalue()


def _plain(text: str) -> str:
    """A text that matplotlib does not take for a formula."""
    return text.replace("$", r"\$")


def _title(text: str) -> list[str]:
    """The lines of a title; what does not fit into three is cut."""
    return [_plain(line) for line in textwrap.wrap(text, _WIDE, max_lines=3, placeholder=" …")]


def _tick(text: str) -> str:
    """A name beside an axis; of a long one, both ends."""
    half = _LONG // 2
    return _plain(text if len(text) <= _LONG else f"{text[: half - 1]}…{text[-half:]}")


def _chart(chart: Chart, rows: Sequence[str]) -> Drawing:
    shown = [series for series in chart.series if len(series.x)]
    names = [_plain(in_legend(series.label)) for series in shown[:_MOST_IN_LEGEND]]
    if len(shown) < 2 and chart.flat:
        names = []
    across = 2 if max(map(len, names), default=0) < _LONG else 1
    tall = max(1.2, 0.17 * len(chart.ticks) + 0.5) if chart.flat else 2.1
    tall += 0.05 * max(map(len, map(_tick, chart.ticks))) if _is_turned(chart) else 0
    tall += 0.12 * (len(_title(chart.title)) - 1) + 0.14 * math.ceil(len(names) / across)
    drawing = new_figure((WIDTH, tall + 0.15))
    colours = _numbers([series.label for series in shown], rows)
    with _settings():
        axes = drawing.subplots()
        artists = [
            _series(axes, chart, series, colours[place], place, len(shown))
            for place, series in enumerate(shown)
        ]
        _axes(axes, chart)
        if names:
            drawing.legend(
                handles=artists[: len(names)], labels=names, loc="outside lower center",
                ncols=across, frameon=False, handlelength=1.6, columnspacing=1.2,
            )  # fmt: skip
    return drawing


def _numbers(labels: Sequence[str], rows: Sequence[str]) -> list[int]:
    """Number of the colour of each line: that of its component, if these differ."""
    components = [component_of(label) for label in labels]
    known = list(dict.fromkeys(map(component_of, rows)))
    if len(set(components)) == len(labels) and set(components) <= set(known):
        return [known.index(each) for each in components]
    order = list(rows) if set(labels) <= set(rows) else list(dict.fromkeys(labels))
    return [order.index(label) for label in labels]


def _series(axes: Axes, chart: Chart, series: Any, colour: int, place: int, among: int) -> Any:
    look: dict[str, Any] = {
        "color": _COLOURS[colour % len(_COLOURS)],
        "marker": _MARKERS[colour % len(_MARKERS)],
        "linestyle": _STYLES[colour // len(_COLOURS) % len(_STYLES)] if chart.joined else "",
    }
    x, y = np.asarray(series.x, dtype=np.float64), np.asarray(series.y, dtype=np.float64)
    if chart.ticks and among > 1:  # side by side
        aside = 0.6 * ((place + 0.5) / among - 0.5)
        x, y = (x, y + aside) if chart.flat else (x + aside, y)
    if not len(series.low):
        return axes.plot(x, y, **look)[0]
    low, high = np.asarray(series.low, dtype=np.float64), np.asarray(series.high, dtype=np.float64)
    if chart.joined:
        axes.fill_between(x, low, high, color=look["color"], alpha=0.15, linewidth=0)
        return axes.plot(x, y, **look)[0]
    middle = x if chart.flat else y
    # An interval need not include the mean; a bar of negative length is refused.
    bars = np.abs(np.stack([np.minimum(low - middle, 0), np.maximum(high - middle, 0)]))
    return axes.errorbar(x, y, **{"xerr" if chart.flat else "yerr": bars}, capsize=2, **look)


def _is_turned(chart: Chart) -> bool:
    """Whether the words along the horizontal axis have no room side by side."""
    names = [] if chart.flat else list(map(_tick, chart.ticks))
    return max(map(len, names), default=0) * len(names) > _WIDE


def _axes(axes: Axes, chart: Chart) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title("\n".join(_title(chart.title)), loc="left")
    axes.set(xlabel=_plain(chart.x), ylabel=_plain(chart.y))
    axes.grid(color="#808080", alpha=0.3, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    names = list(map(_tick, chart.ticks))
    if chart.flat:
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.axvline(0, color="#808080", linewidth=0.6, zorder=0)
    elif names:
        axes.set_xticks(range(len(names)), names, rotation=90 if _is_turned(chart) else 0)
    elif chart.log:
        axes.set_xscale("log")
        _few_decades(axes)
    elif all(float(x).is_integer() for series in chart.series for x in series.x):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if chart.limits is not None:
        low, high = chart.limits
        room = 0.02 * (high - low)
        (axes.set_xlim if chart.flat else axes.set_ylim)(low - room, high + room)


def _few_decades(axes: Axes) -> None:
    """Plain numbers along a short logarithmic axis: powers of ten would collide."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    low, high = axes.get_xlim()
    if high > 100 * low:
        return
    if high < 10 * low:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    else:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))


def _matrix(matrix: Matrix) -> Drawing:
    counts = np.asarray(matrix.counts, dtype=np.float64).reshape(len(matrix.classes), -1)
    number = len(counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    drawing = new_figure((WIDTH, WIDTH + 0.2))
    with _settings():
        axes = drawing.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        small = min(6.0, 90 / max(number, 1))
        names = list(map(_tick, matrix.classes))
        axes.set_xticks(range(number), names, rotation=90, fontsize=small)
        axes.set_yticks(range(number), names, fontsize=small)
        axes.set(xlabel="predicted", ylabel="true")
        axes.set_title("\n".join(_title(matrix.title)), loc="left")
        told = counts if number <= _MOST_COUNTED else counts[:0]
        for (row, column), count in np.ndenumerate(told):
            if count:
                shade = "#ffffff" if shares[row, column] > _DARK else "#000000"
                axes.text(column, row, f"{count:.0f}", ha="center", va="center", color=shade,
                          fontsize=small * (0.8 if count < 1000 else 0.5))  # fmt: skip
    return drawing


def _maps(maps: ClassMaps, truth: npt.NDArray[np.integer[Any]] | None) -> Drawing:
    panels = [*maps.panels, *([("truth", truth)] if truth is not None else [])]
    across = min(3, max(1, len(panels)))
    down = max(1, math.ceil(len(panels) / across))
    height, width = panels[0][1].shape if panels else (1, 1)
    each = WIDTH / across
    tall = min(2.5 * each, each * height / width) + 0.3
    lines = math.ceil(len(maps.classes) / 3)
    drawing = new_figure((WIDTH, down * tall + 0.13 * lines + 0.25))
    colours = class_colours(max([0, *maps.classes]) + 1)
    with _settings():
        for axes in drawing.subplots(down, across, squeeze=False).flat:
            axes.set_axis_off()
        for axes, (name, labels) in zip(drawing.axes, panels, strict=False):
            known = np.isin(labels, list(maps.classes))
            axes.imshow(colours[np.where(known, labels, 0)], interpolation="nearest")
            words = "\n".join(textwrap.wrap(name, int(20 * each)))
            axes.set_title(_plain(words), fontsize=6)
        from matplotlib.patches import Patch

        handles = [Patch(color=colours[label] / 255) for label in maps.classes]
        drawing.legend(
            handles=handles, labels=[_plain(in_legend(name)) for name in maps.classes.values()],
            loc="outside lower center", ncols=3, frameon=False, fontsize=5.5, handlelength=1,
        )  # fmt: skip
        drawing.suptitle("\n".join(_title(maps.title)))
    return drawing

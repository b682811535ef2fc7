"""From what is known of runs to the files of a report; needs Jinja2 and matplotlib.

Names and texts of others are escaped by Jinja2; those in scripts are JSON without ``<``, and become
texts, never markup.  The page's policy lets the browser load nothing but what the page holds, or
for a folder what lies in it, and run no other script.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from hsizoo.errors import MissingRequirement
from hsizoo.interfaces import Chart, ClassMaps, Column, Figure, Protocol
from hsizoo.report.baseline import Against
from hsizoo.report.charts import draw, figure_csv, inline_svg
from hsizoo.report.comparison import Comparison, classes_csv, differences_csv, table_csv
from hsizoo.report.derived import derived_charts, difference_chart
from hsizoo.report.examples import examples_png
from hsizoo.report.figures import Layout, headline_of, listed
from hsizoo.report.latex import latex_table
from hsizoo.report.markdown import markdown_table
from hsizoo.report.overlays import Kept, KeptScene, classes_shown, data_uri, png
from hsizoo.report.page.drill import Drill, class_legend
from hsizoo.report.page.tables import (
    PageTable,
    as_text,
    class_table,
    difference_table,
    main_table,
    plain_table,
    rank_table,
)
from hsizoo.report.rows import Observed, RowName

__all__ = ["Content", "Written", "all_figures", "is_own_page", "written"]

GENERATOR: Final = "hsizoo report"

_MOST_FIGURES: Final = 40  # of a page; all are written by --figures
_MOST_FAILED: Final = 200
_LONGEST_LINK: Final = 2**18  # bytes of a table that a page holds to be downloaded
_INTERVALS: Final = (
    "In brackets: 95 % percentile bootstrap intervals over {units}, with the same draws for every "
    "row.  "
)
_DEVIATIONS: Final = "After ±: standard deviation over seeds.  "
_BEST: Final = "Bold: the best of a column.  "
_MARKS: Final = (
    "▲ ▼: better or worse than {baseline}, as the 95 % interval of the paired difference over "
    "{units} does not include 0; not corrected for the number of comparisons.  Compared are "
    "{columns}; other columns have no marks."
)
_NO_MARKS: Final = "With so few {unit}s no difference can be called significant."


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a report is made of.

    Parameters
    ----------
    title, subtitle : str
    protocol : type of Protocol
    comparison : Comparison
    observed : mapping
        What `observe_rows` returned.
    against : Against
    figures : sequence of Figure
        Those of the protocol.
    kept : callable
        Looks up images and masks.
    scene_of : callable
        Returns the kept scene of the cell of a key, or None.
    notes : sequence of str
    failures : sequence of (str, str, str)
        Row, scene and error of each failed cell.
    inferred : sequence of (str, str, str, str)
        Component, option, value and description.
    made : sequence of (str, str)
        What the results were made with.
    commands : sequence of str
        Those of the runs.
    report_command, figures_command : str
        Those that make the page, and the figures, again.
    bibtex : sequence of str
    uncited : sequence of str
    how_to_keep : str
        How to have overlays, for those who have none.
    """

    title: str
    subtitle: str
    protocol: type[Protocol]
    comparison: Comparison
    observed: Mapping[RowName, Observed]
    against: Against
    figures: Sequence[Figure]
    kept: Kept
    scene_of: Callable[[str], KeptScene | None]
    notes: Sequence[str] = ()
    failures: Sequence[tuple[str, str, str]] = ()
    inferred: Sequence[tuple[str, str, str, str]] = ()
    made: Sequence[tuple[str, str]] = ()
    commands: Sequence[str] = ()
    report_command: str = ""
    figures_command: str = ""
    bibtex: Sequence[str] = ()
    uncited: Sequence[str] = ()
    how_to_keep: str = ""

    @property
    def layout(self) -> Layout:
        """Layout of the tables."""
        return Layout.of(self.protocol)

    @property
    def headline(self) -> Column | None:
        """The column that rows are sorted by; None without rows."""
        if not self.comparison.rows:
            return None
        name = headline_of(self.layout.headline, self.comparison.rows)
        return next(column for column in self.layout.columns if column.name == name)


@dataclass(frozen=True)
class Written:
    """The files of a report, by their endings or their paths in a folder.

    Parameters
    ----------
    page : bytes
    tables : dict of str to str
        ``.csv``, ``.md``, ``.tex``, ``-differences.csv`` and ``-classes.csv``.
    parts : iterator of (str, bytes)
        Files beside the page of a folder.
    """

    page: bytes
    tables: dict[str, str] = field(default_factory=dict)
    parts: Sequence[tuple[str, bytes]] = ()


def is_own_page(text: str) -> bool:
    """Whether a file begins as a page that was written here."""
    return f'<meta name="generator" content="{GENERATOR}">' in text


def written(content: Content, *, folder: Callable[[str, bytes], None] | None = None) -> Written:
    """Write the page and its tables.

    Parameters
    ----------
    content : Content
    folder : callable, optional
        For a folder in place of one file: called with the path below it, and the content, of each
        file that the page loads when it is needed.

    Raises
    ------
    MissingRequirement
        If Jinja2 or matplotlib is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise MissingRequirement("the report needs Jinja2: pip install 'hsizoo[report]'") from error
    loader = PackageLoader("hsizoo.report.page", ".")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    tables = _tables(content)
    script = _asset("page.js")
    data = _data(content, folder)
    page = environment.get_template("page.html.j2").render(
        generator=GENERATOR,
        policy=_policy(script, in_folder=folder is not None),
        style=_markup(_asset("page.css")),
        script=_markup(script),
        data=_markup(data),
        title=content.title,
        subtitle=content.subtitle,
        **_main(content, tables),
        **_figures(content),
        **_failures(content),
        inferred=_inferred(content),
        commands=content.commands,
        made=content.made,
        report_command=content.report_command,
        figures_command=content.figures_command,
        bibtex="\n\n".join(content.bibtex),
        uncited=content.uncited,
    )
    return Written(page.encode(), tables)


def all_figures(content: Content) -> Iterator[tuple[Figure, npt.NDArray[np.int32] | None]]:
    """Yield each figure, and the truth of the scene of one with maps."""
    names: set[str] = set()
    for each in [*content.figures, *_derived(content)]:
        if each.name in names:
            continue
        names.add(each.name)
        truth = None
        if isinstance(each, ClassMaps) and (scene := content.scene_of(each.key)) is not None:
            truth = scene.truth
        yield each, truth


def _derived(content: Content) -> Iterator[Chart]:
    headline = content.headline
    if headline is None:
        return
    lines = [
        {"name": each.row, "column": each.column, "difference": each.difference,
         "low": each.low, "high": each.high}
        for each in content.against.differences
        if each.column.name == headline.name
    ]  # fmt: skip
    if chart := difference_chart(content.layout, lines, content.against.words):
        yield chart
    yield from derived_charts(content.layout, content.comparison)


def _asset(name: str) -> str:
    return (files("hsizoo.report.page") / name).read_text(encoding="utf-8")


def _markup(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)


def _policy(script: str, *, in_folder: bool) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    own = " 'self' file:" if in_folder else ""
    return (
        f"default-src 'none'; img-src data:{own}; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'{own}; base-uri 'none'; form-action 'none'"
    )


def _plain_json(values: Any) -> str:
    """JSON that ends no script, whatever its texts are."""
    text = json.dumps(values, allow_nan=False, separators=(",", ":"))
    for each in "<>&\u2028\u2029":
        text = text.replace(each, f"\\u{ord(each):04x}")
    return text


def _data(content: Content, folder: Callable[[str, bytes], None] | None) -> str:
    drill = Drill(
        content.protocol, content.layout, content.comparison.rows, content.observed, content.kept,
        whole=folder is not None,
    )  # fmt: skip
    parts: dict[str, Any] = {}
    for part in drill.parts():
        if folder is None:
            parts[part.name] = part.samples
        else:
            call = f"hsizooPart({_plain_json(part.name)},{_plain_json(part.samples)})"
            folder(f"samples/{part.name}.js", call.encode())
    images = {}
    for name, scene in drill.images.items():
        if folder is None:
            images[name] = data_uri(scene.file, scene.mime())
        else:
            folder(f"samples/{name}", scene.file)
    about = {"rows": drill.about, "parts": parts, "images": images, "how": content.how_to_keep}
    return _plain_json(about)


def _tables(content: Content) -> dict[str, str]:
    comparison = content.comparison
    main = as_text(main_table(content.layout, comparison, content.against))
    found = {
        ".csv": table_csv(comparison),
        ".md": _markdown(content, main.head, main.marked("**", "**")),
        ".tex": latex_table(main) + "\n",
        "-differences.csv": differences_csv(comparison),
    }
    if comparison.classes:
        found["-classes.csv"] = classes_csv(comparison)
    return found


def _markdown(content: Content, head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    parts = [f"# {content.title}", markdown_table(head, lines) if lines else "No rows."]
    # Stars stand for the marks of the page; Markdown would take a lone one for emphasis.
    words = _note(content).replace("▲ ▼", r"\*") if lines else ""
    parts += [words, "\n".join(f"- {note}" for note in content.notes)]
    for _, title, table in _more_tables(content):
        text = as_text(table)
        parts += [f"## {title}", markdown_table(text.head, text.lines)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _more_tables(content: Content) -> Iterator[tuple[str, str, PageTable]]:
    headline = content.headline
    if headline is not None and (table := difference_table(content.against, headline)).lines:
        yield "differences", "Paired differences", table
    if content.comparison.classes:
        yield "classes", "By class", class_table(content.layout, content.comparison)
    if ranks := rank_table(content.layout, content.comparison):
        yield "ranks", "Ranks", ranks


def _main(content: Content, tables: Mapping[str, str]) -> dict[str, Any]:
    rows = content.comparison.rows
    headline = content.headline
    remarks = {
        "differences": f"{headline.heading if headline else ''}: each row minus "
        f"{content.against.words}, in pairs.  All columns are in differences (CSV).",
        "classes": f"Means of {headline.heading}, seeds averaged first." if headline else "",
        "ranks": "Share of the bootstrap draws in which a row has a rank of its setting.",
    }
    more = [
        {"id": key, "title": title, "table": table, "remark": remarks[key]}
        for key, title, table in _more_tables(content)
    ]
    examples = None
    if rows:
        picture = examples_png(content.protocol, content.comparison, content.observed, content.kept)
        examples = data_uri(picture) if picture else None
    words = {
        ".csv": "table (CSV)", ".md": "Markdown", ".tex": "LaTeX",
        "-differences.csv": "differences (CSV)", "-classes.csv": "classes (CSV)",
    }  # fmt: skip
    downloads = [
        {"href": _link(tables[ending]), "name": f"table{ending}", "text": text}
        for ending, text in words.items()
        if ending in tables and len(tables[ending]) <= _LONGEST_LINK
    ]
    sections = [("table", "Table")]
    sections += [("examples", "Examples")] if examples else []
    sections += [("figures", "Figures")]
    sections += [(key, title) for key, title, _ in _more_tables(content)]
    sections += [("failures", "Failed cells")] if content.failures else []
    sections += [("inferred", "Inferred options")] if content.inferred else []
    sections += [("made", "How it was made"), ("cite", "To cite")]
    return {
        "main": main_table(content.layout, content.comparison, content.against),
        "main_note": _note(content),
        "notes": content.notes,
        "downloads": downloads,
        "examples": examples,
        "tables": more,
        "sections": sections,
    }


def _note(content: Content) -> str:
    """Explain intervals, deviations and marks, as far as the table has any."""
    rows, compared = content.comparison.rows, content.against
    units = sorted({(row.units, row.unit) for row in rows if row.units})
    over = ", ".join(f"{count} {unit}(s)" for count, unit in units)
    deviated = any(column.deviation for column in content.layout.columns)
    words = _INTERVALS.format(units=over) if any(row.intervals for row in rows) else ""
    words += _DEVIATIONS if deviated and any(row.deviations for row in rows) else ""
    words += _BEST if len(rows) > 1 else ""
    if any(each.low is not None for each in compared.differences):
        columns = list(dict.fromkeys(each.column.heading for each in compared.differences))
        words += _MARKS.format(baseline=compared.words, units=over, columns=listed(columns))
    elif compared.differences:
        words += _NO_MARKS.format(unit=units[0][1] if units else "unit")
    return words


def _link(text: str) -> str:
    return "data:text/plain;charset=utf-8," + quote(text)


def _figures(content: Content) -> dict[str, Any]:
    rows = [row.name for row in content.comparison.rows]
    shown: list[dict[str, Any]] = []
    left = 0
    for each, truth in all_figures(content):
        if len(shown) >= _MOST_FIGURES:
            left += 1
            continue
        csv = figure_csv(each)
        about: dict[str, Any] = {
            "name": each.name,
            "title": each.title,
            "remark": each.remark,
            "csv": _link(csv) if csv and len(csv) <= _LONGEST_LINK else "",
            "svg": "",
            "panels": [],
            "legend": [],
        }
        if isinstance(each, ClassMaps):
            about |= _maps(each, truth)
        else:
            svg = inline_svg(draw(each, rows), each.name, f"{each.title}. {each.remark}")
            about["svg"] = _markup(svg)
        shown.append(about)
    words = f"{left} more figures are written by --figures." if left else ""
    return {"figures": shown, "figures_left": words}


def _maps(maps: ClassMaps, truth: npt.NDArray[np.int32] | None) -> dict[str, Any]:
    panels = [*maps.panels, *([("truth", truth)] if truth is not None else [])]
    return {
        "panels": [
            {"name": name, "source": data_uri(png(classes_shown(labels, maps.classes)))}
            for name, labels in panels
        ],
        "legend": class_legend(maps.classes),
    }


def _failures(content: Content) -> dict[str, Any]:
    counted: dict[tuple[str, str], list[str]] = {}
    for row, scene, error in content.failures:
        counted.setdefault((row, error), []).append(scene)
    lines = []
    for (row, error), scenes in counted.items():
        names = list(dict.fromkeys(scenes))
        where = names[0] if len(names) == 1 else f"{len(names)} scenes"
        lines.append([row, where, str(len(scenes)), error])
    table = plain_table(["row", "scene", "cells", "error"], lines[:_MOST_FAILED])
    left = len(lines) - len(table.lines)
    return {
        "failures": table if lines else None,
        "failures_left": f"{left} more errors are in results.json." if left else "",
    }


def _inferred(content: Content) -> PageTable | None:
    if not content.inferred:
        return None
    return plain_table(["component", "option", "value", "why"], content.inferred)

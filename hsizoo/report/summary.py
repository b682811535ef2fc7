"""Summary page of an experiment: the tables of its runs with intervals, and their provenance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hsizoo.interfaces import Column
from hsizoo.report.figures import Layout, headline_of, scaled
from hsizoo.report.markdown import markdown_table
from hsizoo.report.rows import Row, covers, row_name, settings_of
from hsizoo.report.statistics import FEWEST_UNITS
from hsizoo.report.text_table import filled_columns, text_table

__all__ = ["RunReport", "summary_md", "told_provenance"]

_NOTE = (
    "In brackets: 95 % percentile bootstrap intervals over the units named in the run's "
    "description, with the same draws for every row; with few units they are somewhat too narrow.  "
    "After ±: standard deviation over seeds.  Seeds are averaged first.  *first* is the share of "
    "draws in which the row is the best of its setting."
)


@dataclass(frozen=True)
class RunReport:
    """A run on the summary page.

    Parameters
    ----------
    name : str
    results : mapping or None
        Contents of its ``results.json``, if it was run.
    changed : bool
        Whether the run's description in the experiment file has changed since.
    """

    name: str
    results: Mapping[str, Any] | None
    changed: bool = False


def summary_md(title: str, description: str, command: str, reports: Sequence[RunReport]) -> str:
    """Write the page in Markdown; it contains relative paths only."""
    parts = [f"# {title}", description, f"```\n{command}\n```"]
    parts += [_made_with([report.results for report in reports if report.results]), _NOTE]
    for report in reports:
        parts += _run(report)
    return "\n\n".join(part for part in parts if part) + "\n"


def _made_with(results: Sequence[Mapping[str, Any]]) -> str:
    """List commits, versions, machines and devices, each once."""
    made_with = []
    for result in results:
        # Results of very many cells have no entry for each, but the list of what made them.
        cells = result.get("provenances") or [cell.get("provenance") for cell in result["cells"]]
        made_with += [*cells, *(each.get("provenance") for each in result.get("trainings", ()))]
    return "\n".join(f"- {key}: {values}" for key, values in told_provenance(made_with))


def told_provenance(made_with: Iterable[Mapping[str, Any] | None]) -> list[tuple[str, str]]:
    """Return commits, versions, machines and devices in words, each once.

    Parameters
    ----------
    made_with : iterable of mapping or None
        What `hsizoo.engine.provenance.provenance` returned.
    """
    found: dict[str, dict[str, None]] = {}
    for made in filter(None, made_with):
        versions = made["versions"]
        for key, value in (
            ("commit", made["git"] or "(not a checkout)"),
            ("versions", f"hsizoo {versions['hsizoo']}, torch {versions['torch']}, "
                         f"numpy {versions['numpy']}, Python {versions['python']}"),
            ("machine", f"{made['processor']}, {made['cores']} cores, {made['threads']} thread(s)"),
            ("device", made["device"]),
        ):  # fmt: skip
            found.setdefault(key, {})[value] = None
    return [(key, "; ".join(values)) for key, values in found.items()]


def _run(report: RunReport) -> list[str]:
    parts = [f"## {report.name}"]
    if report.results is None:
        return [*parts, "Not run yet."]
    results = report.results
    rows = [Row.from_json(each) for each in results["table"]]
    layout = Layout.from_json(results["layout"])
    parts.append(results["run"]["description"])
    if report.changed:
        parts.append("**This run has changed in the experiment file; run it again.**")
    parts.append(_settings(results, rows))
    parts.append(_table(layout, rows, results["ranks"]))
    parts.append(_legend(layout, rows))
    parts.append("\n".join(f"- {note}" for note in results["notes"]))
    parts.append(_differences(layout, rows, results["differences"]))
    parts.append(_trainings(results.get("trainings", ())))
    parts.append(_failures(results))
    parts += [
        f"![{each.removesuffix('.png')}]({report.name}/{each})" for each in results["pictures"]
    ]
    return parts


def _legend(layout: Layout, rows: Sequence[Row]) -> str:
    """Explain the columns whose headings do not explain themselves."""
    columns = filled_columns(layout, rows)
    return "; ".join(f"*{each.heading}*: {each.meaning}" for each in columns)


def _settings(results: Mapping[str, Any], rows: Sequence[Row]) -> str:
    run, swept = results["run"], results["run"]["sweep"]
    words = [f"protocol {results['protocol']}"]
    if "dataset" not in swept:
        words.append(f"dataset {', '.join(f'`{each}`' for each in run['datasets'])}")
    words += [f"{key} {value}" for key, value in run["options"].items() if key not in swept]
    words.append(f"seed(s) {', '.join(map(str, run['seeds']))}")
    if training := run["training"]:
        settings = ", ".join(f"{key} {value}" for key, value in training["settings"].items())
        seeds = ", ".join(map(str, training["seeds"]))
        words.append(f"trained with seed(s) {seeds}" + (f" and {settings}" if settings else ""))
        words += [f"on `{training['dataset']}`"] * bool(training["dataset"])
    words += [f"{key} over {', '.join(map(str, values))}" for key, values in swept.items()]
    units = sorted({(row.units, row.unit) for row in rows if row.units})
    words += ["units: " + ", ".join(f"{count} {unit}(s)" for count, unit in units)] if units else []
    return "; ".join(words) + "."


def _table(layout: Layout, rows: Sequence[Row], ranks: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    table = text_table(layout, rows, ranks)
    return markdown_table(table.head, table.lines)


def _differences(
    layout: Layout, rows: Sequence[Row], differences: Sequence[Mapping[str, Any]]
) -> str:
    """Paired differences along each axis, to the best component or value, or the first row."""
    if not rows:
        return ""
    columns = {column.name: column for column in layout.columns}
    headline = columns[headline_of(layout.headline, rows)]
    lower = headline.better == "lower"
    shown = [headline]
    if not any("by_class_difference" in line for line in differences):
        # Without means over classes there is room for a second figure.
        shown += [c for c in layout.columns if c.compared and c is not headline][:1]
    pairs: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for line in differences:
        pairs.setdefault((line["a"], line["b"]), {})[line["metric"]] = line
    parts = []
    for axis in (None, *rows[0].conditions):
        against = "first" if axis == "perturbation" else "best"
        lines = []
        for setting, group in _groups(rows, axis):
            mine = [row for row in group if row[headline.name] is not None]
            if against == "best":
                mine.sort(key=lambda row: row[headline.name] or 0.0, reverse=not lower)
            for other in mine[1:]:
                found, sign = pairs.get((mine[0].name, other.name)), 1
                if found is None:
                    found, sign = pairs.get((other.name, mine[0].name)), -1
                if found is not None and headline.name in found:
                    names = [_value(row, axis) for row in (mine[0], other)]
                    lines.append([setting, *names, *_figures(found, shown, sign)])
        if lines:
            head = ["of", f"{against} {axis or 'component'}", "minus", headline.heading]
            head += ["over classes"] if len(shown) == 1 else [shown[1].heading]
            head += ["better in", "units"]
            if not any(line[0] for line in lines):
                head, lines = head[1:], [line[1:] for line in lines]
            parts.append(markdown_table(head, lines))
    return "\n\n".join(["Paired differences:", *parts]) if parts else ""


def _figures(
    found: Mapping[str, Mapping[str, Any]], shown: Sequence[Column], sign: int
) -> list[str]:
    line = found[shown[0].name]
    figures = [_signed(line, shown[0], sign)]
    if len(shown) == 1:
        figures.append(_signed(line, shown[0], sign, "by_class_"))
    else:
        second = found.get(shown[1].name)
        figures.append("—" if second is None else _signed(second, shown[1], sign))
    wins = line["wins" if sign == 1 else "losses"]
    return [*figures, f"{100 * wins:.0f} %", f"{line['units']} {line['unit']}(s)"]


def _signed(line: Mapping[str, Any], column: Column, sign: int, prefix: str = "") -> str:
    if f"{prefix}difference" not in line:
        return "—"
    digits = 2 if column.unit in ("%", "×100") else 3
    text = f"{scaled(sign * line[f'{prefix}difference'], column):+.{digits}f}"
    if line["units"] < FEWEST_UNITS or f"{prefix}low" not in line:
        return text
    ends = sorted(scaled(sign * line[f"{prefix}{end}"], column) for end in ("low", "high"))
    return f"{text} [{ends[0]:+.{digits}f}, {ends[1]:+.{digits}f}]"


def _groups(rows: Sequence[Row], axis: str | None) -> Iterator[tuple[str, list[Row]]]:
    """Group rows that differ only in one condition, or only in their component."""
    if axis is None:  # a row with an empty condition is in every setting of it
        for setting in settings_of(row.conditions for row in rows):
            words = row_name("", setting).removeprefix(" | ")
            yield words, [row for row in rows if covers(row.conditions, setting)]
        return
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.conditions[axis]:
            others = {key: value for key, value in row.conditions.items() if key != axis}
            groups.setdefault(row_name(row.component, others), []).append(row)
    yield from groups.items()


def _value(row: Row, axis: str | None) -> str:
    return row.component if axis is None else row.conditions[axis]


def _trainings(trainings: Sequence[Mapping[str, Any]]) -> str:
    if not trainings:
        return ""
    keys = dict.fromkeys(key for each in trainings for key in each.get("metrics", ()))
    shown = [key for key in keys if key.startswith("dice")]
    first = trainings[0]["settings"]
    swept = [
        key
        for key in dict.fromkeys(key for each in trainings for key in each["settings"])
        if any(each["settings"].get(key) != first.get(key) for each in trainings)
    ]
    several = len({each["dataset"] for each in trainings}) > 1
    head = ["component", *["dataset"] * several, *swept, "seed", "subjects", "kept epoch"]
    head += [*(f"validation {key}" for key in shown), "minutes", "weights (SHA-256)"]
    lines = []
    for each in trainings:
        line = [each["component"], *[each["dataset"]] * several]
        line += [str(each["settings"].get(key, "—")) for key in swept] + [str(each["seed"])]
        if "error" in each:
            line += ["failed", *["—"] * (3 + len(shown))]
        else:
            line += [str(len(each["subjects"]["train"])), str(each["kept_epoch"])]
            figures = [each["metrics"].get(key) for key in shown]
            line += ["—" if figure is None else f"{figure:.3f}" for figure in figures]
            line += [f"{60 * each['hours']:.1f}", f"`{each['digest'][:12]}`"]
        lines.append(line)
    return "Trainings:\n\n" + markdown_table(head, lines)


def _failures(results: Mapping[str, Any]) -> str:
    lines: dict[str, None] = {}
    none = results.get("counts", {}).get("failed") == 0  # millions need not be read
    for cell in () if none else results["cells"]:
        if cell["status"] == "failed":
            error = cell["error"]
            text = f"{error['type']}: {error['message']}".splitlines()[0]
            lines[f"- {cell['label']} on {cell['identity']['scene']}: {text}"] = None
    return "Failed:\n\n" + "\n".join(lines) if lines else ""

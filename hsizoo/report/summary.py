"""The page of an experiment: every run's table with intervals, and what it was made with."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hsizoo.protocols.few_label.summary import FEW_LABEL_NOTE, few_label_section
from hsizoo.protocols.interactive.tables import Row, conditions_of
from hsizoo.report.columns import COMPARED
from hsizoo.report.comparison import covers, row_name, settings_of
from hsizoo.report.markdown import markdown_table

__all__ = ["RunReport", "summary_md"]


_NOTE = (
    "In brackets: 95 % intervals of the percentile bootstrap over what the run's line names, "
    "the same draws for every row; with few units they are somewhat too narrow.  Training "
    "seeds are averaged before; *sd over seeds* is their standard deviation of Dice@0.5 after "
    "the last click.  *first* is the share of draws in which the row is the best of its "
    "setting."
)


@dataclass(frozen=True)
class RunReport:
    """What the page is told of a run.

    Parameters
    ----------
    name : str
    results : mapping or None
        Its ``results.json``, if it was run.
    differences : str
        Its ``differences.csv``.
    changed : bool
        Whether the experiment's file describes it otherwise now.
    """

    name: str
    results: Mapping[str, Any] | None
    differences: str = ""
    changed: bool = False


def summary_md(title: str, description: str, command: str, reports: Sequence[RunReport]) -> str:
    """Write the page in Markdown; it holds no path but those beside it."""
    parts = [f"# {title}", description, f"```\n{command}\n```"]
    parts += [_made_with([report.results for report in reports if report.results])]
    classify = [_of_classifiers(report.results) for report in reports if report.results]
    parts += [_NOTE] * (False in classify or not classify) + [FEW_LABEL_NOTE] * (True in classify)
    for report in reports:
        parts += _run(report)
    return "\n\n".join(part for part in parts if part) + "\n"


def _made_with(results: Sequence[Mapping[str, Any]]) -> str:
    """Commits, versions and machines, each once."""
    found: dict[str, dict[str, None]] = {}
    cells = [cell for each in results for cell in each["cells"]]
    trainings = [each for result in results for each in result.get("trainings", ())]
    for about in [*cells, *trainings]:
        made = about.get("provenance")
        if not made:
            continue
        versions = made["versions"]
        for key, value in (
            ("commit", made["git"] or "(not a checkout)"),
            ("versions", f"hsizoo {versions['hsizoo']}, torch {versions['torch']}, "
                         f"numpy {versions['numpy']}, Python {versions['python']}"),
            ("machine", f"{made['processor']}, {made['cores']} cores, {made['threads']} thread(s)"),
            ("device", made["device"]),
        ):  # fmt: skip
            found.setdefault(key, {})[value] = None
    return "\n".join(f"- {key}: {'; '.join(values)}" for key, values in found.items())


def _run(report: RunReport) -> list[str]:
    parts = [f"## {report.name}"]
    if report.results is None:
        return [*parts, "Not run yet."]
    run, rows = report.results["run"], report.results["table"]
    parts.append(run["description"])
    if report.changed:
        parts.append("**The experiment's file describes this run otherwise now; run it again.**")
    if _of_classifiers(report.results):
        parts += few_label_section(report.name, report.results, report.differences)
        return [*parts, _failures(report.results["cells"])]
    parts.append(_settings(run, rows))
    parts.append(_table(rows, report.results["ranks"], run))
    parts.append(_differences(rows, report.differences))
    parts.append(_trainings(report.results.get("trainings", ())))
    parts.append(_failures(report.results["cells"]))
    parts.append(f"![Dice over clicks]({report.name}/curve.png)")
    return parts


def _of_classifiers(results: Mapping[str, Any]) -> bool:
    """Whether a run was one of classifiers."""
    return "shots" in results["run"]


def _settings(run: Mapping[str, Any], rows: Sequence[Row]) -> str:
    said = [f"dataset {', '.join(f'`{each}`' for each in run['datasets'])}"]
    swept = run["sweep"]
    said += [f"robot `{run['robot']}`"] * ("robot" not in swept)
    said += [f"{run['clicks']} click(s)"] * ("clicks" not in swept)
    seeds = run["seeds"] if isinstance(run["seeds"], list) else list(range(run["seeds"]))
    said += [f"seed(s) {', '.join(map(str, seeds))}"]
    if run["training"]:
        training = run["training"]
        settings = ", ".join(f"{key} {value}" for key, value in training["settings"].items())
        trained = ", ".join(map(str, training["seeds"]))
        said += [f"trained with seed(s) {trained}" + (f" and {settings}" if settings else "")]
        if training["dataset"]:
            said += [f"on `{training['dataset']}`"]
    for key, values in swept.items():
        said += [f"{key} over {', '.join(map(str, values))}"]
    units = sorted({(row["units"], row["unit"]) for row in rows if row["units"]})
    said += ["units: " + ", ".join(f"{count} {unit}(s)" for count, unit in units)] if units else []
    return "; ".join(said) + "."


def _table(rows: Sequence[Row], ranks: Sequence[Mapping[str, Any]], run: Mapping[str, Any]) -> str:
    if not rows:
        return ""
    conditions = list(conditions_of(rows[0]))
    same = run["clicks"] in (1, 5) and "clicks" not in run["sweep"]  # as a column before
    wanted = (*COMPARED, *["dice@0.5 end"] * (not same), "noc85")
    columns = [column for column in wanted if any(row[column] is not None for row in rows)]
    metric = _metric(rows)
    first = {
        (line["component"], *(line[key] for key in conditions)): line["shares"][0]
        for line in ranks
        if line["metric"] == metric
    }
    spread = any(row.get("seed_sd") for row in rows)
    failed = any(row["failed_cells"] for row in rows)
    head = ["component", *conditions, *columns]
    head += ["sd over seeds"] * spread + [f"first ({metric})"] * bool(first) + ["samples"]
    head += ["failed"] * failed
    lines = []
    for row in rows:
        line = [row["component"], *(row[key] or "—" for key in conditions)]
        line += [_figure(row, column) for column in columns]
        if spread:
            sd = (row.get("seed_sd") or {}).get("dice@0.5 end")
            line.append("—" if sd is None else f"{sd:.3f}")
        if first:
            share = first.get((row["component"], *(row[key] for key in conditions)))
            line.append("—" if share is None else f"{100 * share:.0f} %")
        line += [str(row["samples"])] + [str(row["failed_cells"])] * failed
        lines.append(line)
    return markdown_table(head, lines)


def _figure(row: Row, column: str) -> str:
    value, ends = row[column], (row.get("intervals") or {}).get(column)
    if value is None:
        return "—"
    digits = 2 if column.startswith("noc") else 3
    text = f"{value:.{digits}f}"
    return f"{text} [{ends[0]:.{digits}f}, {ends[1]:.{digits}f}]" if ends else text


def _metric(rows: Sequence[Row]) -> str:
    """The figure that rows are put in order by: after five clicks where there are so many."""
    return next(
        (key for key in ("dice@0.5 5c", "dice@0.5 1c") if any(r[key] is not None for r in rows)),
        COMPARED[0],
    )


def _differences(rows: Sequence[Row], differences: str) -> str:
    """Paired differences along each axis: to the best component, the best value, the clean cube."""
    metric = _metric(rows)
    pairs = {
        (line["a"], line["b"]): line
        for line in csv.DictReader(io.StringIO(differences))
        if line["metric"] == metric
    }
    parts = []
    for axis in ("component", *(conditions_of(rows[0]) if rows else ())):
        lines = []
        for setting, mine in _groups(rows, axis):
            mine = [row for row in mine if row[metric] is not None]
            if axis != "perturbation":  # where the first one is the measure
                mine.sort(key=lambda row: -row[metric])
            for other in mine[1:]:
                names = row_name(mine[0]), row_name(other)
                line, sign = pairs.get(names), 1
                if line is None:
                    line, sign = pairs.get(names[::-1]), -1
                if line is not None:
                    figures = [_signed(line, prefix, sign) for prefix in ("", "by_class_")]
                    lines.append([setting, mine[0][axis], other[axis], *figures])
        if lines:
            first = "first" if axis == "perturbation" else "best"
            head = ["of", f"{first} {axis}", "minus", f"{metric}, over samples", "over classes"]
            if not any(line[0] for line in lines):
                head, lines = head[1:], [line[1:] for line in lines]
            parts.append(markdown_table(head, lines))
    return "\n\n".join(["Paired differences:", *parts]) if parts else ""


def _groups(rows: Sequence[Row], axis: str) -> Iterator[tuple[str, list[Row]]]:
    """Rows that differ along one axis only, with what they have in common."""
    if axis == "component":
        for setting in settings_of(rows):
            words = ", ".join(f"{key}={value}" for key, value in setting.items() if value)
            yield words, [row for row in rows if covers(conditions_of(row), setting)]
        return
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row[axis]:
            groups.setdefault(row_name({**row, axis: ""}), []).append(row)
    yield from groups.items()


def _signed(line: Mapping[str, str], prefix: str, sign: int) -> str:
    value = sign * float(line[f"{prefix}difference"])
    text = f"{value:+.3f}"
    if not line[f"{prefix}low"]:
        return text
    ends = sorted(sign * float(line[f"{prefix}{end}"]) for end in ("low", "high"))
    return f"{text} [{ends[0]:+.3f}, {ends[1]:+.3f}]"


def _trainings(trainings: Sequence[Mapping[str, Any]]) -> str:
    if not trainings:
        return ""
    keys = dict.fromkeys(key for each in trainings for key in each.get("metrics", ()))
    shown = [key for key in keys if key.startswith("dice")]
    usual = trainings[0]["settings"]
    swept = [
        key
        for key in dict.fromkeys(key for each in trainings for key in each["settings"])
        if any(each["settings"].get(key) != usual.get(key) for each in trainings)
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


def _failures(cells: Sequence[Mapping[str, Any]]) -> str:
    lines: dict[str, None] = {}
    for cell in cells:
        if cell["status"] == "failed":
            error = cell["error"]
            text = f"{error['type']}: {error['message']}".splitlines()[0]
            lines[f"- {cell['label']} on {cell['identity']['scene']}: {text}"] = None
    return "Failed:\n\n" + "\n".join(lines) if lines else ""

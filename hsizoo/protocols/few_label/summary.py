"""What an experiment's page says of a run of classifiers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hsizoo.protocols.few_label.tables import Row, name_of
from hsizoo.report.comparison import covers, settings_of
from hsizoo.report.markdown import markdown_table

__all__ = ["FEW_LABEL_NOTE", "few_label_section"]

FEW_LABEL_NOTE = (
    "Of classifiers: mean ± standard deviation over seeds, in percent (kappa times 100).  OA is "
    "the share of test pixels that are right, AA the mean over classes of the recall, and "
    "*precision* the mean over classes of the precision, which several published codes call AA.  "
    "*pseudo* is the share of pseudo labels that are right, *leak* that of test pixels whose patch "
    "overlaps a training patch.  Differences are paired over what their line names, with the 95 % "
    "interval of the bootstrap over it in brackets."
)


def few_label_section(name: str, results: Mapping[str, Any], differences: str) -> list[str]:
    """Write a run's settings, table, paired differences and pictures in Markdown.

    Parameters
    ----------
    name : str
        Of the run, which is that of its folder.
    results : mapping
        Its ``results.json``.
    differences : str
        Its ``differences.csv``.
    """
    rows = results["table"]
    pictures = [f"![{each.removesuffix('.png')}]({name}/{each})" for each in results["pictures"]]
    notes = "\n".join(f"- {note}" for note in results["notes"])
    told = [_settings(results["run"]), _table(rows), notes, _differences(rows, differences)]
    return [*told, *pictures]


def _settings(run: Mapping[str, Any]) -> str:
    over = run["sweep"]
    said = []
    if "dataset" not in over:
        said.append(f"dataset {', '.join(f'`{each}`' for each in run['datasets'])}")
    said += [f"{run['shots']} label(s) per class"] * ("shots" not in over)
    said += [f"draw {run['draw']}"] * ("draw" not in over)
    seeds = run["seeds"] if isinstance(run["seeds"], list) else list(range(run["seeds"]))
    said.append(f"seed(s) {', '.join(map(str, seeds))}")
    said += [f"{key} over {', '.join(map(str, values))}" for key, values in over.items()]
    return "; ".join(said) + "."


def _table(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    conditions = list(rows[0]["conditions"])
    pseudo = any(row["pseudo_right"] is not None for row in rows)
    failed = any(row["failed_cells"] for row in rows)
    head = ["component", *conditions, "OA", "AA (recall)", "precision", "kappa ×100"]
    head += ["pseudo"] * pseudo + ["leak", "s/fit", "s/image", "seeds"] + ["failed"] * failed
    lines = []
    for row in rows:
        line = [row["component"], *(row["conditions"][key] or "—" for key in conditions)]
        line += [_score(row, score) for score in ("oa", "aa", "macro_precision", "kappa")]
        line += [_percent(row["pseudo_right"])] * pseudo + [_percent(row["leak"])]
        line += [_seconds(row[key]) for key in ("fit_seconds", "predict_seconds")]
        line += [str(row["seeds"])] + [str(row["failed_cells"])] * failed
        lines.append(line)
    return markdown_table(head, lines)


def _score(row: Row, score: str) -> str:
    mean, spread = row[score], row[f"{score}_sd"]
    if mean is None:
        return "—"
    text = f"{100 * mean:.2f}"
    return text if spread is None else f"{text} ± {100 * spread:.2f}"


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{100 * share:.1f}"


def _seconds(value: float | None) -> str:
    return "—" if value is None else f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _differences(rows: Sequence[Row], differences: str) -> str:
    """Paired differences of the best to each other one, along each axis."""
    pairs: dict[tuple[str, str], dict[str, Mapping[str, str]]] = {}
    for line in csv.DictReader(io.StringIO(differences)):
        pairs.setdefault((line["a"], line["b"]), {})[line["metric"]] = line
    parts = []
    for axis in ("component", *(rows[0]["conditions"] if rows else ())):
        lines = []
        for setting, mine in _groups(rows, axis):
            mine = sorted((row for row in mine if row["oa"] is not None), key=lambda r: -r["oa"])
            for other in mine[1:]:
                best, worse = _name(mine[0]), _name(other)
                sign = 1 if (best, worse) in pairs else -1
                found = pairs.get((best, worse)) or pairs.get((worse, best))
                if found:
                    figures = [_signed(found, score, sign) for score in ("oa", "aa")]
                    about = found["oa"]
                    share = f"{100 * float(about['wins' if sign == 1 else 'losses']):.0f} %"
                    over = f"{about['units']} {about['unit']}(s)"
                    lines.append([setting, _value(mine[0], axis), _value(other, axis), *figures,
                                  share, over])  # fmt: skip
        if lines:
            head = ["of", f"best {axis}", "minus", "OA", "AA", "OA better in", "over"]
            if not any(line[0] for line in lines):
                head, lines = head[1:], [line[1:] for line in lines]
            parts.append(markdown_table(head, lines))
    return "\n\n".join(["Paired differences, in percent:", *parts]) if parts else ""


def _groups(rows: Sequence[Row], axis: str) -> Iterator[tuple[str, list[Row]]]:
    """Rows that differ along one axis only, with what they have in common."""
    if axis == "component":  # one that a setting does not touch is compared in every setting
        for setting in settings_of([row["conditions"] for row in rows]):
            common = name_of("", setting).removeprefix(" | ")
            yield common, [row for row in rows if covers(row["conditions"], setting)]
        return
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row["conditions"][axis]:
            others = {key: value for key, value in row["conditions"].items() if key != axis}
            groups.setdefault(name_of(row["component"], others), []).append(row)
    yield from groups.items()


def _value(row: Row, axis: str) -> str:
    return str(row["component"] if axis == "component" else row["conditions"][axis])


def _name(row: Row) -> str:
    return name_of(row["component"], row["conditions"])


def _signed(found: Mapping[str, Mapping[str, str]], score: str, sign: int) -> str:
    line = found[score]
    text = f"{100 * sign * float(line['difference']):+.2f}"
    if not line["low"]:
        return text
    ends = sorted(100 * sign * float(line[end]) for end in ("low", "high"))
    return f"{text} [{ends[0]:+.2f}, {ends[1]:+.2f}]"

"""The table of ``hsizoo bench`` for classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from hsizoo.cli.console import table
from hsizoo.protocol.few_label.scores import SCORES
from hsizoo.report.few_label import Row, summarise

__all__ = ["live_table", "result_table"]

_SHOWN = {"oa": "OA %", "aa": "AA %", "kappa": "kappa", "macro_precision": "precision %"}


def live_table(records: Sequence[Mapping[str, Any]]) -> Table:
    """The table of what is done so far."""
    return result_table(summarise(records), "this run so far")


def result_table(rows: Sequence[Row], title: str) -> Table:
    """Mean and standard deviation over seeds of each score, the best mean in bold."""
    made = table("component", *_SHOWN.values(), "leak %", "s/fit", "s/image", "seeds", title=title)
    for column in made.columns[1:]:
        column.justify, column.no_wrap = "right", True
    best = {
        score: max((row[score] for row in rows if row[score] is not None), default=None)
        for score in SCORES
    }
    for row in rows:
        figures = [_figure(row, score, len(rows) > 1 and row[score] == best[score])
                   for score in _SHOWN]  # fmt: skip
        note = f" [red]({row['failed_cells']} failed)[/]" if row["failed_cells"] else ""
        made.add_row(
            escape(row["component"]) + note,
            *figures,
            "—" if row["leak"] is None else f"{100 * row['leak']:.1f}",
            *("—" if row[key] is None else f"{row[key]:.2g}" if row[key] < 10 else f"{row[key]:.0f}"
              for key in ("fit_seconds", "predict_seconds")),
            str(row["seeds"]),
        )  # fmt: skip
    return made


def _figure(row: Row, score: str, best: bool) -> str:
    mean, spread = row[score], row[f"{score}_sd"]
    if mean is None:
        return "—"
    text = f"{100 * mean:.2f}" + ("" if spread is None else f" ± {100 * spread:.2f}")
    return f"[bold]{text}[/]" if best else text

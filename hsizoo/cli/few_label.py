"""The table of ``hsizoo bench`` for classifiers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hsizoo.cli.console import table
from hsizoo.protocols.few_label.tables import Row, summarise

__all__ = ["fitting_table", "live_table", "result_table"]

_SCORES = {
    "oa": "OA %",
    "aa": "AA (recall) %",
    "macro_precision": "precision %",
    "kappa": "kappa ×100",
}
_SHARES = {"pseudo_right": "pseudo %", "leak": "leak %"}
_SECONDS = {"fit_seconds": "s/fit", "predict_seconds": "s/image"}
_LEAST_IMPORTANT_FIRST = ("s/image", "leak %", "kappa ×100", "pseudo %", "s/fit", "precision %")


def live_table(records: Sequence[Mapping[str, Any]], out: Console) -> Table:
    """The table of what is done so far."""
    return fitting_table(summarise(records), "this run so far", out)[0]


def fitting_table(rows: Sequence[Row], title: str, out: Console) -> tuple[Table, list[str]]:
    """The table with as many columns as fit the console, and those that were left out."""
    left_out: list[str] = []
    for column in ("", *_LEAST_IMPORTANT_FIRST):
        left_out += [column] if column else []
        made = result_table(rows, title, left_out)
        # Measured where there is room, as a narrow console's answer is its own width.
        if Console(width=10_000).measure(made).maximum <= out.width:
            break
    return made, left_out


def result_table(rows: Sequence[Row], title: str, without: Collection[str] = ()) -> Table:
    """Mean and standard deviation over seeds of each score, the best mean in bold.

    A column of which there is nothing, such as that of pseudo labels, is left out.
    """
    conditions = list(rows[0]["conditions"]) if rows else []
    columns = {**_SCORES, **_SHARES, **_SECONDS}
    if all(row["pseudo_right"] is None for row in rows):
        del columns["pseudo_right"]
    columns = {key: shown for key, shown in columns.items() if shown not in without}
    made = table("component", *conditions, *columns.values(), "seeds", title=title)
    for column in made.columns[1 + len(conditions) :]:
        column.justify, column.no_wrap = "right", True
    best = {
        score: max((row[score] for row in rows if row[score] is not None), default=None)
        for score in _SCORES
    }
    for row in rows:
        note = f" [red]({row['failed_cells']} failed)[/]" if row["failed_cells"] else ""
        figures = [
            f"[bold]{_figure(row, key)}[/]"
            if len(rows) > 1 and key in best and row[key] is not None and row[key] == best[key]
            else _figure(row, key)
            for key in columns
        ]
        settings = [escape(row["conditions"][key]) or "—" for key in conditions]
        made.add_row(escape(row["component"]) + note, *settings, *figures, str(row["seeds"]))
    return made


def _figure(row: Row, key: str) -> str:
    value = row[key]
    if value is None:
        return "—"
    if key in _SECONDS:
        return f"{value:.2g}" if value < 10 else f"{value:.0f}"
    if key in _SHARES:
        return f"{100 * value:.1f}"
    spread = row[f"{key}_sd"]
    text = f"{100 * value:.2f}"
    return text if spread is None else f"{text} ± {100 * spread:.2f}"

"""The table that several trainings end in."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rich.markup import escape

from hsizoo.cli.console import console, print_json, print_rows
from hsizoo.runs.sweep import PlannedTraining
from hsizoo.runs.trainings import Trained
from hsizoo.training.run import TrainResult

__all__ = ["print_trainings"]


def print_trainings(found: Mapping[PlannedTraining, Trained], json: bool) -> bool:
    """Print a row per training, and their mean; return whether one failed.

    Parameters
    ----------
    found : mapping of PlannedTraining to TrainResult or dict
    json : bool
        Print JSON instead.
    """
    failed = any(not isinstance(each, TrainResult) for each in found.values())
    if json:
        print_json({"trainings": [_plain(planned, each) for planned, each in found.items()]})
        return failed
    done = [each for each in found.values() if isinstance(each, TrainResult)]
    metrics = list(
        dict.fromkeys(key for each in done for key in each.card["metrics"] if "@" in key)
    )
    has_folds = any(_fold(planned) is not None for planned in found)
    rows = []
    for planned, each in found.items():
        places = [f"{planned.seed}", *([f"{_fold(planned)}"] if has_folds else [])]
        if isinstance(each, TrainResult):
            figures = [_figure(each.card["metrics"].get(key)) for key in metrics]
            rows.append((*places, f"{each.card['kept_epoch']}", *figures, escape(str(each.folder))))
        else:
            blank = [""] * (1 + len(metrics))
            text = escape(f"{each['type']}: {each['message']}")
            rows.append((*places, *blank, f"[red]{text}[/]"))
    if len(done) > 1 and metrics:
        blank = ["", ""] if has_folds else [""]
        means = [_mean([each.card["metrics"].get(key) for each in done]) for key in metrics]
        rows.append(("mean", *blank, *means, f"of {len(done)}, ± standard deviation"))
    columns = ("seed", *(["fold"] if has_folds else []), "epoch", *metrics, "folder")
    out = console()
    print_rows(out, columns, rows)
    if done and not metrics:
        out.print("not validated: these are the weights of the last epoch", style="yellow")
    for each in done:  # each by its own weights, as others are newer
        if command := replace(each, is_newest=False).bench_command:
            out.print(f"next: {escape(command)}", soft_wrap=True)
    return failed


def _fold(planned: PlannedTraining) -> int | None:
    """The fold that a training holds out, if there are folds."""
    chosen = planned.chosen()
    return chosen.fold if chosen.folds else None


def _plain(planned: PlannedTraining, each: Trained) -> dict[str, Any]:
    about: dict[str, Any] = {"seed": planned.seed, "fold": _fold(planned)}
    if not isinstance(each, TrainResult):
        return {**about, "error": dict(each)}
    return {
        **about,
        "folder": str(each.folder),
        "weights": str(each.weights),
        "trained_before": each.trained_before,
        "bench": replace(each, is_newest=False).bench_command,
        "card": each.card,
    }


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _mean(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    return f"{statistics.mean(known):.4f} ± {statistics.stdev(known):.4f}"

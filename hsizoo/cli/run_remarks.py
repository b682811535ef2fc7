"""What a run has to say beside its table: failures, and where another run's tables are now."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from hsizoo.runs.bench import RunResult
from hsizoo.runs.listing import CELLS_FILE
from hsizoo.runs.stored import RESULTS_FILE

__all__ = ["print_remarks"]


def print_remarks(errors: Console, result: RunResult) -> None:
    """Print where another run's tables are now, and failures: one line per component and error."""
    if result.earlier is not None:
        errors.print(
            f"{result.folder} had the tables of another run; they are now in {result.earlier}, and "
            "all cells are kept",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    if result.verified:
        errors.print(
            f"verified: {result.verified} cell(s), computed once more in processes of their own, "
            "are the same"
        )
    same: dict[tuple[str, str], list[str]] = {}
    for record in result.failures:
        error = record["error"]
        where = f" ({error['where']})" if error.get("where") else ""
        what = f"{error['type']}: {error['message']}{where}"
        same.setdefault((record["label"], what), []).append(record["identity"]["scene"])
    for (label, what), scenes_hit in same.items():
        scenes = list(dict.fromkeys(scenes_hit))
        on = scenes[0] if len(scenes) == 1 else f"{len(scenes)} scenes"
        if len(scenes_hit) > len(scenes):  # several seeds, or several settings
            on += f", {len(scenes_hit)} times"
        errors.print(f"failed: {escape(label)} on {escape(on)}: {escape(what)}", style="red")
    if result.failures:
        told_in = next(name for name in (CELLS_FILE, RESULTS_FILE) if name in result.files)
        errors.print(
            f"tracebacks: {result.folder / told_in}; "
            "run the same command to retry the failed cells",
            style="dim",
        )

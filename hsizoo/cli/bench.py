"""``hsizoo bench``: components on a dataset, by the protocol of the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hsizoo.report.columns import COLUMNS

if TYPE_CHECKING:
    from hsizoo.benchmark import Overwrite, RunResult


_LEGEND = "\b\nColumns of the table:\n" + "\n".join(
    f"  {column:14}{meaning}" for column, meaning in COLUMNS.items()
)
_ROBOTS = (
    "\b\nSimulated users and their options (all take jitter=PIXELS):\n"
    "  paper              first=edt|centroid, connectivity=8|4\n"
    "  ritm               threshold=0.49\n"
    "  largest-component  threshold=0.5, connectivity=8|4\n"
    "  random             threshold=0.5"
)


@click.command(epilog=f"{_LEGEND}\n\n{_ROBOTS}")
@click.argument("components", nargs=-1, required=True)
@click.option(
    "--dataset",
    "-d",
    default="indian-pines",
    show_default=True,
    help="A dataset, with options if need be: phantom:height=256,width=256.",
)
@click.option("--clicks", "-k", default=5, show_default=True, help="Clicks per sample.")
@click.option(
    "--robot",
    default="paper",
    show_default=True,
    help="Simulated user: paper, ritm, largest-component or random, with options if need be: "
    "ritm:jitter=2.",
)
@click.option(
    "--seeds", default=1, show_default=True, help="How many seeds; for robots that draw at random."
)
@click.option(
    "--split", help="Only scenes of this split, or 'all'.  [default: test, where there is one]"
)
@click.option("--scene", "scenes", multiple=True, help="Only this scene; may be repeated.")
@click.option(
    "--out",
    "-o",
    help="Run folder; runs may share one, and the tables in it are those of the last command.  "
    "[default: hsizoo-runs/DATASET]",
)
@click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:NUMBER or mps."
)
@click.option("--jobs", "-j", default=1, show_default=True, help="Processes.")
@click.option(
    "--overwrite",
    default="failed",
    show_default=True,
    type=click.Choice(["failed", "never", "always"]),
    help="Which stored cells to compute anew.",
)
@click.option(
    "--allow-untrained",
    is_flag=True,
    help="Run segmenters that nobody trained, marked as such, instead of refusing them.",
)
@click.option("--json", is_flag=True, help="Print the table for machines.")
@click.pass_context
def bench(
    context: click.Context,
    components: tuple[str, ...],
    dataset: str,
    clicks: int,
    robot: str,
    seeds: int,
    split: str | None,
    scenes: tuple[str, ...],
    out: str | None,
    device: str,
    jobs: int,
    overwrite: Overwrite,
    allow_untrained: bool,
    json: bool,
) -> None:
    """Run COMPONENTS on a dataset with simulated clicks and print the paper's table.

    Every finished cell is kept at once: a run that was stopped, however roughly, goes on with the
    same command.  Exits with status 1 if a cell failed.
    """
    from rich.markup import escape

    from hsizoo.cli.console import console, print_json

    errors = console(stderr=True)
    try:
        with errors.status("loading …"):  # torch takes two seconds; an empty screen looks broken
            from hsizoo import benchmark
            from hsizoo.cli.progress import RunDisplay
    except KeyboardInterrupt:
        errors.print("\nstopped before anything was begun", style="yellow")
        context.exit(130)

    display = RunDisplay(errors)
    try:
        with display:
            result = benchmark.bench(
                components,
                dataset,
                clicks=clicks,
                robot=robot,
                seeds=seeds,
                split=split,
                scenes=scenes or None,
                out=out,
                device=device,
                jobs=jobs,
                overwrite=overwrite,
                allow_untrained=allow_untrained,
                events=benchmark.RunEvents(display.planned, display.progress, display.finished),
            )
    except KeyboardInterrupt:
        errors.print(
            f"\nstopped: {display.done} of {display.total} cells are done and kept; "
            "the same command goes on",
            style="yellow",
        )
        context.exit(130)
    if json:
        print_json({"folder": str(result.folder), "table": result.table})
    else:
        _print_result(result, f"{dataset}, robot {robot}, {clicks} click(s)")
    # One line for a component that fails everywhere in the same way.
    same: dict[tuple[str, str], list[str]] = {}
    for record in result.failures:
        error = record["error"]
        where = f" ({error['where']})" if error.get("where") else ""
        what = f"{error['type']}: {error['message']}{where}"
        same.setdefault((record["label"], what), []).append(record["identity"]["scene"])
    for (label, what), scenes_hit in same.items():
        on = scenes_hit[0] if len(scenes_hit) == 1 else f"{len(scenes_hit)} scenes"
        errors.print(f"failed: {escape(label)} on {escape(on)}: {escape(what)}", style="red")
    if result.failures:
        errors.print(
            f"tracebacks: {result.folder / 'results.json'}; "
            "the same command tries the failed cells again",
            style="dim",
        )
        context.exit(1)


def _print_result(result: RunResult, title: str) -> None:
    from rich.markup import escape

    from hsizoo.cli.console import console
    from hsizoo.cli.progress import fitting_table

    out = console()
    shown, left_out = fitting_table(result.table, title, out)
    out.print(shown)
    if left_out:
        out.print(f"not shown for want of width: {', '.join(left_out)}", style="dim")
    for name, remark in result.files.items():
        out.print(f"{result.folder / name}  [dim]{escape(remark)}[/]")

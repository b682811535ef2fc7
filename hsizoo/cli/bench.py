"""``hsizoo bench``: components on a dataset by the protocol of the paper, or an experiment."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from hsizoo.report.columns import COLUMNS, OF_CLASSIFIERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

    from hsizoo.cli.run_display import RunDisplay
    from hsizoo.runs.bench import Overwrite, RunEvents, RunResult
    from hsizoo.runs.fewlabel import FewLabelResult
    from hsizoo.training.run import TrainEvents


_LEGEND = "\b\nColumns of the table of scorers and segmenters:\n" + "\n".join(
    f"  {column:14}{meaning}" for column, meaning in COLUMNS.items()
)
_LEGEND_OF_CLASSIFIERS = (
    "\b\nColumns of the table of classifiers (± is the standard deviation over seeds):\n"
    + "\n".join(f"  {column:14}{meaning}" for column, meaning in OF_CLASSIFIERS.items())
)
_ROBOTS = (
    "\b\nSimulated users and their options (all take jitter=PIXELS):\n"
    "  paper              first=edt|centroid, connectivity=8|4\n"
    "  ritm               threshold=0.49\n"
    "  largest-component  threshold=0.5, connectivity=8|4\n"
    "  random             threshold=0.5"
)
_PERTURBATIONS = (
    "\b\nPerturbations and their options (strength is 0.1 unless said):\n"
    "  noise              strength: sigma over each band's standard deviation\n"
    "  shading            strength: largest relative change of the light\n"
    "  dropped-bands      strength: share of the bands\n"
    "  spectral-shift     strength, unit=bands|nm"
)
_OF_ONE_RUN = (
    "dataset", "data_dir", "clicks", "robot", "seeds", "perturbations", "split", "scenes", "shots",
    "draw",
)  # fmt: skip
_OF_SEGMENTERS = ("clicks", "robot", "perturbations", "allow_untrained")
_OF_CLASSIFIERS = ("shots", "draw")


@click.command(epilog=f"{_LEGEND}\n\n{_LEGEND_OF_CLASSIFIERS}\n\n{_ROBOTS}\n\n{_PERTURBATIONS}")
@click.argument("components", nargs=-1)
@click.option(
    "--config",
    "-c",
    type=click.Path(),
    help="An experiment's file (TOML) in place of COMPONENTS and the options of one run.",
)
@click.option("--only", multiple=True, help="Only this run of the experiment; may be repeated.")
@click.option(
    "--dataset",
    "-d",
    default="indian-pines",
    show_default=True,
    help="A dataset, with options if need be: phantom:height=256,width=256; or your own folder of "
    "cubes and masks: ./cubes/.",
)
@click.option("--data-dir", help="Folder of the dataset's files: its option data_dir.")
@click.option("--clicks", "-k", default=5, show_default=True, help="Clicks per sample.")
@click.option(
    "--robot",
    default="paper",
    show_default=True,
    help="Simulated user: paper, ritm, largest-component or random, with options if need be: "
    "ritm:jitter=2.",
)
@click.option(
    "--seeds",
    type=int,
    help="How many seeds.  [default: 1, for robots that draw at random; of classifiers 10]",
)
@click.option(
    "--shots", default=5, show_default=True, help="Of classifiers: labels per class to learn from."
)
@click.option(
    "--draw",
    default="random",
    show_default=True,
    type=click.Choice(["random", "fixed", "block-disjoint", "official"]),
    help="Of classifiers: how these are drawn; fixed is the same for all seeds, the last two keep "
    "test and training apart.",
)
@click.option(
    "--perturb",
    "perturbations",
    multiple=True,
    help="Spoil the cubes: noise:strength=0.1; may be repeated, each makes rows of its own.  "
    "'none' is the cube as it is.  [default: none]",
)
@click.option(
    "--split", help="Only scenes of this split, or 'all'.  [default: test, where there is one]"
)
@click.option("--scene", "scenes", multiple=True, help="Only this scene; may be repeated.")
@click.option(
    "--out",
    "-o",
    help="Run folder; runs may share one, and the tables in it are those of the last command.  "
    "[default: hsizoo-runs/DATASET, of classifiers DATASET-few-labels, or hsizoo-runs/CONFIG]",
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
    /,
    components: tuple[str, ...],
    config: str | None,
    only: tuple[str, ...],
    out: str | None,
    device: str,
    jobs: int,
    overwrite: Overwrite,
    allow_untrained: bool,
    json: bool,
    **of_one_run: Any,
) -> None:
    """Run COMPONENTS on a dataset and print the paper's table.

    Scorers and segmenters answer to simulated clicks.  Classifiers, and LABELER+CLASSIFIER, learn
    from a few labels per class and are tested on all other labelled pixels.

    Every finished cell is kept at once: a run that was stopped, however roughly, goes on with the
    same command.  Exits with status 1 if a cell, or a training of an experiment, failed.
    """
    _check_words(context, components, config, only)
    from hsizoo.cli.console import console

    errors = console(stderr=True)
    try:
        with errors.status("loading …"):  # torch takes two seconds; an empty screen looks broken
            from hsizoo.runs import bench as benchmark  # noqa: F401
            from hsizoo.runs import experiment, fewlabel  # noqa: F401
    except KeyboardInterrupt:
        errors.print("\nstopped before anything was begun", style="yellow")
        context.exit(130)
    how: dict[str, Any] = {
        "out": out,
        "device": device,
        "jobs": jobs,
        "overwrite": overwrite,
        "allow_untrained": allow_untrained,
    }
    if config is None:
        failed = _bench_one(context, errors, components, json, {**of_one_run, **how})
    else:
        failed = _bench_experiment(context, errors, config, only, json, how)
    if failed:
        context.exit(1)


def _check_words(
    context: click.Context,
    components: Sequence[str],
    config: str | None,
    only: Sequence[str],
) -> None:
    """Refuse what does not go together."""
    if config is None:
        if not components:
            raise click.UsageError("name at least one component, or an experiment with --config")
        if only:
            raise click.UsageError("--only names a run of an experiment; give it with --config")
        return
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in _OF_ONE_RUN
        and context.get_parameter_source(parameter.name) is not ParameterSource.DEFAULT
    ]
    if components or given:
        raise click.UsageError(
            f"{(*components, *given)[0]} does not go with --config: the experiment's file says "
            "what is run"
        )


def _bench_one(
    context: click.Context,
    errors: Console,
    components: Sequence[str],
    json: bool,
    options: dict[str, Any],
) -> bool:
    """Run one table; tell whether a cell failed."""
    from hsizoo.cli.console import print_json
    from hsizoo.runs import bench as benchmark
    from hsizoo.runs import fewlabel
    from hsizoo.zoo.factory import with_data_dir

    data_dir = options.pop("data_dir")
    if data_dir is not None:
        options["dataset"] = with_data_dir(options["dataset"], data_dir)
    classify = fewlabel.are_classifiers(components)
    _check_options(context, classify)
    for name in _OF_SEGMENTERS if classify else _OF_CLASSIFIERS:
        options.pop(name)
    if options["seeds"] is None:
        options.pop("seeds")
    options["scenes"] = options["scenes"] or None
    if not classify:
        options["perturbations"] = options["perturbations"] or "none"
    display = _display(errors, classify)
    events = benchmark.RunEvents(display.planned, display.progress, display.finished)
    run: Any = fewlabel.bench_few_labels if classify else benchmark.bench
    try:
        with display:
            result = run(components, events=events, **options)
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
        title = "{dataset}, robot {robot}, {clicks} click(s)"
        if classify:
            title = "{dataset}, {shots} label(s) per class, draw {draw}"
        _print_result(result, title.format(**options))
        for name, remark in result.files.items():
            _print_file(f"{result.folder / name}", remark)
    _print_failures(errors, result)
    return bool(result.failures)


def _check_options(context: click.Context, classify: bool) -> None:
    """Refuse options of the other protocol."""
    whose = "scorers and segmenters" if classify else "classifiers"
    for parameter in context.command.params:
        foreign = parameter.name in (_OF_SEGMENTERS if classify else _OF_CLASSIFIERS)
        given = context.get_parameter_source(parameter.name or "") is not ParameterSource.DEFAULT
        if foreign and given:
            raise click.UsageError(f"{parameter.opts[0]} is for {whose}; leave it out")


def _bench_experiment(
    context: click.Context,
    errors: Console,
    config: str,
    only: Sequence[str],
    json: bool,
    options: dict[str, Any],
) -> bool:
    """Run an experiment; tell whether a training or a cell failed."""
    from hsizoo.cli.console import print_json
    from hsizoo.runs.experiment import ExperimentEvents, run_experiment

    def failed(what: str, error: Mapping[str, str]) -> None:
        errors.print(f"{what}: {error['message']}", style="red", markup=False)

    events = ExperimentEvents(
        lambda what, number, total: _training(errors, what, number, total),
        lambda name: _benching(errors, name, classify=False),
        failed,
        lambda name: _benching(errors, name, classify=True),
    )
    try:
        result = run_experiment(config, only=only, events=events, **options)
    except KeyboardInterrupt:
        errors.print(
            "\nstopped: finished trainings and cells are kept, and the last checkpoint of a "
            "training; the same command goes on",
            style="yellow",
        )
        context.exit(130)
    if json:
        tables = {name: run.table for name, run in result.runs.items()}
        print_json({"folder": str(result.folder), "tables": tables})
    else:
        for name, run in result.runs.items():
            _print_result(run, name)
        for name, run in result.runs.items():
            _print_file(f"{run.folder}", f"tables, picture and cells of {name}")
        _print_file(f"{result.summary}", "all tables on one page")
    for run in result.runs.values():
        _print_failures(errors, run)
    return bool(result.failures)


@contextlib.contextmanager
def _training(errors: Console, what: str, number: int, total: int) -> Iterator[TrainEvents]:
    from hsizoo.cli.train_display import TrainDisplay
    from hsizoo.training.run import TrainEvents

    errors.print(f"training {number} of {total}: {what}", markup=False, soft_wrap=True)
    display = TrainDisplay(errors)
    with display:
        yield TrainEvents(
            display.prepared,
            display.planned,
            display.stepped,
            display.validated,
            display.saved,
            display.warned,
        )


@contextlib.contextmanager
def _benching(errors: Console, name: str, classify: bool) -> Iterator[RunEvents]:
    from hsizoo.runs.bench import RunEvents

    errors.print(f"run {name}", markup=False)
    display = _display(errors, classify)
    with display:
        yield RunEvents(display.planned, display.progress, display.finished)


def _display(errors: Console, classify: bool) -> RunDisplay:
    from hsizoo.cli.few_label import live_table
    from hsizoo.cli.run_display import RunDisplay

    return RunDisplay(errors, (lambda records: live_table(records, errors)) if classify else None)


def _print_failures(errors: Console, result: RunResult | FewLabelResult) -> None:
    """One line for a component that fails everywhere in the same way."""
    from rich.markup import escape

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
        errors.print(
            f"tracebacks: {result.folder / 'results.json'}; "
            "the same command tries the failed cells again",
            style="dim",
        )


def _print_result(result: RunResult | FewLabelResult, title: str) -> None:
    from hsizoo.cli import few_label, result_table
    from hsizoo.cli.console import console
    from hsizoo.runs.fewlabel import FewLabelResult

    out = console()
    classify = isinstance(result, FewLabelResult)
    fitting_table = few_label.fitting_table if classify else result_table.fitting_table
    shown, left_out = fitting_table(result.table, title, out)
    out.print(shown)
    if left_out:
        out.print(f"not shown for want of width: {', '.join(left_out)}", style="dim")
    for note in result.notes if isinstance(result, FewLabelResult) else ():
        out.print(note, style="yellow", markup=False)


def _print_file(path: str, remark: str) -> None:
    from rich.markup import escape

    from hsizoo.cli.console import console

    console().print(f"{escape(path)}  [dim]{escape(remark)}[/]", soft_wrap=True)

"""``hsizoo bench``: components on a dataset by their protocol, or an experiment."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hsizoo.cli import before_protocols
from hsizoo.cli.command import Command
from hsizoo.cli.parameters import DataDir, Device
from hsizoo.cli.protocol_options import ProtocolCommand, given_options, registered
from hsizoo.zoo.lookup import check_components, find_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

    from hsizoo.cli.protocol_options import Offer
    from hsizoo.cli.run_display import RunDisplay
    from hsizoo.runs.bench import RunEvents, RunResult
    from hsizoo.runs.fewlabel import FewLabelResult
    from hsizoo.training.run import TrainEvents


_PERTURBATIONS = {
    "noise": "strength: sigma over each band's standard deviation",
    "shading": "strength: largest relative change of the light",
    "dropped-bands": "strength: share of the bands",
    "spectral-shift": "strength, unit=bands|nm",
}
_OF_ONE_RUN = (
    "dataset", "data_dir", "protocol", "seeds", "perturbations", "split", "scenes",
)  # fmt: skip


class BenchCommand(ProtocolCommand):
    """The command with the options of all protocols, and more at the end of its help."""

    def find_offers(self) -> list[Offer]:
        """Find the protocols."""
        offers = registered()
        return [*before_protocols.stand_ins(offers), *offers]

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write what is in tables, and what names of perturbations may be followed by."""
        self.format_protocols(formatter)
        with formatter.section("Simulated users and their options (all take jitter=PIXELS)"):
            formatter.write_dl(list(before_protocols.ROBOTS.items()))
        with formatter.section("Perturbations and their options (strength is 0.1 unless said)"):
            formatter.write_dl(list(_PERTURBATIONS.items()))
        Command.format_epilog(self, ctx, formatter)


def bench(
    context: typer.Context,
    components: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMPONENTS",
            help="Names from `hsizoo list`, with options if need be: sa-rw:scorer=ace.",
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="An experiment's file (TOML) in place of COMPONENTS and the options of one run.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="RUN", help="Only this run of the experiment; may be repeated."),
    ] = None,
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset",
            "-d",
            metavar="DATASET",
            help="A dataset, with options if need be: phantom:height=256,width=256; or your own "
            "folder of cubes and masks: ./cubes/.",
        ),
    ] = "indian-pines",
    data_dir: DataDir = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How to evaluate the components; see below.  [default: by their kind]",
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Run with N seeds; they matter where something draws at random.  "
            "[default: as many as the protocol says, see below]",
        ),
    ] = None,
    perturbations: Annotated[
        list[str] | None,
        typer.Option(
            "--perturb",
            metavar="NAME",
            help="Perturb the cubes: noise:strength=0.1; may be repeated, each makes rows of its "
            "own.  'none' is the cube as it is.  [default: none]",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only scenes of this split, or 'all'.  [default: test, where there is one]",
        ),
    ] = None,
    scenes: Annotated[
        list[str] | None,
        typer.Option("--scene", metavar="NAME", help="Only this scene; may be repeated."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="Run folder; runs may share one, and the tables in it are those of the last "
            "command.  [default: the protocol's, see below, or hsizoo-runs/CONFIG]",
        ),
    ] = None,
    device: Device = "auto",
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", metavar="N", help="Compute in N processes.")
    ] = 1,
    overwrite: Annotated[
        Literal["failed", "never", "always"],
        typer.Option(help="Which stored cells to compute anew."),
    ] = "failed",
    allow_untrained: Annotated[
        bool,
        typer.Option(
            "--allow-untrained",
            help="Run segmenters that nobody trained, marked as such, instead of refusing them.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Run COMPONENTS on a dataset and print the table of their protocol.

    The kind of the components decides which protocol evaluates them, unless --protocol does: see
    "Protocols" below.  LABELER+CLASSIFIER is a classifier that learns from pseudo labels as well.

    Every finished cell is kept at once: a run that was stopped, however roughly, goes on with the
    same command.  Exits with status 1 if a cell, or a training of an experiment, failed.
    """
    names = components or []
    _check_words(context, names, config, only)
    if config is None:
        check_components(names)
        find_dataset(dataset)
        protocol = before_protocols.choose(names, protocol)
        before_protocols.refuse(context, protocol, bool(perturbations), allow_untrained)
        settings = before_protocols.settings(protocol, given_options(context))
    from hsizoo.cli.console import console

    errors = console(stderr=True)
    try:
        with errors.status("loading …"):  # torch takes two seconds; an empty screen looks broken
            from hsizoo.runs import bench as benchmark  # noqa: F401
            from hsizoo.runs import experiment, fewlabel  # noqa: F401
    except KeyboardInterrupt:
        errors.print("\nstopped before anything was begun", style="yellow")
        raise typer.Exit(130) from None
    how: dict[str, Any] = {
        "out": out,
        "device": device,
        "jobs": jobs,
        "overwrite": overwrite,
        "allow_untrained": allow_untrained,
    }
    if config is not None:
        failed = _bench_experiment(errors, config, only or (), json, how)
    else:
        of_one_run = {"seeds": seeds, "perturbations": perturbations, "split": split}
        options = {**of_one_run, "scenes": scenes, **how}
        assert protocol is not None
        failed = _bench_one(errors, names, dataset, data_dir, json, protocol, settings, options)
    if failed:
        raise typer.Exit(1)


def _check_words(
    context: typer.Context,
    components: Sequence[str],
    config: str | None,
    only: Sequence[str] | None,
) -> None:
    """Refuse what does not go together."""
    if config is None:
        if not components:
            context.fail("name at least one component, or an experiment with --config")
        if only:
            context.fail("--only names a run of an experiment; give it with --config")
        return
    given = [
        parameter.opts[0]
        for parameter in context.command.get_params(context)
        if (parameter.name in _OF_ONE_RUN and _was_given(context, parameter.name))
        or parameter.name in given_options(context)
    ]
    if components or given:
        context.fail(
            f"{(*components, *given)[0]} does not go with --config: the experiment's file says "
            "what is run"
        )


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _bench_one(
    errors: Console,
    components: Sequence[str],
    dataset: str,
    data_dir: str | None,
    json: bool,
    protocol: str,
    settings: Mapping[str, Any],
    options: dict[str, Any],
) -> bool:
    """Run one table; tell whether a cell failed."""
    from hsizoo.cli.console import print_json
    from hsizoo.runs.bench import RunEvents
    from hsizoo.zoo.factory import with_data_dir

    if data_dir is not None:
        dataset = with_data_dir(dataset, data_dir)
    display = _display(errors, protocol == "few-label")
    events = RunEvents(display.planned, display.progress, display.finished)
    try:
        with display:
            result = before_protocols.old_bench(
                protocol, components, dataset=dataset, events=events, **settings, **options
            )
    except KeyboardInterrupt:
        errors.print(
            f"\nstopped: {display.done} of {display.total} cells are done and kept; "
            "the same command goes on",
            style="yellow",
        )
        raise typer.Exit(130) from None
    if json:
        print_json({"folder": str(result.folder), "table": result.table})
    else:
        _print_result(result, before_protocols.title(protocol, dataset, settings))
        for name, remark in result.files.items():
            _print_file(f"{result.folder / name}", remark)
    _print_failures(errors, result)
    return bool(result.failures)


def _bench_experiment(
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
        raise typer.Exit(130) from None
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

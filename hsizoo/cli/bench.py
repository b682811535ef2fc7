"""``hsizoo bench``: evaluate components on a dataset by their protocol, or run an experiment."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hsizoo.cli.command import Command
from hsizoo.cli.parameters import DataDir, Dataset, Device, ExecutorName, Jobs
from hsizoo.cli.protocol_options import ProtocolCommand, check_protocol_options, given_options
from hsizoo.engine.executors import check_executor
from hsizoo.errors import NameLookupError
from hsizoo.runs.choose import choose_protocol
from hsizoo.zoo.lookup import check_components, find_dataset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from hsizoo.cli.run_display import RunDisplay
    from hsizoo.interfaces import Protocol
    from hsizoo.runs.bench import RunResult


_PERTURBATIONS = {
    "noise": "strength: sigma over each band's standard deviation",
    "shading": "strength: largest relative change of the light",
    "dropped-bands": "strength: share of the bands",
    "spectral-shift": "strength, unit=bands|nm",
}
_OF_ONE_RUN = (
    "dataset", "data_dir", "protocol", "seeds", "perturbations", "split", "scenes",
    "folds", "fold", "split_seed", "limit", "verify",
)  # fmt: skip


class BenchCommand(ProtocolCommand):
    """The command with the options of all protocols, and additional help sections."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the sections on protocols, table columns and perturbations."""
        self.format_protocols(formatter)
        with formatter.section("Perturbations and their options (strength is 0.1 by default)"):
            formatter.write_dl(list(_PERTURBATIONS.items()))
        Command.format_epilog(self, ctx, formatter)


def bench(
    context: typer.Context,
    components: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMPONENTS",
            help="Names from `hsizoo list`, optionally with options: sa-rw:scorer=ace.",
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="Experiment file (TOML), instead of COMPONENTS and the options of a single run.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="RUN", help="Only this run of the experiment; may be repeated."),
    ] = None,
    dataset: Dataset = "indian-pines",
    data_dir: DataDir = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How to evaluate the components; see below.  [default: depends on their kind]",
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Number of seeds, for components or protocols that use random numbers.  "
            "[default: depends on the protocol, see below]",
        ),
    ] = None,
    perturbations: Annotated[
        list[str] | None,
        typer.Option(
            "--perturb",
            metavar="NAME",
            help="Perturb the cubes: noise:strength=0.1; may be repeated, and each adds rows to "
            "the table.  'none' is the unchanged cube.  [default: none]",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only scenes of this split, or 'all'.  [default: test, if there is one]",
        ),
    ] = None,
    scenes: Annotated[
        list[str] | None,
        typer.Option("--scene", metavar="NAME", help="Only this scene; may be repeated."),
    ] = None,
    folds: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Only the subjects that `hsizoo train --folds N --fold …` holds out; prefers the "
            "weights of that training.",
            show_default=False,
        ),
    ] = 0,
    fold: Annotated[
        int, typer.Option(metavar="NUMBER", help="Index of the fold that is held out, from 0.")
    ] = 0,
    split_seed: Annotated[
        int,
        typer.Option(metavar="SEED", help="Seed of the folds, if the training has another one."),
    ] = 0,
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", help="Only the first N scenes; the table says so."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="Run folder; several runs may share one.  Its tables are those of the last "
            "command; those of another run move to FOLDER/earlier.  [default: depends on the "
            "protocol, see below, and names settings that differ from their defaults; or "
            "hsizoo-runs/CONFIG]",
        ),
    ] = None,
    device: Device = "auto",
    jobs: Jobs = 1,
    executor: ExecutorName = "local",
    overwrite: Annotated[
        Literal["failed", "never", "always"],
        typer.Option(help="Which stored cells to recompute."),
    ] = "failed",
    allow_untrained: Annotated[
        bool,
        typer.Option(
            "--allow-untrained",
            help="Allow untrained segmenters, which are marked in the table.",
        ),
    ] = False,
    verify: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Compute N finished cells, drawn at random, once more, each in a process of its "
            "own; one that differs has failed.",
            show_default=False,
        ),
    ] = 0,
    keep_masks: Annotated[
        bool,
        typer.Option(
            "--keep-masks",
            help="Keep images and masks of up to 1 GiB for `hsizoo report`, instead of 16 MiB.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Print cells, encodings, bytes and hours of the run, and end; computes and writes "
            "nothing.",
        ),
    ] = False,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            help="With --dry-run: compute two images first, in a temporary folder, to measure the "
            "time.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Run COMPONENTS on a dataset and print the table of their protocol.

    The protocol depends on the kind of the components, unless set with --protocol; see "Protocols"
    below.  LABELER+CLASSIFIER is a classifier that also learns from pseudo labels.

    Every finished cell is stored at once: after an interruption or crash, the same command resumes
    the run.  Exits with status 1 if a cell, or a training of an experiment, failed.
    """
    names = components or []
    _check_words(context, names, config, only)
    check_executor(executor)
    if config is None:
        _check_names(names, out)
        find_dataset(dataset)
        chosen = choose_protocol(names, protocol)
        check_protocol_options(context, protocol or chosen.name, chosen)
    from hsizoo.cli.console import console

    errors = console(stderr=True)
    try:
        with errors.status("loading …"):  # importing torch takes two seconds
            from hsizoo.runs import experiment  # noqa: F401
    except KeyboardInterrupt:
        errors.print("\nstopped before anything was started", style="yellow")
        raise typer.Exit(130) from None
    how: dict[str, Any] = {
        "out": out,
        "device": device,
        "jobs": jobs,
        "executor": executor,
        "overwrite": overwrite,
        "allow_untrained": allow_untrained,
        "keep_masks": keep_masks,
    }
    if config is not None and dry_run:
        _estimate_experiment(errors, config, only or (), json, calibrate, how)
        return
    if config is not None:
        failed = _bench_experiment(errors, config, only or (), json, how)
    else:
        options = {
            "protocol": protocol,
            "seeds": seeds,
            "perturbations": perturbations or "none",
            "split": split,
            "scenes": scenes,
            "folds": folds,
            "fold": fold,
            "split_seed": split_seed,
            "limit": limit,
            "verify": verify,
            **how,
        }
        options |= given_options(context)
        if dry_run:
            _estimate_one(errors, names, dataset, data_dir, json, calibrate, options)
            return
        failed = _bench_one(errors, names, dataset, data_dir, json, chosen, options)
    if failed:
        raise typer.Exit(1)


def _check_words(
    context: typer.Context,
    components: Sequence[str],
    config: str | None,
    only: Sequence[str] | None,
) -> None:
    """Stop with a usage error if arguments and options do not fit together."""
    if context.params["calibrate"] and not context.params["dry_run"]:
        context.fail("--calibrate measures times for --dry-run; use them together")
    if config is None:
        if not components:
            context.fail("give at least one component, or an experiment with --config")
        if only:
            context.fail("--only selects a run of an experiment; use it with --config")
        return
    given = [
        parameter.opts[0]
        for parameter in context.command.get_params(context)
        if (parameter.name in _OF_ONE_RUN and _was_given(context, parameter.name))
        or parameter.name in given_options(context)
    ]
    if components or given:
        context.fail(
            f"{(*components, *given)[0]} cannot be used with --config: the experiment file defines "
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
    protocol: type[Protocol],
    options: dict[str, Any],
) -> bool:
    """Run one table; return whether a cell failed."""
    from hsizoo.cli.run_remarks import print_remarks
    from hsizoo.runs.bench import bench
    from hsizoo.zoo.factory import with_data_dir

    if data_dir is not None:
        dataset = with_data_dir(dataset, data_dir)
    display = _display(errors, protocol)
    try:
        # Nobody but the table may write to stdout: Ray's notices go there too.
        with display, contextlib.redirect_stdout(sys.stderr):
            result = bench(components, dataset, events=display.events, **options)
    except KeyboardInterrupt:
        errors.print(
            f"\nstopped: {display.done} of {display.total} cells are done and stored; "
            "run the same command to resume",
            style="yellow",
        )
        raise typer.Exit(130) from None
    if json:
        _print_tables({"folder": str(result.folder), "table": _plain(result)})
    else:
        _print_result(result, result.title)
        for name, remark in result.files.items():
            _print_file(f"{result.folder / name}", remark)
    print_remarks(errors, result)
    return bool(result.failures)


def _check_names(names: Sequence[str], out: str | None) -> None:
    """Check the components; of one that is not here, say where stored results have it from."""
    try:
        check_components(names)
    except NameLookupError as error:
        from pathlib import Path

        from hsizoo.runs.folders import DEFAULT_FOLDER

        runs = Path(out or DEFAULT_FOLDER)
        if "Did you mean" in str(error) or not runs.is_dir():
            raise  # a typo is told at once: reading runs takes its time
        from hsizoo.runs.stored import made_by
        from hsizoo.zoo.names import parse_composition

        for part in (part for name in names for part in parse_composition(name)):
            word = f"{part.dist}/{part.base}" if part.dist else part.base
            if repr(word) in str(error) and (told := made_by(word, runs)):
                raise NameLookupError(f"{error}  {told}") from error
        raise


def _estimate_one(
    errors: Console,
    components: Sequence[str],
    dataset: str,
    data_dir: str | None,
    json: bool,
    calibrate: bool,
    options: dict[str, Any],
) -> None:
    """Print what a run would compute and take."""
    from dataclasses import asdict

    from hsizoo.cli.run_estimate import print_estimate
    from hsizoo.runs.estimate import estimate
    from hsizoo.runs.request import make_request
    from hsizoo.zoo.factory import with_data_dir

    if data_dir is not None:
        dataset = with_data_dir(dataset, data_dir)
    names = ("device", "jobs", "overwrite", "allow_untrained")
    how = {name: options.pop(name) for name in names}
    for name in ("executor", "verify", "keep_masks"):  # not a part of what is estimated
        del options[name]
    request = make_request(components, dataset, **options)
    with errors.status("computing two images …" if calibrate else "planning …") as status:

        def reading(done: int, total: int) -> None:
            status.update(f"reading files: {done} of {total} MiB")

        found = estimate(request, calibrate=calibrate, reading=reading, **how)
    if json:
        _print_tables(asdict(found))
    else:
        print_estimate(found)


def _estimate_experiment(
    errors: Console,
    config: str,
    only: Sequence[str],
    json: bool,
    calibrate: bool,
    options: dict[str, Any],
) -> None:
    """Print what the runs of an experiment would compute and take."""
    from dataclasses import asdict

    from hsizoo.cli.run_estimate import print_estimate
    from hsizoo.runs.experiment_estimate import estimate_experiment

    del options["executor"], options["keep_masks"]  # as for one run
    with errors.status("computing some images …" if calibrate else "planning …"):
        found = estimate_experiment(config, only=only, calibrate=calibrate, **options)
    if json:
        _print_tables({name: asdict(each) for name, each in found.items()})
        return
    for each in found.values():
        print_estimate(each)
        typer.echo()


def _bench_experiment(
    errors: Console,
    config: str,
    only: Sequence[str],
    json: bool,
    options: dict[str, Any],
) -> bool:
    """Run an experiment; return whether a training or a cell failed."""
    from hsizoo.cli.experiment_display import STOPPED, experiment_display
    from hsizoo.cli.run_remarks import print_remarks
    from hsizoo.runs.experiment import run_experiment

    try:
        with experiment_display(errors) as events:
            result = run_experiment(config, only=only, events=events, **options)
    except KeyboardInterrupt:
        errors.print(STOPPED, style="yellow")
        raise typer.Exit(130) from None
    if json:
        tables = {name: _plain(run) for name, run in result.runs.items()}
        _print_tables({"folder": str(result.folder), "tables": tables})
    else:
        for name, run in result.runs.items():
            _print_result(run, name)
        for name, run in result.runs.items():
            _print_file(f"{run.folder}", f"tables, plots and cells of {name}")
        _print_file(f"{result.summary}", "all tables on one page")
    for run in result.runs.values():
        print_remarks(errors, run)
    return bool(result.failures)


def _display(errors: Console, protocol: type[Protocol]) -> RunDisplay:
    from hsizoo.cli.run_display import RunDisplay

    return RunDisplay(errors, protocol)


def _plain(result: RunResult) -> list[dict[str, Any]]:
    from dataclasses import asdict

    return [asdict(row) for row in result.table]


def _print_tables(data: Mapping[str, Any]) -> None:
    from hsizoo.cli.console import print_json

    print_json(data)


def _print_result(result: RunResult, title: str) -> None:
    from hsizoo.cli.run_table import print_run_table
    from hsizoo.report.figures import Layout

    print_run_table(Layout.of(result.protocol), result.table, title, result.notes)


def _print_file(path: str, remark: str) -> None:
    from rich.markup import escape

    from hsizoo.cli.console import console

    console().print(f"{escape(path)}  [dim]{escape(remark)}[/]", soft_wrap=True)

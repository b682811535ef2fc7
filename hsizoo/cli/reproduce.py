"""``hsizoo reproduce``: measure a paper's tables again, beside its own figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hsizoo.cli.parameters import DataDir, Device, ExecutorName, Jobs, Json
from hsizoo.engine.executors import check_executor

if TYPE_CHECKING:
    from rich.console import Console

    from hsizoo.papers import Reproduction

EPILOG = "Example: hsizoo reproduce samsa2 --quick"


def reproduce(
    context: typer.Context,
    paper: Annotated[
        str | None,
        typer.Argument(metavar="PAPER", help="Name of a paper; without it, all are listed."),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="SETUP",
            help="Where to measure: the paper's data, or others.  [default: the first of the list, "
            "which needs no download]",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A short experiment, for a first look.")
    ] = False,
    data_dir: DataDir = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="[default: hsizoo-runs/reproduce-PAPER-SETUP, and -quick]",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    jobs: Jobs = 1,
    executor: ExecutorName = "local",
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print cells, bytes and hours, and end; computes nothing."),
    ] = False,
    json: Json = False,
) -> None:
    """Measure the tables of PAPER again and print ours beside the paper's.

    The table says which rows may be compared with the published ones, and why others may not; below
    it stands what the paper claims of its rows, and whether ours agree.  The same command resumes a
    run that was stopped.  Exits with status 1 if a training or a cell failed.
    """
    if paper is None:
        _list_papers()
        return
    check_executor(executor)
    from hsizoo.cli.console import console

    errors = console(stderr=True)
    with errors.status("loading …"):
        from hsizoo.papers import reproducing
    where: dict[str, Any] = {"on": on, "quick": quick, "data_dir": data_dir, "out": out}
    if dry_run:
        _estimate(errors, paper, json, device, jobs, where)
        return
    from hsizoo.cli.experiment_display import STOPPED, experiment_display
    from hsizoo.cli.run_remarks import print_remarks

    try:
        with experiment_display(errors) as events:
            made = reproducing.reproduce(
                paper, **where, device=device, jobs=jobs, executor=executor, events=events
            )
    except KeyboardInterrupt:
        errors.print(STOPPED, style="yellow")
        raise typer.Exit(130) from None
    if json:
        _print_json(made)
    else:
        _print(made)
    for run in made.runs.values():
        print_remarks(errors, run)
    if any(run.failures for run in made.runs.values()):
        raise typer.Exit(1)


def _list_papers() -> None:
    from rich.markup import escape

    from hsizoo.cli.console import console, print_rows
    from hsizoo.papers.paper import find_paper, paper_names

    rows = []
    for name in paper_names():
        paper, _ = find_paper(name)
        for number, setup in enumerate(paper.setup):
            quick = f", --quick {setup.quick_time}" if setup.quick else ""
            words = (f"{setup.time}{quick}", paper.title if not number else "")
            rows.append((name if not number else "", setup.name, *map(escape, words)))
    print_rows(console(), ("paper", "setup", "time", "what"), rows)


def _estimate(
    errors: Console, paper: str, json: bool, device: str, jobs: int, where: dict[str, Any]
) -> None:
    from dataclasses import asdict

    from hsizoo.cli.console import print_json
    from hsizoo.cli.run_estimate import print_estimate
    from hsizoo.papers.reproducing import plan_reproduction
    from hsizoo.runs.experiment_estimate import estimate_experiment

    *_, experiment, folder = plan_reproduction(paper, **where)
    with errors.status("planning …"):
        found = estimate_experiment(experiment, out=folder, device=device, jobs=jobs)
    if json:
        print_json({name: asdict(each) for name, each in found.items()})
        return
    for each in found.values():
        print_estimate(each)
        typer.echo()


def _print_json(made: Reproduction) -> None:
    from dataclasses import asdict

    from hsizoo.cli.console import print_json

    columns = made.paper.columns
    lines = [
        {
            "row": line.published.name,
            "ours": {name: line.ours[name] for name in columns} if line.ours else None,
            "published": {
                place: dict(zip(columns, values, strict=True))
                for place, values in line.published.figures.items()
            },
            "comparable": line.comparable,
            "why": line.why,
        }
        for line in made.lines
    ]
    claims = [
        {
            "text": each.claim.text,
            "column": each.claim.column,
            "verdict": each.verdict,
            "difference": each.difference,
            "interval": each.interval,
        }
        for each in made.claims
    ]
    rows = {name: [asdict(row) for row in run.table] for name, run in made.runs.items()}
    print_json({"folder": str(made.folder), "lines": lines, "claims": claims, "tables": rows})


def _print(made: Reproduction) -> None:
    from rich.markup import escape

    from hsizoo.cli.console import console, print_rows
    from hsizoo.papers.page import CLAIM_HEAD, claim_lines, remarks, table_lines

    out = console()
    out.print(f"{made.paper.title}, measured again on {made.setup.name}", style="bold")
    if made.setup.remark:
        out.print(made.setup.remark, markup=False)
    head, lines = table_lines(made)
    print_rows(out, head, [[escape(cell) for cell in line] for line in lines])
    for remark in remarks(made):
        out.print(remark, style="yellow", markup=False)
    if made.claims:
        out.print()
        shown = [[escape(cell) for cell in line] for line in claim_lines(made)]
        print_rows(out, CLAIM_HEAD, shown)
    out.print(f"{escape(str(made.page))}  [dim]the page of this table[/]", soft_wrap=True)

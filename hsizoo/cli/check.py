"""``hsizoo check``: hold components against the contracts of their interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hsizoo.cli.parameters import Device

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from hsizoo.testing.finding import Checked
    from hsizoo.testing.running import Outcome

EPILOG = "Example: hsizoo check ./my-plugin"

_COLOUR = {"passed": "green", "failed": "red", "advice": "yellow", "not made": "dim"}


def check(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT",
            help="Name of a component, with options if need be; name of a distribution, for all "
            "its components; or ./FOLDER of a plugin, which need not be installed.",
        ),
    ],
    slow: Annotated[
        bool,
        typer.Option(
            "--slow", help="Look at more: every value of options, every scene of a dataset."
        ),
    ] = False,
    seconds: Annotated[
        float, typer.Option(metavar="N", help="Time that a check may take.")
    ] = 600.0,
    device: Device = "cpu",
    here: Annotated[
        bool,
        typer.Option("--here", help="Check in this process, for a debugger; a crash ends it."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcomes as JSON.")] = False,
) -> None:
    """Check whether components hold the contracts of their interfaces.

    Each component is used on small scenes, in a process of its own: shapes, ranges, order of axes
    and classes, randomness, hidden state, what it changes, and what it does with odd cubes.  The
    same checks are tests of pytest with hsizoo.testing.parametrize.

    Exits with status 1 if a check failed.  Advice is no failure.
    """
    from hsizoo.cli.console import console, print_json
    from hsizoo.testing.finding import find_checked

    out, errors = console(), console(stderr=True)
    chosen = list(dict.fromkeys(each for text in targets for each in find_checked(text)))
    found: list[tuple[Checked, list[Outcome]]] = []
    for each in chosen:
        outcomes = _outcomes(errors, each, here=here, slow=slow, seconds=seconds, device=device)
        found.append((each, outcomes))
        if not json:
            _print(out, each, outcomes)
    if json:
        print_json([_plain(each, outcomes) for each, outcomes in found])
    failed = [each for each, outcomes in found if any(o.status == "failed" for o in outcomes)]
    if not json and len(found) > 1:
        out.print(f"{len(found)} components, {len(failed)} with failures")
    if failed:
        raise typer.Exit(1)


def _outcomes(
    errors: Console, checked: Checked, *, here: bool, slow: bool, seconds: float, device: str
) -> list[Outcome]:
    """Make the checks of one component, saying which one is made."""
    import contextlib
    import sys

    from hsizoo.testing.isolated import check_isolated
    from hsizoo.testing.running import run_checks

    found = []
    with (
        errors.status(f"checking {checked.name} …") as status,
        contextlib.redirect_stdout(sys.stderr),
    ):
        made = (
            run_checks(checked.name, checked.kind, slow=slow, device=device)
            if here
            else check_isolated(
                checked.name, checked.kind, slow=slow, device=device, seconds=seconds
            )
        )
        for outcome in made:
            status.update(f"checking {checked.name}: {outcome.check} {outcome.status}")
            found.append(outcome)
    return found


def _print(out: Console, checked: Checked, outcomes: Sequence[Outcome]) -> None:
    """Print the table of one component."""
    from rich.markup import escape

    from hsizoo.cli.console import print_rows

    count = {status: sum(each.status == status for each in outcomes) for status in _COLOUR}
    told = ", ".join(f"{number} {status}" for status, number in count.items() if number)
    out.print(f"[bold]{escape(checked.name)}[/] ({checked.kind}): {told}")
    rows = []
    for each in outcomes:
        colour = _COLOUR[each.status]
        text = each.sentence if each.status == "passed" else _told(each)
        if each.status == "failed":
            text = f"{each.sentence} But: {text}"
        rows.append((escape(each.check), f"[{colour}]{each.status}[/]", escape(_line(text))))
    print_rows(out, ("check", "", "what holds, or what was found"), rows, indent=2)


def _told(outcome: Outcome) -> str:
    """What was found and what to do, as sentences."""
    what = outcome.what.rstrip()
    stop = "" if what.endswith((".", "!", "?")) else "."
    return f"{what}{stop} {outcome.mend}" if what and outcome.mend else f"{what}{outcome.mend}"


def _line(text: str) -> str:
    from hsizoo.zoo.texts import clean

    return clean(text, 1000)


def _plain(checked: Checked, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "name": checked.name,
        "kind": checked.kind,
        "failed": [each.check for each in outcomes if each.status == "failed"],
        "checks": [asdict(each) for each in outcomes],
    }

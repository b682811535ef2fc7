"""What commands have in common: how their help is laid out, and JSON alone on stdout."""

import sys
from typing import Annotated

import typer
from typer.testing import CliRunner

from hsizoo.cli.command import Command
from hsizoo.cli.console import print_json


def go(
    target: Annotated[str, typer.Argument(help="Where to.")],
    names: Annotated[list[str] | None, typer.Argument(metavar="NAMES", help="Who.")] = None,
    one: Annotated[int, typer.Option(rich_help_panel="First things")] = 1,
    hidden: Annotated[int, typer.Option(hidden=True)] = 1,
) -> None:
    """Go."""


def test_arguments_are_as_in_the_usage_and_groups_of_options_have_headings():
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command(cls=Command)(go)
    assert CliRunner().invoke(app, ["--help"]).stdout == (
        "Usage: go [OPTIONS] TARGET [NAMES]...\n\n"
        "  Go.\n\n"
        "Arguments:\n  TARGET      Where to.\n  [NAMES]...  Who.\n\n"
        "Options:\n  --help  Show this message and exit.\n\n"
        "First things:\n  --one <int>  [default: 1]\n"
    )


def test_with_json_nothing_else_goes_to_stdout():
    def tell(json: bool = False) -> None:
        sys.stdout.write("a plugin talks\n")
        if json:
            print_json({"a": 1})
            sys.stdout.write("and again\n")

    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command(cls=Command)(tell)
    done = CliRunner().invoke(app, ["--json"])
    assert done.stdout == '{\n  "a": 1\n}\n'
    assert done.stderr == "a plugin talks\nand again\n"
    assert CliRunner().invoke(app, []).stdout == "a plugin talks\n"

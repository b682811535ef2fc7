"""How the help of commands is laid out."""

from typing import Annotated

import typer
from typer.testing import CliRunner

from hsizoo.cli.command import Command


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

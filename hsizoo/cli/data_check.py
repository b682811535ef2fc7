"""``hsizoo data check``: describe the user's own files and report problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hsizoo.cli.parameters import Json, Layout, SetOption, Variable, settings_given

if TYPE_CHECKING:
    from hsizoo.io.checking import Finding


def check(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A folder of cubes and masks, or one file.")
    ],
    variable: Variable = None,
    layout: Layout = "auto",
    set_: SetOption = None,
    json: Json = False,
) -> None:
    """Describe the contents of the folder or file PATH, and report problems.

    Every value of every cube is read.  Exits with status 1 if something cannot be used; possible
    problems (values below 0, saturated pixels, …) are reported as notes only.  For a folder, set
    how its files are to be read in its hsizoo.toml.
    """
    from pathlib import Path

    from hsizoo.cli.console import print_json
    from hsizoo.errors import OptionError
    from hsizoo.io.checking import check_collection, check_file
    from hsizoo.io.collection import Collection
    from hsizoo.io.formats import is_store
    from hsizoo.io.settings import Settings

    settings = Settings.of(settings_given(set_, variable, layout))
    if Path(path).is_dir() and not is_store(Path(path)):
        if settings.given:
            raise OptionError(
                f"for a folder, set {', '.join(settings.given)} in {path}/hsizoo.toml"
            )
        findings = list(check_collection(Collection(path)))
    else:
        findings = [check_file(Path(path), settings=settings)]
    if json:
        print_json(
            [
                {
                    "file": str(each.path),
                    "role": each.role,
                    "facts": each.facts,
                    "errors": each.errors,
                    "warnings": each.warnings,
                }
                for each in findings
            ]
        )
    else:
        _print_findings(findings)
    if any(each.errors for each in findings) or not any(e.role == "cube" for e in findings):
        raise typer.Exit(1)


def _print_findings(findings: list[Finding]) -> None:
    from rich.markup import escape

    from hsizoo.cli.console import console

    out = console()
    for each in findings:
        style = "dim" if each.role == "unused" else "bold"
        out.print(f"[{style}]{each.role:6}[/]  {escape(str(each.path))}")
        if each.facts:
            out.print(f"        {escape(each.facts)}")
        for error in each.errors:
            out.print(f"        error: {escape(error)}", style="red")
        for warning in each.warnings:
            out.print(f"        note: {escape(warning)}", style="yellow")
    cubes = sum(each.role == "cube" for each in findings)
    errors = sum(len(each.errors) for each in findings)
    warnings = sum(len(each.warnings) for each in findings)
    out.print(f"{cubes} cube(s), {errors} error(s), {warnings} note(s)")

"""``hsizoo data check``: describe the user's own files and report problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hsizoo.cli.parameters import Json, Layout, SetOption, Variable, settings_given

if TYPE_CHECKING:
    from pathlib import Path

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
    how its files are to be read in its hsizoo.toml.  A dataset that hsizoo knows is named; only
    its first scene is read.
    """
    from pathlib import Path

    from hsizoo.cli.console import print_json
    from hsizoo.io.checking import check_collection, check_file
    from hsizoo.io.collection import Collection
    from hsizoo.io.formats import is_store
    from hsizoo.io.manifest import refuse_for_folder
    from hsizoo.io.matching import LOOKED_FOR
    from hsizoo.io.settings import Settings

    settings = Settings.of(settings_given(set_, variable, layout))
    whole = Path(path).is_dir() and not is_store(Path(path))
    if whole:
        refuse_for_folder(settings, Path(path))
        known = _known_dataset(Path(path))
        findings = [known] if known else list(check_collection(Collection(path)))
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
    nothing = whole and all(each.role in ("mask", "unused") for each in findings)
    if nothing:
        typer.echo(f"error: no cube was found in {path}.  {LOOKED_FOR}", err=True)
    if nothing or any(each.errors for each in findings):
        raise typer.Exit(1)


def _known_dataset(folder: Path) -> Finding | None:
    """Ask the registered datasets whether a folder is theirs, unless it has a ``hsizoo.toml``."""
    import shlex
    from typing import cast

    from hsizoo.errors import HsizooError
    from hsizoo.interfaces import SceneDataset
    from hsizoo.io.checking import Finding
    from hsizoo.io.manifest import MANIFEST
    from hsizoo.zoo.factory import import_target, load_dataset
    from hsizoo.zoo.registry import FIRST_PARTY, list_components

    if (folder / MANIFEST).exists():
        return None
    for entry in list_components("dataset"):
        try:
            root = cast("type[SceneDataset]", import_target(entry)).recognise(folder)
        except HsizooError:  # `hsizoo plugins` tells why; it is no fault of the folder
            continue
        if root is None:
            continue
        name = entry.spec.name if entry.dist == FIRST_PARTY else entry.full_name
        command = f"hsizoo bench sa --dataset {name} --data-dir {shlex.quote(str(root))}"
        try:
            dataset = load_dataset(name, data_dir=str(root))
            infos = dataset.scenes()
            subjects = len({info.subject for info in infos})
            facts = f"{dataset.card.title}: {len(infos)} scenes of {subjects} subjects"
            height, width, bands = dataset.scene(0).cube.shape
        except HsizooError as error:
            return Finding(folder, "dataset", f"this is {name}", (str(error),))
        return Finding(
            folder, "dataset", f"{facts}, the first {height}×{width}×{bands}.  Use it: {command}"
        )
    return None


def _print_findings(findings: list[Finding]) -> None:
    from rich.markup import escape

    from hsizoo.cli.console import console

    out = console()
    for each in findings:
        style = "dim" if each.role == "unused" else "bold"
        out.print(f"[{style}]{each.role:7}[/] {escape(str(each.path))}")
        if each.facts:
            out.print(f"        {escape(each.facts)}")
        for error in each.errors:
            out.print(f"        error: {escape(error)}", style="red")
        for warning in each.warnings:
            out.print(f"        note: {escape(warning)}", style="yellow")
    roles: list[str] = [each.role for each in findings]
    what = next((role for role in ("cube", "dataset", "mask") if role in roles), "cube")
    errors = sum(len(each.errors) for each in findings)
    warnings = sum(len(each.warnings) for each in findings)
    out.print(f"{roles.count(what)} {what}(s), {errors} error(s), {warnings} note(s)")

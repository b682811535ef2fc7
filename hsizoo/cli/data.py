"""``hsizoo data``: datasets, how to get them, and one's own files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import click

from hsizoo.cli.list_ import print_components

if TYPE_CHECKING:
    from hsizoo.interfaces import SceneDataset
    from hsizoo.io.checking import Finding


@click.group()
def data() -> None:
    """List, describe, check and convert data."""


@data.command("list")
@click.option("--json", is_flag=True, help="For machines.")
def list_datasets(json: bool) -> None:
    """List all datasets."""
    print_components("dataset", json)


@data.command()
@click.argument("name")
@click.option("--data-dir", help="Folder of the dataset's files: its option data_dir.")
@click.option("--json", is_flag=True, help="For machines.")
def info(name: str, data_dir: str | None, json: bool) -> None:
    """Show the card of the dataset NAME, its subjects and splits, and its first scene.

    NAME may also be a folder of your own: ./cubes/.
    """
    from dataclasses import asdict

    from rich.markup import escape

    from hsizoo.cli.console import console, print_json, table
    from hsizoo.errors import DataError, MissingRequirement, OptionError
    from hsizoo.zoo.factory import resolve, with_data_dir

    resolved = resolve(name if data_dir is None else with_data_dir(name, data_dir), "dataset")
    card: dict[str, Any] = asdict(resolved.target.card)  # type: ignore[attr-defined]
    try:
        dataset: SceneDataset = resolved.build()
        card = {**asdict(dataset.card), **_contents(dataset)}
    except (MissingRequirement, DataError, OptionError) as error:  # the card is still of use
        card["not here"] = str(error)
    if json:
        print_json(card)
        return
    rows = table("", "")
    rows.show_header = False
    for key, value in card.items():
        if isinstance(value, dict):
            value = "\n".join(f"{k}: {_flat(v)}" for k, v in value.items())
        if value:
            rows.add_row(f"[bold]{key.replace('_', ' ')}[/]", escape(str(value)))
    console().print(rows)


def _contents(dataset: SceneDataset) -> dict[str, Any]:
    """What is in a dataset: scenes, subjects, splits, and its first scene."""
    from collections import Counter

    infos = dataset.scenes()
    scene = dataset.scene(0)
    first: dict[str, Any] = {
        "name": scene.name,
        "shape": "×".join(map(str, scene.cube.shape)),
        "wavelengths": "unknown"
        if scene.cube.wavelengths is None
        else f"{scene.cube.wavelengths.min():g}–{scene.cube.wavelengths.max():g} nm",
        "classes": {
            text: int((scene.label_map.labels == label).sum())
            for label, text in scene.label_map.class_names.items()
        },
        "targets": [
            scene.label_map.class_names[label] for label in sorted(scene.label_map.targets)
        ],
        "ignored labels": sorted(scene.label_map.ignore),
        "evaluated pixels": int(scene.evaluated.sum()),
        "cube sha256": scene.cube.digest,
    }
    return {
        "version": dataset.version,
        "scenes": len(infos),
        "subjects": len({info.subject for info in infos}),
        "splits": dict(Counter(info.split or "(no split)" for info in infos)),
        "first scene": first,
    }


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


_variable = click.option("--variable", help="Which array is the cube, where a file holds several.")
_layout = click.option(
    "--layout",
    type=click.Choice(["hwb", "bhw"]),
    default="hwb",
    show_default=True,
    help="Order of the axes where the format does not say it: bands last, or first.",
)


@data.command()
@click.argument("path", type=click.Path())
@_variable
@_layout
@click.option("--json", is_flag=True, help="For machines.")
@click.pass_context
def check(context: click.Context, path: str, variable: str | None, layout: Any, json: bool) -> None:
    """Say what is in the folder or file PATH, and what is wrong with it.

    Every value of every cube is read.  Exits with status 1 if something cannot be used; what may be
    wrong (values below 0, saturated pixels, …) is told but is no failure.  For a folder, variable
    and layout stand in its hsizoo.toml.
    """
    from pathlib import Path

    from hsizoo.cli.console import print_json
    from hsizoo.errors import OptionError
    from hsizoo.io.checking import check_collection, check_file
    from hsizoo.io.collection import Collection
    from hsizoo.io.formats import is_store

    if Path(path).is_dir() and not is_store(Path(path)):
        if variable is not None or layout != "hwb":
            raise OptionError(f"for a folder, variable and layout stand in {path}/hsizoo.toml")
        findings = list(check_collection(Collection(path)))
    else:
        findings = [check_file(Path(path), variable=variable, layout=layout)]
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
        context.exit(1)


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


@data.command()
@click.argument("source", type=click.Path())
@click.argument("target", type=click.Path())
@_variable
@_layout
@click.option("--force", is_flag=True, help="Replace TARGET if it is there.")
def convert(source: str, target: str, variable: str | None, layout: Any, force: bool) -> None:
    """Write the cube SOURCE as TARGET: float32, as .hdr (ENVI), .zarr, .npz or .npy.

    Bad bands are left out, pixels without data become NaN, and a scale factor is divided out.
    """
    from pathlib import Path

    from hsizoo.errors import DataError
    from hsizoo.io.formats import open_raster
    from hsizoo.io.writing import write_cube

    raster = open_raster(source, "cube", variable=variable, layout=layout)
    out = Path(target)
    written = {out, out.with_suffix(".img")} if out.suffix.lower() == ".hdr" else {out}
    there = [path for path in sorted(written) if path.exists()]
    if {path.resolve() for path in there} & {raster.path.resolve(), Path(source).resolve()}:
        raise DataError(f"{target} would overwrite the cube that is read; choose another name")
    if there and not force:
        raise DataError(f"{there[0]} is there; choose another name, or replace it with --force")
    write_cube(out, raster)
    click.echo(f"{out}")


@data.command()
@click.argument("name")
@click.argument("folder", type=click.Path())
def fixture(name: str, folder: str) -> None:
    """Write a tiny tree in the layout of the dataset NAME below FOLDER, to try it without the data.

    The values are drawn, not measured.
    """
    import shlex
    from pathlib import Path

    from hsizoo.errors import DataError, OptionError
    from hsizoo.zoo.factory import resolve

    resolved = resolve(name, "dataset")
    dataset = cast("type[SceneDataset]", resolved.target)
    try:
        root = dataset.write_fixture(Path(folder))
    except OSError as error:
        raise DataError(f"{folder} cannot be written to: {error.strerror or error}") from error
    if root is None:
        raise OptionError(f"{resolved.entry.full_name} has no fixture; heipor and hib have one")
    click.echo(f"{root}")
    click.echo(f"try: hsizoo bench sa sa-rw --dataset {name} --data-dir {shlex.quote(str(root))}")

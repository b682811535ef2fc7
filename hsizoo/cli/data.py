"""``hsizoo data``: datasets and how to get them."""

from __future__ import annotations

from typing import Any

import click

from hsizoo.cli.list_ import print_components


@click.group()
def data() -> None:
    """List and describe datasets."""


@data.command("list")
@click.option("--json", is_flag=True, help="For machines.")
def list_datasets(json: bool) -> None:
    """List all datasets."""
    print_components("dataset", json)


@data.command()
@click.argument("name")
@click.option("--json", is_flag=True, help="For machines.")
def info(name: str, json: bool) -> None:
    """Show the card of the dataset NAME, its subjects and splits, and its first scene."""
    from collections import Counter
    from dataclasses import asdict

    from rich.markup import escape

    from hsizoo.cli.console import console, print_json, table
    from hsizoo.factory import load_dataset

    dataset = load_dataset(name)
    infos = dataset.scenes()
    scene = dataset.scene(0)
    counts = Counter(info.split or "(no split)" for info in infos)
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
    card: dict[str, Any] = {
        **asdict(dataset.card),
        "version": dataset.version,
        "scenes": len(infos),
        "subjects": len({info.subject for info in infos}),
        "splits": dict(counts),
        "first scene": first,
    }
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


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

"""``hsizoo data info``: show the card of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hsizoo.cli.parameters import DataDir, Json
from hsizoo.zoo.lookup import find_dataset

if TYPE_CHECKING:
    from hsizoo.interfaces import SceneDataset


def info(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Dataset, or your own folder: ./cubes/.")
    ],
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show the card of the dataset NAME, its subjects and splits, and its first scene.

    NAME may also be your own folder: ./cubes/.  Nothing is downloaded; `hsizoo data fetch` does it.
    """
    find_dataset(name)  # report a typo before anything heavy is imported
    from dataclasses import asdict

    from hsizoo.cli.console import console, print_json, print_pairs
    from hsizoo.errors import DataError, MissingRequirement, OptionError
    from hsizoo.weights.fetching import data_state
    from hsizoo.zoo.factory import resolve, with_data_dir

    resolved = resolve(name if data_dir is None else with_data_dir(name, data_dir), "dataset")
    card: dict[str, Any] = asdict(resolved.target.card)  # type: ignore[attr-defined]
    files = resolved.entry.spec.files
    own = resolved.options.get("data_dir") is not None
    state = data_state(files) if files and not own else "here"
    if files and not own:
        card["data files"] = state
    if state == "here":
        try:
            dataset: SceneDataset = resolved.build()
            card |= {**asdict(dataset.card), **_contents(dataset)}
        except (MissingRequirement, DataError, OptionError) as error:  # the card is still useful
            card["not here"] = str(error)
    if json:
        print_json(card)
        return
    pairs = []
    for key, value in card.items():
        if isinstance(value, dict):
            value = "\n".join(f"{k}: {_flat(v)}" for k, v in value.items())
        if value:
            pairs.append((key.replace("_", " "), str(value)))
    print_pairs(console(), pairs)


def _contents(dataset: SceneDataset) -> dict[str, Any]:
    """Summarise the contents of a dataset: scenes, subjects, splits, and its first scene."""
    from collections import Counter

    from hsizoo.wavelengths import range_text
    from hsizoo.zoo.scenes import load_listed, scene_infos

    infos = scene_infos(dataset)
    scene = load_listed(dataset, 0, infos)
    first: dict[str, Any] = {
        "name": scene.name,
        "shape": "×".join(map(str, scene.cube.shape)),
        "wavelengths": "unknown"
        if scene.cube.wavelengths is None
        else range_text(scene.cube.wavelengths),
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

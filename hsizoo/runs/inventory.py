"""Which weights and datasets are on this machine, and how to get the others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hsizoo.errors import HsizooError
from hsizoo.runs.choose import built_as, choose_protocol
from hsizoo.runs.datasets import Datasets, Selection
from hsizoo.runs.missing import find_lacks, missing_data
from hsizoo.weights.files import WeightFile, download_command, place
from hsizoo.weights.trained import CARD_FILE, trained_folder
from hsizoo.zoo.factory import resolve
from hsizoo.zoo.recipe import Recipe
from hsizoo.zoo.registry import FIRST_PARTY, registry
from hsizoo.zoo.texts import one_line

__all__ = ["Item", "list_datasets", "list_weights", "readiness"]


@dataclass(frozen=True)
class Item:
    """Something that a run may need.

    Parameters
    ----------
    what : str
    is_here : bool
    detail : str
        Where it is, or what is wrong.
    how : str
        How to get it, in commands if possible; empty if it is here.
    is_needed : bool, default False
        Whether the run that was asked for cannot go without it.
    """

    what: str
    is_here: bool
    detail: str
    how: str = ""
    is_needed: bool = False


def list_weights() -> list[Item]:
    """List the published weight files of all components, and their trained weights."""
    users: dict[WeightFile, list[str]] = {}
    found, trained, untrained = [], [], []
    for recipe in _components():
        name = recipe.name.base
        try:
            files = list(recipe.target.weight_files(**recipe.options))
        except Exception as error:  # noqa: BLE001 (a plugin may fail in any way)
            found.append(Item(f"weights of {recipe.entry.full_name}", False, one_line(error)))
            continue
        for file in files:
            users.setdefault(file, []).append(name)
        if recipe.is_trainable:
            if recipe.weights is None:
                untrained += [name] if recipe.is_untrained() else []
            else:
                trained.append(_trained(recipe))
    found += [*(_file(file, names) for file, names in users.items()), *trained]
    if untrained:
        detail = f"none for {', '.join(untrained)}"
        how = "hsizoo doctor NAME --dataset DATASET shows the commands that train one"
        found.append(Item("trained weights", False, detail, how))
    return found


def _components() -> Iterator[Recipe]:
    """All components with weights that can be imported, each with its default options."""
    for entry in registry().entries():
        if entry.spec.weights:  # to import the others would take seconds
            with contextlib.suppress(HsizooError):  # what is wrong with it is shown elsewhere
                yield resolve(entry.full_name, entry.spec.kind)


def _file(file: WeightFile, names: Sequence[str]) -> Item:
    path, what, users = place(file), f"weights {file.name}", f"for {', '.join(names)}"
    if not path.is_file():
        return Item(what, False, f"not at {path}; {users}", download_command(file))
    size = path.stat().st_size
    if file.size and size != file.size:
        detail = f"{path} has {size:,} bytes instead of {file.size:,}"
        return Item(what, False, detail, download_command(file))
    return Item(what, True, f"{path}; {users}")


def _trained(recipe: Recipe) -> Item:
    assert recipe.weights is not None
    folder = trained_folder(recipe.entry.full_name)
    count = len(list(folder.glob(f"*/{CARD_FILE}")))
    own = f"; {count} training(s) in {folder}" if count else ""
    detail = f"{recipe.weights.path}, trained on {_dataset_of(recipe)}{own}"
    return Item(f"trained weights of {recipe.name.base}", True, detail)


def _dataset_of(recipe: Recipe) -> str:
    on = recipe.weights.trained_on if recipe.weights else ""
    return on.removeprefix(f"{FIRST_PARTY}/") or "?"


def list_datasets() -> list[Item]:
    """List all datasets with their places, except those that need a folder of the user's."""
    datasets = Datasets()
    found = []
    for entry in registry().entries("dataset"):
        name = entry.spec.name if entry.dist == FIRST_PARTY else entry.full_name
        try:
            recipe = datasets.recipe(name)
            if "path" not in recipe.options:
                found.append(_dataset(name, datasets))
        except HsizooError as error:
            found.append(Item(f"dataset {name}", False, "not here", str(error)))
        except Exception as error:
            if entry.dist == FIRST_PARTY:
                raise
            found.append(Item(f"dataset {name}", False, f"it fails: {one_line(error)}"))
    return found


def _dataset(name: str, datasets: Datasets) -> Item:
    """Raise the dataset's error if it is not here."""
    dataset, recipe = datasets.get(name), datasets.recipe(name)
    where = dataset.place()
    if lack := next(missing_data(recipe), None):
        return Item(f"dataset {name}", False, lack.what, "\n".join(lack.commands))
    infos = dataset.scenes()
    subjects = len({info.subject for info in infos})
    detail = f"{len(infos)} scene(s) of {subjects} subject(s), {where or 'computed'}"
    return Item(f"dataset {name}", True, detail)


def readiness(components: Sequence[str], dataset: str) -> list[Item]:
    """Find out whether components can be benched on a dataset, and what is missing.

    Parameters
    ----------
    components : sequence of str
        Names, optionally with options; without any, the dataset alone is looked for.
    dataset : str
        Name of the dataset, optionally with options.

    Returns
    -------
    list of Item
        The verdict first, then what is missing.

    Raises
    ------
    NameLookupError, OptionError, MissingRequirement, ContractError
        If a name or an option is wrong, or the component cannot be imported.
    """
    datasets = Datasets()
    source = datasets.recipe(dataset)
    recipes = [
        resolve(name, built_as(name, choose_protocol([name])), on_dataset=source)
        for name in components
    ]
    lacks = find_lacks(recipes, dataset, datasets, Selection(), allow_untrained=False)
    what = f"bench {' '.join(components)} --dataset {dataset}" if components else dataset
    if any(lack.stops for lack in lacks):
        items = [Item(what, False, "cannot run yet", is_needed=True)]
    else:
        words = [_dataset(dataset, datasets).detail]
        words += [
            f"{recipe.label}: weights {recipe.weights.path}, trained on {_dataset_of(recipe)}"
            for recipe in recipes
            if recipe.weights is not None
        ]
        words += ["after a download"] if lacks else []
        items = [Item(what, True, f"can run; {'; '.join(words)}")]
    return items + [
        Item("missing", False, lack.what, "\n".join(lack.commands), is_needed=lack.stops)
        for lack in lacks
    ]

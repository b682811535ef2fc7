"""What is missing before components can run on a dataset, and the commands that bring it.

Everything is looked for before anything is said, so that one message has it all: files of the
dataset, trained weights, and the published weights that a component starts from.  `plan` refuses a
run with that message; ``hsizoo doctor`` shows the same.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hsizoo.errors import DataError, HsizooError, MissingRequirement, ProtocolError, listed
from hsizoo.interfaces import SceneInfo
from hsizoo.runs.datasets import Datasets, Selection
from hsizoo.training.division import divide, proposed_folds
from hsizoo.weights.fetching import data_state
from hsizoo.weights.files import WeightFile, download_command, how_to_fetch, missing
from hsizoo.weights.places import is_offline
from hsizoo.zoo.names import parse_name
from hsizoo.zoo.recipe import Recipe

__all__ = ["Lack", "check_all", "find_lacks", "missing_data"]

_SHOWN = 4  # subjects that are named per fold


@dataclass(frozen=True)
class Lack:
    """Something that is missing.

    Parameters
    ----------
    what : str
        What it is, and what to do, in sentences.
    commands : tuple of str
        Commands to copy, in order.
    error : type of HsizooError, optional
        The error that refuses every run; None for files, which stored results do not need.
    stops : bool, default True
        Whether nothing can be computed without it; False for what can be downloaded.
    """

    what: str
    commands: tuple[str, ...] = ()
    error: type[HsizooError] | None = None
    stops: bool = True

    def __str__(self) -> str:
        return "\n".join([self.what, *(f"    {command}" for command in self.commands)])


def check_all(
    components: Sequence[Recipe],
    dataset: str,
    datasets: Datasets,
    selection: Selection,
    *,
    allow_untrained: bool,
) -> None:
    """Raise one error with everything that is missing, if something of it prevents a run.

    Files of weights and of datasets do not: they are needed only for what is not stored yet.
    """
    lacks = find_lacks(components, dataset, datasets, selection, allow_untrained=allow_untrained)
    first = next((lack for lack in lacks if lack.error is not None), None)
    if first is None or first.error is None:
        return
    if len(lacks) == 1:
        raise first.error(str(first))
    listed = "\n".join(f"{number}. {lack}" for number, lack in enumerate(lacks, start=1))
    raise first.error(f"{len(lacks)} things are missing.\n{listed}")


def find_lacks(
    components: Sequence[Recipe],
    dataset: str,
    datasets: Datasets,
    selection: Selection,
    *,
    allow_untrained: bool,
) -> list[Lack]:
    """Find everything that is missing; nothing is built, except the dataset.

    Parameters
    ----------
    components : sequence of Recipe
        Resolved on that dataset.
    dataset : str
    datasets : Datasets
    selection : Selection
        Its folds, if it has any, are those of the proposed commands.
    allow_untrained : bool
        Whether components that nobody trained may run.

    Raises
    ------
    NameLookupError, OptionError, ProtocolError
        If the names, options or folds are wrong.
    """
    lacks = []
    infos: Sequence[SceneInfo] | None = None
    try:
        infos = datasets.infos(dataset)
        datasets.choose(dataset, selection)
    except (MissingRequirement, DataError) as error:
        lacks.append(Lack(str(error), error=type(error)))
    else:
        try:
            datasets.get(dataset).place()
        except (MissingRequirement, DataError) as error:
            lacks.append(Lack(str(error)))
        lacks += missing_data(datasets.recipe(dataset))
    components = list({each.label: each for each in components}.values())
    if not allow_untrained:
        source = datasets.recipe(dataset)
        parts: dict[str, None] = {}
        for whole in components:
            for part in whole.walk():
                if part.name_without_weights not in parts and _is_meaningless(part):
                    parts[part.name_without_weights] = None
                    lacks.append(_untrained(part, whole, source, infos, selection))
    return lacks + list(_without_files(components, dataset if infos is not None else None))


def _is_meaningless(part: Recipe) -> bool:
    """Whether its result would come from weights that nobody trained."""
    return part.weights is None and (part.is_untrained() or part.starts_at_random)


def _untrained(
    part: Recipe,
    whole: Recipe,
    dataset: Recipe,
    infos: Sequence[SceneInfo] | None,
    selection: Selection,
) -> Lack:
    who = part.label if part is whole else f"{part.label}, which {whole.label} builds on,"
    what = f"{who} has not been trained, so its result would mean nothing."
    as_it_is = "Or run it as it is, marked in every table, with --allow-untrained."
    if not part.is_untrained():
        return Lack(
            f"{what}  Its weights are random; no others are known.  To try the commands all the "
            "same, add --allow-untrained",
            error=ProtocolError,
        )
    if infos is None:
        return Lack(
            f"{what}  Once the data are there, repeat this command: it shows the subjects and the "
            f"commands that train it.  {as_it_is}",
            error=ProtocolError,
        )
    on = ["--dataset", dataset.label]
    train = ["hsizoo", "train", part.name_without_weights]
    bench = ["hsizoo", "bench", _named_without_weights(whole, part), *on]
    count = selection.folds or proposed_folds(infos)
    if count is None:
        how = f"{_scenes(infos)}: too few to train on.  Train it on another dataset, then run it."
        commands = [[*train, "--dataset", "phantom"], bench]
    elif count == 0:
        how = f"{_scenes(infos)}.  Train it on the train split, then run it."
        commands = [[*train, *on], bench]
    else:
        folds = ["--folds", str(count), "--fold", str(selection.fold)]
        if selection.split_seed:
            train += ["--set", f"split_seed={selection.split_seed}"]
            bench += ["--split-seed", str(selection.split_seed)]
        how = (
            f"{_scenes(infos)}: train it on some folds of the subjects, then run it on the fold "
            f"that is held out.  Of {count} folds, {_folds(infos, count, selection.split_seed)}."
        )
        commands = [[*train, *on, *folds], [*bench, *folds]]
    return Lack(f"{what}  {how}  {as_it_is}", tuple(map(shlex.join, commands)), ProtocolError)


def _named_without_weights(whole: Recipe, part: Recipe) -> str:
    """The name of the whole; if it is trained itself, without the weights it was given."""
    return part.name_without_weights if part is whole and not whole.feeds else whole.label


def _scenes(infos: Sequence[SceneInfo]) -> str:
    subjects = len({info.subject for info in infos})
    splits = list(dict.fromkeys(info.split for info in infos if info.split))
    split = f"the splits {', '.join(splits)}" if splits else "no split"
    return f"The dataset has {len(infos)} scene(s) of {subjects} subject(s) and {split}"


def _folds(infos: Sequence[SceneInfo], count: int, split_seed: int) -> str:
    parts = []
    for fold in range(count):
        chosen = Selection(folds=count, fold=fold, split_seed=split_seed)
        tested = divide(infos, chosen.settings).tested
        names = list(dict.fromkeys(infos[index].subject for index in tested))
        parts.append(f"--fold {fold} holds out {listed(names, _SHOWN)}")
    return "; ".join(parts)


def missing_data(dataset: Recipe) -> Iterator[Lack]:
    """Data files that can be downloaded."""
    files, name = dataset.entry.spec.files, dataset.entry.spec.name
    if not files or dataset.options.get("data_dir") is not None:
        return
    state = data_state(files)
    if state != "here":
        ask = [] if state.startswith("downloads") else ["--download"]
        command = shlex.join(["hsizoo", "data", "fetch", name, *ask])
        what = f"The files of {name} are not here: {state}."
        yield Lack(what, (command,), stops=bool(ask) or is_offline())


def _without_files(components: Sequence[Recipe], dataset: str | None) -> Iterator[Lack]:
    """Published weight files that are not here; each is said once."""
    users: dict[WeightFile, list[Recipe]] = {}
    for each in components:
        for file in missing(each.weight_files()):
            users.setdefault(file, []).append(each)
    for file, recipes in users.items():
        users_named = " and ".join(each.label for each in recipes)
        what = f"Weights that {users_named} start from are missing.  {how_to_fetch(file)}"
        commands = (download_command(file), *_smoke_test(recipes, dataset))
        yield Lack(what, commands, stops=is_offline())


def _smoke_test(recipes: Sequence[Recipe], dataset: str | None) -> tuple[str, ...]:
    """The command that runs without the file, if there are scenes and a component can."""
    if dataset is None:
        return ()
    for each in recipes:
        if not each.target.weight_files(**each.options):
            continue  # a part of it needs the file
        known = {**each.options, "checkpoint": "random"}
        if each.target.base_weights(**known).startswith("random"):
            plain = parse_name(each.name_without_weights)
            random = str(replace(plain, options={**plain.options, "checkpoint": "random"}))
            words = ["hsizoo", "bench", random, "--dataset", dataset]
            words += ["--allow-untrained", "--limit", "1"]
            return (
                "# an offline smoke test with random weights, whose result means nothing:",
                shlex.join(words),
            )
    return ()

"""What a call of `bench` asks for: its cases, their scenes and its folder, before any planning."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hsizoo.errors import NameLookupError, OptionError
from hsizoo.interfaces import Protocol
from hsizoo.protocols.perturbations import make_perturbation
from hsizoo.runs.case import Case, seeds_of
from hsizoo.runs.choose import choose_protocol, make_protocol, protocol_name
from hsizoo.runs.datasets import Datasets, Selection
from hsizoo.runs.folders import plain_folder, run_folder
from hsizoo.zoo.options import declared_options

__all__ = ["Request", "make_request"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked for.

    Parameters
    ----------
    cases : list of Case
    folder : Path
        The run folder.
    lender : Path or None
        Another run folder that may have some of the cells.
    title : str
        Dataset and settings in a few words.
    selection : Selection
    datasets : Datasets
    about : dict
        Plain values to keep in ``results.json``.
    """

    cases: list[Case]
    folder: Path
    lender: Path | None
    title: str
    selection: Selection
    datasets: Datasets
    about: dict[str, Any]


def make_request(
    components: str | Sequence[str],
    dataset: str,
    *,
    protocol: str | Protocol | None = None,
    seeds: int | Sequence[int] | None = None,
    perturbations: str | Sequence[str] = "none",
    split: str | None = None,
    scenes: str | Sequence[str] | None = None,
    folds: int = 0,
    fold: int = 0,
    split_seed: int = 0,
    limit: int | None = None,
    out: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Request:
    """Work out what the arguments of `hsizoo.bench` ask for; see there.

    Raises
    ------
    NameLookupError, OptionError, ProtocolError
        If a name or a value is wrong.
    """
    components = [components] if isinstance(components, str) else list(components)
    perturbations = [perturbations] if isinstance(perturbations, str) else list(perturbations)
    if not perturbations:
        raise NameLookupError("name at least one perturbation; none is the cube as it is")
    chosen = _protocol(components, protocol, options)
    cases = [
        Case(
            component=component,
            dataset=dataset,
            protocol=chosen,
            seeds=seeds_of(chosen.default_seeds if seeds is None else seeds),
            perturbation=make_perturbation(perturbation),
            conditions={} if perturbations == ["none"] else {"perturbation": perturbation},
        )
        for perturbation in dict.fromkeys(perturbations)
        for component in dict.fromkeys(components)
    ]
    datasets = Datasets()
    names = (scenes,) if isinstance(scenes, str) else scenes
    selection = Selection(
        split=split,
        scenes=None if names is None else tuple(names),
        folds=folds,
        fold=fold,
        split_seed=split_seed,
        limit=limit,
    )
    folder, lender = (
        (Path(out), None)
        if out
        else _default_folders(datasets, dataset, chosen, selection, [*dict.fromkeys(perturbations)])
    )
    command = _command(
        components, dataset, chosen, protocol is not None, seeds, perturbations, selection
    )
    part = f", fold {fold} of {folds}" if folds else ""
    return Request(
        cases=cases,
        folder=folder,
        lender=lender,
        title=f"{dataset}, {chosen.title}{part}",
        selection=selection,
        datasets=datasets,
        about={"datasets": [dataset], "settings": chosen.config(), "command": command},
    )


def _command(
    components: Sequence[str],
    dataset: str,
    protocol: Protocol,
    named: bool,
    seeds: int | Sequence[int] | None,
    perturbations: Sequence[str],
    selection: Selection,
) -> str:
    """The command line of a call; empty if there is none, as for seeds that do not begin with 0.

    Without the folder of the run: what is stored does not depend on where it is.
    """
    words = ["hsizoo", "bench", *components, "--dataset", dataset]
    words += ["--protocol", protocol.name] if named else []
    if seeds is not None:
        numbers = seeds_of(seeds if isinstance(seeds, int) else list(seeds))
        if numbers != list(range(len(numbers))):
            return ""
        words += ["--seeds", str(len(numbers))]
    for name, option in declared_options(type(protocol)).items():
        value = getattr(protocol, name, option.default)
        flag = f"--{name.replace('_', '-')}"
        if value is True and option.default is not True:
            words.append(flag)
        elif value is False and option.default is not False:
            words.append(f"--no-{flag[2:]}")
        elif value != option.default:
            words += [flag, str(value)]
    if [*perturbations] != ["none"]:
        words += [word for each in perturbations for word in ("--perturb", each)]
    for name, value in asdict(selection).items():
        if name == "scenes":
            words += [word for each in value or () for word in ("--scene", each)]
        elif value != asdict(Selection())[name]:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _default_folders(
    datasets: Datasets,
    dataset: str,
    protocol: Protocol,
    selection: Selection,
    perturbations: Sequence[str],
) -> tuple[Path, Path]:
    """The folder of a run that names none, and the one that may have some of its cells."""
    recipe = datasets.recipe(dataset)
    split, scenes = selection.split, selection.scenes
    # What amounts to the default is no setting.
    if split is not None or scenes is not None:
        whole = replace(selection, limit=None)
        if datasets.choose(dataset, whole) == datasets.choose(dataset, Selection()):
            split = scenes = None
    own = run_folder(
        recipe,
        protocol,
        split=split if scenes is None else None,
        scenes=scenes,
        perturbations=perturbations,
        fold=selection.by_fold,
        limit=selection.limit,
    )
    return own, plain_folder(recipe, protocol)


def _protocol(
    components: Sequence[str], protocol: str | Protocol | None, options: Mapping[str, Any]
) -> Protocol:
    """The protocol with its options, if it evaluates these components."""
    if isinstance(protocol, Protocol):
        if options:
            raise OptionError(
                f"{next(iter(options))}: the protocol is given as an object, with all its options"
            )
        choose_protocol(components, protocol_name(protocol))
        return protocol
    name = None if protocol is None else protocol.partition(":")[0]
    found = protocol_name(choose_protocol(components, name))
    return make_protocol(protocol or found, options)

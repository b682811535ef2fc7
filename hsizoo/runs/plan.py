"""Planning a run: what is to be computed, said as cells, with everything checked that can be."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from hsizoo.engine.cells import Cell
from hsizoo.errors import (
    HsizooError,
    NameLookupError,
    OptionError,
    ProtocolError,
    did_you_mean,
)
from hsizoo.interfaces import SceneDataset
from hsizoo.protocols.interactive.loop import InteractiveProtocol
from hsizoo.protocols.perturbations import PERTURBATIONS, Perturbation
from hsizoo.zoo.factory import resolve
from hsizoo.zoo.names import parse_name
from hsizoo.zoo.options import declared_options, resolve_options
from hsizoo.zoo.recipe import Resolved

__all__ = ["KEPT", "Case", "choose_scenes", "dataset_of", "make_perturbation", "plan", "seeds_of"]

KEPT = 16
"""So many components are held at a time; a run of more goes through the scenes several times."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One component on one dataset under one set of conditions: a row of the table, or a part.

    Parameters
    ----------
    component, dataset : str
        Names, with options if need be.
    protocol : InteractiveProtocol
    seeds : sequence of int, default (0,)
    perturbation : Perturbation, optional
        What is done to every cube.
    name : str, optional
        What tables call the component.  Default: `component`.
    conditions : mapping of str to str
        What tells this case from others of that name, in words.
    training_seed : int, optional
        Seed of the training that made the weights; cases that differ by it share a row.
    """

    component: str
    dataset: str
    protocol: InteractiveProtocol
    seeds: Sequence[int] = (0,)
    perturbation: Perturbation | None = None
    name: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)
    training_seed: int | None = None


def make_perturbation(text: str) -> Perturbation | None:
    """Build a perturbation from its name, ``noise:strength=0.2``; None from ``none``.

    Raises
    ------
    NameLookupError, OptionError, ProtocolError
    """
    name = parse_name(text)
    known = ["none", *PERTURBATIONS]
    if name.dist or name.base not in known or (name.base == "none" and name.options):
        hint = did_you_mean(name.base, known)
        raise NameLookupError(
            f"no perturbation is named {text!r}.{hint} There are: {', '.join(known)}."
        )
    if name.base == "none":
        return None
    target = PERTURBATIONS[name.base]
    owner = f"perturbation {name.base}"
    return target(**resolve_options(owner, declared_options(target), {}, name.options))


def seeds_of(seeds: int | Sequence[int]) -> list[int]:
    """Seeds from their number, or from a list.

    Raises
    ------
    OptionError
        If there is none, or a negative one.
    """
    chosen = list(range(seeds)) if isinstance(seeds, int) else [int(seed) for seed in seeds]
    if not chosen or min(chosen) < 0:
        raise OptionError(f"seeds must be at least one number from 0; got {seeds!r}")
    return list(dict.fromkeys(chosen))


def plan(
    cases: Sequence[Case],
    *,
    split: str | None = None,
    scenes: Sequence[str] | None = None,
    allow_untrained: bool = False,
) -> list[Cell]:
    """All cells of a run: dataset by dataset and scene by scene, so that components share scenes.

    Parameters
    ----------
    cases : sequence of Case
    split, scenes, allow_untrained
        See `hsizoo.bench`.

    Returns
    -------
    list of Cell
        ``job["row"]`` holds what the record of a cell is called in this run: ``label``,
        ``conditions``, ``training_seed``.

    Raises
    ------
    NameLookupError, OptionError, MissingRequirement, ProtocolError, DataError
    """
    sources = {name: resolve(name, "dataset") for name in {case.dataset: None for case in cases}}
    chosen = {name: choose_scenes(name, split, scenes) for name in sources}
    wanted = {(case.component, case.dataset): None for case in cases}
    found = {pair: resolve(pair[0], "segmenter", on_dataset=sources[pair[1]]) for pair in wanted}
    marks = {
        pair: _mark(
            component, sources[pair[1]], _subjects(pair[1], chosen[pair[1]]), allow_untrained
        )
        for pair, component in found.items()
    }
    cells = []
    for dataset, source in sources.items():
        about_data = {**source.identity(), "data_version": dataset_of(dataset).version}
        names = [info.name for info in dataset_of(dataset).scenes()]
        mine = [case for case in cases if case.dataset == dataset]
        sharing = _sharing(mine)
        for block in _blocks(mine):
            for index in chosen[dataset]:
                # What has one perturbation and seed comes together, to share the spoilt cube.
                pairs = [(each, seed) for each in block for seed in each.seeds]
                for each, seed in sorted(pairs, key=sharing):
                    who = each.component, dataset
                    scene = index, names[index]
                    cells.append(_cell(each, seed, scene, found[who], marks[who], about_data))
    return cells


def _cell(
    case: Case,
    seed: int,
    numbered: tuple[int, str],
    component: Resolved,
    mark: str,
    about_data: Mapping[str, Any],
) -> Cell:
    index, scene = numbered
    label = (case.name or case.component) + mark
    spoilt = case.perturbation.config() if case.perturbation else None
    shared = {"protocol": case.protocol.config(), "seed": seed}
    words = [label, *(f"{key}={value}" for key, value in case.conditions.items() if value), scene]
    words += [f"training seed {case.training_seed}"] if case.training_seed is not None else []
    words += [f"seed {seed}"] if len(case.seeds) > 1 else []
    return Cell(
        identity={
            "component": component.identity(),
            "dataset": dict(about_data),
            "scene": scene,
            **shared,
            # A clean cell has no such key: it is the cell of a run without perturbations.
            **({"perturbation": spoilt} if spoilt else {}),
        },
        job={
            "component": case.component,
            "weights": _weights_of(component),
            "dataset": case.dataset,
            "index": index,
            "perturbation": spoilt,
            **shared,
            "row": {
                "label": label,
                "conditions": dict(case.conditions),
                "training_seed": case.training_seed,
            },
        },
        label=" · ".join(words),
    )


def _blocks(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """The cases of at most `KEPT` components at a time."""
    components = list(dict.fromkeys(case.component for case in cases))
    for start in range(0, len(components), KEPT):
        block = components[start : start + KEPT]
        yield [case for case in cases if case.component in block]


def _sharing(cases: Sequence[Case]) -> Any:
    """A sort key that puts together what shares a spoilt cube; otherwise the order given."""
    order = {each: place for place, each in enumerate({case.perturbation: None for case in cases})}

    def key(pair: tuple[Case, int]) -> tuple[int, int]:
        case, seed = pair
        return order[case.perturbation], seed

    return key


def _mark(component: Resolved, source: Resolved, subjects: Collection[str], allowed: bool) -> str:
    """What every table must say of a component beside its name.

    Raises
    ------
    ProtocolError
        If nobody trained it, unless that is allowed.
    """
    words = []
    if component.is_untrained():
        words.append("untrained")
        how = (
            f"Train it with: hsizoo train {shlex.quote(component.label)} --dataset "
            f"{shlex.quote(source.label)}   (or run"
        )
    elif component.starts_at_random:
        words.append("random encoder" if component.weights else "random weights")
        how = "No weights for it are published yet   (run"
    if words and component.weights is None and not allowed:
        raise ProtocolError(
            f"{component.label} has not been trained, so its result would mean nothing. "
            f"{how} it as it is with --allow-untrained)"
        )
    if elsewhere := component.trained_elsewhere(source):
        words.append(f"trained on {elsewhere}")
    if component.weights and _saw(component.weights.card, source, subjects):
        words.append("seen")  # some of these subjects were trained or chosen on
    return f" ({', '.join(words)})" if words else ""


def _saw(card: Mapping[str, Any], source: Resolved, subjects: Collection[str]) -> bool:
    """Whether weights were trained, or chosen, on subjects that are now tested.

    Subjects are told apart across datasets by `hsizoo.SceneDataset.origins`; those that it does not
    name are the same only within one dataset.
    """
    name = str((card.get("dataset") or {}).get("component", ""))
    used = card.get("subjects") or {}
    trained = {*used.get("train", ()), *used.get("val", ())}
    theirs = source.target if name == source.entry.full_name else _dataset_class(name)
    tested = _origins(source.entry.full_name, source.target, subjects)
    return bool(_origins(name, theirs, trained) & tested)


def _origins(name: str, dataset: type | None, subjects: Collection[str]) -> set[tuple[str, str]]:
    """What subjects are called among all datasets."""
    shared: Mapping[str, str] = getattr(dataset, "origins", {})
    return {("", shared[each]) if each in shared else (name, each) for each in subjects}


def _dataset_class(name: str) -> type | None:
    """The class of a dataset by its full name, if it is installed here."""
    try:
        return resolve(name, "dataset").target
    except HsizooError:
        return None


def _subjects(dataset: str, indices: Sequence[int]) -> set[str]:
    infos = dataset_of(dataset).scenes()
    return {infos[index].subject for index in indices}


@lru_cache(maxsize=KEPT)
def dataset_of(text: str) -> SceneDataset:
    """The dataset of a name, built once in a run."""
    dataset: SceneDataset = resolve(text, "dataset").build()
    return dataset


def choose_scenes(dataset: str, split: str | None, names: Sequence[str] | None = None) -> list[int]:
    """Indices of the scenes to run; see `hsizoo.bench`.

    Raises
    ------
    NameLookupError, ProtocolError
        If there is no such scene or split.
    """
    infos = dataset_of(dataset).scenes()
    known = [info.name for info in infos]
    if names is not None:
        for name in names:
            if name not in known:
                raise NameLookupError(
                    f"{dataset} has no scene {name!r}.{did_you_mean(name, known)} "
                    f"It has {len(known)}: {', '.join(known[:8])}{', …' if len(known) > 8 else ''}"
                )
        return [known.index(name) for name in dict.fromkeys(names)]
    splits = sorted({info.split for info in infos if info.split})
    if split is None:
        split = "test" if "test" in splits else "all"
    if split == "all":
        return list(range(len(infos)))
    if split not in splits:
        raise ProtocolError(
            f"{dataset} has no split {split!r}; "
            f"it has: {', '.join([*splits, 'all'])}.{did_you_mean(split, splits)}"
        )
    return [index for index, info in enumerate(infos) if info.split == split]


def _weights_of(component: Resolved) -> tuple[str, str | None] | None:
    """The weights to load, as plain values: where they are, and their digest."""
    if not component.is_trainable:
        return None
    return (
        (str(component.weights.path), component.weights.digest)
        if component.weights
        else ("none", None)
    )

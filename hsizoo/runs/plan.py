"""Planning a run: what is to be computed, as cells, with everything checked that can be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hsizoo.engine.cells import Cell
from hsizoo.runs.case import Case
from hsizoo.runs.choose import kind_of, protocol_name
from hsizoo.runs.datasets import Datasets
from hsizoo.runs.marks import mark
from hsizoo.zoo.factory import resolve
from hsizoo.zoo.recipe import Recipe
from hsizoo.zoo.spec import Kind

__all__ = ["COMPONENTS_AT_A_TIME", "plan"]

COMPONENTS_AT_A_TIME = 16
"""Components that a worker holds; a run of more goes through the scenes several times."""


def plan(
    cases: Sequence[Case],
    *,
    split: str | None = None,
    scenes: Sequence[str] | None = None,
    allow_untrained: bool = False,
    datasets: Datasets | None = None,
) -> list[Cell]:
    """All cells of a run: dataset by dataset and scene by scene, so that components share scenes.

    Within a scene, what shares a perturbed cube, or a seed, comes together: a run that is stopped
    has whole comparisons.

    Parameters
    ----------
    cases : sequence of Case
    split, scenes, allow_untrained
        See `hsizoo.bench`.
    datasets : Datasets, optional
        Those of the run.

    Returns
    -------
    list of Cell
        ``job["row"]`` holds what the record of a cell is called in this run: ``label``,
        ``conditions``, ``training_seed``.

    Raises
    ------
    NameLookupError, OptionError, MissingRequirement, ProtocolError, DataError
        For whatever can be known without computing anything.
    """
    datasets = datasets or Datasets()
    names = list(dict.fromkeys(case.dataset for case in cases))
    chosen = {name: datasets.choose(name, split, scenes) for name in names}
    wanted = {(case.component, case.dataset): _kind(case) for case in cases}
    found = {
        (component, dataset): resolve(component, kind, on_dataset=datasets.recipe(dataset))
        for (component, dataset), kind in wanted.items()
    }
    marks = {
        (component, dataset): mark(
            recipe,
            datasets.recipe(dataset),
            datasets.subjects(dataset, chosen[dataset]),
            allowed=allow_untrained,
        )
        for (component, dataset), recipe in found.items()
    }
    cells = []
    for dataset in names:
        source = datasets.get(dataset)
        identity = {**datasets.recipe(dataset).identity(), "data_version": source.version}
        infos = source.scenes()
        mine = [case for case in cases if case.dataset == dataset]
        together = _sharing(mine)
        for block in _blocks(mine):
            for index in chosen[dataset]:
                for protocol in {id(each.protocol): each.protocol for each in block}.values():
                    protocol.check(source, index)
                pairs = [(each, seed) for each in block for seed in each.seeds]
                for each, seed in sorted(pairs, key=together):
                    who = each.component, dataset
                    place = _Place(identity, infos[index].name, index)
                    cells.append(_cell(each, seed, place, found[who], marks[who]))
    return cells


def _kind(case: Case) -> Kind:
    """What a component is built as: a scorer stands for a segmenter where segmenters are wanted."""
    kind = kind_of(case.component)
    return "segmenter" if kind == "scorer" and "segmenter" in case.protocol.kinds else kind


class _Place:
    """A scene of a dataset, as cells name it."""

    def __init__(self, dataset: Mapping[str, Any], scene: str, index: int) -> None:
        self.dataset = dataset
        self.scene = scene
        self.index = index


def _cell(case: Case, seed: int, place: _Place, component: Recipe, marked: str) -> Cell:
    label = case.label + marked
    perturbation = case.perturbation.config() if case.perturbation else None
    words = [
        label,
        *(f"{key}={value}" for key, value in case.conditions.items() if value),
        place.scene,
    ]
    words += [f"training seed {case.training_seed}"] if case.training_seed is not None else []
    words += [f"seed {seed}"] if len(case.seeds) > 1 else []
    image: list[Any] = [place.dataset, place.scene, perturbation]
    # A perturbation may draw at random: with another seed it is another image.
    image += [seed] if perturbation else []
    return Cell(
        identity={
            "component": component.identity(),
            "dataset": dict(place.dataset),
            "scene": place.scene,
            "protocol": case.protocol.config(),
            "seed": seed,
            # A clean cell has no such key: it is the cell of a run without perturbations.
            **({"perturbation": perturbation} if perturbation else {}),
        },
        job={
            "component": component.pinned(),
            "kind": component.kind,
            "component_identity": component.identity(),
            "dataset": case.dataset,
            "index": place.index,
            "scene": place.scene,
            "protocol": protocol_name(case.protocol),
            "settings": case.protocol.config(),
            "perturbation": perturbation,
            "seed": seed,
            "row": {
                "label": label,
                "conditions": dict(case.conditions),
                "training_seed": case.training_seed,
            },
        },
        label=" · ".join(words),
        image=json.dumps(image, sort_keys=True),
    )


def _blocks(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """The cases of at most `COMPONENTS_AT_A_TIME` components each."""
    components = list(dict.fromkeys(case.component for case in cases))
    for start in range(0, len(components), COMPONENTS_AT_A_TIME):
        block = components[start : start + COMPONENTS_AT_A_TIME]
        yield [case for case in cases if case.component in block]


def _sharing(cases: Sequence[Case]) -> Callable[[tuple[Case, int]], tuple[int, int]]:
    """A sort key that puts together what shares a perturbed cube; otherwise the order given."""
    order = {each: place for place, each in enumerate({case.perturbation: None for case in cases})}

    def key(pair: tuple[Case, int]) -> tuple[int, int]:
        case, seed = pair
        return order[case.perturbation], seed

    return key

"""Planning a run: what is to be computed, as cells, with everything checked that can be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from hsizoo.engine.cells import Cell
from hsizoo.runs.case import Case
from hsizoo.runs.choose import built_as, protocol_name
from hsizoo.runs.datasets import Datasets, Selection
from hsizoo.runs.marks import mark
from hsizoo.runs.missing import check_all
from hsizoo.zoo.factory import resolve
from hsizoo.zoo.recipe import Recipe
from hsizoo.zoo.spec import Kind

__all__ = ["COMPONENTS_AT_A_TIME", "plan"]

COMPONENTS_AT_A_TIME = 16
"""Components that a worker holds; a run of more goes through the scenes several times."""

_BLANK = "\0"  # in the place of what differs from cell to cell; no value of an identity


def plan(
    cases: Sequence[Case],
    *,
    selection: Selection | None = None,
    allow_untrained: bool = False,
    datasets: Datasets | None = None,
) -> list[Cell]:
    """All cells of a run: dataset by dataset and scene by scene, so that components share scenes.

    Within a scene, what shares a perturbed cube, or a seed, comes together: a run that is stopped
    has whole comparisons.

    Parameters
    ----------
    cases : sequence of Case
    selection : Selection, optional
        Which scenes are run.  Default: those of the test split, if there is one, else all.
    allow_untrained : bool, default False
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
        For everything that can be checked before anything is computed; what is missing is said at
        once, see `hsizoo.runs.missing`.
    """
    datasets, selection = datasets or Datasets(), selection or Selection()
    found: dict[tuple[str, str, Kind], Recipe] = {}

    def component_of(case: Case) -> Recipe:
        """What the component of a case means."""
        kind = built_as(case.component, type(case.protocol))
        key = case.component, case.dataset, kind
        if key not in found:
            source = datasets.recipe(case.dataset)
            found[key] = resolve(case.component, kind, on_dataset=source, fold=selection.by_fold)
        return found[key]

    names = list(dict.fromkeys(case.dataset for case in cases))
    for name in names:
        recipes = [component_of(case) for case in cases if case.dataset == name]
        check_all(recipes, name, datasets, selection, allow_untrained=allow_untrained)
    chosen = {name: datasets.choose(name, selection) for name in names}
    subjects = {name: datasets.subjects(name, chosen[name].indices) for name in names}
    cells: list[Cell] = []
    for dataset in names:
        source = datasets.get(dataset)
        identity, infos = datasets.recipe(dataset).identity(), datasets.infos(dataset)
        mine = [case for case in cases if case.dataset == dataset]
        indices, remark = chosen[dataset].indices, chosen[dataset].remark
        forms = {}
        for case in mine:
            component = component_of(case)
            marked = mark(component, datasets.recipe(dataset), subjects[dataset], remark)
            forms[id(case)] = _Form(case, component, marked, source.place() is not None)
        for protocol in {id(case.protocol): case.protocol for case in mine}.values():
            for index in indices:
                protocol.check(source, index)
        # One mapping for each version, as thousands of cells share it.
        versions = datasets.versions(dataset, indices)
        about = {each: {**identity, "data_version": each} for each in dict.fromkeys(versions)}
        scenes = [
            (infos[index].name, about[each]) for index, each in zip(indices, versions, strict=True)
        ]
        together = _sharing(mine)
        for block in _blocks(mine):
            pairs = sorted([(case, seed) for case in block for seed in case.seeds], key=together)
            ordered = [(forms[id(case)], seed) for case, seed in pairs]
            for scene, known_by in scenes:
                cells += [_PlannedCell(form, scene, known_by, seed) for form, seed in ordered]
    return cells


class _Form:
    """A case made ready: all that its cells have in common is worked out once.

    Parameters
    ----------
    case : Case
    component : Recipe
    marked : str
        What to put after the component's name; see `hsizoo.runs.marks`.
    from_files : bool
        Whether the scenes are read from files, so that they have the same values everywhere.
    """

    def __init__(self, case: Case, component: Recipe, marked: str, from_files: bool) -> None:
        perturbation = case.perturbation.config() if case.perturbation else None
        identity, settings = component.identity(), case.protocol.config()
        label = case.label + marked
        self._identity: dict[str, Any] = {
            "component": identity,
            "protocol": settings,
            # A clean cell has no such key: it is the cell of a run without perturbations.
            **({"perturbation": perturbation} if perturbation else {}),
        }
        self._job = {
            "component": component.pinned(),
            "kind": component.kind,
            "component_identity": identity,
            "dataset": case.dataset,
            "protocol": protocol_name(case.protocol),
            "settings": settings,
            "perturbation": perturbation,
            "row": {
                "label": label,
                "conditions": dict(case.conditions),
                "training_seed": case.training_seed,
            },
        }
        words = [label, *(f"{key}={value}" for key, value in case.conditions.items() if value)]
        self._before = " · ".join(words)
        self._after = "" if case.training_seed is None else f" · training seed {case.training_seed}"
        self._names_seed = len(case.seeds) > 1
        self._image = _digest([case.dataset, perturbation])
        self._perturbed = perturbation is not None
        comparable = from_files and not self._perturbed
        self._values = _digest([case.dataset, settings]) if comparable else ""
        # The JSON that a key is the digest of, in parts.
        whole = {**self._identity, "dataset": _BLANK, "scene": _BLANK}
        self._parts = json.dumps(whole, sort_keys=True).split(json.dumps(_BLANK))
        self._dataset: Mapping[str, Any] | None = None
        self._text = ""

    def identity(self, scene: str, dataset: Mapping[str, Any], seed: int) -> dict[str, Any]:
        """The identity of a cell."""
        return {**self._identity, "dataset": dataset, "scene": scene, "seed": seed}

    def job(self, scene: str, dataset: Mapping[str, Any], seed: int) -> dict[str, Any]:
        """The job of a cell."""
        version = dataset["data_version"]
        return {**self._job, "data_version": version, "scene": scene, "seed": seed}

    def label(self, scene: str, seed: int) -> str:
        """The label of a cell."""
        label = f"{self._before} · {scene}{self._after}"
        return f"{label} · seed {seed}" if self._names_seed else label

    def image(self, scene: str, seed: int) -> str:
        """The image of a cell."""
        # A perturbation may draw at random: with another seed it is another image.
        image = f"{self._image} {scene}"
        return f"{image} {seed}" if self._perturbed else image

    def values(self, scene: str) -> str:
        """What a cell's records are compared by."""
        return f"{self._values} {scene}" if self._values else ""

    def key(self, scene: str, dataset: Mapping[str, Any], seed: int) -> str:
        """The key of a cell, in a fraction of the time of `key_of`."""
        if dataset is not self._dataset:
            self._dataset, self._text = dataset, json.dumps(dataset, sort_keys=True)
        before, between, _ = self._parts
        text = f'{before}{self._text}{between}{json.dumps(scene)}, "seed": {seed}}}'
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class _PlannedCell(Cell):
    """A cell whose parts are made when they are asked for, as there may be millions."""

    def __init__(self, form: _Form, scene: str, dataset: Mapping[str, Any], seed: int) -> None:
        self._form, self._scene, self._dataset, self._seed = form, scene, dataset, seed

    @property
    def identity(self) -> Mapping[str, Any]:
        return self._form.identity(self._scene, self._dataset, self._seed)

    @property
    def job(self) -> Mapping[str, Any]:
        return self._form.job(self._scene, self._dataset, self._seed)

    @property
    def label(self) -> str:
        return self._form.label(self._scene, self._seed)

    @property
    def image(self) -> str:
        return self._form.image(self._scene, self._seed)

    @property
    def values(self) -> str:
        return self._form.values(self._scene)

    @cached_property
    def key(self) -> str:
        return self._form.key(self._scene, self._dataset, self._seed)

    def __reduce__(self) -> tuple[Any, ...]:
        """Other processes get a plain cell."""
        return Cell, (self.identity, self.job, self.label, self.image, self.values)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


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

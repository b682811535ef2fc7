"""From a run's description to what is to be trained and computed, with every name looked up."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hsizoo.errors import HsizooError, OptionError, ProtocolError, did_you_mean
from hsizoo.protocols.interactive.loop import InteractiveProtocol
from hsizoo.runs.experiment_file import SWEPT_KEYS, Run
from hsizoo.runs.plan import Case, choose_scenes, dataset_of, make_perturbation, plan, seeds_of
from hsizoo.training import TrainingSettings, divide
from hsizoo.zoo.factory import WEIGHTS, make_robot, resolve
from hsizoo.zoo.names import Name, parse_composition
from hsizoo.zoo.options import declared_options, resolve_options
from hsizoo.zoo.recipe import Resolved

__all__ = ["Part", "Planned", "check", "parts_of"]


@dataclass(frozen=True)
class Planned:
    """One training that a run needs.

    Parameters
    ----------
    component, dataset : str
    seed : int
    given : tuple of (str, value)
        Settings as `hsizoo.train` takes them, but for the seed.
    """

    component: str
    dataset: str
    seed: int
    given: tuple[tuple[str, Any], ...]

    @property
    def settings(self) -> dict[str, Any]:
        """What was given, as a mapping."""
        return dict(self.given)

    @property
    def folder(self) -> str:
        """Name of its folder; whatever its result depends on is in it, so runs can share it."""
        component = resolve(_with(self.component, weights="none"), "segmenter")
        source = resolve(self.dataset, "dataset")
        about = {
            "component": component.identity(),
            "dataset": {**source.identity(), "version": type(dataset_of(self.dataset)).version},
            "settings": asdict(self.chosen()),
            "version": TrainingSettings.version,
        }
        text = json.dumps(about, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        return f"{component.entry.spec.name}-seed{self.seed}-{digest}"

    def chosen(self) -> TrainingSettings:
        """All settings."""
        declared = declared_options(TrainingSettings)
        wanted = {**self.settings, "seed": self.seed}
        return TrainingSettings(**resolve_options("training", declared, {}, wanted))

    def __str__(self) -> str:
        settings = "".join(f", {key} {value}" for key, value in self.given)
        return f"{self.component} on {self.dataset}, seed {self.seed}{settings}"


@dataclass(frozen=True)
class Part:
    """A case, and the training that makes its weights."""

    case: Case
    training: Planned | None

    def with_weights(self, path: str) -> Case:
        """The case with the weights of that training."""
        return replace(self.case, component=_with(self.case.component, weights=path))


def parts_of(run: Run) -> list[Part]:
    """Everything that a run computes, in the order of its table.

    Raises
    ------
    HsizooError
        With the run's table, for whatever is wrong in it.
    """
    try:
        found = list(_parts(run))
        # Two settings may differ only in what does not touch a component.
        return list({_identity(part): part for part in found}.values())
    except HsizooError as error:
        raise type(error)(f"{run.where}: {error}") from error


def check(run: Run, parts: Sequence[Part], *, allow_untrained: bool) -> None:
    """Find out now what would be found out after hours.

    Raises
    ------
    HsizooError
    """
    allow_untrained |= run.allow_untrained
    try:
        plain = [part.case for part in parts if part.training is None]
        plan(plain, split=run.split, scenes=run.scenes, allow_untrained=allow_untrained)
        # Their weights are yet to come; all else can be looked at.
        trained = [part.with_weights("none") for part in parts if part.training]
        plan(trained, split=run.split, scenes=run.scenes, allow_untrained=True)
        for part in parts:
            if part.training is not None:
                _check_training(part, run)
    except HsizooError as error:
        raise type(error)(f"{run.where}: {error}") from error


def _check_training(part: Part, run: Run) -> None:
    training = part.training
    assert training is not None
    infos = dataset_of(training.dataset).scenes()
    division = divide(infos, training.chosen())
    if training.dataset != part.case.dataset:
        return
    tested = {infos[i].subject for i in choose_scenes(part.case.dataset, run.split, run.scenes)}
    seen = tested & {infos[index].subject for index in (*division.train, *division.val)}
    if seen and not (run.split or run.scenes):
        raise ProtocolError(
            f"{training} would be tested on subjects that it is trained on: "
            f"{', '.join(sorted(seen)[:5])}.  Use a dataset with a test split, or say which split "
            "or scenes to test on"
        )


def _identity(part: Part) -> tuple[Any, ...]:
    case = part.case
    return case.name, tuple(case.conditions.items()), case.dataset, case.training_seed


def _parts(run: Run) -> Iterator[Part]:
    components = {name: resolve(name, "segmenter") for name in run.components}
    trained = {
        name
        for name, component in components.items()
        if run.training is not None
        and component.is_trainable
        and WEIGHTS.name not in parse_composition(name)[0].options
    }
    if run.training is not None and not trained:
        raise OptionError("there is a table training, but no component that can be trained")
    _check_sweep(run, components, trained)
    seeds = seeds_of(run.seeds if isinstance(run.seeds, int) else list(run.seeds or [0]))
    perturbations = {text: make_perturbation(text) for text in run.perturbations}
    for values in itertools.product(*run.sweep.values()):
        setting = dict(zip(run.sweep, values, strict=True))
        protocol = InteractiveProtocol(
            robot=make_robot(str(setting.get("robot", run.robot))),
            clicks=setting.get("clicks", run.clicks),
        )
        datasets = [str(setting["dataset"])] if "dataset" in setting else run.datasets
        for text, perturbation in perturbations.items():
            for name, dataset in itertools.product(run.components, datasets):
                options, settings, conditions = _touched(
                    run, components[name], setting, is_trained=name in trained
                )
                if run.perturbations != ("none",):
                    conditions["perturbation"] = text
                case = Case(
                    component=_with(name, **options),
                    dataset=dataset,
                    protocol=protocol,
                    seeds=seeds,
                    perturbation=perturbation,
                    name=name,
                    conditions=conditions,
                )
                if name not in trained or run.training is None:
                    yield Part(case, None)
                    continue
                where = run.training.dataset or dataset
                every = {**run.training.settings, **settings}
                for seed in run.training.seeds:
                    planned = Planned(case.component, where, seed, tuple(every.items()))
                    yield Part(replace(case, training_seed=seed), planned)


def _touched(
    run: Run, component: Resolved, setting: Mapping[str, Any], *, is_trained: bool
) -> tuple[dict[str, str], dict[str, Any], dict[str, str]]:
    """What a setting changes in a component, in its training, and what the table says of it."""
    options, settings = dict[str, str](), dict[str, Any]()
    conditions = dict.fromkeys(setting, "")
    training = _training_keys(run)
    for key, value in setting.items():
        if key in SWEPT_KEYS:
            pass
        elif key in training and is_trained:
            settings[key] = value
        elif key not in training and key in _options(component):
            options[key] = str(value).lower() if isinstance(value, bool) else str(value)
        else:
            continue
        conditions[key] = str(value)
    return options, settings, conditions


def _check_sweep(run: Run, components: Mapping[str, Resolved], trained: set[str]) -> None:
    training = _training_keys(run)
    options = {key for component in components.values() for key in _options(component)}
    known = [*SWEPT_KEYS, *training, *sorted(options)]
    for key, values in run.sweep.items():
        if key not in known:
            needs = (
                f"  {key} is a training setting: it needs a table [run.training]"
                if key in declared_options(TrainingSettings)
                else ""
            )
            raise OptionError(
                f"sweep: {key!r} is no key of the run ({', '.join(SWEPT_KEYS)}), no training "
                f"setting and no option of its components.{did_you_mean(key, known)}{needs}"
            )
        if key == "clicks" and not all(type(value) is int for value in values):
            raise OptionError(f"sweep: clicks must be whole numbers; got {list(values)}")
        for name in components:
            if key in parse_composition(name)[0].options and key not in SWEPT_KEYS:
                raise OptionError(f"sweep: {key} is set already in the component {name!r}")


def _training_keys(run: Run) -> list[str]:
    if run.training is None:
        return []
    return [key for key in declared_options(TrainingSettings) if key not in ("seed", *SWEPT_KEYS)]


def _options(component: Resolved) -> dict[str, Any]:
    return {**component.options, **(component.wrapper_options or {})}


def _with(component: str, **options: str) -> str:
    """The name with further options."""
    name = parse_composition(component)[0]
    if not options:
        return component
    return str(Name(name.base, name.dist, {**name.options, **options}))

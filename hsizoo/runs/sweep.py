"""From the description of a run to its cases and the trainings that they need."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hsizoo.errors import HsizooError, OptionError, ProtocolError, did_you_mean
from hsizoo.interfaces import Protocol
from hsizoo.protocols.perturbations import make_perturbation
from hsizoo.runs.case import Case, seeds_of
from hsizoo.runs.choose import built_as, choose_protocol, make_protocol, protocol_name
from hsizoo.runs.datasets import Datasets
from hsizoo.runs.experiment_file import RunDescription
from hsizoo.runs.plan import plan
from hsizoo.training.data_version import data_version
from hsizoo.training.division import divide
from hsizoo.training.settings import TrainingSettings
from hsizoo.zoo.factory import WEIGHTS, resolve
from hsizoo.zoo.names import Name, parse_composition
from hsizoo.zoo.options import declared_options, resolve_options
from hsizoo.zoo.recipe import Recipe

__all__ = ["PlannedCase", "PlannedRun", "PlannedTraining", "plan_run"]


@dataclass(frozen=True)
class PlannedTraining:
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
    def untrained(self) -> str:
        """The component before the training: with the weights that it says, else with none."""
        said = WEIGHTS.name in parse_composition(self.component)[0].options
        return self.component if said else _with(self.component, weights="none")

    def folder(self, datasets: Datasets) -> str:
        """Name of its folder, with a digest of everything that the result depends on."""
        component = resolve(self.untrained, "segmenter")
        dataset, chosen = datasets.get(self.dataset), self.chosen()
        version = data_version(dataset, divide(dataset.scenes(), chosen))
        about = {
            "component": component.identity(),
            "dataset": {**datasets.recipe(self.dataset).identity(), "version": version},
            "settings": asdict(chosen),
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
        settings = "".join(f", {key} {value}" for key, value in self.given if value is not None)
        return f"{self.component} on {self.dataset}, seed {self.seed}{settings}"


@dataclass(frozen=True)
class PlannedCase:
    """A case, and the training that makes its weights."""

    case: Case
    training: PlannedTraining | None = None

    def with_weights(self, path: str) -> Case:
        """The case with the weights of that training."""
        return replace(self.case, component=_with(self.case.component, weights=path))


@dataclass(frozen=True)
class PlannedRun:
    """A run with every name looked up.

    Parameters
    ----------
    description : RunDescription
    protocol : type of Protocol
    options : dict
        Of the protocol, those of the run and its defaults.
    seeds : list of int
    cases : list of PlannedCase
        In the order of the table.
    """

    description: RunDescription
    protocol: type[Protocol]
    options: dict[str, Any]
    seeds: list[int]
    cases: list[PlannedCase]

    def to_json(self) -> dict[str, Any]:
        """The description as JSON has it, with the options that were left at their default."""
        kept = ("name", "components", "datasets", "description", "split", "scenes", "perturbations",
                "allow_untrained", "training", "sweep")  # fmt: skip
        about = {key: value for key, value in asdict(self.description).items() if key in kept}
        whole = {**about, "options": self.options, "seeds": self.seeds}
        found: dict[str, Any] = json.loads(json.dumps(whole))
        return found


def plan_run(run: RunDescription, datasets: Datasets, *, allow_untrained: bool) -> PlannedRun:
    """Decide everything that a run computes, and find out now what would end it after hours.

    Raises
    ------
    HsizooError
        With the run's table in the message.
    """
    try:
        protocol = choose_protocol(run.components, run.protocol)
        planner = _Planner(run, protocol)
        # Two settings may differ only in what does not concern a component.
        cases = list({_row(each): each for each in planner.cases()}.values())
        found = PlannedRun(run, protocol, planner.options, planner.seeds, cases)
        _check(found, datasets, allow_untrained=allow_untrained or run.allow_untrained)
    except HsizooError as error:
        raise type(error)(f"{run.where}: {error}") from error
    return found


def _row(planned: PlannedCase) -> tuple[Any, ...]:
    case = planned.case
    return case.name, tuple(case.conditions.items()), case.dataset, case.training_seed


def _check(run: PlannedRun, datasets: Datasets, *, allow_untrained: bool) -> None:
    where: dict[str, Any] = {"selection": run.description.selection, "datasets": datasets}
    plain = [each.case for each in run.cases if each.training is None]
    plan(plain, allow_untrained=allow_untrained, **where)
    # Their weights are yet to come; all else can be looked at.
    trained = [each.with_weights("none") for each in run.cases if each.training]
    plan(trained, allow_untrained=True, **where)
    for each in run.cases:
        if each.training is not None:
            _check_training(each.case, each.training, run.description, datasets)


def _check_training(
    case: Case, training: PlannedTraining, run: RunDescription, datasets: Datasets
) -> None:
    infos = datasets.infos(training.dataset)
    division = divide(infos, training.chosen())
    if training.dataset != case.dataset:
        return
    chosen = datasets.choose(case.dataset, run.selection)
    tested = datasets.subjects(case.dataset, chosen.indices)
    seen = tested & {infos[index].subject for index in (*division.train, *division.val)}
    if seen and not (run.split or run.scenes):
        raise ProtocolError(
            f"{training} would be tested on subjects that it is trained on: "
            f"{', '.join(sorted(seen)[:5])}.  Use a dataset with a test split, or say which split "
            "or scenes to test on"
        )


class _Planner:
    """The components and swept keys of one run."""

    def __init__(self, run: RunDescription, protocol: type[Protocol]) -> None:
        self.run = run
        self.protocol = protocol
        self.name = protocol_name(protocol)
        declared = declared_options(protocol)
        if foreign := [key for key in run.options if key in run.own and key not in declared]:
            raise OptionError(
                f"{foreign[0]} is no option of the protocol {protocol.name}, which evaluates the "
                "components of this run; leave it out"
            )
        # A file has types: what is no number there must not become one.
        mine = {key: value for key, value in run.options.items() if key in declared}
        self.options = resolve_options(f"protocol {protocol.name}", declared, mine, {})
        self.protocol_keys = ("dataset", *declared)
        default = protocol.default_seeds if run.seeds is None else run.seeds
        self.seeds = seeds_of(default if isinstance(default, int) else list(default))
        self.recipes = {text: resolve(text, built_as(text, protocol)) for text in run.components}
        self.trained = {
            text
            for text, recipe in self.recipes.items()
            if run.training is not None
            and recipe.is_trainable
            and WEIGHTS.name not in recipe.name.options
        }
        if "training" in run.own and not self.trained:  # defaults may have it for other runs
            raise OptionError("there is a table training, but no component that can be trained")
        self.training_keys = [
            key
            for key in declared_options(TrainingSettings)
            if self.trained and key not in ("seed", *self.protocol_keys)
        ]
        self._check_sweep()

    def cases(self) -> Iterator[PlannedCase]:
        run = self.run
        perturbations = {text: make_perturbation(text) for text in run.perturbations}
        for values in itertools.product(*run.sweep.values()):
            setting = dict(zip(run.sweep, values, strict=True))
            changed = {key: value for key, value in setting.items() if key in self.options}
            protocol = make_protocol(self.name, {**self.options, **changed})
            datasets = [str(setting["dataset"])] if "dataset" in setting else run.datasets
            for text, perturbation in perturbations.items():
                for name, dataset in itertools.product(run.components, datasets):
                    component, settings, conditions = self._under(name, setting)
                    if run.perturbations != ("none",):
                        conditions["perturbation"] = text
                    case = Case(
                        component=component,
                        dataset=dataset,
                        protocol=protocol,
                        seeds=self.seeds,
                        perturbation=perturbation,
                        name=name,
                        conditions=conditions,
                    )
                    yield from self._with_trainings(case, settings)

    def _with_trainings(self, case: Case, settings: Mapping[str, Any]) -> Iterator[PlannedCase]:
        training = self.run.training
        if training is None or case.name not in self.trained:
            yield PlannedCase(case)
            return
        where = training.dataset or case.dataset
        given = tuple({**training.settings, **settings}.items())
        for seed in training.seeds:
            planned = PlannedTraining(case.component, where, seed, given)
            yield PlannedCase(replace(case, training_seed=seed), planned)

    def _under(
        self, component: str, setting: Mapping[str, Any]
    ) -> tuple[str, dict[str, Any], dict[str, str]]:
        """A component's name under a setting, its training's settings, and the row's conditions."""
        names = list(parse_composition(component))
        settings: dict[str, Any] = {}
        conditions = dict.fromkeys(setting, "")
        for key, value in setting.items():
            if key in self.protocol_keys:
                pass
            elif key in self.training_keys:
                if component not in self.trained:
                    continue
                settings[key] = value
            else:
                place = self._place(key, component)
                if place is None:
                    continue
                text = str(value).lower() if isinstance(value, bool) else str(value)
                option = key.rpartition(".")[2]
                name = names[place]
                names[place] = Name(name.base, name.dist, {**name.options, option: text})
            conditions[key] = str(value)
        return "+".join(map(str, names)), settings, conditions

    def _place(self, key: str, component: str) -> int | None:
        """Which part of a component has a swept option: the labeler, before the classifier."""
        owner, _, option = key.rpartition(".")
        names = parse_composition(component)
        for place, (name, mine) in enumerate(
            zip(names, _options(self.recipes[component]), strict=True)
        ):
            if option in mine and owner in ("", name.base):
                return place
        return None

    def _check_sweep(self) -> None:
        declared = declared_options(self.protocol)
        options = {
            option for each in self.recipes.values() for mine in _options(each) for option in mine
        }
        for key, values in self.run.sweep.items():
            if key in declared:
                for value in values:
                    resolve_options("sweep", declared, {key: value}, {})
            if key in (*self.protocol_keys, *self.training_keys):
                continue
            concerned = [text for text in self.recipes if self._place(key, text) is not None]
            for text in concerned:
                self._check_option(key, text)
            if not concerned:
                known = [*self.protocol_keys, *self.training_keys, *sorted(options)]
                needs = (
                    f"  {key} is a training setting: it needs a table [run.training]"
                    if key in declared_options(TrainingSettings)
                    else ""
                )
                raise OptionError(
                    f"sweep: {key!r} is no key of the run ({', '.join(self.protocol_keys)}), no "
                    f"training setting and no option of its components."
                    f"{did_you_mean(key, known)}{needs}"
                )

    def _check_option(self, key: str, component: str) -> None:
        names, options = parse_composition(component), _options(self.recipes[component])
        place, option = self._place(key, component), key.rpartition(".")[2]
        if place is not None and option in names[place].options:
            raise OptionError(f"sweep: {option} is set already in the component {component!r}")
        if "." not in key and sum(option in mine for mine in options) > 1:
            both = " or ".join(f"{name.base}.{option}" for name in names)
            raise OptionError(
                f"sweep: both parts of {component!r} have the option {option}; say which: {both}"
            )


def _options(recipe: Recipe) -> Sequence[set[str]]:
    """The options of a component, or of the labeler and of the classifier behind it."""
    own = {*recipe.options, *(recipe.wrapper_options or ())}
    return [own, *([set(recipe.feeds.options)] if recipe.feeds else [])]


def _with(component: str, **options: str) -> str:
    """The name with further options."""
    name = parse_composition(component)[0]
    return str(Name(name.base, name.dist, {**name.options, **options}))

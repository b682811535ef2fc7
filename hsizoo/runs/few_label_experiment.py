"""From a run of classifiers, as an experiment's file describes it, to what is to be computed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from hsizoo.errors import HsizooError, OptionError, did_you_mean
from hsizoo.protocols.few_label import FewLabelProtocol
from hsizoo.runs.experiment_file import OF_CLASSIFIERS, OF_SEGMENTERS, Run
from hsizoo.runs.fewlabel import FewLabelCase, are_classifiers, plan_few_labels
from hsizoo.runs.plan import seeds_of
from hsizoo.zoo.factory import resolve
from hsizoo.zoo.names import Name, parse_composition

__all__ = ["SWEPT_KEYS", "cases_of", "check_cases", "check_keys", "is_few_label", "plain"]

SWEPT_KEYS = ("dataset", *OF_CLASSIFIERS)
"""Keys of such a run that a sweep may go over."""

_WHOLE = ("shots", "patch", "block")

SEEDS = 10
"""How many seeds a run has that says nothing, as with `hsizoo bench`."""


def is_few_label(run: Run) -> bool:
    """Whether the components of a run are classifiers.

    Raises
    ------
    HsizooError
        With the run's table, if they are of both kinds.
    """
    try:
        return are_classifiers(run.components)
    except HsizooError as error:
        raise type(error)(f"{run.where}: {error}") from error


def check_keys(run: Run, classify: bool) -> None:
    """Raise `OptionError` if the run's own table has a key that means nothing to its components."""
    foreign, whose = (
        (OF_SEGMENTERS, "scorers and segmenters") if classify else (OF_CLASSIFIERS, "classifiers")
    )
    if given := [key for key in foreign if key in run.own]:
        kind = "classifiers" if classify else "scorers or segmenters"
        raise OptionError(
            f"{run.where}: {given[0]} is for {whose}, and its components are {kind}; leave it out"
        )


def cases_of(run: Run) -> list[FewLabelCase]:
    """Everything that a run of classifiers computes, in the order of its table.

    Raises
    ------
    HsizooError
        With the run's table, for whatever is wrong in it.
    """
    try:
        found = list(_cases(run))
        # Two settings may differ only in what does not touch a component.
        rows = {(case.name, tuple(case.conditions.items()), case.dataset): case for case in found}
        return list(rows.values())
    except HsizooError as error:
        raise type(error)(f"{run.where}: {error}") from error


def check_cases(run: Run, cases: Sequence[FewLabelCase]) -> None:
    """Find out now what would be found out after hours.

    Raises
    ------
    HsizooError
        With the run's table.
    """
    try:
        plan_few_labels(cases, run.split, run.scenes)
    except HsizooError as error:
        raise type(error)(f"{run.where}: {error}") from error


def plain(run: Run, classify: bool) -> dict[str, Any]:
    """A run's description as plain values, with the keys of its kind."""
    foreign = OF_SEGMENTERS if classify else OF_CLASSIFIERS
    seeds = run.seeds if run.seeds is not None else SEEDS if classify else 1
    about = asdict(replace(run, seeds=seeds))
    return {key: value for key, value in about.items() if key not in ("own", "where", *foreign)}


def _cases(run: Run) -> Iterator[FewLabelCase]:
    parts = {name: _options(name) for name in run.components}
    _check_sweep(run, parts)
    seeds = run.seeds if isinstance(run.seeds, int) else list(run.seeds or range(SEEDS))
    usual = {key: getattr(run, key) for key in OF_CLASSIFIERS}
    for values in itertools.product(*run.sweep.values()):
        setting = dict(zip(run.sweep, values, strict=True))
        settings = {**usual, **{key: setting[key] for key in OF_CLASSIFIERS if key in setting}}
        protocol = FewLabelProtocol(**settings)
        datasets = [str(setting["dataset"])] if "dataset" in setting else run.datasets
        for name, dataset in itertools.product(run.components, datasets):
            component, conditions = _touched(name, parts[name], setting)
            yield FewLabelCase(
                component=component,
                dataset=dataset,
                protocol=protocol,
                seeds=seeds_of(seeds),
                name=name,
                conditions=conditions,
            )


def _options(component: str) -> list[set[str]]:
    """The options of a component, or of the labeler and of the classifier behind it."""
    found = resolve(component, "classifier")
    return [set(found.options), *([set(found.feeds.options)] if found.feeds else [])]


def _touched(
    component: str, options: Sequence[set[str]], setting: Mapping[str, Any]
) -> tuple[str, dict[str, str]]:
    """The component's name under a setting, and what the table says of the setting."""
    names = list(parse_composition(component))
    conditions = dict.fromkeys(setting, "")
    for key, value in setting.items():
        if key not in SWEPT_KEYS:
            if (place := _place(key, names, options)) is None:
                continue
            text = str(value).lower() if isinstance(value, bool) else str(value)
            name = names[place]
            option = key.rpartition(".")[2]
            names[place] = Name(name.base, name.dist, {**name.options, option: text})
        conditions[key] = str(value)
    return "+".join(map(str, names)), conditions


def _place(key: str, names: Sequence[Name], options: Sequence[set[str]]) -> int | None:
    """Which part of a component has a swept option: the labeler, before the classifier."""
    owner, _, option = key.rpartition(".")
    for place, (name, mine) in enumerate(zip(names, options, strict=True)):
        if option in mine and owner in ("", name.base):
            return place
    return None


def _check_sweep(run: Run, parts: Mapping[str, Sequence[set[str]]]) -> None:
    known = {option for each in parts.values() for options in each for option in options}
    for key, values in run.sweep.items():
        if key in _WHOLE and not all(type(value) is int for value in values):
            raise OptionError(f"sweep: {key} must be whole numbers; got {list(values)}")
        if key in SWEPT_KEYS:
            continue
        touches = False
        for component, options in parts.items():
            names = parse_composition(component)
            place = _place(key, names, options)
            if place is None:
                continue
            touches = True
            option = key.rpartition(".")[2]
            if option in names[place].options:
                raise OptionError(f"sweep: {option} is set already in the component {component!r}")
            if "." not in key and sum(option in mine for mine in options) > 1:
                both = [f"{name.base}.{option}" for name in names]
                raise OptionError(
                    f"sweep: both parts of {component!r} have the option {option}; say which: "
                    f"{' or '.join(both)}"
                )
        if not touches:
            hint = did_you_mean(key, [*SWEPT_KEYS, *sorted(known)])
            raise OptionError(
                f"sweep: {key!r} is no key of the run ({', '.join(SWEPT_KEYS)}) and no option of "
                f"its components.{hint}"
            )

"""The file of an experiment: several runs that share defaults, in TOML.

::

    title = "SAMSA 2.0, Table 1, on the phantom"

    [defaults]                    # any key of a run, for all of them
    dataset = "phantom"
    clicks = 20

    [[run]]
    name = "table1"
    components = ["sa", "samsa2-nano"]
    perturbations = ["none", "noise:strength=0.1"]

    [run.training]                # of the components that can be trained; without it, weights=auto
    seeds = [0, 1, 2]             # each trains anew; their results share a row
    epochs = 30                   # any setting of `hsizoo train --settings`
    dataset = "phantom"           # default: that of the run

    [run.sweep]                   # each value makes rows of its own
    limit_subjects = [1, 2, 4, 8]

    [[run]]
    name = "five-labels"
    components = ["svm", "lp+cnn2d"]   # classifiers learn from a few labels per class
    shots = 5                     # any option of the protocol, as `hsizoo bench --shots`
    seeds = 10

    [run.sweep]
    draw = ["random", "block-disjoint"]
    neighbours = [5, 10, 20]      # an option: of the labeler in front, if it has it
    cnn2d.epochs = [50, 100]      # an option of this component only

A run has one protocol: the one that its key ``protocol`` names, otherwise that of its components,
as with ``hsizoo bench``.  ``[defaults]`` may have options of several protocols; each run takes
those of its own.

Several datasets, ``dataset = ["cross-sensor:test=samson", …]``, are pooled in one table; in a sweep
they make rows.  A component with ``weights=…`` in its name is not trained.  A swept key is
``dataset``, an option of the protocol, a training setting, or an option of some of the components;
components that it does not concern have one row.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hsizoo.documents import read_toml, shorten
from hsizoo.errors import OptionError, did_you_mean
from hsizoo.runs.case import seeds_of
from hsizoo.runs.choose import protocols
from hsizoo.runs.datasets import Selection
from hsizoo.zoo.options import Option, declared_options, resolve_options
from hsizoo.zoo.spec import NAME_PATTERN

__all__ = ["Experiment", "RunDescription", "TrainingDescription", "read_experiment"]

_TEXT, _INTEGER, _FLAG, _TABLE = "a string", "an integer", "true or false", "a table"
_TEXTS, _INTEGERS = "a list of strings", "a list of integers"

_RUN_KEYS: Mapping[str, tuple[str, ...]] = {
    "name": (_TEXT,),
    "description": (_TEXT,),
    "components": (_TEXTS,),
    "protocol": (_TEXT,),
    "dataset": (_TEXT, _TEXTS),
    "split": (_TEXT,),
    "scenes": (_TEXTS,),
    "seeds": (_INTEGER, _INTEGERS),
    "perturbations": (_TEXT, _TEXTS),
    "allow_untrained": (_FLAG,),
    "training": (_TABLE,),
    "sweep": (_TABLE,),
}


@dataclass(frozen=True, kw_only=True)
class TrainingDescription:
    """How the components of a run are trained.

    Parameters
    ----------
    dataset : str
        Empty for that of the run.
    seeds : tuple of int
    settings : mapping
        Those of `hsizoo.train` that differ from its defaults, but for the seed.
    """

    dataset: str = ""
    seeds: tuple[int, ...] = (0,)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunDescription:
    """One run of an experiment, as its file describes it; see the head of this module.

    Parameters
    ----------
    name : str
    components, datasets : tuple of str
    description : str
    protocol : str or None
        None for that of the components.
    options : mapping
        Options of protocols, those of the run's own table and of the defaults.
    own : frozenset of str
        The keys of the run's own table.
    split, scenes, seeds, perturbations, allow_untrained
        See `hsizoo.bench`.
    training : TrainingDescription or None
    sweep : mapping of str to tuple
    where : str
        The table in the file, for messages.
    """

    name: str
    components: tuple[str, ...]
    datasets: tuple[str, ...]
    description: str = ""
    protocol: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    split: str | None = None
    scenes: tuple[str, ...] | None = None
    seeds: int | tuple[int, ...] | None = None
    perturbations: tuple[str, ...] = ("none",)
    allow_untrained: bool = False
    training: TrainingDescription | None = None
    sweep: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    where: str = ""

    @property
    def selection(self) -> Selection:
        """Which scenes of its datasets it runs."""
        return Selection(split=self.split, scenes=self.scenes)

    def to_json(self) -> dict[str, Any]:
        """What the file says of the run, as JSON has it."""
        about = {**asdict(self), "own": sorted(self.own)}
        del about["where"]
        found: dict[str, Any] = json.loads(json.dumps(about))
        return found


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What an experiment's file says.

    Parameters
    ----------
    path : Path
    digest : str
        SHA-256 of the file.
    title, description : str
    runs : tuple of RunDescription
    """

    path: Path
    digest: str
    title: str
    description: str
    runs: tuple[RunDescription, ...]

    def choose(self, only: Sequence[str]) -> list[RunDescription]:
        """The runs of these names; all of them if none is given.

        Raises
        ------
        OptionError
        """
        names = [run.name for run in self.runs]
        for name in only:
            if name not in names:
                raise OptionError(
                    f"{self.path.name} has no run {name!r}.{did_you_mean(name, names)} "
                    f"Its runs: {', '.join(names)}"
                )
        return [run for run in self.runs if not only or run.name in only]


def read_experiment(path: str | Path) -> Experiment:
    """Read an experiment's file and check its form; names are looked up when it is run.

    Raises
    ------
    DataError
        If it is not there, or not TOML.
    OptionError
        For an unknown or missing key, or a value of the wrong type; the message names the table.
    """
    path = Path(path)
    data, content = read_toml(path)
    top = {"title": (_TEXT,), "description": (_TEXT,), "defaults": (_TABLE,), "run": ()}
    _check(path.name, data, top)
    defaults = data.get("defaults", {})
    options = _protocol_options()
    known = {**_RUN_KEYS, **dict.fromkeys(options, ())}
    _check(f"{path.name}, [defaults]", defaults, known, without=("name", "description"))
    runs = data.get("run")
    if not (isinstance(runs, list) and runs and all(isinstance(each, dict) for each in runs)):
        raise OptionError(f"{path.name}: there is no [[run]]; write one table [[run]] for each run")
    read = [
        _read_run(f"{path.name}, [[run]] number {number}", each, defaults, options)
        for number, each in enumerate(runs, start=1)
    ]
    names = [run.name for run in read]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise OptionError(f"{path.name}: two runs are named {twice!r}; give one another name")
    return Experiment(
        path=path,
        digest=hashlib.sha256(content).hexdigest(),
        title=data.get("title", path.stem),
        description=data.get("description", ""),
        runs=tuple(read),
    )


def _protocol_options() -> dict[str, Option]:
    """The options of all protocols."""
    return {
        name: option
        for protocol in protocols().values()
        for name, option in declared_options(protocol).items()
    }


def _read_run(
    where: str, own: Mapping[str, Any], defaults: Mapping[str, Any], options: Collection[str]
) -> RunDescription:
    _check(where, own, {**_RUN_KEYS, **dict.fromkeys(options, ())})
    for key in ("name", "components", "dataset"):
        if key not in own and (key == "name" or key not in defaults):
            raise OptionError(f"{where}: the key {key!r} is missing")
    name = own["name"]
    if not re.fullmatch(NAME_PATTERN, name):
        raise OptionError(
            f"{where}: name {name!r} also names a folder; write it in small letters and digits, "
            "with - between words"
        )
    where = f"{where.partition(' number')[0]} {name!r}"
    given = {**defaults, **own}
    training = given.get("training")
    if training is not None and "training" in defaults:
        training = {**defaults["training"], **training}
    if not given["components"]:
        raise OptionError(f"{where}: components is empty")
    optional: dict[str, Any] = {
        key: given[key]
        for key in ("description", "protocol", "split", "allow_untrained")
        if key in given
    }
    if "scenes" in given:
        optional["scenes"] = tuple(given["scenes"])
    if "seeds" in given:
        seeds = given["seeds"]
        optional["seeds"] = seeds if _is(seeds, _INTEGER) else tuple(seeds)
    return RunDescription(
        name=name,
        components=tuple(dict.fromkeys(given["components"])),
        datasets=_several(where, "dataset", given["dataset"]),
        options={key: value for key, value in given.items() if key in options},
        own=frozenset(own),
        perturbations=_several(where, "perturbations", given.get("perturbations", "none")),
        training=None if training is None else _read_training(where, training),
        sweep=_read_sweep(where, given.get("sweep", {})),
        where=where,
        **optional,
    )


def _read_training(where: str, table: Mapping[str, Any]) -> TrainingDescription:
    from hsizoo.training.settings import TrainingSettings

    declared = declared_options(TrainingSettings)
    where = f"{where}, training"
    known: dict[str, tuple[str, ...]] = {"dataset": (_TEXT,), "seeds": (_INTEGER, _INTEGERS)}
    _check(where, table, {**{key: () for key in declared if key != "seed"}, **known})
    settings = {key: value for key, value in table.items() if key not in known}
    try:  # a wrong type or value is said now, with its table
        TrainingSettings(**resolve_options("training", declared, {}, settings))
    except OptionError as error:
        raise OptionError(f"{where}: {error}") from None
    seeds = table.get("seeds", [0])
    try:
        seeds = tuple(seeds_of(seeds))
    except OptionError as error:
        raise OptionError(f"{where}: {error}") from None
    return TrainingDescription(dataset=table.get("dataset", ""), seeds=seeds, settings=settings)


def _read_sweep(where: str, table: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    flat: dict[str, Any] = {}
    for key, value in table.items():  # TOML reads  cnn2d.epochs = …  as a table
        inner = value if isinstance(value, dict) else {"": value}
        flat |= {f"{key}.{name}" if name else key: values for name, values in inner.items()}
    for key, values in flat.items():
        plain = isinstance(values, list) and all(
            isinstance(value, str | int | float | bool) for value in values
        )
        if not plain or not values:
            raise OptionError(
                f"{where}, sweep: {key} must be a list of strings or numbers; got "
                f"{shorten(repr(values))}"
            )
    return {key: tuple(dict.fromkeys(values)) for key, values in flat.items()}


def _several(where: str, key: str, value: str | list[str]) -> tuple[str, ...]:
    if not value:
        raise OptionError(f"{where}: {key} is empty")
    return (value,) if isinstance(value, str) else tuple(dict.fromkeys(value))


def _check(
    where: str,
    table: Mapping[str, Any],
    known: Mapping[str, tuple[str, ...]],
    without: Collection[str] = (),
) -> None:
    """Raise `OptionError` for a key that is not known, or a value of another type."""
    allowed = [key for key in known if key not in without]
    for key, value in table.items():
        if key not in allowed:
            raise OptionError(
                f"{where}: unknown key {shorten(repr(key))}.{did_you_mean(key, allowed)} "
                f"Allowed keys: {', '.join(allowed)}"
            )
        if known[key] and not any(_is(value, kind) for kind in known[key]):
            raise OptionError(
                f"{where}: {key} must be {' or '.join(known[key])}; got {shorten(repr(value))}"
            )


def _is(value: Any, kind: str) -> bool:
    if kind in (_TEXTS, _INTEGERS):
        single = _TEXT if kind == _TEXTS else _INTEGER
        return isinstance(value, list) and all(_is(each, single) for each in value)
    if kind == _INTEGER:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, {_TEXT: str, _FLAG: bool, _TABLE: dict}[kind])

"""Stored runs as one table: their records together, if they were evaluated in the same way."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from hsizoo.engine.cells import Cell
from hsizoo.engine.heads import parse
from hsizoo.engine.records import Records
from hsizoo.engine.store import Store
from hsizoo.errors import DataError, HsizooError, ProtocolError, listed
from hsizoo.interfaces import Protocol
from hsizoo.runs.choose import protocol_class
from hsizoo.runs.listing import cells_of
from hsizoo.runs.stored import open_results
from hsizoo.zoo.names import Name, parse_name

__all__ = ["Gathered", "gather"]

_PLACE = "data_dir"
_DATASET, _PERTURBATION = "dataset", "perturbation"
_NO_PERTURBATION = "none"


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """The records of one or several runs.

    Parameters
    ----------
    protocol : type of Protocol
    name : str
        Full name of the protocol.
    title : str
    folders : list of Path
        The run folders.
    results : list of dict
        Their ``results.json``.
    records : Records
    components, datasets : dict of str to dict
        Identities by the name in the table.
    gone : int
        Number of cells whose records are damaged or were removed.
    stores : list of Store
    """

    protocol: type[Protocol]
    name: str
    title: str
    folders: list[Path]
    results: list[dict[str, Any]]
    records: Records
    components: dict[str, dict[str, Any]]
    datasets: dict[str, dict[str, Any]]
    gone: int = 0
    stores: list[Store] = field(default_factory=list)

    def kept(self, key: str) -> Mapping[str, Any] | None:
        """Look up what a run keeps under a key, for pictures."""
        for store in self.stores:
            if (found := store.masks.load(key)) is not None:
                return found
        return None


@dataclass
class _Run:
    """A stored run, and what its cells are about."""

    name: str
    folder: Path
    results: dict[str, Any]
    store: Store
    cells: list[tuple[Mapping[str, Any], Any]] = field(default_factory=list)
    """Each cell in the results, and its `Head`; None if there is no such record."""
    identities: list[dict[str, Any]] = field(default_factory=list)


class _Stores:
    """Several stores as one that is only read."""

    def __init__(self, stores: Sequence[Store]) -> None:
        self._stores = stores
        self.folder = stores[0].folder

    def load(self, key: str) -> dict[str, Any] | None:
        for store in self._stores:
            if key in store and (record := store.load(key)) is not None:
                return record
        return None


def gather(runs: Sequence[str]) -> Gathered:
    """Read the records of stored runs.

    Parameters
    ----------
    runs : sequence of str
        Run folders, or their paths below ``hsizoo-runs``.

    Raises
    ------
    DataError
        If one is no run, or has no table yet.
    ProtocolError
        If they were evaluated differently; the message says in which respect.
    """
    opened = [_open(run) for run in dict.fromkeys(runs)]
    names = list(dict.fromkeys(run.results["protocol"] for run in opened))
    if len(names) > 1:
        told = ", ".join(f"{run.name}: {run.results['protocol']}" for run in opened)
        raise ProtocolError(
            f"runs of different protocols have no table in common ({told}); make a report of each"
        )
    protocol = protocol_class(names[0])
    if len(opened) > 1:
        _check_equal(opened)
    records, components, datasets, gone = _joined(opened)
    titles = list(dict.fromkeys(str(run.results.get("title", run.name)) for run in opened))
    return Gathered(
        protocol=protocol,
        name=names[0],
        title="; ".join(titles),
        folders=[run.folder for run in opened],
        results=[run.results for run in opened],
        records=records,
        components=components,
        datasets=datasets,
        gone=gone,
        stores=[run.store for run in opened],
    )


def _open(run: str) -> _Run:
    folder, results = open_results(run)
    if not isinstance(results.get("protocol"), str):
        raise DataError(f"{folder} does not say its protocol; run its command again")
    found = _Run(folder.name, folder, results, Store(folder))
    if not (folder / "cells").is_dir() and folder.parent.name == "earlier":
        found.store = Store(folder.parent.parent)  # tables that were set aside
    parts: dict[bytes, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is damaged is counted
        for cell in cells_of(results):
            head = found.store.head(str(cell["key"])) if cell.get("key") else None
            found.cells.append((cell, head))
            known = dict(cell.get("identity") or {})
            if head is not None and head.has_identity:
                known = _identity(head.identity, parts)
                head.identity = b""  # of 10⁵ cells, a fifth of a gigabyte
            found.identities.append(known)
    return found


def _identity(raw: bytes, parts: dict[bytes, Any]) -> dict[str, Any]:
    """An identity, whose parts are shared with those that were read before."""
    found = {}
    for key, part in msgspec.json.decode(raw, type=dict[str, msgspec.Raw]).items():
        text = bytes(part)
        if text not in parts:
            parts[text] = parse(text)
        found[key] = parts[text]
    return found


def _check_equal(runs: Sequence[_Run]) -> None:
    """Raise `ProtocolError` unless the runs differ in components, or in datasets, only."""
    found = [(run, _evaluations(run)) for run in runs]
    for place, (run, mine) in enumerate(found):
        for other, theirs in found[place + 1 :]:
            if respect := _apart(mine.settings, theirs.settings):
                key, one, two = respect
                raise ProtocolError(
                    f"{run.folder} and {other.folder} were evaluated differently: {key} is {one} "
                    f"in the first and {two} in the second; make a report of each, or run one "
                    "again with the settings of the other"
                )
            _check_scenes(run, mine, other, theirs)


@dataclass
class _Evaluations:
    """How the cells of a run were evaluated."""

    settings: list[dict[str, Any]] = field(default_factory=list)
    scenes: dict[str, dict[str, str]] = field(default_factory=dict)
    """Dataset, scene and version of its data."""
    seeds: dict[str, set[str]] = field(default_factory=dict)


def _evaluations(run: _Run) -> _Evaluations:
    found = _Evaluations()
    texts: dict[int, str] = {}  # the parts of identities are shared by the cells of a run

    def text_of(part: Any) -> str:
        if id(part) not in texts:
            texts[id(part)] = json.dumps(part, sort_keys=True)
        return texts[id(part)]

    known: dict[str, None] = {}
    for identity in run.identities:
        settings = identity.get("protocol")
        if not isinstance(settings, dict):
            continue
        if text_of(settings) not in known:
            known[text_of(settings)] = None
            found.settings.append(settings)
        dataset = _dataset_name(run, identity)
        version = text_of(identity.get("dataset"))
        found.scenes.setdefault(dataset, {})[str(identity.get("scene"))] = version
        found.seeds.setdefault(dataset, set()).add(str(identity.get("seed")))
    return found


def _apart(
    one: Sequence[Mapping[str, Any]], two: Sequence[Mapping[str, Any]]
) -> tuple[str, str, str] | None:
    """The first key whose values differ, and these values; None if none does."""
    keys = dict.fromkeys(key for each in (*one, *two) for key in each)
    for key in keys:
        values = [
            sorted({json.dumps(each.get(key), sort_keys=True) for each in mine})
            for mine in (one, two)
        ]
        if values[0] != values[1]:
            return key, *(_in_words(each) for each in values)  # type: ignore[return-value]
    return None


def _in_words(values: Sequence[str]) -> str:
    words = []
    for value in values:
        parsed = json.loads(value)
        if isinstance(parsed, dict):
            parsed = ", ".join(f"{key}={each}" for key, each in parsed.items())
        words.append(str(parsed))
    return " and ".join(words) or "nothing"


def _check_scenes(run: _Run, one: _Evaluations, other: _Run, two: _Evaluations) -> None:
    for dataset in one.scenes.keys() & two.scenes.keys():
        mine, theirs = one.scenes[dataset], two.scenes[dataset]
        where = f"{run.folder} and {other.folder} were evaluated on"
        if mine.keys() != theirs.keys():
            only = listed(sorted(mine.keys() ^ theirs.keys()), 3)
            raise ProtocolError(
                f"{where} different scenes of {dataset}: {len(mine)} and {len(theirs)}, only one "
                f"has {only}; run one again on the scenes of the other"
            )
        if changed := [scene for scene in mine if mine[scene] != theirs[scene]]:
            raise ProtocolError(
                f"{where} different data: the options or the files of {dataset} are not the same "
                f"for {listed(changed, 3)}; run one again"
            )
        if one.seeds[dataset] != two.seeds[dataset]:
            counts = f"{len(one.seeds[dataset])} and {len(two.seeds[dataset])}"
            raise ProtocolError(
                f"{where} different seeds of {dataset}: {counts}; run one again with the --seeds "
                "of the other, stored cells are used again"
            )


def _dataset_name(run: _Run, identity: Mapping[str, Any]) -> str:
    """What the user calls the dataset of a cell."""
    named = run.results.get("datasets")
    if isinstance(named, list) and len(named) == 1:
        return _without_place(str(named[0]))
    dataset = identity.get("dataset")
    if isinstance(dataset, Mapping):
        return str(dataset.get("component", "")).removeprefix("hsizoo/")
    return str(dataset)


def _without_place(text: str) -> str:
    """The name of a dataset without where its files are: that is no part of what it is."""
    try:
        name = parse_name(text)
    except HsizooError:
        return text
    options = {key: value for key, value in name.options.items() if key != _PLACE}
    return str(Name(name.base, name.dist, options)) if _PLACE in name.options else text


def _joined(
    runs: Sequence[_Run],
) -> tuple[Records, dict[str, dict[str, Any]], dict[str, dict[str, Any]], int]:
    records = Records(_Stores([run.store for run in runs]))  # type: ignore[arg-type]
    components: dict[str, dict[str, Any]] = {}
    datasets: dict[str, dict[str, Any]] = {}
    gone = 0
    rows = _Rows(runs)
    for run in runs:
        for (cell, head), identity in zip(run.cells, run.identities, strict=True):
            row = rows.of(run, cell, identity)
            if row is None:
                continue
            if head is None and cell.get("key"):
                gone += 1
                continue
            component, dataset = identity.get("component"), identity.get("dataset")
            if isinstance(component, dict):
                components.setdefault(row["label"], component)
            if isinstance(dataset, dict):
                datasets.setdefault(_dataset_name(run, identity), dataset)
            if head is None:  # of what could not even be tried
                records.append({**cell, **row})
                continue
            known = Cell(identity, {"row": row}, "")
            vars(known)["key"] = str(cell["key"])  # it need not be worked out
            records.add(known, head)
    return records, components, datasets, gone


class _Rows:
    """Which row of the common table a cell belongs to."""

    def __init__(self, runs: Sequence[_Run]) -> None:
        self._several = len(runs) > 1
        names = {_dataset_name(run, each) for run in runs for each in run.identities}
        asked = any(
            _DATASET in (cell.get("conditions") or {}) for run in runs for cell, _ in run.cells
        )
        self._with_dataset = self._several and len(names) > 1 and not asked
        self._perturbed = any(
            (cell.get("conditions") or {}).get(_PERTURBATION)
            for run in runs
            for cell, _ in run.cells
        )
        self._taken: dict[str, str] = {}  # component by label and conditions
        self._seen: set[str] = set()

    def of(
        self, run: _Run, cell: Mapping[str, Any], identity: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """The row of a cell; None if another run has given the same cell."""
        conditions = dict(cell.get("conditions") or {})
        row = {
            "label": str(cell.get("label", "")),
            "conditions": conditions,
            "training_seed": cell.get("training_seed"),
        }
        if not self._several:
            return row
        if self._with_dataset:
            conditions[_DATASET] = _dataset_name(run, identity)
        if self._perturbed:
            conditions.setdefault(_PERTURBATION, _NO_PERTURBATION)
        known = f"{row['label']} {json.dumps(conditions, sort_keys=True)}"
        component = json.dumps(identity.get("component"), sort_keys=True)
        # One name may stand for two things: options or weights that differ.
        if self._taken.setdefault(known, component) != component:
            row["label"] = f"{row['label']} (run {run.name})"
        key = f"{cell.get('key')} {row['label']} {json.dumps(conditions, sort_keys=True)}"
        if cell.get("key") and key in self._seen:
            return None
        self._seen.add(key)
        return row

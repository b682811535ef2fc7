"""How long cells take: from the records of earlier runs, else a guess."""

from __future__ import annotations

import json
import statistics
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hsizoo.engine.cells import Cell
from hsizoo.engine.heads import Head
from hsizoo.engine.store import Store
from hsizoo.errors import StoreError

__all__ = ["Basis", "CellTime", "Timings", "earlier_records"]

Basis = Literal["this data", "other data", "guess"]
"""Where the time of a cell comes from: cells of the same dataset, of another one, or a guess."""

_MOST_RECORDS = 300  # that are read of each earlier run folder

# Seconds on a cube of 480 × 640 × 100, from benchmarks/results: samsa2-small and a spectral scorer,
# and the simulated user with its metrics, which run on the processor in either case.
_ENCODING = {"cpu": 2.9, "gpu": 0.02}
_PREDICTION = {"cpu": 0.09, "gpu": 0.005}
_SCORING = {"cpu": 0.02, "gpu": 0.002}
_JUDGING = 0.015
_READING = 0.04


@dataclass(frozen=True, kw_only=True)
class CellTime:
    """What is known of the time of a cell.

    Parameters
    ----------
    seconds : float
        Of a further cell, when its component is built.
    basis : Basis
    cells : int
        Number of records behind it.
    """

    seconds: float
    basis: Basis
    cells: int


class Timings:
    """Seconds of cells by component, protocol and dataset.

    Parameters
    ----------
    records : iterable of mapping
        Finished cells.  The first of a component in a process also builds it, so the median of
        all is what counts.
    device : str
        Records that were made on another kind of device do not count.
    """

    def __init__(self, records: Iterable[Mapping[str, Any]], device: str) -> None:
        self._device = "cpu" if device == "cpu" else "gpu"
        self._seconds: dict[tuple[str, ...], list[float]] = defaultdict(list)
        for record in records:
            if not _is_timed(record) or not self._is_comparable(record):
                continue
            component, protocol, dataset = _about(record["identity"])
            self._seconds[component, protocol, dataset].append(record["seconds"])
            self._seconds[component, protocol].append(record["seconds"])

    def _is_comparable(self, record: Mapping[str, Any]) -> bool:
        provenance = record.get("provenance")
        on_cpu = isinstance(provenance, dict) and provenance.get("device") == "cpu"
        return on_cpu == (self._device == "cpu")

    def of(self, cell: Cell, predictions: float, *, encodes: bool) -> CellTime:
        """Return how long a cell takes.

        Parameters
        ----------
        cell : Cell
        predictions : float
            Number of predictions, for the guess.
        encodes : bool
            Whether its component starts from published weights, for the guess.
        """
        component, protocol, dataset = _about(cell.identity)
        bases: tuple[tuple[Basis, tuple[str, ...]], ...] = (
            ("this data", (component, protocol, dataset)),
            ("other data", (component, protocol)),
        )
        for basis, key in bases:
            if found := self._seconds.get(key):
                seconds = statistics.median(found)
                return CellTime(seconds=seconds, basis=basis, cells=len(found))
        each = (_PREDICTION if encodes else _SCORING)[self._device] + _JUDGING
        once = _READING + (_ENCODING[self._device] if encodes else 0.0)
        return CellTime(seconds=once + each * predictions, basis="guess", cells=0)


def earlier_records(folders: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Yield finished cells of run folders, some of each; nothing is written."""
    for folder in dict.fromkeys(folders):
        store = Store(folder)
        try:
            keys = store.stored()[:_MOST_RECORDS]
        except StoreError:
            continue
        for key in keys:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what is damaged is not computed anew here
                record = store.load(key)
            if record is not None and _is_finished(record):
                yield record


def _is_finished(record: Mapping[str, Any]) -> bool:
    head = Head.of(record)
    return head.status == "done" and not head.fault()


def _is_timed(record: Mapping[str, Any]) -> bool:
    """Whether a record says how long its cell took; those of earlier versions have no digest."""
    seconds = record.get("seconds")
    is_number = isinstance(seconds, int | float) and seconds >= 0
    return record.get("status") == "done" and isinstance(record.get("identity"), dict) and is_number


def _about(identity: Mapping[str, Any]) -> tuple[str, str, str]:
    """Component, protocol and dataset; the dataset without its version, which changes no time."""
    dataset = identity.get("dataset")
    if isinstance(dataset, dict):
        dataset = {key: value for key, value in dataset.items() if key != "data_version"}
    parts = (identity.get("component"), identity.get("protocol"), dataset)
    component, protocol, where = (json.dumps(each, sort_keys=True) for each in parts)
    return component, protocol, where

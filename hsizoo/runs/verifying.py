"""Verify finished cells: computed once more in a fresh process, they must come out the same."""

from __future__ import annotations

import datetime
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from hsizoo.engine.cells import Cell
from hsizoo.engine.executors import FreshProcesses, Outcome, Work
from hsizoo.engine.heads import Head
from hsizoo.engine.records import Records
from hsizoo.engine.store import Store
from hsizoo.interfaces import Protocol, Record

__all__ = ["verify_cells"]

_TOLERANCE: Final = 1e-4  # rounding that depends on the number of threads may flip a pixel
_NOT_COMPARED: Final = ("s", "MB")
_NO_VERDICT: Final = ("WorkerDied", "MemoryError", "OutOfMemoryError")  # the machine's, perhaps


def verify_cells(
    store: Store,
    cells: Sequence[Cell],
    records: Records,
    work: Work,
    device: str,
    protocol: type[Protocol],
    count: int,
) -> int:
    """Compute some finished cells once more and compare their values.

    Parameters
    ----------
    store : Store
        Held for writing.  A record that differs is stored as failed, so that it enters no table and
        the next run computes it anew.
    cells : sequence of Cell
    records : Records
        One per cell, with its row in this run; those that differ are told what they have come to.
    work : Work
    device : str
    protocol : type of Protocol
    count : int
        Number of cells, drawn at random; all if there are fewer.

    Returns
    -------
    int
        Number of cells that came out the same.

    Warns
    -----
    UserWarning
        If the process of a cell died, or had too little memory; its record stays as it is.
    """
    places: dict[str, list[int]] = {}  # two names may refer to the same component
    for place, mark in enumerate(records.marks()):
        if mark.status == "done":
            places.setdefault(mark.key, []).append(place)
    keys = list(places)
    drawn = np.random.default_rng().permutation(len(keys))[:count]
    stored = {keys[each]: records[places[keys[each]][0]] for each in sorted(drawn)}
    wanted = [_told(cells[places[key][0]], record) for key, record in stored.items()]
    same = 0
    for outcome in FreshProcesses(device).run(wanted, work):
        key = outcome.cell.key
        if (outcome.error or {}).get("type") in _NO_VERDICT:
            what = (outcome.error or {}).get("message")
            warnings.warn(f"{outcome.cell.label} could not be verified: {what}", stacklevel=2)
            continue
        fault = _fault(protocol, outcome.cell, stored[key], outcome)
        if not fault:
            same += 1
            continue
        record = _failed(outcome.cell, stored[key], fault)
        store.save(key, record)
        for place in places[key]:
            records.tell(place, Head.of(record), record)
    return same


def _told(cell: Cell, record: Record) -> Cell:
    """The cell, whose job says what digests its scene had."""
    job = {**cell.job, "digests": record["digests"]} if record.get("digests") else cell.job
    return Cell(cell.identity, job, cell.label, cell.image, cell.values)


def _fault(protocol: type[Protocol], cell: Cell, stored: Record, outcome: Outcome) -> str:
    """Say how a cell came out differently; empty if it did not."""
    if outcome.error is not None:
        return f"fails: {outcome.error['message']}"
    again = {**stored, **(outcome.result or {}), **cell.job["row"]}
    try:
        before, after = dict(_values(protocol, stored)), dict(_values(protocol, again))
    except Exception as error:  # noqa: BLE001 (what a plugin makes of a record)
        return f"cannot be read by protocol {protocol.name}: {type(error).__name__}: {error}"
    for what in dict.fromkeys((*before, *after)):
        one, other = before.get(what, math.nan), after.get(what, math.nan)
        if not (
            abs(one - other) <= _TOLERANCE * max(1.0, abs(one)) or (one != one and other != other)
        ):
            return f"has {what[1]} {other:.6g} for {what[0]}, and was stored with {one:.6g}"
    return ""


def _values(protocol: type[Protocol], record: Record) -> Iterator[tuple[tuple[str, str], float]]:
    """What tables are made of, but for times and memory: a value by its object and its column."""
    spent = {column.name for column in protocol.columns if column.unit in _NOT_COMPARED}
    (observations,) = protocol.observe([record])
    for number, each in enumerate(observations):
        for name, value in each.values.items():
            if name not in spent:
                yield (f"{each.label} ({number + 1})", name), float(value)
    for name, measured in protocol.measures(record).items():
        if name not in spent:
            yield ("the cell", name), math.nan if measured is None else float(measured)


def _failed(cell: Cell, stored: Mapping[str, Any], fault: str) -> dict[str, Any]:
    """The record of a cell that came out differently."""
    error = {
        "type": "ContractError",
        "message": f"computed once more in a process of its own, this cell {fault}.  The component "
        "depends on what was computed before, or on chance: `hsizoo check` tells which",
        "where": "",
        "traceback": "",
    }
    return {
        "status": "failed",
        "key": cell.key,
        "identity": dict(cell.identity),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seconds": stored["seconds"],
        "error": error,
    }

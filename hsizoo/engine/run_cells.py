"""Run the cells that are due, and store each result at once."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from hsizoo.engine.cells import Cell
from hsizoo.engine.executors import Executor, Outcome, Work
from hsizoo.engine.store import Store
from hsizoo.errors import OptionError

__all__ = ["Overwrite", "RunEvents", "check_run_options", "is_due", "made_with", "run_cells"]

Overwrite = Literal["never", "failed", "always"]
"""Which stored cells to recompute: none, the failed ones, or all."""


@dataclass
class RunEvents:
    """Callbacks that report the progress of a run, for example to the command line.

    ``reading`` is called while files that are not known yet are read for their digests, with the
    MiB read and their total.
    """

    planned: Callable[[Sequence[Cell], int], None] = lambda cells, reused: None
    progress: Callable[[Cell, int, int], None] = lambda cell, done, total: None
    finished: Callable[[Cell, Mapping[str, Any]], None] = lambda cell, record: None
    reading: Callable[[int, int], None] = lambda done, total: None


def check_run_options(jobs: int, overwrite: str) -> None:
    """Raise `OptionError` if one of them is invalid."""
    if jobs < 1:
        raise OptionError(f"jobs must be at least 1; got {jobs}")
    if overwrite not in (choices := ("never", "failed", "always")):
        raise OptionError(f"overwrite must be one of {', '.join(choices)}; got {overwrite!r}")


def run_cells(
    store: Store,
    cells: Sequence[Cell],
    work: Work,
    executor: Executor,
    *,
    overwrite: Overwrite,
    events: RunEvents,
    before: Callable[[Sequence[Cell]], None],
    fault_of: Callable[[Mapping[str, Any]], str] = lambda record: "",
) -> list[dict[str, Any]]:
    """Compute the cells that are due and store each result at once.

    Parameters
    ----------
    store : Store
        Entered, so that it is locked for writing.
    cells : sequence of Cell
    work : Work
    executor : Executor
    overwrite : {"failed", "never", "always"}
    events : RunEvents
    before : callable
        Called with the cells that are due before anything is computed, to detect errors early.
    fault_of : callable, optional
        Called with a record that is done; returns why it cannot be in a table, or an empty text.
        A new record with a fault is stored as failed.  A stored one is computed anew; it is looked
        at only if it has no digest, as those of earlier versions, since others were looked at when
        they were new.

    Returns
    -------
    list of dict
        One record per cell, in order, with its row in this run; a stored cell may be in rows of
        other runs too.
    """
    records = store.load_all(cell.key for cell in cells)
    for cell in cells:
        stored = records[cell.key]
        if stored is not None and (fault := _stored_fault(cell, stored, fault_of)):
            store.reject(cell.key, fault)
            records[cell.key] = None
    read = _Read()
    for key in read.take_in(cells, records, overwrite):
        store.reject(key, "is of other values than other cells of its scene")
        records[key] = None
    # By key, since two names may refer to the same component.
    due = {cell.key: cell for cell in cells if is_due(records[cell.key], overwrite)}
    waiting = [read.told(cell) for cell in due.values()]
    before(waiting)
    events.planned(waiting, len(records) - len(waiting))
    for outcome in executor.run(waiting, work, events.progress):
        due.pop(outcome.cell.key, None)
        record = _record(outcome)
        if record["status"] == "done" and (error := _refused(outcome.cell, record, read, fault_of)):
            record = _record(replace(outcome, result=None, error=error))
        store.save(outcome.cell.key, record)
        records[outcome.cell.key] = record
        events.finished(outcome.cell, record)
    for key, cell in due.items():  # an executor that breaks its contract; nothing is stored
        error = _error(f"{type(executor).__name__} returned no outcome for this cell")
        records[key] = _record(Outcome(cell, None, error, 0.0))
    return [{**(records[cell.key] or {}), **cell.job["row"]} for cell in cells]


def made_with(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cell's entry in results.json: its identity and provenance, without figures."""
    kept = ("label", "conditions", "training_seed", "key", "status", "identity", "provenance",
            "error")  # fmt: skip
    about = {key: record[key] for key in kept if key in record}
    resolved = (record.get("result") or {}).get("resolved")
    return {**about, "resolved": resolved} if resolved else about


class _Read:
    """Digests of what cells were computed on: cells of one scene must have read the same values."""

    def __init__(self) -> None:
        self._digests: dict[str, Any] = {}

    def take_in(
        self,
        cells: Sequence[Cell],
        records: Mapping[str, Mapping[str, Any] | None],
        overwrite: Overwrite,
    ) -> list[str]:
        """Take in the stored records that are used again.

        Returns
        -------
        list of str
            Keys of those that do not fit together: nobody knows which of them are right.
        """
        used = [cell for cell in cells if not is_due(records[cell.key], overwrite)]
        apart = {cell.values for cell in used if not self.fits(cell, records[cell.key] or {})}
        for values in apart:
            del self._digests[values]
        return list(dict.fromkeys(cell.key for cell in used if cell.values in apart))

    def fits(self, cell: Cell, record: Mapping[str, Any]) -> bool:
        """Whether a record is of the same values as all others; the first one sets the measure."""
        digests = record.get("digests")
        if not cell.values or not digests:
            return True
        return bool(self._digests.setdefault(cell.values, digests) == digests)

    def told(self, cell: Cell) -> Cell:
        """The cell, whose job says what digests its scene must have, where that is known."""
        known = self._digests.get(cell.values)
        return replace(cell, job={**cell.job, "digests": known}) if known else cell


def _structure(record: Mapping[str, Any]) -> str:
    """What a stored record lacks that everything after relies on."""
    identity, status = record.get("identity"), record.get("status")
    if not isinstance(identity, dict):
        return "does not say what it is about"
    if status == "done":
        result = record.get("result")
        return "" if isinstance(result, dict) and result else "has no result"
    if status == "failed":
        error = record.get("error")
        told = isinstance(error, dict) and {"type", "message"} <= error.keys()
        return "" if told else "does not say why its cell failed"
    return "is neither done nor failed"


def _stored_fault(
    cell: Cell, record: Mapping[str, Any], fault_of: Callable[[Mapping[str, Any]], str]
) -> str:
    fault = _structure(record)
    if fault or record["status"] != "done" or "digest" in record:
        return fault
    return fault_of({**record, **cell.job["row"]})


def _refused(
    cell: Cell,
    record: Mapping[str, Any],
    read: _Read,
    fault_of: Callable[[Mapping[str, Any]], str],
) -> dict[str, str] | None:
    """The error of a new record that must not enter a table."""
    if fault := _structure(record) or fault_of({**record, **cell.job["row"]}):
        return _error(f"the record of this cell {fault}")
    if not read.fits(cell, record):
        return _error(
            "this cell was computed on other values than other cells of its scene: the files "
            "changed in between; compute all of them anew with --overwrite always",
            "DataError",
        )
    return None


def _error(message: str, kind: str = "ContractError") -> dict[str, str]:
    return {"type": kind, "message": message, "where": "", "traceback": ""}


def is_due(record: Mapping[str, Any] | None, overwrite: Overwrite) -> bool:
    """Whether a cell with this stored record, or none, has to be computed."""
    status = (record or {}).get("status")
    if status not in ("done", "failed") or overwrite == "always":
        return True
    return overwrite == "failed" and status == "failed"


def _record(outcome: Outcome) -> dict[str, Any]:
    """Build the stored record of a cell."""
    about = {
        "key": outcome.cell.key,
        "identity": dict(outcome.cell.identity),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seconds": outcome.seconds,
    }
    if outcome.error is not None:
        return {"status": "failed", **about, "error": outcome.error}
    assert outcome.result is not None
    return {"status": "done", **about, **outcome.result}

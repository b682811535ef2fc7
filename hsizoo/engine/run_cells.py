"""Run the cells that are due, and store each result at once."""

from __future__ import annotations

import datetime
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from hsizoo.engine.cells import Cell
from hsizoo.engine.executors import Executor, Outcome, Work
from hsizoo.engine.heads import Head
from hsizoo.engine.mask_log import image_key
from hsizoo.engine.records import Records
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
) -> Records:
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
    Records
        One record per cell, in order, with its row in this run; a stored cell may be in rows of
        other runs too.
    """
    records, read = Records(store), _Read()
    wanted = bytearray(len(cells))
    for place, cell in enumerate(cells):
        head = _sound(store, cell, fault_of)
        wanted[place] = is_due(head and head.status, overwrite)
        records.add(cell, None if wanted[place] else head)
        if head is not None and not wanted[place]:
            read.take_in(cell, head.digests)
    for place, cell in enumerate(cells if read.apart else ()):
        if not wanted[place] and cell.values in read.apart:
            store.reject(cell.key, "is of other values than other cells of its scene")
            wanted[place] = True
    read.forget_apart()
    # By key, since two names may refer to the same component.
    places: dict[str, list[int]] = {}
    for place in itertools.compress(range(len(cells)), wanted):
        places.setdefault(cells[place].key, []).append(place)
    waiting = [read.told(cells[mine[-1]]) for mine in places.values()]
    before(waiting)
    events.planned(waiting, len({cell.key for cell in cells}) - len(waiting))

    def keep(outcome: Outcome, record: dict[str, Any], *, stored: bool = True) -> None:
        for place in places.pop(outcome.cell.key, ()):
            records.tell(place, Head.of(record), None if stored else record)

    for outcome in executor.run(waiting, work, events.progress):
        _keep(store, outcome)
        record = _record(outcome)
        if record["status"] == "done" and (error := _refused(outcome.cell, record, read, fault_of)):
            record = _record(replace(outcome, result=None, error=error))
        store.save(outcome.cell.key, record)
        keep(outcome, record)
        events.finished(outcome.cell, record)
    for mine in list(places.values()):  # an executor that breaks its contract; nothing is stored
        error = _error(f"{type(executor).__name__} returned no outcome for this cell")
        outcome = Outcome(cells[mine[0]], None, error, 0.0)
        keep(outcome, _record(outcome), stored=False)
    records.settle()
    return records


def _keep(store: Store, outcome: Outcome) -> None:
    """Keep image and masks of a cell for pictures, before its record says that it is done."""
    kept = (outcome.result or {}).get("kept")
    if not isinstance(kept, Mapping):
        return
    if image := kept.get("image"):
        store.masks.keep(image_key(outcome.cell.identity), image, once=True)
    if masks := kept.get("masks"):
        store.masks.keep(outcome.cell.key, masks)


def _sound(store: Store, cell: Cell, fault_of: Callable[[Mapping[str, Any]], str]) -> Head | None:
    """What is stored of a cell, if it can be used."""
    head = store.head(cell.key)
    if head is None:
        return None
    fault = head.fault()
    if not fault and head.status == "done" and not head.is_sealed:
        fault = fault_of({**(store.load(cell.key) or {}), **cell.job["row"]})
    if fault:
        store.reject(cell.key, fault)
        return None
    return head


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
        self._digests: dict[str, str] = {}
        self.apart: set[str] = set()
        """The ``values`` of cells whose records do not fit together."""

    def take_in(self, cell: Cell, digests: Any) -> None:
        """Take in a stored record that is used again."""
        if not self.fits(cell, digests):
            self.apart.add(cell.values)

    def forget_apart(self) -> None:
        """Forget the scenes whose records do not fit together: nobody knows which are right."""
        for values in self.apart:
            del self._digests[values]

    def fits(self, cell: Cell, digests: Any) -> bool:
        """Whether a record is of the same values as all others; the first one sets the measure."""
        if not cell.values or not digests:
            return True
        text = json.dumps(digests, sort_keys=True)  # takes half the memory of a dictionary
        return self._digests.setdefault(cell.values, text) == text

    def told(self, cell: Cell) -> Cell:
        """The cell, whose job says what digests its scene must have, where that is known."""
        known = self._digests.get(cell.values)
        if not known:
            return cell
        job = {**cell.job, "digests": json.loads(known)}
        return Cell(cell.identity, job, cell.label, cell.image, cell.values)


def _refused(
    cell: Cell,
    record: Mapping[str, Any],
    read: _Read,
    fault_of: Callable[[Mapping[str, Any]], str],
) -> dict[str, str] | None:
    """The error of a new record that must not enter a table."""
    if fault := Head.of(record).fault() or fault_of({**record, **cell.job["row"]}):
        return _error(f"the record of this cell {fault}")
    if not read.fits(cell, record.get("digests")):
        return _error(
            "this cell was computed on other values than other cells of its scene: the files "
            "changed in between; compute all of them anew with --overwrite always",
            "DataError",
        )
    return None


def _error(message: str, kind: str = "ContractError") -> dict[str, str]:
    return {"type": kind, "message": message, "where": "", "traceback": ""}


def is_due(status: Any, overwrite: Overwrite) -> bool:
    """Whether a cell with a stored record of this status, or none, has to be computed."""
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
    result = {key: value for key, value in outcome.result.items() if key != "kept"}
    return {"status": "done", **about, **result}

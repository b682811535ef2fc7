"""Run the cells that are due, and store each result at once."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
    """Callbacks that report the progress of a run, for example to the command line."""

    planned: Callable[[Sequence[Cell], int], None] = lambda cells, reused: None
    progress: Callable[[Cell, int, int], None] = lambda cell, done, total: None
    finished: Callable[[Cell, Mapping[str, Any]], None] = lambda cell, record: None


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

    Returns
    -------
    list of dict
        One record per cell, in order, with its row in this run; a stored cell may be in rows of
        other runs too.
    """
    records = store.load_all(cell.key for cell in cells)
    # By key, since two names may refer to the same component.
    due = {cell.key: cell for cell in cells if is_due(records[cell.key], overwrite)}
    waiting = list(due.values())
    before(waiting)
    events.planned(waiting, len(records) - len(waiting))
    for outcome in executor.run(waiting, work, events.progress):
        due.pop(outcome.cell.key, None)
        record = _record(outcome)
        store.save(outcome.cell.key, record)
        records[outcome.cell.key] = record
        events.finished(outcome.cell, record)
    for key, cell in due.items():  # an executor that breaks its contract; nothing is stored
        message = f"{type(executor).__name__} returned no outcome for this cell"
        error = {"type": "ContractError", "message": message, "where": "", "traceback": ""}
        records[key] = _record(Outcome(cell, None, error, 0.0))
    return [{**(records[cell.key] or {}), **cell.job["row"]} for cell in cells]


def made_with(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cell's entry in results.json: its identity and provenance, without figures."""
    kept = ("label", "conditions", "training_seed", "key", "status", "identity", "provenance",
            "error")  # fmt: skip
    about = {key: record[key] for key in kept if key in record}
    resolved = (record.get("result") or {}).get("resolved")
    return {**about, "resolved": resolved} if resolved else about


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

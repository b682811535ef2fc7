"""One cell in this process: its result, or what it raised."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from hsizoo.engine.cells import Cell
from hsizoo.engine.executors.base import Outcome, Work
from hsizoo.engine.logs import LONGEST_RECORD
from hsizoo.errors import ContractError, HsizooError

__all__ = ["attempt"]

_ABOUT = 2**20  # bytes for what a record has beside the result of its cell


def attempt(cell: Cell, work: Work, device: str, progress: Callable[[int, int], None]) -> Outcome:
    """Compute a cell in this process; what it raises is its outcome."""
    began = time.perf_counter()
    result, error = None, None
    try:
        result = work({**cell.job, "device": device}, progress)
        # Fail this cell if the store cannot hold its result.
        size = len(json.dumps(result, allow_nan=False))
        if size > LONGEST_RECORD - _ABOUT:
            raise ContractError(
                f"the result of this cell is too long: {size} bytes as JSON, of at most "
                f"{LONGEST_RECORD - _ABOUT}; return figures, and no arrays of the size of the cube"
            )
    # SystemExit too: a component that calls sys.exit() must not end the run.
    except (Exception, SystemExit) as problem:  # noqa: BLE001
        result = None
        error = {
            "type": type(problem).__name__,
            "message": str(problem) or repr(problem),
            "where": _where(problem),
            "traceback": _traceback(problem),
        }
    return Outcome(cell, result, error, time.perf_counter() - began)


def _traceback(problem: BaseException) -> str:
    """For the author of a component; the messages of hsizoo's own errors suffice."""
    if not isinstance(problem, HsizooError):
        return traceback.format_exc()
    cause = problem.__cause__ if isinstance(problem, ContractError) else None
    return "" if cause is None else "".join(traceback.format_exception(cause))


def _where(problem: BaseException) -> str:
    """``file.py:12`` of the line that raised; empty for hsizoo's own errors."""
    frames = traceback.extract_tb(problem.__traceback__)
    if isinstance(problem, HsizooError) or not frames:
        return ""
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"

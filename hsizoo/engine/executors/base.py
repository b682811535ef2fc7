"""`Executor`: where cells are computed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hsizoo.engine.cells import Cell

__all__ = ["Executor", "OnProgress", "Outcome", "Work", "ignore_progress"]

OnProgress = Callable[[Cell, int, int], None]
"""Called with a cell, the steps done, and the steps in all."""


class Work(Protocol):
    """Computes jobs.

    It is pickled for each worker, which keeps its copy from cell to cell: what is made of an image
    or a model can be kept in it.
    """

    def __call__(
        self, job: Mapping[str, Any], progress: Callable[[int, int], None], /
    ) -> dict[str, Any]:
        """Compute one job and call `progress` with the steps done and the steps in all."""


@dataclass(frozen=True)
class Outcome:
    """What became of a cell: its result, or the error that ended it.

    Parameters
    ----------
    cell : Cell
    result : dict or None
        What `Work` returned.
    error : dict of str to str, or None
        ``type``, ``message``, ``where`` (file and line, may be empty) and ``traceback`` (may be
        empty).
    seconds : float
    """

    cell: Cell
    result: dict[str, Any] | None
    error: dict[str, str] | None
    seconds: float


def ignore_progress(cell: Cell, done: int, total: int) -> None:
    """Do nothing with progress."""


class Executor(ABC):
    """Computes cells somewhere: here, in processes, on a cluster."""

    @abstractmethod
    def run(
        self, cells: Sequence[Cell], work: Work, on_progress: OnProgress = ignore_progress
    ) -> Iterator[Outcome]:
        """Compute cells and yield each outcome as soon as it is there.

        Parameters
        ----------
        cells : sequence of Cell
            Those of one `Cell.affinity` are best computed by one worker, in their order.
        work : callable
            Called with ``cell.job`` and the entry ``device``.
        on_progress : callable, optional

        Yields
        ------
        Outcome
            One for each cell, in the order of completion.  An exception in a cell is an outcome
            with an error, and so is the death of its worker.
        """

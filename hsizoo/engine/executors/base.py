"""`Executor`: the interface of executors, which compute cells."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from hsizoo.engine.cells import Cell
from hsizoo.weights.sent import SentWeights

__all__ = [
    "CarryingWork",
    "DependentWork",
    "Executor",
    "OnProgress",
    "Outcome",
    "Work",
    "ignore_progress",
]

OnProgress = Callable[[Cell, int, int], None]
"""Called with a cell, the number of steps done, and the total number of steps."""


class Work(Protocol):
    """Callable that computes jobs.

    It is pickled for each worker, which keeps its copy for all cells, so images and models can be
    cached in it.
    """

    def __call__(
        self, job: Mapping[str, Any], progress: Callable[[int, int], None], /
    ) -> dict[str, Any]:
        """Compute one job; call `progress` with the number of steps done and their total."""


@runtime_checkable
class DependentWork(Protocol):
    """`Work` that can say what it depends on, so that other machines can be compared with this."""

    def depends(self, jobs: Sequence[Mapping[str, Any]]) -> Callable[[], dict[str, str]]:
        """Return what says, on the machine where it is called, what the jobs find there.

        It is pickled.  It returns an identity, or what is missing, by name.
        """


@runtime_checkable
class CarryingWork(Protocol):
    """`Work` that can say which trained weights its jobs name, so that they can be sent."""

    def weights(self, jobs: Sequence[Mapping[str, Any]]) -> Sequence[SentWeights]:
        """Return the weights that the jobs name by a path of this machine."""


@dataclass(frozen=True)
class Outcome:
    """Outcome of a cell: its result, or the error that ended it.

    Parameters
    ----------
    cell : Cell
    result : dict or None
        Return value of `Work`.
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
    """Ignore progress."""


class Executor(ABC):
    """Computes cells: in this process, in worker processes, or on a cluster."""

    @abstractmethod
    def run(
        self, cells: Sequence[Cell], work: Work, on_progress: OnProgress = ignore_progress
    ) -> Iterator[Outcome]:
        """Compute cells and yield each outcome as soon as it is available.

        Parameters
        ----------
        cells : sequence of Cell
            Cells with the same `Cell.affinity` are best computed by one worker, in order.
        work : callable
            Called with ``cell.job``, extended by the entry ``device``.
        on_progress : callable, optional

        Yields
        ------
        Outcome
            One per cell, in order of completion.  An exception in a cell, or the death of its
            worker, is an outcome with an error.
        """

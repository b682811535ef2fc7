"""Executors, which compute cells.  Only the driver writes to the store."""

from __future__ import annotations

from hsizoo.engine.executors.affinity import ImageQueue
from hsizoo.engine.executors.base import (
    CarryingWork,
    DependentWork,
    Executor,
    OnProgress,
    Outcome,
    Work,
    ignore_progress,
)
from hsizoo.engine.executors.local import FreshProcesses, LocalExecutor
from hsizoo.engine.executors.names import check_executor, make_executor

__all__ = [
    "CarryingWork",
    "DependentWork",
    "Executor",
    "FreshProcesses",
    "ImageQueue",
    "LocalExecutor",
    "OnProgress",
    "Outcome",
    "Work",
    "check_executor",
    "ignore_progress",
    "make_executor",
]

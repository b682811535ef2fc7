"""Executors, which compute cells.  Only the driver writes to the store."""

from __future__ import annotations

from hsizoo.engine.executors.affinity import ImageQueue
from hsizoo.engine.executors.base import Executor, OnProgress, Outcome, Work, ignore_progress
from hsizoo.engine.executors.local import LocalExecutor

__all__ = [
    "Executor",
    "ImageQueue",
    "LocalExecutor",
    "OnProgress",
    "Outcome",
    "Work",
    "ignore_progress",
]

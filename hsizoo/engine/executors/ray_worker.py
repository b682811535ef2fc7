"""What runs on a Ray node: an actor that computes cells, and the answers of a node."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from hsizoo.engine.cells import Cell
from hsizoo.engine.executors.attempt import attempt
from hsizoo.engine.executors.base import Work
from hsizoo.engine.surroundings import surroundings

__all__ = ["CellActor", "Place", "is_alive", "survey"]


@dataclass(frozen=True)
class Place:
    """Where the driver runs: what its commands and paths refer to.

    Parameters
    ----------
    folder : str
        Its working folder.
    variables : dict of str to str
        Its environment variables of hsizoo.
    """

    folder: str
    variables: Mapping[str, str]

    @classmethod
    def here(cls) -> Place:
        """That of this process."""
        found = {key: value for key, value in os.environ.items() if key.startswith("HSIZOO_")}
        return cls(str(os.getcwd()), found)  # noqa: PTH109

    def take(self) -> None:
        """Work there too.  A node's own variables win: they say where its files are."""
        for key, value in self.variables.items():
            os.environ.setdefault(key, value)
        # Where the folder is not shared, only relative names of files fail, and the survey says so.
        with contextlib.suppress(OSError):
            os.chdir(self.folder)


def is_alive() -> bool:
    """Answer, which a node does only while it lives."""
    return True


def survey(place: Place, depends: Callable[[], dict[str, str]] | None) -> dict[str, str]:
    """Describe what results depend on: see `hsizoo.engine.surroundings`, and what the work adds."""
    place.take()
    return {**surroundings(), **(depends() if depends else {})}


class CellActor:
    """Computes cells, one at a time, and tells how far it is.

    Parameters
    ----------
    place : Place
    work : Work
    device : {"cpu", "cuda"}
        Resolved here, where Ray has set which GPU is this actor's.
    threads : int
        Threads of torch.

    Raises
    ------
    OptionError
        If the device is not available.
    """

    def __init__(self, place: Place, work: Work, device: str, threads: int) -> None:
        place.take()
        from hsizoo.zoo.device import resolve_device

        self._work = work
        self._device = resolve_device(device)
        self._threads = threads
        self._steps: tuple[str, int, int] | None = None

    def node(self) -> str:
        """Identifier of the node."""
        return str(import_module("ray").get_runtime_context().get_node_id())

    def compute(self, cell: Cell) -> tuple[dict[str, Any] | None, dict[str, str] | None, float]:
        """Compute a cell: its result, its error, and the seconds that it took."""
        import torch

        torch.set_num_threads(self._threads)  # of this thread, and Ray has several

        def progress(done: int, total: int) -> None:
            self._steps = cell.key, done, total

        outcome = attempt(cell, self._work, self._device, progress)
        return outcome.result, outcome.error, outcome.seconds

    def steps(self) -> tuple[str, int, int] | None:
        """Key of the cell under way, the number of its steps done, and their total."""
        return self._steps

"""What runs on a Ray node: an actor that computes cells, and the answers of a node."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from hsizoo.engine.cells import Cell
from hsizoo.engine.executors.attempt import attempt
from hsizoo.engine.executors.base import Work
from hsizoo.engine.store import Store
from hsizoo.engine.surroundings import surroundings
from hsizoo.errors import DataError
from hsizoo.weights.sent import SentWeights, expect, is_here, sent_folder, sent_path
from hsizoo.weights.trained import open_weights

__all__ = ["CellActor", "Lacking", "Place", "describe", "is_alive", "survey"]


@dataclass(frozen=True)
class Place:
    """Where the driver runs: what its commands and paths refer to.

    Parameters
    ----------
    folder : str
        Its working folder.
    variables : dict of str to str
        Its environment variables of hsizoo.
    weights : tuple of SentWeights
        What paths of trained weights mean there.
    """

    folder: str
    variables: Mapping[str, str]
    weights: tuple[SentWeights, ...] = ()

    @classmethod
    def here(cls, weights: Sequence[SentWeights] = ()) -> Place:
        """That of this process."""
        found = {key: value for key, value in os.environ.items() if key.startswith("HSIZOO_")}
        return cls(str(os.getcwd()), found, tuple(weights))  # noqa: PTH109

    def take(self) -> None:
        """Work there too.  A node's own variables win: they say where its files are."""
        for key, value in self.variables.items():
            os.environ.setdefault(key, value)
        # Where the folder is not shared, only relative names of files fail, and the survey says so.
        with contextlib.suppress(OSError):
            os.chdir(self.folder)
        expect(self.weights)


@dataclass(frozen=True)
class Lacking:
    """What a node answers that has to be sent trained weights first: their digests."""

    digests: tuple[str, ...]


def is_alive() -> bool:
    """Answer, which a node does only while it lives."""
    return True


def survey(
    place: Place,
    depends: Callable[[], dict[str, str]] | None,
    sent: Mapping[str, Any] | None = None,
) -> dict[str, str] | Lacking:
    """Say what results depend on: see `hsizoo.engine.surroundings`, and what the work adds.

    Parameters
    ----------
    place : Place
    depends : callable or None
    sent : mapping of str to ObjectRef, optional
        Content of weights by digest, which a node answered that it lacks.
    """
    place.take()
    for digest, reference in (sent or {}).items():
        _store(digest, import_module("ray").get(reference))
    if not sent and (digests := _lacking(place.weights)):
        return Lacking(digests)
    return describe(depends)


def describe(depends: Callable[[], dict[str, str]] | None) -> dict[str, str]:
    """Say what results depend on in this process."""
    return {**surroundings(), **(depends() if depends else {})}


def _lacking(weights: Sequence[SentWeights]) -> tuple[str, ...]:
    """Digests of the weights that this machine has neither under their name nor by digest."""
    return tuple(
        dict.fromkeys(
            each.digest for each in weights if not _is_there(each) and not is_here(each.digest)
        )
    )


def _is_there(weights: SentWeights) -> bool:
    try:
        return open_weights(weights.name).digest == weights.digest
    except DataError:
        return False


def _store(digest: str, content: bytes) -> None:
    """Keep weights that were sent.

    Raises
    ------
    DataError
        If they are not what was sent.
    StoreError
        If they cannot be written.
    """
    if (found := hashlib.sha256(content).hexdigest()) != digest:
        raise DataError(f"trained weights arrived damaged: sha256 {found}, not {digest}")
    Store(sent_folder()).write(sent_path(digest).name, content)


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

"""Compute cells on a Ray cluster.

Ray places the workers, carries calls and results, and notices what died.  What it cannot know is
decided here: a cell whose process died alone is a failed cell, since it would kill the next one
too; a cell whose node was lost is computed elsewhere.  Both look alike at first, so that the node
is watched before either is said.

Each worker is an actor that computes one cell at a time, so that at most that many are lost, and
keeps to an image while it can, see `hsizoo.engine.executors.affinity`.  Results go to the driver,
which alone writes the store.  Ray ends the actors when the driver ends, whatever ends it.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from hsizoo.engine.cells import Cell
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
from hsizoo.engine.executors.ray_cluster import Answer, Node, RayCluster
from hsizoo.engine.executors.ray_worker import Lacking, Place, describe, is_alive, survey
from hsizoo.engine.surroundings import differences
from hsizoo.errors import DataError, MissingRequirement, OptionError
from hsizoo.weights.sent import SentWeights
from hsizoo.weights.trained import open_weights

__all__ = ["Patience", "RayExecutor", "cpus_each"]


@dataclass(frozen=True)
class Patience:
    """Limits of time in seconds, and of tries.

    Parameters
    ----------
    poll : float
        Between two looks at the nodes and at the progress of cells.
    verdict : float
        How long a node must outlive a worker for the worker's death to be its own.
    unreachable : float
        After which a node that does not answer counts as lost.
    survey : float
        For a node to say what it has.
    room : float
        Without any worker, before the run ends.
    losses : int
        Nodes lost under a cell before it fails.
    starts : int
        Failed starts in a row before a worker is given up.
    """

    poll: float = 1.0
    verdict: float = 5.0
    unreachable: float = 120.0
    survey: float = 300.0
    room: float = 600.0
    losses: int = 3
    starts: int = 3


class RayExecutor(Executor):
    """Compute cells on a Ray cluster.

    Parameters
    ----------
    address : str, optional
        ``auto``, ``local`` or ``host:port``; see `hsizoo.engine.executors.ray_cluster.RayCluster`.
    jobs : int, default 1
        Number of workers.  Those for which there is no room yet start when there is.
    device : {"auto", "cpu", "cuda"}, default "auto"
        ``auto`` is a GPU if the cluster has one now.
    cpus : int, optional
        Cores per worker, and threads of torch.  Default: as many as let all workers fit.
    gpus : float, optional
        GPUs per worker.  Default: one, or with more workers than GPUs a part of one; 0 on the CPU.
    patience : Patience, optional
        Limits of time and tries.
    cluster : RayCluster, optional
        Default: that of `address`.

    Raises
    ------
    OptionError
        If a value is out of range.
    """

    def __init__(
        self,
        address: str | None = None,
        jobs: int = 1,
        *,
        device: str = "auto",
        cpus: int | None = None,
        gpus: float | None = None,
        patience: Patience | None = None,
        cluster: RayCluster | None = None,
    ) -> None:
        if jobs < 1:
            raise OptionError(f"jobs must be at least 1; got {jobs}")
        if device not in ("auto", "cpu", "cuda"):
            raise OptionError(
                f"device {device!r}: on Ray it is auto, cpu or cuda; each worker has a GPU of its "
                "own, which Ray chooses"
            )
        if cpus is not None and cpus < 1:
            raise OptionError(f"cpus must be at least 1; got {cpus}")
        if gpus is not None and not (0 <= gpus <= 1 or float(gpus).is_integer()):
            raise OptionError(f"gpus must be from 0 to 1, or a whole number; got {gpus}")
        self.jobs = jobs
        self.device = device
        self.cpus = cpus
        self.gpus = gpus
        self.patience = patience or Patience()
        self._cluster = cluster or RayCluster(address)

    def run(
        self, cells: Sequence[Cell], work: Work, on_progress: OnProgress = ignore_progress
    ) -> Iterator[Outcome]:
        """Compute cells; see `Executor.run`.

        Progress is asked for once a second.

        Raises
        ------
        OptionError
            If there is no such cluster, or no room in it.
        MissingRequirement
            If hsizoo, a plugin, weights or data of a node are not those of this machine.
        """
        if not cells:
            return
        with self._cluster as cluster:
            nodes = cluster.nodes()
            gpus = self._gpus_each(nodes.values())
            cpus = self.cpus or cpus_each(nodes.values(), self.jobs, gpus)
            depends = None
            if isinstance(work, DependentWork):
                depends = work.depends([cell.job for cell in cells])
            weights: Sequence[SentWeights] = ()
            if isinstance(work, CarryingWork):
                weights = work.weights([cell.job for cell in cells])
            place = Place.here(weights)
            nodes_checked = _Nodes(cluster, place, depends, self.patience)
            nodes_checked.check_all(nodes)
            arguments = (place, work, "cuda" if gpus else "cpu", cpus)
            kept = tuple(map(cluster.keep, arguments))
            start = partial(cluster.start, cpus, gpus, *kept)
            run = _Run(cluster, nodes_checked, start, cells, self.jobs, on_progress, self.patience)
            yield from run.outcomes()

    def _gpus_each(self, nodes: Iterable[Node]) -> float:
        """GPUs for one worker."""
        there = sum(node.gpus for node in nodes)
        if self.device == "cpu" or (self.device == "auto" and not there):
            return 0.0
        if self.gpus is not None:
            return self.gpus
        return 1 / math.ceil(self.jobs / there) if there else 1.0


def cpus_each(nodes: Iterable[Node], jobs: int, gpus: float) -> int:
    """Return the most cores per worker with which all workers fit onto the nodes.

    Parameters
    ----------
    nodes : iterable of Node
    jobs : int
        Number of workers.
    gpus : float
        GPUs of one worker.

    Returns
    -------
    int
        1 if they never fit.

    Examples
    --------
    >>> cpus_each([Node("a", 16, 8), Node("b", 16, 0)], 8, 1.0)
    2
    >>> cpus_each([Node("a", 16, 8), Node("b", 6, 0)], 3, 0.0)
    6
    """
    nodes = list(nodes)
    for cpus in range(int(max((node.cpus for node in nodes), default=1)), 1, -1):
        room = 0.0
        for node in nodes:
            # A third of a GPU fits three times, whatever its binary fraction says.
            by_gpus = math.floor(node.gpus / gpus + 1e-6) if gpus else math.inf
            room += min(node.cpus // cpus, by_gpus)
        if room >= jobs:
            return cpus
    return 1


class _Nodes:
    """Compares the nodes with this machine, each once, and sends them the weights they lack."""

    def __init__(
        self,
        cluster: RayCluster,
        place: Place,
        depends: Callable[[], dict[str, str]] | None,
        patience: Patience,
    ) -> None:
        self._cluster = cluster
        self._here = describe(depends)
        self._weights = {each.digest: each for each in place.weights}
        self._asked = survey, cluster.keep(place), depends
        self._patience = patience
        self._same: set[str] = set()
        self._sent: dict[str, Any] = {}

    def is_checked(self, node: str) -> bool:
        return node in self._same

    def ask(self, node: str) -> Any:
        """Ask a node what it has."""
        return self._cluster.call_node(node, *self._asked)

    def ask_again(self, node: str, answer: Answer) -> Any | None:
        """Ask a node once more that lacks weights, and send them; None if it lacks none.

        Raises
        ------
        DataError
            If they are not here any more either, or have changed.
        """
        if not isinstance(answer.value, Lacking):
            return None
        for digest in answer.value.digests:
            if digest not in self._sent:  # kept once for all nodes
                self._sent[digest] = self._cluster.keep(self._content(digest))
        sent = {digest: self._sent[digest] for digest in answer.value.digests}
        return self._cluster.call_node(node, *self._asked, sent)

    def _content(self, digest: str) -> bytes:
        from hsizoo.weights.files import readable  # imports torch

        path = open_weights(self._weights[digest].name).path
        with readable(path):
            content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise DataError(
                f"{path} changed after this run was planned; run the same command again"
            )
        return content

    def check_all(self, nodes: Mapping[str, Node]) -> None:
        """Ask all nodes, and say at once which differ."""
        calls = {self.ask(node): node for node in nodes}
        deadline = time.monotonic() + self._patience.survey
        texts: list[str] = []
        while calls and (left := deadline - time.monotonic()) > 0:
            for call in self._cluster.wait(calls, min(left, self._patience.poll)):
                node = calls.pop(call)
                answer = self._cluster.answer(call)
                if (again := self.ask_again(node, answer)) is not None:
                    calls[again] = node
                else:
                    texts += self._found(node, nodes[node].name, answer)
            alive = self._cluster.nodes()
            # One that was lost meanwhile gets no cells.
            calls = {call: node for call, node in calls.items() if node in alive}
        texts += [
            f"node {nodes[node].name} did not say within {self._patience.survey:.0f} s what it has"
            for node in calls.values()
        ]
        _refuse(texts)

    def check(self, node: str, name: str, answer: Answer) -> None:
        """Take the answer of a node that joined later."""
        _refuse(self._found(node, name, answer))

    def _found(self, node: str, name: str, answer: Answer) -> list[str]:
        if answer.kind != "value":
            return [f"node {name} cannot say what it has: {answer.text}"]
        found = [f"node {name}: {text}" for text in differences(self._here, answer.value)]
        if not found:
            self._same.add(node)
        return found


def _refuse(texts: Sequence[str]) -> None:
    if texts:
        raise MissingRequirement(
            "nodes of the Ray cluster differ from this machine:\n  "
            + "\n  ".join(sorted(texts))
            + "\nInstall the same there, see docs/cluster.md, or take these nodes out of the "
            "cluster"
        )


class _Slot:
    """A worker, and its successors where it dies."""

    def __init__(self) -> None:
        self.state: Literal["empty", "starting", "checking", "idle", "busy", "doubtful", "over"]
        self.state = "empty"
        self.actor: Any = None
        self.node = ""
        self.call: Any = None  # what it was asked last
        self.aside: Any = None  # its progress was asked for
        self.probe: Any = None  # its node was asked for a sign of life
        self.cell: Cell | None = None
        self.began = 0.0  # the cell
        self.doubted = 0.0
        self.told: tuple[str, int, int] | None = None
        self.failures = 0


class _Run:
    """One run: who computes what."""

    def __init__(
        self,
        cluster: RayCluster,
        nodes: _Nodes,
        start: Callable[[], Any],
        cells: Sequence[Cell],
        jobs: int,
        on_progress: OnProgress,
        patience: Patience,
    ) -> None:
        self._cluster = cluster
        self._checked = nodes
        self._start = start
        self._queue = ImageQueue(cells)
        self._again: deque[Cell] = deque()  # their nodes were lost
        self._losses: dict[str, int] = {}
        self._waiting = self._left = len(cells)
        self._slots = [_Slot() for _ in range(min(jobs, len(cells)))]
        self._on_progress = on_progress
        self._patience = patience
        self._done: list[Outcome] = []
        self._alive: dict[str, Node] = {}
        self._looked = -math.inf
        self._last_ready = time.monotonic()

    def outcomes(self) -> Iterator[Outcome]:
        """Compute all cells."""
        try:
            while True:
                self._deal()
                done, self._done = self._done, []
                yield from done  # while the workers have the next cells
                if not self._left:
                    return
                self._listen()
                if time.monotonic() - self._looked >= self._patience.poll:
                    self._look()
                    self._looked = time.monotonic()
        finally:
            for slot in self._slots:
                self._stop(slot)

    def _deal(self) -> None:
        """Give cells to idle workers, and start workers where cells wait."""
        for slot in self._slots:
            if slot.state == "idle" and self._waiting:
                cell = self._again.popleft() if self._again else self._queue.take(slot)
                assert cell is not None
                self._waiting -= 1
                slot.state, slot.cell, slot.began = "busy", cell, time.monotonic()
                slot.call = self._cluster.call(slot.actor, "compute", cell)
        coming = sum(slot.state in ("starting", "checking") for slot in self._slots)
        for slot in self._slots:
            if slot.state == "empty" and coming < self._waiting:
                coming += 1
                slot.state, slot.actor = "starting", self._start()
                slot.call = self._cluster.call(slot.actor, "node")

    def _listen(self) -> None:
        """Wait for answers, not longer than until the next look, and take them."""
        calls = [slot.call for slot in self._slots if slot.call is not None]
        ready = self._cluster.wait(calls, self._patience.poll)
        if not calls:
            time.sleep(self._patience.poll)
        for slot in self._slots:
            if slot.call in ready:
                answer, slot.call = self._cluster.answer(slot.call), None
                if slot.state == "busy":
                    self._take_result(slot, answer)
                else:
                    self._take_readiness(slot, answer)

    def _take_readiness(self, slot: _Slot, answer: Answer) -> None:
        if slot.state == "starting" and answer.kind == "value":
            slot.node = answer.value
            if not self._checked.is_checked(slot.node):  # it joined later
                slot.state, slot.call = "checking", self._checked.ask(slot.node)
                return
        elif slot.state == "checking":
            slot.call = self._checked.ask_again(slot.node, answer)
            if slot.call is not None:
                return
            name = self._alive[slot.node].name if slot.node in self._alive else slot.node
            if answer.kind in ("value", "raised"):
                self._checked.check(slot.node, name, answer)
        if answer.kind == "value":
            slot.state, slot.failures = "idle", 0
            self._last_ready = time.monotonic()
            return
        self._stop(slot)
        slot.failures += 1
        if slot.failures >= self._patience.starts:
            slot.state = "over"
            if all(each.state == "over" for each in self._slots):
                raise MissingRequirement(
                    f"no worker starts on the Ray cluster: {answer.text}.  Its logs tell more: "
                    "/tmp/ray/session_latest/logs on each node"
                )

    def _take_result(self, slot: _Slot, answer: Answer) -> None:
        assert slot.cell is not None
        self._last_ready = time.monotonic()
        if answer.kind == "value":
            self._finish(slot, Outcome(slot.cell, *answer.value))
            slot.state = "idle"
        elif answer.kind == "died":
            slot.state, slot.doubted = "doubtful", time.monotonic()
            slot.probe = self._cluster.call_node(slot.node, is_alive)
        elif answer.kind == "unreachable":
            self._lose(slot)
        else:
            message = (
                "Ray ended the worker process since its node ran out of memory: use fewer --jobs"
                if answer.kind == "memory"
                else f"Ray could not compute this cell: {answer.text}"
            )
            self._fail(slot, "WorkerDied", message)

    def _look(self) -> None:
        """Look at the nodes, at doubtful workers, and at the progress of busy ones."""
        self._alive = self._cluster.nodes()
        probes = [slot.probe for slot in self._slots if slot.probe is not None]
        asides = [slot.aside for slot in self._slots if slot.aside is not None]
        ready = self._cluster.wait([*probes, *asides], 0)
        for slot in self._slots:
            if slot.state in ("busy", "doubtful") and slot.node not in self._alive:
                self._lose(slot)  # Ray itself may say so much later
            elif slot.state == "checking" and slot.node not in self._alive:
                self._stop(slot)
            elif slot.state == "doubtful":
                self._judge(slot, slot.probe in ready)
            elif slot.state == "busy":
                self._ask_progress(slot, slot.aside in ready)
        is_ready = any(slot.state in ("idle", "busy", "doubtful") for slot in self._slots)
        if is_ready:
            self._last_ready = time.monotonic()
        elif time.monotonic() - self._last_ready > self._patience.room:
            there = ", ".join(
                f"{node.name}: {node.cpus:g} CPU, {node.gpus:g} GPU"
                for node in self._alive.values()
            )
            raise OptionError(
                f"the Ray cluster had no room for a worker for {self._patience.room:.0f} s "
                f"({there or 'no nodes'}).  `ray status` shows what uses it; finished cells are "
                "kept: run the same command again"
            )

    def _judge(self, slot: _Slot, answered: bool) -> None:
        """Decide why a worker died, if that can be known by now."""
        waited = time.monotonic() - slot.doubted
        if answered and waited >= self._patience.verdict:
            if self._cluster.answer(slot.probe).kind == "value":
                self._fail(
                    slot,
                    "WorkerDied",
                    "the worker process ended while computing this cell; often this means that "
                    "memory ran out: use fewer --jobs",
                )
            else:
                self._lose(slot)
        elif waited >= self._patience.unreachable:
            self._lose(slot)

    def _ask_progress(self, slot: _Slot, answered: bool) -> None:
        if answered:
            answer = self._cluster.answer(slot.aside)
            slot.aside = None
            steps = answer.value if answer.kind == "value" else None
            if slot.cell and steps and steps != slot.told and steps[0] == slot.cell.key:
                slot.told = steps
                self._on_progress(slot.cell, steps[1], steps[2])
        if slot.aside is None:
            slot.aside = self._cluster.call_aside(slot.actor, "steps")

    def _finish(self, slot: _Slot, outcome: Outcome) -> None:
        self._done.append(outcome)
        self._left -= 1
        slot.cell = None

    def _fail(self, slot: _Slot, kind: str, message: str) -> None:
        """The worker's cell failed; the worker is replaced."""
        assert slot.cell is not None
        error = {"type": kind, "message": message, "where": "", "traceback": ""}
        self._finish(slot, Outcome(slot.cell, None, error, time.monotonic() - slot.began))
        self._stop(slot)

    def _lose(self, slot: _Slot) -> None:
        """The worker's node was lost, which is not the cell's fault, unless it happens again."""
        assert slot.cell is not None
        key = slot.cell.key
        self._losses[key] = self._losses.get(key, 0) + 1
        if self._losses[key] >= self._patience.losses:
            message = f"the node was lost {self._losses[key]} times while computing this cell"
            self._fail(slot, "WorkerLost", message)
            return
        self._again.append(slot.cell)
        self._waiting += 1
        slot.cell = None
        self._stop(slot)

    def _stop(self, slot: _Slot) -> None:
        if slot.actor is not None:
            self._cluster.stop(slot.actor)
        slot.actor = slot.call = slot.aside = slot.probe = slot.told = None
        slot.state, slot.node = "empty", ""

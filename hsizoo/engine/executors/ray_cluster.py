"""`RayCluster`: the few things that `RayExecutor` asks of Ray."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from hsizoo.engine.executors.ray_worker import CellActor
from hsizoo.errors import OptionError

__all__ = ["Answer", "Node", "RayCluster"]

_CONNECT_SECONDS = 10.0
_FETCH_SECONDS = 60.0  # for a result that a node announced; it may be lost meanwhile


@dataclass(frozen=True)
class Node:
    """A living node.

    Parameters
    ----------
    name : str
        Address and the beginning of its identifier.
    cpus, gpus : float
        Its resources.
    """

    name: str
    cpus: float
    gpus: float


@dataclass(frozen=True)
class Answer:
    """What came of a call.

    Parameters
    ----------
    kind : str
        "value"; "died": the process that computed it ended, or its node; "memory": Ray ended the
        process since its node ran out of memory; "unreachable": it does not answer; "raised":
        anything else.
    value : Any
    text : str
        What Ray says of a failure.
    """

    kind: Literal["value", "died", "memory", "unreachable", "raised"]
    value: Any = None
    text: str = ""


class RayCluster:
    """A connection to a Ray cluster, as a context manager.

    Parameters
    ----------
    address : str, optional
        ``host:port``, ``auto`` for the cluster that this machine belongs to, or ``local`` for a
        new one on this machine.  Default: the cluster of ``RAY_ADDRESS`` or of this machine, else
        a new one.

    Raises
    ------
    OptionError
        On entry, if there is no such cluster.
    """

    def __init__(self, address: str | None = None) -> None:
        if address and "://" in address:
            raise OptionError(
                f"--executor ray:{address}: Ray Client is not supported; run the command on a node "
                "of the cluster, with ray:auto"
            )
        self.address = address
        self._is_ours = False

    def __enter__(self) -> RayCluster:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a run tells nobody of itself
        ray = _ray()

        if ray.is_initialized():
            return self._joined(str(ray.get_runtime_context().gcs_address))
        # What is no option of an existing cluster is an error there.
        _check_reachable(self.address)
        new: dict[str, Any] = {"include_dashboard": False} if self.address == "local" else {}
        try:
            ray.init(self.address, log_to_driver=False, logging_level=logging.ERROR, **new)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise _no_cluster(self.address or "RAY_ADDRESS", error) from error
        self._is_ours = True
        return self

    def _joined(self, current: str) -> RayCluster:
        if self.address not in (None, "auto", current):
            raise OptionError(
                f"this process is connected to the Ray cluster at {current}, not to "
                f"{self.address}; call ray.shutdown() first"
            )
        return self

    def __exit__(self, *_: object) -> None:
        ray = _ray()

        if self._is_ours:
            ray.shutdown()

    def nodes(self) -> dict[str, Node]:
        """Return the living nodes by identifier.

        Raises
        ------
        OptionError
            If the head of the cluster does not answer any more.
        """
        ray, exceptions = _ray(), import_module("ray.exceptions")
        try:
            found = ray.nodes()
        except (exceptions.RayError, RuntimeError, OSError) as error:
            raise OptionError(
                f"the head of the Ray cluster does not answer any more ({_last_line(error)}).  "
                "Finished cells are kept: start a cluster, and run the same command again"
            ) from error
        return {
            node["NodeID"]: Node(
                f"{node['NodeManagerAddress']} ({node['NodeID'][:8]})",
                node["Resources"].get("CPU", 0.0),
                node["Resources"].get("GPU", 0.0),
            )
            for node in found
            if node["Alive"]
        }

    def keep(self, value: Any) -> Any:
        """Store a value once for all calls that get it."""
        ray = _ray()

        return ray.put(value)

    def start(self, cpus: int, gpus: float, *arguments: Any) -> Any:
        """Start a `CellActor` wherever there is room, now or later."""
        ray = _ray()

        # Progress is asked for while a cell is computed.  Ray restarts and repeats nothing, since
        # only the driver can tell a cell that kills its process from a node that was lost.
        remote = ray.remote(concurrency_groups={"aside": 1})(CellActor)
        return remote.options(
            num_cpus=cpus, num_gpus=gpus, max_restarts=0, max_task_retries=0
        ).remote(*arguments)

    def call(self, actor: Any, method: str, *arguments: Any) -> Any:
        """Call a method of an actor; return a reference to the answer."""
        return getattr(actor, method).remote(*arguments)

    def call_aside(self, actor: Any, method: str) -> Any:
        """Call a method while the actor computes."""
        return getattr(actor, method).options(concurrency_group="aside").remote()

    def call_node(self, node: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function on a node, which needs no free resources there."""
        strategies = import_module("ray.util.scheduling_strategies")
        remote = _ray().remote(function)
        return remote.options(
            num_cpus=0,
            max_retries=0,
            scheduling_strategy=strategies.NodeAffinitySchedulingStrategy(node, soft=False),
        ).remote(*arguments)

    def wait(self, calls: Collection[Any], seconds: float) -> set[Any]:
        """Wait for the first answer, not longer; return the calls that have one."""
        ray = _ray()

        waiting = list(calls)
        if not waiting:
            return set()
        first, _ = ray.wait(waiting, num_returns=1, timeout=seconds, fetch_local=False)
        if not first:
            return set()
        ready, _ = ray.wait(waiting, num_returns=len(waiting), timeout=0, fetch_local=False)
        return {*first, *ready}

    def answer(self, call: Any) -> Answer:
        """Return what came of a call that `wait` named."""
        ray, exceptions = _ray(), import_module("ray.exceptions")

        try:
            return Answer("value", ray.get(call, timeout=_FETCH_SECONDS))
        except (
            exceptions.ActorUnavailableError,
            exceptions.ObjectLostError,
            exceptions.GetTimeoutError,
            exceptions.NodeDiedError,
            exceptions.TaskUnschedulableError,
        ) as error:
            return Answer("unreachable", text=_last_line(error))
        except exceptions.OutOfMemoryError as error:
            return Answer("memory", text=_last_line(error))
        except (exceptions.RayActorError, exceptions.WorkerCrashedError) as error:
            of_memory = "running low on memory" in str(error)
            return Answer("memory" if of_memory else "died", text=_last_line(error))
        except exceptions.RayError as error:
            return Answer("raised", text=_last_line(error))

    def stop(self, actor: Any) -> None:
        """End an actor and its process, whatever it does."""
        ray = _ray()

        ray.kill(actor, no_restart=True)


def _ray() -> Any:
    """The package, imported when it is needed: it is optional, and takes a second."""
    return import_module("ray")


def _check_reachable(address: str | None) -> None:
    """Raise if nothing listens at ``host:port``, for which Ray would wait for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(f"{host}:{port}", error) from error


def _no_cluster(where: str, error: BaseException) -> OptionError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return OptionError(
        f"there is no Ray cluster at {where}: {lines[0].rstrip('.')}.  Start one with  "
        "ray start --head,  or use --executor ray:local"
    )


def _last_line(error: BaseException) -> str:
    """What happened: Ray puts the remote traceback before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__

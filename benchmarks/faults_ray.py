"""What ``faults.py --ray`` kills: the driver, workers and nodes of a small Ray cluster.

Three nodes live on this machine, as ``ray.cluster_utils.Cluster`` starts them.  The first has the
head of the cluster, which the driver is connected to, and is never killed; whenever one of the
others is killed, another one joins.
"""

from __future__ import annotations

import os
import random
import sys
from types import TracebackType
from typing import Any, Self

from faults import Local, children_of, command_line, kill, kill_driver

_SMALL = {"num_cpus": 1, "object_store_memory": 80_000_000}
_ACTOR = b"ray::CellActor"  # how Ray calls the process of a worker


class Ray(Local):
    """A run on three Ray nodes, which live as long as this context."""

    def __init__(self) -> None:
        self.kinds = {
            "driver": kill_driver,
            "worker": self.kill_worker,
            "node": self.kill_node,
        }

    def __enter__(self) -> Self:
        from ray.cluster_utils import Cluster

        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # the nodes inherit it
        self._cluster = Cluster(True, head_node_args={**_SMALL, "include_dashboard": False})
        for _ in range(2):
            self._cluster.add_node(**_SMALL)
        self._cluster.wait_for_nodes()
        self.arguments = ("--jobs", "3", "--executor", f"ray:{self._cluster.address}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        import ray

        ray.shutdown()
        self._cluster.shutdown()

    def workers_of(self, driver: int) -> list[int]:
        """Process numbers of the workers, on all nodes: each is a child of its node."""
        return [
            process
            for node in [self._cluster.head_node, *self._cluster.worker_nodes]
            for process in children_of(_raylet(node))
            if command_line(process).startswith(_ACTOR)
        ]

    def kill_node(self, driver: int, rng: random.Random) -> bool:
        """Kill a node that computes, and let another one join."""
        busy = [
            node
            for node in self._cluster.worker_nodes
            if any(command_line(each).startswith(_ACTOR) for each in children_of(_raylet(node)))
        ]
        if not busy:
            return False
        node = rng.choice(busy)
        kill(_raylet(node))
        self._cluster.remove_node(node, allow_graceful=False)  # what is left of it
        self._cluster.add_node(**_SMALL)
        return True


def _raylet(node: Any) -> int:
    """Process number of what is a node's own: without it the node is dead."""
    (raylet,) = node.all_processes["raylet"]
    return int(raylet.process.pid)

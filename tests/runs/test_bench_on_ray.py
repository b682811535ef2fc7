"""A run on three Ray nodes gives what the local executor gives."""

import json
import os
import sys
from importlib.util import find_spec

import pytest
import torch

import hsizoo
from hsizoo.runs.bench import RunEvents
from hsizoo.runs.experiment import ExperimentEvents, run_experiment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed"),
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]

DATASET = "phantom:height=32,width=32,bands=12"
VARIES = ("open_seconds", "click_seconds", "seconds", "megabytes")


def figures(value):
    """All but times and memory."""
    if isinstance(value, dict):
        return {key: figures(each) for key, each in value.items() if key not in VARIES}
    return list(map(figures, value)) if isinstance(value, list) else value


def by_cell(result):
    return {
        record["key"]: json.dumps([figures(record["result"]), record["digests"]], sort_keys=True)
        for record in result.records
    }


def test_three_nodes_of_which_one_is_lost_compute_what_this_process_does(tmp_path, monkeypatch):
    import ray
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # the nodes inherit it
    small = {"num_cpus": 1, "object_store_memory": 80_000_000}
    cluster = Cluster(True, head_node_args={**small, "include_dashboard": False})
    extra = [cluster.add_node(**small) for _ in range(2)]
    cluster.wait_for_nodes()
    finished = []

    def lose_one(cell, record):
        finished.append(record)
        if len(finished) == 4:
            cluster.remove_node(extra[0], allow_graceful=False)

    how = {"seeds": 2, "clicks": 3}
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(
            1
        )  # as the nodes have: sums of floats depend on it, in the last digit
        here = hsizoo.bench(["sa", "pcc"], DATASET, out=tmp_path / "here", **how)
        there = hsizoo.bench(
            ["sa", "pcc"],
            DATASET,
            out=tmp_path / "there",
            executor=f"ray:{cluster.address}",
            jobs=3,
            events=RunEvents(finished=lose_one),
            **how,
        )
    finally:
        torch.set_num_threads(threads)
        ray.shutdown()
        cluster.shutdown()
    assert not there.failures
    assert len(finished) == len(here.records) > 20
    assert by_cell(there) == by_cell(here)


EXPERIMENT = """
[[run]]
name = "table"
components = ["tiny"]
dataset = "phantom:height=32,width=32,bands=12,scenes_per_subject=1"
clicks = 2
[run.training]
seeds = [0, 1]
epochs = 1
clicks = 2
"""


def test_trainings_and_their_cells_are_computed_on_ray(zoo, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    (zoo / "both.toml").write_text(EXPERIMENT)
    here = run_experiment(zoo / "both.toml", out="here", device="cpu")
    told = []
    events = ExperimentEvents(trained=lambda *done: told.append(done))
    there = run_experiment(
        zoo / "both.toml", out="there", jobs=2, executor="ray:local", events=events
    )
    assert len(told) == 2
    assert not there.failures
    # Keys have the digests of the weights: the same training, bit by bit.
    assert by_cell(there.runs["table"]) == by_cell(here.runs["table"])

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


# The nodes of this test are on this machine, and would see every file.  Python runs this module
# when it starts: in their processes, the standard library then finds nothing below that folder.
SITECUSTOMIZE = """
import os, sys

hidden = os.environ.get("HIDDEN_FROM_THE_NODES")

def is_hidden(path):
    return isinstance(path, (str, bytes, os.PathLike)) and os.fsdecode(path).startswith(hidden)

if hidden:
    real = os.stat

    def stat(path, *arguments, **keywords):
        if is_hidden(path):
            raise FileNotFoundError(2, "hidden by the test", path)
        return real(path, *arguments, **keywords)

    def audit(event, arguments):
        if event == "open" and is_hidden(arguments[0]):
            raise FileNotFoundError(2, "hidden by the test", arguments[0])

    os.stat = stat
    sys.addaudithook(audit)
"""


def test_weights_reach_nodes_that_cannot_see_them(zoo, put_weights, monkeypatch):
    import ray
    from ray.cluster_utils import Cluster

    made = put_weights(3.0)
    (zoo / "hiding").mkdir()
    (zoo / "hiding" / "sitecustomize.py").write_text(SITECUSTOMIZE)
    here, there = {"HSIZOO_HOME": os.environ["HSIZOO_HOME"]}, zoo / "home-of-the-nodes"
    nodes = {
        "PYTHONPATH": os.pathsep.join([str(zoo / "hiding"), *sys.path]),
        "HSIZOO_HOME": str(there),
        "HIDDEN_FROM_THE_NODES": str(zoo / "home") + os.sep,
    }
    with monkeypatch.context() as patch:  # the nodes inherit it
        for name, value in nodes.items():
            patch.setenv(name, value)
        small = {"num_cpus": 1, "object_store_memory": 80_000_000}
        cluster = Cluster(True, head_node_args={**small, "include_dashboard": False})
        cluster.wait_for_nodes()
    assert os.environ["HSIZOO_HOME"] == here["HSIZOO_HOME"]
    how = {"clicks": 2, "limit": 1}
    try:
        expected = hsizoo.bench(["tiny"], DATASET, out="here", device="cpu", **how)
        found, sent = [], there / "weights" / "by-digest" / f"{made.digest}.safetensors"
        times = []
        for folder in ("there", "again"):
            found.append(
                hsizoo.bench(
                    ["tiny"], DATASET, out=folder, executor=f"ray:{cluster.address}", **how
                )
            )
            times.append(sent.stat().st_mtime_ns)
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert sent.read_bytes() == made.path.read_bytes()
    assert times[0] == times[1]  # what is there is not sent again
    for each in found:
        assert not each.failures
        assert by_cell(each) == by_cell(expected)
    assert expected.records[0]["identity"]["component"]["weights"] == made.digest


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

"""Real Ray: three nodes on this machine, real processes that die.  Each takes seconds."""

import importlib
import os
import signal
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest

from hsizoo.engine.cells import Cell
from hsizoo.engine.executors.ray_ import RayExecutor
from hsizoo.errors import MissingRequirement, OptionError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed"),
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]

WORK = """
    import os, signal, time
    from pathlib import Path

    def work(job, progress):
        what = job["what"]
        if what == "about":
            import ray, torch
            time.sleep(job.get("seconds", 0))
            return {
                "pid": os.getpid(), "device": job["device"], "threads": torch.get_num_threads(),
                "node": ray.get_runtime_context().get_node_id(),
            }
        if what == "error":
            raise ValueError("no 5 here")
        if what == "os._exit":
            os._exit(3)
        if what == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "slow":
            folder = Path(job["folder"])
            (folder / f"pid {os.getpid()}").touch()
            for step in range(int(job["seconds"] * 20)):
                progress(step, 100)
                time.sleep(0.05)
            return {"pid": os.getpid()}
        if what == "big":
            return {"values": [0.5] * 100_000}

    class Checked:
        def __init__(self, name):
            self.name = name

        def depends(self, jobs):
            return Has(self.name)

        def __call__(self, job, progress):
            return work(job, progress)

    class Has:
        def __init__(self, name):
            self.name = name

        def __call__(self):
            # The head of the test is this process; its nodes are others.
            return {"plugin of the test": "1.0" if os.environ.get(self.name) else "missing"}
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    (tmp_path / "work_of_the_ray_tests.py").write_text(textwrap.dedent(WORK))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # for the nodes and a driver
    yield importlib.import_module("work_of_the_ray_tests")
    sys.modules.pop("work_of_the_ray_tests")


@pytest.fixture
def nodes(work):
    """Three nodes of one core; ``nodes.extra`` are the two that may be removed."""
    import ray
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80_000_000}
    cluster = Cluster(True, head_node_args={**small, "include_dashboard": False})
    cluster.extra = [cluster.add_node(**small) for _ in range(2)]
    cluster.wait_for_nodes()
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def cells(*jobs):
    return [Cell({"n": n}, job, f"cell {n}") for n, job in enumerate(jobs)]


def is_gone(pid):
    return not Path(f"/proc/{pid}").exists()


def test_cells_are_computed_on_all_nodes_and_a_process_that_dies_fails_its_cell(nodes, work):
    about = {"what": "about", "seconds": 1}
    dying = ({"what": "os._exit"}, {"what": "killed"})
    planned = cells(about, about, about, {"what": "error"}, {"what": "big"}, *dying, about, about)
    outcomes = list(RayExecutor(nodes.address, 3).run(planned, work.work))
    found = {outcome.cell.label: outcome for outcome in outcomes}
    assert len(outcomes) == len(found) == len(planned)
    assert found["cell 3"].error["type"] == "ValueError"
    assert 'raise ValueError("no 5 here")' in found["cell 3"].error["traceback"]
    assert len(found["cell 4"].result["values"]) == 100_000
    assert found["cell 5"].error["type"] == found["cell 6"].error["type"] == "WorkerDied"
    done = [found[f"cell {n}"].result for n in (0, 1, 2, 7, 8)]
    assert len({result["node"] for result in done}) == 3
    assert {(result["device"], result["threads"]) for result in done} == {("cpu", 1)}
    assert not sys.modules["ray"].is_initialized()


def test_a_node_that_is_lost_midway_costs_time_only(nodes, work, tmp_path):
    slow = {"what": "slow", "folder": str(tmp_path), "seconds": 3}
    planned = cells(*[slow] * 6)
    heard = []

    def on_progress(cell, done, total):
        if not heard:
            nodes.remove_node(nodes.extra[0], allow_graceful=False)
        heard.append((cell.label, done, total))

    outcomes = list(RayExecutor(nodes.address, 3).run(planned, work.work, on_progress))
    assert sorted(outcome.cell.label for outcome in outcomes) == [cell.label for cell in planned]
    assert [outcome.error for outcome in outcomes] == [None] * 6
    assert all(0 <= done < total == 100 for _, done, total in heard)


def test_a_node_that_lacks_something_is_named(nodes, work, monkeypatch):
    monkeypatch.setenv("ONLY_ON_THE_DRIVER", "1")
    with pytest.raises(MissingRequirement, match=r"plugin of the test is missing there, 1.0 here"):
        list(
            RayExecutor(nodes.address, 1).run(
                cells({"what": "error"}), work.Checked("ONLY_ON_THE_DRIVER")
            )
        )
    assert not sys.modules["ray"].is_initialized()


DRIVER = """
    import sys
    from hsizoo.engine.cells import Cell
    from hsizoo.engine.executors.ray_ import RayExecutor
    from work_of_the_ray_tests import work

    job = {"what": "slow", "folder": sys.argv[2], "seconds": 600}
    for _ in RayExecutor(sys.argv[1], 2).run([Cell({"n": n}, job, "") for n in (1, 2)], work):
        pass
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("where", ["cluster", "local"])
def test_a_driver_that_ends_leaves_no_worker(
    where, number, request, work, tmp_path, wait_until, hears_ctrl_c
):
    address = request.getfixturevalue("nodes").address if where == "cluster" else "local"
    folder = tmp_path / "begun"
    folder.mkdir()
    driver = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(DRIVER), address, str(folder)],
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: len(list(folder.iterdir())) == 2, driver)
    pids = [int(path.name.split()[1]) for path in folder.iterdir()]
    assert not any(map(is_gone, pids))
    driver.send_signal(number)
    driver.wait(timeout=60)
    wait_until(lambda: all(map(is_gone, pids)))


@pytest.mark.parametrize("address", ["auto", "127.0.0.1:1", "127.0.0.1:99999", "nonsense"])
def test_an_address_without_a_cluster_is_an_error(work, address):
    with pytest.raises(OptionError, match=f"no Ray cluster at {address}: .*ray start --head"):
        list(RayExecutor(address).run(cells({"what": "error"}), work.work))

"""The driver's decisions, with a cluster that dies as it is told; test_ray_cluster.py has Ray."""

import re
import time
from dataclasses import replace

import pytest

from hsizoo.engine.cells import Cell
from hsizoo.engine.executors.ray_ import Patience, RayExecutor, cpus_each
from hsizoo.engine.executors.ray_cluster import Answer, Node, RayCluster
from hsizoo.engine.executors.ray_worker import Lacking, Place, is_alive, survey
from hsizoo.engine.surroundings import surroundings
from hsizoo.errors import DataError, MissingRequirement, OptionError
from hsizoo.weights.sent import SentWeights

QUICK = Patience(poll=0.005, verdict=0.05, unreachable=0.4, survey=0.3, room=0.3)
ON_A_BUSY_MACHINE = replace(QUICK, survey=30)


class Call:
    def __init__(self, node, answer):
        self.node, self.answer = node, answer


class Actor:
    def __init__(self, node, arguments):
        self.node, self.arguments = node, arguments
        self.call = None
        self.cells = []
        self.stopped = False


class FakeCluster:
    """Nodes and actors; what a job says happens when it is called.  Lost nodes answer nothing."""

    def __init__(self, nodes=3, gpus=0.0, replaces=False):
        self.gpus, self.replaces, self.made = gpus, replaces, 0
        self.alive, self.actors, self.surveys, self.dying = {}, [], {}, []
        self.lacking, self.sent = {}, []
        self.starts = None  # what comes of a start, instead of a worker
        for _ in range(nodes):
            self.add()
        self.entered = 0

    def add(self):
        self.made += 1
        name = f"node{self.made}"
        self.alive[name] = Node(name, 2.0, self.gpus)
        return name

    def lose(self, node):
        self.alive.pop(node, None)
        if self.replaces:
            self.add()

    def __enter__(self):
        self.entered += 1
        return self

    def __exit__(self, *_):
        self.entered -= 1

    def nodes(self):
        for due, node in self.dying:
            if time.monotonic() >= due:
                self.lose(node)
        return dict(self.alive)

    def keep(self, value):
        return value

    def start(self, cpus, gpus, *arguments):
        used = [actor.node for actor in self.actors if not actor.stopped]
        free = [node for node in self.alive if node not in used]
        self.actors.append(Actor(free[0] if free else None, (cpus, gpus, *arguments)))
        return self.actors[-1]

    def call(self, actor, method, *arguments):
        if method == "node":
            answer = self.starts or (Answer("value", actor.node) if actor.node else None)
            return Call(actor.node, answer)
        assert method == "compute"
        assert actor.call is None, "two cells at once"
        (cell,) = arguments
        actor.cells.append(cell)
        actor.call = Call(actor.node, self.compute(actor, cell.job))
        actor.call.actor = actor
        return actor.call

    def compute(self, actor, job):
        what = job["what"].pop(0) if job["what"] else "done"
        if what == "die":
            return Answer("died", text="its process has died")
        if what == "die before the node":
            self.dying.append((time.monotonic() + QUICK.verdict / 3, actor.node))
            return Answer("died", text="its process has died")
        if what == "lose":
            self.lose(actor.node)
        if what == "silent":
            return None
        if what in ("unreachable", "memory", "raised"):
            return Answer(what, text=f"Ray says {what}")
        error = {"type": "ValueError", "message": "", "where": "", "traceback": ""}
        return Answer("value", (None, error, 0.1) if what == "fail" else ({"node": 1}, None, 0.1))

    def call_aside(self, actor, method):
        assert method == "steps"
        return Call(actor.node, Answer("value", (actor.cells[-1].key, 1, 2)))

    def call_node(self, node, function, *arguments):
        if function is survey:
            if len(arguments) == 3:
                self.sent.append((node, arguments[2]))
            elif node in self.lacking:
                return Call(node, Answer("value", Lacking(self.lacking[node])))
            return Call(node, self.surveys.get(node, Answer("value", surroundings())))
        assert function is is_alive
        return Call(node, Answer("value", True))

    def wait(self, calls, seconds):
        ready = {call for call in calls if call.node in self.alive and call.answer}
        if not ready:
            time.sleep(seconds)
        return ready

    def answer(self, call):
        if getattr(call, "actor", None):
            call.actor.call = None
        return call.answer

    def stop(self, actor):
        actor.stopped = True


def cells(*jobs, images=None):
    return [
        Cell({"n": n}, {"what": list(what)}, f"cell {n}", image=images[n] if images else "")
        for n, what in enumerate(jobs)
    ]


def run(cluster, planned, jobs=3, **options):
    executor = RayExecutor(jobs=jobs, cluster=cluster, patience=QUICK, **options)
    return {outcome.cell.label: outcome for outcome in executor.run(planned, print)}


def check_all_stopped(cluster):
    assert cluster.entered == 0
    assert all(actor.stopped for actor in cluster.actors)


def test_every_cell_has_its_outcome_and_images_stay_together():
    cluster = FakeCluster()
    planned = cells(*[[]] * 9, images=[f"image {n // 3}" for n in range(9)])
    found = run(cluster, planned)
    assert len(found) == 9
    assert all(outcome.result == {"node": 1} for outcome in found.values())
    assert [{cell.image for cell in actor.cells} for actor in cluster.actors] == [
        {"image 0"}, {"image 1"}, {"image 2"},
    ]  # fmt: skip
    check_all_stopped(cluster)


def test_no_more_workers_than_cells_and_none_without():
    cluster = FakeCluster()
    assert len(run(cluster, cells([], []), jobs=8)) == 2
    assert len(cluster.actors) == 2
    assert run(FakeCluster(0), []) == {}


def test_what_a_cell_raises_is_its_outcome():
    cluster = FakeCluster()
    found = run(cluster, cells([], ["fail"], []))
    assert found["cell 1"].error["type"] == "ValueError"
    assert found["cell 0"].error is found["cell 2"].error is None
    assert len(cluster.actors) == 3


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("die", "the worker process ended while computing this cell; .*use fewer --jobs"),
        ("memory", "its node ran out of memory: use fewer --jobs"),
        ("raised", "Ray says raised"),
    ],
)
def test_a_process_that_dies_alone_fails_its_cell_and_is_replaced(what, message):
    cluster = FakeCluster(1)
    found = run(cluster, cells([], [what], [], []), jobs=1)
    failed = found.pop("cell 1")
    assert failed.error["type"] == "WorkerDied"
    assert re.search(message, failed.error["message"])
    assert all(outcome.result for outcome in found.values())
    assert len(cluster.actors) == 2
    check_all_stopped(cluster)


@pytest.mark.parametrize("what", ["lose", "die before the node", "unreachable"])
def test_a_lost_node_costs_time_only(what):
    cluster = FakeCluster()
    found = run(cluster, cells([], [what], [], [], [], []))
    assert len(found) == 6
    assert all(outcome.result for outcome in found.values())
    tried = [cell.label for actor in cluster.actors for cell in actor.cells]
    assert tried.count("cell 1") == 2
    assert len(tried) == 7
    check_all_stopped(cluster)


def test_a_cell_under_which_every_node_is_lost_fails():
    cluster = FakeCluster(replaces=True)
    found = run(cluster, cells([], ["lose"] * 5, []))
    assert found["cell 1"].error["type"] == "WorkerLost"
    assert "lost 3 times" in found["cell 1"].error["message"]
    assert found["cell 0"].result
    assert found["cell 2"].result


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({}, "plugin hsizoo/sam2 is missing there"),
        ({"hsizoo": "0.0, code 1"}, "hsizoo is 0.0, code 1 there, .* here"),
        (None, "did not say within"),
        (Answer("raised", text="No module named 'hsizoo'"), "No module named 'hsizoo'"),
    ],
)
def test_a_node_that_differs_is_named(answer, text):
    cluster = FakeCluster()
    if isinstance(answer, dict):
        answer = {**surroundings(), **answer}
        if "missing" in text:
            del answer["plugin hsizoo/sam2"]
        answer = Answer("value", answer)
    cluster.surveys["node2"] = answer
    with pytest.raises(MissingRequirement, match=rf"node node2.*{text}") as caught:
        run(cluster, cells([], []))
    assert "node1" not in str(caught.value)
    assert not cluster.actors
    check_all_stopped(cluster)


def test_a_node_that_joins_later_is_compared_before_it_computes():
    cluster = FakeCluster(1, replaces=True)
    cluster.surveys["node2"] = Answer("value", {"hsizoo": "another"})
    outcomes = RayExecutor(jobs=1, cluster=cluster, patience=QUICK).run(
        cells([], ["lose"], []), print
    )
    assert next(outcomes).result  # is kept
    with pytest.raises(MissingRequirement, match="node node2: hsizoo is another there"):
        list(outcomes)
    assert not cluster.actors[-1].cells
    check_all_stopped(cluster)


class Carrying:
    """Work whose jobs name trained weights."""

    def __init__(self, *weights):
        self.named = [SentWeights(str(each.path), each.digest) for each in weights]

    def weights(self, jobs):
        return self.named


def test_weights_go_to_the_nodes_that_lack_them_and_are_kept_once(results):
    one, two = results.make("a", 1.0), results.make("b", 2.0)
    cluster = FakeCluster()
    cluster.lacking = {"node2": (one.digest,), "node3": (one.digest, two.digest)}
    kept = []
    cluster.keep = lambda value: kept.append(value) or value
    work = Carrying(one, two)
    executor = RayExecutor(jobs=3, cluster=cluster, patience=ON_A_BUSY_MACHINE)
    assert len(list(executor.run(cells([], [], []), work))) == 3
    content = {each.digest: each.path.read_bytes() for each in (one, two)}
    assert len(cluster.sent) == 2
    assert dict(cluster.sent) == {"node2": {one.digest: content[one.digest]}, "node3": content}
    assert sorted(value for value in kept if isinstance(value, bytes)) == sorted(content.values())
    assert all(actor.arguments[2].weights == tuple(work.named) for actor in cluster.actors)


def test_weights_that_have_changed_since_are_not_sent(results):
    made = results.make()
    cluster = FakeCluster()
    cluster.lacking = {"node2": (made.digest,)}
    work = Carrying(made)
    made.path.write_bytes(made.path.read_bytes()[:-1] + b"!")
    with pytest.raises(DataError, match="changed after this run was planned"):
        list(RayExecutor(jobs=1, cluster=cluster, patience=QUICK).run(cells([]), work))
    assert cluster.sent == []


def test_a_node_that_joins_later_is_sent_them_too(results):
    made = results.make()
    cluster = FakeCluster(nodes=1, replaces=True)
    cluster.lacking = {"node2": (made.digest,)}
    executor = RayExecutor(jobs=1, cluster=cluster, patience=QUICK)
    (outcome,) = executor.run(cells(["lose"]), Carrying(made))
    assert outcome.result == {"node": 1}
    assert cluster.sent == [("node2", {made.digest: made.path.read_bytes()})]


def test_a_node_lost_during_the_survey_gets_no_cells():
    cluster = FakeCluster()
    cluster.surveys["node2"] = None
    cluster.dying.append((time.monotonic() + 0.05, "node2"))
    assert len(run(cluster, cells([], []))) == 2


def test_workers_that_never_start_end_the_run():
    cluster = FakeCluster()
    cluster.starts = Answer("died", text="device 'cuda' is not available")
    with pytest.raises(MissingRequirement, match=r"no worker starts .*'cuda' is not available"):
        run(cluster, cells([], []), jobs=2)
    check_all_stopped(cluster)


def test_a_cluster_without_room_ends_the_run():
    with pytest.raises(OptionError, match=r"no room for a worker .*\(no nodes\)"):
        run(FakeCluster(0), cells([]))


def test_a_run_that_is_left_stops_its_workers():
    cluster = FakeCluster()
    outcomes = RayExecutor(jobs=3, cluster=cluster, patience=QUICK).run(cells(*[[]] * 9), print)
    next(outcomes)
    outcomes.close()
    check_all_stopped(cluster)


def test_progress_is_asked_for_while_a_cell_is_computed():
    cluster = FakeCluster(2)
    heard = []
    planned = cells(["silent"], [])
    outcomes = RayExecutor(jobs=1, cluster=cluster, patience=QUICK).run(
        planned, print, lambda *steps: (heard.append(steps), cluster.alive.pop("node1", None))
    )
    assert len(list(outcomes)) == 2  # the node is lost once it has told
    assert heard[0] == (planned[0], 1, 2)


def test_gpus_are_shared_and_the_device_is_left_to_the_worker():
    for gpus, jobs, device, expected in (
        (0.0, 3, "auto", (0, "cpu")),
        (0.0, 3, "cuda", (1.0, "cuda")),
        (1.0, 3, "auto", (1.0, "cuda")),
        (1.0, 6, "auto", (0.5, "cuda")),
        (1.0, 3, "cpu", (0, "cpu")),
    ):
        cluster = FakeCluster(3, gpus)
        run(cluster, cells(*[[]] * 3), jobs=jobs, device=device)
        cpus, share, place, _, kind, threads = cluster.actors[0].arguments
        assert (share, kind) == expected
        assert cpus == threads
        assert place == Place.here()


def test_cores_are_shared_so_that_all_workers_fit():
    big, small = Node("a", 8, 2), Node("b", 3, 0)
    assert cpus_each([big, small], 1, 0) == 8
    assert cpus_each([big, small], 3, 0) == 3
    assert cpus_each([big, small], 4, 0) == 2
    assert cpus_each([big, small], 99, 0) == 1
    assert cpus_each([big, small], 2, 1.0) == 4
    assert cpus_each([big, small], 6, 1 / 3) == 1
    assert cpus_each([], 1, 0) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, "jobs must be at least 1"),
        ({"device": "cuda:1"}, "each worker has a GPU of its own"),
        ({"cpus": 0}, "cpus must be at least 1"),
        ({"gpus": 1.5}, "from 0 to 1, or a whole number"),
        ({"address": "ray://host:10001"}, "Ray Client is not supported"),
    ],
)
def test_bad_values_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        RayExecutor(**options)


def test_the_fake_has_what_the_real_one_has():
    def public(of):
        return {name for name in vars(of) if not name.startswith("_")}

    assert public(RayCluster) <= public(FakeCluster)

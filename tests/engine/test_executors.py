import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import time
from importlib import import_module
from pathlib import Path

import pytest

from hsizoo.engine.cells import Cell
from hsizoo.engine.executors import ImageQueue, LocalExecutor, attempt
from hsizoo.engine.provenance import available_cores
from hsizoo.errors import OptionError

# Worker processes import the work function by name, which they cannot do with a test module.
WORK = """
    import ctypes, os, signal, sys, time
    from hsizoo.errors import DataError

    def work(job, progress):
        what = job["what"]
        if what == "square":
            progress(1, 2)
            progress(2, 2)
            return {"value": job["value"] ** 2}
        if what == "about":
            import torch
            return {"pid": os.getpid(), "device": job["device"], "threads": torch.get_num_threads()}
        if what == "error":
            raise ValueError("no 5 here")
        if what == "nan":
            return {"value": float("nan")}
        if what == "long":
            return {"value": "x" * 200}
        if what == "silent error":
            raise KeyError
        if what == "own error":
            raise DataError("the cube is empty")
        if what == "sys.exit":
            sys.exit("enough")
        if what == "os._exit":
            os._exit(3)
        if what == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "endless":
            with open(job["file"], "w") as file:
                file.write(str(os.getpid()))
            while True:
                progress(1, 2)
                time.sleep(0.02)
        if what == "deaf":
            with open(job["file"], "w") as file:
                file.write(str(os.getpid()))
            if job["holding"]:
                ctypes.PyDLL(None).sleep(60)  # a PyDLL keeps the interpreter's lock
            time.sleep(60)
        if what == "encode":  # unless this process has done so
            pid = os.getpid()
            if job["image"] not in encoded:
                encoded.add(job["image"])
                time.sleep(0.05)
            return {"pid": pid, "encoded": len(encoded)}
        raise AssertionError(what)

    encoded = set()
"""

# A worker sets torch's threads, and importing torch takes seconds.
TORCH = """
    threads = 0

    def set_num_threads(number):
        global threads
        threads = number

    def get_num_threads():
        return threads
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text(textwrap.dedent(TORCH))
    (tmp_path / "work_of_the_executor_tests.py").write_text(textwrap.dedent(WORK))
    monkeypatch.syspath_prepend(tmp_path)  # multiprocessing hands the path on to its processes
    yield import_module("work_of_the_executor_tests").work
    sys.modules.pop("work_of_the_executor_tests")


def cells(*jobs):
    return [
        Cell({"n": n}, {"what": job} if isinstance(job, str) else job, f"cell {n}")
        for n, job in enumerate(jobs)
    ]


def square(value):
    return {"what": "square", "value": value}


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # Whoever adopted a dead process may not have waited for it yet.
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_cell_has_its_outcome_here_and_in_processes(work, jobs):
    planned = cells(
        square(3), "error", "own error", "silent error", square(4), "sys.exit", square(5)
    )
    heard = []
    outcomes = list(
        LocalExecutor(jobs).run(planned, work, lambda cell, *steps: heard.append((cell, steps)))
    )
    by_cell = {outcome.cell.label: outcome for outcome in outcomes}
    assert sorted(by_cell) == [cell.label for cell in planned]
    assert len(outcomes) == len(planned)
    for number, value in ((0, 9), (4, 16), (6, 25)):
        assert by_cell[f"cell {number}"].result == {"value": value}
        assert by_cell[f"cell {number}"].error is None
    for number, kind, message in (
        (1, "ValueError", "no 5 here"),
        (2, "DataError", "the cube is empty"),
        (3, "KeyError", "KeyError()"),  # no message of its own
        (5, "SystemExit", "enough"),
    ):
        outcome = by_cell[f"cell {number}"]
        assert outcome.result is None
        assert (outcome.error["type"], outcome.error["message"]) == (kind, message)
    assert 'raise ValueError("no 5 here")' in by_cell["cell 1"].error["traceback"]
    assert by_cell["cell 2"].error["traceback"] == ""  # hsizoo's own errors say it all
    assert all(outcome.seconds >= 0 for outcome in outcomes)
    if jobs == 1:
        assert [outcome.cell for outcome in outcomes] == planned
    for cell in planned:
        steps = [steps for of, steps in heard if of.label == cell.label]
        assert steps == ([(1, 2), (2, 2)] if cell.job["what"] == "square" else [])


def test_the_death_of_a_process_is_the_outcome_of_its_cell(work):
    planned = cells("about", "os._exit", "about", "killed", "about", "about")
    outcomes = list(LocalExecutor(2, ("first", "second")).run(planned, work))
    assert sorted(outcome.cell.label for outcome in outcomes) == [cell.label for cell in planned]
    errors = {o.cell.job["what"]: o.error for o in outcomes if o.error}
    assert {error["type"] for error in errors.values()} == {"WorkerDied"}
    assert re.search("exit code 3 while computing this cell", errors["os._exit"]["message"])
    assert re.search("signal SIGKILL .*use fewer --jobs", errors["killed"]["message"])
    about = [outcome.result for outcome in outcomes if outcome.result]
    assert len(about) == 4
    assert os.getpid() not in {each["pid"] for each in about}
    assert len({(each["pid"], each["device"]) for each in about}) == len(
        {each["pid"] for each in about}
    )
    assert {each["device"] for each in about} <= {"first", "second"}
    assert {each["threads"] for each in about} == {max(1, available_cores() // 2)}
    assert multiprocessing.active_children() == []


def test_processes_share_out_the_devices(work, tmp_path):
    planned = cells("about", "about")
    outcomes = list(LocalExecutor(2, ("first", "second", "third")).run(planned, work))
    assert {outcome.result["device"] for outcome in outcomes} == {"first", "second"}
    assert len({outcome.result["pid"] for outcome in outcomes}) == 2


def test_here_the_first_device_is_used_and_no_process_started(work):
    (outcome,) = LocalExecutor(devices=("first", "second")).run(cells("about"), work)
    assert outcome.result["device"] == "first"
    assert outcome.result["pid"] == os.getpid()


def test_no_more_processes_than_cells(work):
    running = LocalExecutor(5).run(cells(square(2)), work)
    assert next(running).result == {"value": 4}
    assert len(multiprocessing.active_children()) == 1
    assert list(running) == []
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("jobs", [1, 4])
def test_no_cell(work, jobs):
    assert list(LocalExecutor(jobs).run([], work)) == []


def test_a_consumer_that_stops_stops_the_processes(work, tmp_path):
    endless = {"what": "endless", "file": str(tmp_path / "pid")}
    running = LocalExecutor(2).run(cells(endless, square(2)), work)
    assert next(running).result == {"value": 4}
    processes = multiprocessing.active_children()
    assert len(processes) == 2
    running.close()
    assert multiprocessing.active_children() == []
    assert all(gone(process.pid) for process in processes)


def test_an_interrupt_in_a_callback_stops_the_processes(work, tmp_path):
    def interrupt(cell, done, total):
        raise KeyboardInterrupt

    endless = [{"what": "endless", "file": str(tmp_path / str(n))} for n in range(2)]
    with pytest.raises(KeyboardInterrupt):
        list(LocalExecutor(2).run(cells(*endless), work, interrupt))
    assert multiprocessing.active_children() == []


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.usefixtures("hears_ctrl_c")
@pytest.mark.parametrize("sent", ["SIGINT", "SIGKILL"])
def test_workers_do_not_outlive_the_driver(work, tmp_path, sent, wait_until):
    """Ctrl-C in the terminal reaches all processes; SIGKILL only the driver."""
    script = tmp_path / "driver.py"
    script.write_text(
        textwrap.dedent("""
            from pathlib import Path
            from hsizoo.engine.cells import Cell
            from hsizoo.engine.executors import LocalExecutor
            from work_of_the_executor_tests import work
            if __name__ == "__main__":
                jobs = [{"what": "endless", "file": f"{n}.pid"} for n in range(2)]
                list(LocalExecutor(2).run([Cell({}, job, "x") for job in jobs], work))
        """)
    )
    sent = getattr(signal, sent)
    files = [tmp_path / "0.pid", tmp_path / "1.pid"]
    with subprocess.Popen(
        [sys.executable, script], cwd=tmp_path, start_new_session=True, stderr=subprocess.PIPE
    ) as driver:
        try:
            wait_until(lambda: all(file.exists() and file.read_text() for file in files), driver)
            send = os.killpg if sent == signal.SIGINT else os.kill
            send(driver.pid, sent)
            _, said = driver.communicate(timeout=180)
        finally:
            driver.kill()
    if sent == signal.SIGINT:
        assert said.count(b"KeyboardInterrupt") == 1  # of the driver; the workers say nothing
    wait_until(lambda: all(gone(int(file.read_text())) for file in files))


@pytest.mark.parametrize(("jobs", "devices"), [(0, ("cpu",)), (-1, ("cpu",)), (2, ())])
def test_without_a_process_or_a_device_nothing_would_be_computed(jobs, devices):
    with pytest.raises(OptionError):
        LocalExecutor(jobs, devices)


def test_what_the_store_cannot_hold_is_the_failure_of_its_cell(work):
    (outcome,) = LocalExecutor().run(cells("nan"), work)
    assert outcome.result is None
    assert outcome.error["type"] == "ValueError"


def test_what_the_store_would_not_read_back_is_the_failure_of_its_cell(work, monkeypatch):
    monkeypatch.setattr(attempt, "LONGEST_RECORD", 2**20 + 100)
    (outcome,) = LocalExecutor().run(cells("long"), work)
    assert outcome.result is None
    assert outcome.error["type"] == "ContractError"
    assert outcome.error["message"].startswith(
        "the result of this cell is too long: 213 bytes as JSON, of at most 100"
    )


def images(*counts):
    """Cells of several images, image by image: their number for each."""
    planned = []
    for image, count in enumerate(counts):
        job = {"what": "encode", "image": image}
        planned += [
            Cell({"image": image, "n": n}, job, f"{image}.{n}", image=f"image {image}")
            for n in range(count)
        ]
    return planned


@pytest.mark.parametrize(
    ("jobs", "counts", "most"),
    [
        (2, (6,), 2),
        (2, (6, 6), 3),  # one each, and whoever starts late may be helped
        (2, (4, 4, 4, 4), 5),
        (3, (4, 4), 5),  # the third helps with one, then two with the other
    ],
)
def test_an_image_is_encoded_once_and_not_once_per_process(work, jobs, counts, most):
    outcomes = list(LocalExecutor(jobs).run(images(*counts), work))
    assert len(outcomes) == sum(counts)
    encoded = {}
    for outcome in outcomes:
        pid, count = outcome.result["pid"], outcome.result["encoded"]
        encoded[pid] = max(encoded.get(pid, 0), count)
    assert len(counts) <= sum(encoded.values()) <= most


class TestQueue:
    def test_each_has_an_image_to_itself_while_there_are_images(self):
        queue = ImageQueue(images(2, 2, 3))
        taken = [queue.take(who).label for who in "abab"]
        assert taken == ["0.0", "1.0", "0.1", "1.1"]
        assert queue.take("b").label == "2.0"

    def test_who_has_none_left_helps_from_the_end_where_most_is_left(self):
        queue = ImageQueue(images(2, 5))
        assert [queue.take(who).label for who in "abc"] == ["0.0", "1.0", "1.4"]
        # b and c work towards each other; a ends its own image first.
        assert [queue.take(who).label for who in "cba"] == ["1.3", "1.1", "0.1"]
        assert queue.take("a").label == "1.2"
        assert [queue.take(who) for who in "abc"] == [None, None, None]

    def test_every_cell_is_taken_once_whoever_asks(self):
        planned = images(1, 7, 3, 2)
        queue, rng = ImageQueue(planned), random.Random(0)
        taken = [queue.take(rng.choice("abcd")) for _ in planned]
        assert sorted(cell.key for cell in taken) == sorted(cell.key for cell in planned)
        assert queue.take("a") is None

    def test_cells_without_an_image_stay_in_order(self):
        planned = cells(*["about"] * 5)
        queue = ImageQueue(planned)
        assert [queue.take(who) for who in "abaab"] == planned


class TestCell:
    def test_the_key_follows_the_identity_only(self):
        identity = {"scene": "a", "options": {"x": 1, "y": [1.5, None, True]}}
        cell = Cell(identity, {"device": "cpu"}, "a")
        assert re.fullmatch("[0-9a-f]{32}", cell.key)
        reordered = {"options": {"y": [1.5, None, True], "x": 1}, "scene": "a"}
        assert Cell(reordered, {"device": "cuda"}, "b").key == cell.key
        for other in (
            {"scene": "b", "options": identity["options"]},
            {"scene": "a", "options": {"x": 1, "y": [1.5, None, False]}},
            {"scene": "a"},
        ):
            assert Cell(other, {"device": "cpu"}, "a").key != cell.key

    def test_the_key_is_the_same_in_every_version(self):
        """A changed key would compute stored runs anew."""
        assert Cell({"seed": 0}, {}, "").key == "de7d7744ccd7722e315c562dad156564"

    def test_cells_of_one_image_have_one_affinity_and_others_their_own(self):
        one, two, other = (
            Cell({"n": n}, {}, "", image=image) for n, image in enumerate(("a", "a", "b"))
        )
        assert one.affinity == two.affinity != other.affinity
        assert Cell({"n": 0}, {}, "").affinity != Cell({"n": 1}, {}, "").affinity
        assert Cell({"n": 0}, {}, "", image="a").key == Cell({"n": 0}, {}, "").key

    def test_an_identity_is_plain(self):
        with pytest.raises(ValueError, match="JSON"):
            Cell({"x": float("nan")}, {}, "").key  # noqa: B018


DRIVER = """
    import threading
    from hsizoo.engine.cells import Cell
    from hsizoo.engine.executors import LocalExecutor
    def drive():
        from %(module)s import work
        jobs = [{"what": "deaf", "file": f"{n}.pid", "holding": %(holding)s} for n in range(2)]
        list(LocalExecutor(2).run([Cell({}, job, "x") for job in jobs], work))
    if __name__ == "__main__":
        if %(thread)s:
            thread = threading.Thread(target=drive)
            thread.start()
            thread.join()
        else:
            drive()
"""

# Its workers do not get to their cells.
SLOW = """
    import multiprocessing, os, time
    from pathlib import Path

    if multiprocessing.parent_process():
        try:
            Path("0.pid").touch(exist_ok=False)
            Path("0.pid").write_text(str(os.getpid()))
        except FileExistsError:
            Path("1.pid").write_text(str(os.getpid()))
        time.sleep(60)

    def work(job, progress):
        raise AssertionError
"""


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize(
    ("module", "thread", "holding"),
    [
        ("work_of_the_executor_tests", False, False),
        ("work_of_the_executor_tests", True, False),
        # Only the signal reaches a worker that holds the interpreter's lock.
        pytest.param(
            "work_of_the_executor_tests", False, True,
            marks=pytest.mark.skipif(sys.platform != "linux", reason="needs prctl"),
        ),
        ("slow_to_import", False, False),
        ("slow_to_import", True, False),
    ],
)  # fmt: skip
def test_a_killed_driver_leaves_no_worker_that_computes_on(
    work, tmp_path, module, thread, holding, wait_until
):
    """The workers say nothing to the driver for a minute, so no broken pipe can end them."""
    (tmp_path / "slow_to_import.py").write_text(textwrap.dedent(SLOW))
    script = tmp_path / "driver.py"
    script.write_text(
        textwrap.dedent(DRIVER % {"module": module, "thread": thread, "holding": holding})
    )
    files = [tmp_path / "0.pid", tmp_path / "1.pid"]
    with subprocess.Popen([sys.executable, script], cwd=tmp_path) as driver:
        try:
            wait_until(lambda: all(file.exists() and file.read_text() for file in files), driver)
        finally:
            driver.kill()
    began = time.monotonic()
    wait_until(lambda: all(gone(int(file.read_text())) for file in files))
    assert time.monotonic() - began < 20

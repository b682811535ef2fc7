"""Faults around a run: whatever happens, no finished cell is lost, doubled or wrong."""

import datetime
import errno
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import warnings
from collections import Counter
from pathlib import Path

import pytest

from hsizoo.engine import run_cells as run_cells_module
from hsizoo.engine.cells import Cell
from hsizoo.engine.executors import LocalExecutor
from hsizoo.engine.run_cells import RunEvents, run_cells
from hsizoo.engine.store import RECORD_FORMAT, Store
from hsizoo.errors import StoreError

CELLS = [Cell({"n": n}, {"n": n, "row": {"label": f"{n}"}}, f"{n}") for n in range(12)]


class Work:
    """Computes the square, and counts what it computed."""

    def __init__(self):
        self.done = Counter()

    def __call__(self, job, progress):
        self.done[job["n"]] += 1
        return {"result": {"square": job["n"] ** 2}, "subject": "a"}


def run(folder, work, cells=CELLS, **about):
    with Store(folder) as store:
        return run_cells(
            store,
            cells,
            work,
            LocalExecutor(),
            overwrite="failed",
            before=lambda due: None,
            **{"events": RunEvents(), **about},
        )


def squares(records):
    return [record["result"]["square"] for record in records]


RIGHT = [n**2 for n in range(12)]


class TestTheStoreFails:
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EACCES])
    @pytest.mark.parametrize("step", ["os.fsync", "os.fstat"])
    def test_midway_and_is_well_again_later(self, tmp_path, monkeypatch, step, number):
        first, real = Work(), getattr(__import__(step.split(".")[0]), step.split(".")[1])

        def fails(*arguments, **keywords):
            if sum(first.done.values()) > 5:
                raise OSError(number, os.strerror(number))
            return real(*arguments, **keywords)

        with monkeypatch.context() as patch:
            patch.setattr(step, fails)
            with pytest.raises(StoreError, match=r"5 finished cell.* are intact"):
                run(tmp_path, first)
        second = Work()
        assert squares(run(tmp_path, second)) == RIGHT
        assert second.done == Counter(range(5, 12))
        assert not list(tmp_path.rglob("*.part"))

    def test_since_a_disk_is_full_halfway_through_a_record(self, tmp_path):
        """The system writes so many bytes of a file and no more, as a full disk does."""
        resource = pytest.importorskip("resource")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

        class Filling(Work):
            def __call__(self, job, progress):
                if sum(self.done.values()) == 5:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
                return super().__call__(job, progress)

        first, second = Filling(), Work()
        try:
            with pytest.raises(StoreError, match=r"5 finished cell.* are intact"):
                run(tmp_path, first)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert squares(run(tmp_path, second)) == RIGHT
        assert second.done == Counter(range(5, 12))

    @pytest.mark.skipif(not hasattr(os, "seteuid"), reason="a system without users")
    def test_since_its_folder_was_made_read_only(self):
        """Also for root, who may write everywhere, and is somebody else meanwhile."""
        is_root = os.geteuid() == 0

        class Closing(Work):
            def __call__(self, job, progress):
                if sum(self.done.values()) == 5:
                    allow(folder, 0o555, 0o444)
                    if is_root:
                        os.seteuid(65534)  # nobody
                return super().__call__(job, progress)

        with tempfile.TemporaryDirectory(dir="/tmp") as folder:
            Path(folder).chmod(0o755)
            try:
                with pytest.raises(StoreError, match=r"Permission denied.* grant write access"):
                    run(folder, Closing())
            finally:
                if is_root:
                    os.seteuid(0)
                allow(folder, 0o755, 0o644)
            second = Work()
            assert squares(run(folder, second)) == RIGHT
            assert second.done == Counter(range(5, 12))


def allow(folder, folders, files):
    """Set the modes of the folder of the cells and of all files there."""
    cells = Path(folder, "cells")
    cells.chmod(folders)
    for each in cells.iterdir():
        each.chmod(files)


DRIVER = """
    import sys, time
    from hsizoo.engine.cells import Cell
    from hsizoo.engine.executors import LocalExecutor
    from hsizoo.engine.run_cells import RunEvents, run_cells
    from hsizoo.engine.store import Store
    from hsizoo.errors import StoreError

    def work(job, progress):
        print(job["n"], flush=True)
        time.sleep(0.05)
        return {"result": {"square": job["n"] ** 2}, "subject": "a"}

    cells = [Cell({"n": n}, {"n": n, "row": {"label": f"{n}"}}, f"{n}") for n in range(12)]
    try:
        with Store(sys.argv[1]) as store:
            run_cells(store, cells, work, LocalExecutor(), overwrite="failed", events=RunEvents(),
                      before=lambda due: None)
    except StoreError as error:
        print(error)
"""


class TestTwoDrivers:
    def test_one_computes_and_the_other_is_told(self, tmp_path):
        works, told, start = [Work(), Work()], [], threading.Barrier(2)

        def drive(work):
            start.wait()
            try:
                run(tmp_path, work)
            except StoreError as error:
                told.append(str(error))

        threads = [threading.Thread(target=drive, args=[work]) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # The slower one was turned away, or came when all was done.
        assert works[0].done + works[1].done == Counter(range(12))
        assert all("another run is writing to" in each for each in told)
        assert squares(run(tmp_path, Work())) == RIGHT

    def test_in_processes_of_their_own(self, tmp_path):
        drivers = [
            subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(DRIVER), str(tmp_path)],
                stdout=subprocess.PIPE, text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            for _ in range(3)
        ]  # fmt: skip
        said = [driver.communicate()[0].splitlines() for driver in drivers]
        computed = [int(line) for lines in said for line in lines if line.isdigit()]
        assert sorted(computed) == list(range(12))
        others = [line for lines in said for line in lines if not line.isdigit()]
        assert all("another run is writing to" in line for line in others)
        again = Work()
        assert squares(run(tmp_path, again)) == RIGHT
        assert not again.done

    def test_while_the_first_goes_on(self, tmp_path):
        told = []

        def interrupted(cell, record):
            with pytest.raises(StoreError, match="another run is writing to"):
                run(tmp_path, Work())
            told.append(cell.key)

        work = Work()
        assert squares(run(tmp_path, work, events=RunEvents(finished=interrupted))) == RIGHT
        assert told == [cell.key for cell in CELLS]
        assert work.done == Counter(range(12))


def test_a_clock_that_is_set_back_changes_no_figure(tmp_path, monkeypatch):
    run(tmp_path, Work(), CELLS[:6])

    class Past(datetime.datetime):
        @classmethod
        def now(cls, zone=None):
            return cls(1970, 1, 1, tzinfo=zone)

    monkeypatch.setattr(run_cells_module.datetime, "datetime", Past)
    work = Work()
    records = run(tmp_path, work)
    assert squares(records) == RIGHT
    assert work.done == Counter(range(6, 12))
    assert records[0]["finished"] > records[-1]["finished"] == "1970-01-01T00:00:00+00:00"


@pytest.mark.parametrize("seed", range(5))
def test_a_clock_that_jumps_during_a_run_changes_no_figure(tmp_path, monkeypatch, seed):
    rng, real = random.Random(seed), (datetime.datetime, time.time, time.time_ns)
    offset = 0

    class Jumping(datetime.datetime):
        @classmethod
        def now(cls, zone=None):
            return real[0].now(zone) + datetime.timedelta(seconds=offset)

    class AfterJump(Work):
        def __call__(self, job, progress):
            nonlocal offset
            offset = rng.choice([-1, 1]) * 10 ** rng.randrange(9)
            return super().__call__(job, progress)

    with monkeypatch.context() as patch:
        patch.setattr(run_cells_module.datetime, "datetime", Jumping)
        patch.setattr(time, "time", lambda: real[1]() + offset)
        patch.setattr(time, "time_ns", lambda: real[2]() + offset * 10**9)
        records = run(tmp_path, AfterJump())
    assert squares(records) == RIGHT
    finished = [record["finished"] for record in records]
    assert finished != sorted(finished)
    again = Work()
    assert [record["finished"] for record in run(tmp_path, again)] == finished
    assert not again.done


def flip(content, rng, others):
    at = rng.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]


def digit(content, rng, others):
    places = [at for at, each in enumerate(content) if chr(each).isdigit()]
    at = rng.choice(places)
    other = rng.choice([each for each in b"0123456789" if each != content[at]])
    return content[:at] + bytes([other]) + content[at + 1 :]


def cut(content, rng, others):
    return content[: rng.randrange(len(content))]


def double(content, rng, others):
    return content + content


def zeros(content, rng, others):
    at = rng.randrange(len(content))
    return content[:at] + bytes(len(content) - at)


def of_another(content, rng, others):
    return rng.choice([each for each in others if each != content])


def mixed(content, rng, others):
    return content[: len(content) // 2] + of_another(content, rng, others)[len(content) // 2 :]


def old(change):
    """The same in a record of an early version, which has no digest."""

    def damage(content, rng, others):
        record = json.loads(content)
        del record["digest"]
        change(record)
        return json.dumps(record).encode()

    return damage


TO_LINES = [flip, digit, cut, double, zeros, of_another, mixed]
TO_FILES = [
    *TO_LINES,
    old(lambda record: record.update(result={})),
    old(lambda record: record["result"].update(square=-17)),
    old(lambda record: record["result"].clear()),
    old(lambda record: record.pop("identity")),
    old(lambda record: record.pop("status")),
    old(lambda record: record.update(identity={"n": 99})),
    old(lambda record: record.update(format=RECORD_FORMAT + 1)),
    old(lambda record: record.update(status="failed")),
]  # fmt: skip


def fault_of(record):
    return "is negative" if record["result"]["square"] < 0 else ""


def in_files(folder, in_old_layout, rng, chosen):
    """Damage records that earlier versions wrote."""
    stored = in_old_layout(folder)
    paths = {cell.job["n"]: stored[cell.key] for cell in CELLS}
    contents = {n: path.read_bytes() for n, path in paths.items()}
    for n in chosen:
        damaged = rng.choice(TO_FILES)(contents[n], rng, list(contents.values()))
        paths[n].write_bytes(damaged)


def in_lines(folder, in_old_layout, rng, chosen):
    """Damage lines of a log, with the line feeds around them."""
    (path,) = (folder / "cells").iterdir()
    content = path.read_bytes()
    lines = [b"\n%b\n" % line for line in content.split(b"\n") if line]
    assert b"".join(lines) == content
    path.write_bytes(
        b"".join(
            rng.choice(TO_LINES)(line, rng, lines) if n in chosen else line
            for n, line in enumerate(lines)
        )
    )


@pytest.mark.parametrize("where", [in_files, in_lines])
@pytest.mark.parametrize("seed", range(20))
def test_damaged_records_are_computed_anew_and_all_others_kept(
    tmp_path, in_old_layout, where, seed
):
    rng = random.Random(seed)
    first = run(tmp_path, Work())
    chosen = rng.sample(range(12), 6)
    where(tmp_path, in_old_layout, rng, chosen)
    work = Work()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        records = run(tmp_path, work, fault_of=fault_of)
    assert squares(records) == RIGHT
    assert set(work.done) <= set(chosen)
    kept = set(range(12)) - set(work.done)
    assert [records[n]["finished"] for n in kept] == [first[n]["finished"] for n in kept]
    for each in told:
        assert re.search("recomputing this cell|an earlier record", str(each.message))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = Work()
        assert squares(run(tmp_path, again, fault_of=fault_of)) == RIGHT
        assert not again.done

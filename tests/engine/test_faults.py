"""Faults around a run: whatever happens, no finished cell is lost, doubled or wrong."""

import datetime
import errno
import json
import os
import random
import re
import threading
import warnings
from collections import Counter

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

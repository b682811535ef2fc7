"""Kill a real run again and again, and count what it lost.

Run from the repository root::

    python benchmarks/faults.py --kills 20 --seed 0

``hsizoo bench`` runs with two workers.  At seeded moments its driver or one of its workers gets
SIGKILL: while Python is starting, between two cells, in the middle of one.  After each kill every
record is read and compared with those of a run that nobody disturbed, and the same command goes
on.  A run that gets to its end is compared as a table, and the next one begins.

======== =======================================================================
lost     records that were there before the kill and are not there any more
doubled  cells that were computed again although their record was there
wrong    records that differ from those of the undisturbed run, or cannot be read
orphans  workers that still lived five seconds after the death of their driver
======== =======================================================================

The exit status is 1 if any of these is not 0.  Linux only: processes are found in ``/proc``.
"""

from __future__ import annotations

import argparse
import collections
import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from hsizoo.engine.store import Store

COMMAND = [
    "bench", "sa", "pcc", "sa-rw", "sid", "--clicks", "3", "--jobs", "2", "--device", "cpu",
    "--dataset", "phantom:height=48,width=48,bands=24,test_subjects=3,scenes_per_subject=2",
]  # fmt: skip
COUNTED = ("lost", "doubled", "wrong", "orphans")
_MEASURED = ("s/open", "s/click")  # columns that differ from run to run
_PATIENCE = 300.0


def start(out: Path) -> subprocess.Popen[bytes]:
    """Start the command in a process group of its own."""
    command = [sys.executable, "-m", "hsizoo", *COMMAND, "--out", str(out)]
    return subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def workers_of(driver: int) -> list[int]:
    """Process numbers of the workers of a driver."""
    try:
        children = Path(f"/proc/{driver}/task/{driver}/children").read_text().split()
    except OSError:
        return []
    return [int(each) for each in children if b"spawn_main" in _command_line(int(each))]


def _command_line(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def records_in(out: Path) -> dict[str, dict[str, Any] | None]:
    """Every stored record, None if it cannot be read."""
    store = Store(out)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {key: store.load(key) for key in sorted(store.stored())}


def figures(record: dict[str, Any] | None) -> Any:
    """What must be the same in every run."""
    if record is None or record["status"] != "done":
        return record and record["status"]
    samples = [
        {key: value for key, value in sample.items() if "seconds" not in key}
        for sample in record["result"]["samples"]
    ]
    return record["identity"], record["subject"], record["digests"], samples


def table(out: Path) -> list[dict[str, str]]:
    """The table of a run, without what is measured."""
    with (out / "table.csv").open() as file:
        return [
            {key: value for key, value in line.items() if not key.startswith(_MEASURED)}
            for line in csv.DictReader(file)
        ]


class Trial:
    """A run that is killed until it gets to its end."""

    def __init__(self, out: Path, right: dict[str, Any], rng: random.Random) -> None:
        self.out, self.right, self.rng = out, right, rng
        self.counts: collections.Counter[str] = collections.Counter()
        self.finished: dict[str, str] = {}  # when each cell that is done was finished

    def go(self) -> bool:
        """Start the command and kill what is to be killed; return whether it got to its end."""
        driver = start(self.out)
        try:
            self._wait_for_the_moment(driver)
            workers = workers_of(driver.pid)
            victim = self.rng.choice([driver.pid, *workers[:1]])
            if driver.poll() is not None:
                return self._ended(driver)
            os.kill(victim, signal.SIGKILL)
            self.counts["drivers" if victim == driver.pid else "workers"] += 1
            if victim == driver.pid:
                driver.wait()
                self._count_orphans(workers)
                self._compare()
                return False
            driver.wait(_PATIENCE)  # it goes on without that worker
            self._compare()
            return False  # the cell that was killed has failed: the same command again
        finally:
            if driver.poll() is None:
                driver.kill()
                driver.wait()

    def _wait_for_the_moment(self, driver: subprocess.Popen[bytes]) -> None:
        """Some are killed as they start, others when so many more cells are stored."""
        if self.rng.random() < 0.25:
            time.sleep(4 * self.rng.random())
            return
        store = Store(self.out)
        wanted = len(self.finished) + self.rng.randint(0, 3)
        deadline = time.monotonic() + _PATIENCE
        while driver.poll() is None and time.monotonic() < deadline:
            if len(store.stored()) >= wanted and workers_of(driver.pid):
                break
            time.sleep(0.005)
        time.sleep(0.3 * self.rng.random())

    def _ended(self, driver: subprocess.Popen[bytes]) -> bool:
        self._compare()
        return driver.returncode == 0

    def _compare(self) -> None:
        found = records_in(self.out)
        self.counts["lost"] += len(self.finished.keys() - found.keys())
        for key, record in found.items():
            if record is not None and record["status"] == "failed":
                died = record["error"]["type"] == "WorkerDied"
                self.counts["failed" if died else "wrong"] += 1
                continue
            self.counts["wrong"] += figures(record) != self.right.get(key)
            if record is None:
                continue
            self.counts["doubled"] += (
                self.finished.get(key, record["finished"]) != (record["finished"])
            )
            self.finished[key] = record["finished"]

    def _count_orphans(self, workers: list[int]) -> None:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            workers = [each for each in workers if b"spawn_main" in _command_line(each)]
            if not workers:
                return
            time.sleep(0.01)
        self.counts["orphans"] += len(workers)


def main() -> int:
    """Kill so many times, and print what was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    counts: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        quiet = Path(folder, "quiet")
        if start(quiet).wait(_PATIENCE) != 0:
            print("the undisturbed run failed")
            return 1
        right = {key: figures(record) for key, record in records_in(quiet).items()}
        print(f"{len(right)} cells, {arguments.kills} kills, seed {arguments.seed}")
        while counts["drivers"] + counts["workers"] < arguments.kills:
            counts["runs"] += 1
            trial = Trial(Path(folder, f"run {counts['runs']}"), right, rng)
            left = arguments.kills - counts["drivers"] - counts["workers"]
            while trial.counts["drivers"] + trial.counts["workers"] < left and not trial.go():
                pass
            if start(trial.out).wait(_PATIENCE) != 0:
                trial.counts["wrong"] += 1
            trial._compare()
            trial.counts["wrong"] += trial.finished.keys() != right.keys()
            trial.counts["wrong"] += table(trial.out) != table(quiet)
            counts += trial.counts
    for name in ("runs", "drivers", "workers", *COUNTED):
        print(f"{name:8} {counts[name]}")
    return int(any(counts[name] for name in COUNTED))


if __name__ == "__main__":
    sys.exit(main())

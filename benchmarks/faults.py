"""Kill a real run again and again, and count what it lost.

Run from the repository root::

    python benchmarks/faults.py --kills 20 --seed 0
    python benchmarks/faults.py --kills 20 --seed 0 --ray

``hsizoo bench`` runs with several workers.  At seeded moments its driver or one of its workers gets
SIGKILL, each kind so many times: while Python is starting, between two cells, in the middle of one.
Records are read and compared with those of a run that nobody disturbed, and the same command goes
on.  A run that gets to its end is compared as a table, and the next one begins.  With ``--ray`` it
runs on a cluster of three Ray nodes, see ``faults_ray.py``, and nodes are killed too.

======== =======================================================================
lost     records that were there before the kill and are not there any more
doubled  cells that were computed again although their record was there
wrong    records that differ from those of the undisturbed run, or cannot be read
orphans  workers that still lived half a minute after the death of their driver
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
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hsizoo.engine.store import Store

COMMAND = [
    "bench", "sa", "pcc", "sa-rw", "sid", "--clicks", "3", "--device", "cpu",
    "--dataset", "phantom:height=48,width=48,bands=24,test_subjects=3,scenes_per_subject=2",
]  # fmt: skip
COUNTED = ("lost", "doubled", "wrong", "orphans")
EXCUSED = ("WorkerDied", "WorkerLost")  # errors of cells whose workers were killed
_MEASURED = ("s/open", "s/click")  # columns that differ from run to run
_PATIENCE = 600.0
_PATIENCE_WITH_ORPHANS = 30.0


class Local:
    """A run on this machine: what is killed, and how.

    Attributes
    ----------
    arguments : sequence of str
        Where the command computes.
    kinds : dict of str to callable
        What can be killed, and what kills it: called with the process number of the driver, and the
        random numbers that choose; returns whether there was one.
    """

    arguments: Sequence[str] = ("--jobs", "2")

    def __init__(self) -> None:
        self.kinds: Mapping[str, Callable[[int, random.Random], bool]] = {
            "driver": kill_driver,
            "worker": self.kill_worker,
        }

    def kill_worker(self, driver: int, rng: random.Random) -> bool:
        """Kill one of the workers."""
        workers = self.workers_of(driver)
        return bool(workers) and kill(rng.choice(workers))

    def workers_of(self, driver: int) -> list[int]:
        """Process numbers of the workers of a driver."""
        return [each for each in children_of(driver) if b"spawn_main" in command_line(each)]


def kill_driver(driver: int, rng: random.Random) -> bool:
    """Kill the process that the user started."""
    return kill(driver)


def kill(process: int) -> bool:
    """Send SIGKILL; return whether there was such a process."""
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def children_of(process: int) -> list[int]:
    """Process numbers of what a process has started, in any of its threads."""
    found: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found += map(int, path.read_text().split())
        except OSError:  # the thread has ended
            continue
    return found


def command_line(process: int) -> bytes:
    """Words of a command; empty if its process has ended, or waits to be buried."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def start(out: Path, place: Local) -> subprocess.Popen[bytes]:
    """Start the command in a process group of its own."""
    command = [sys.executable, "-m", "hsizoo", *COMMAND, *place.arguments, "--out", str(out)]
    with said_by(out).open("wb") as said:
        return subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)


def said_by(out: Path) -> Path:
    """What the last command in a folder said."""
    return out.with_name(f"{out.name}.log")


def records_in(out: Path) -> dict[str, dict[str, Any] | None]:
    """Every stored record, None if it cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        store = Store(out)
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
    """A run that is killed until it gets to its end.

    Parameters
    ----------
    out : Path
        Its folder.
    place : Local
        Where it computes.
    right : dict
        The figures of the undisturbed run, by key.
    left : Counter
        Kills of each kind that are still to be done; counted down.
    rng : random.Random
    """

    def __init__(
        self,
        out: Path,
        place: Local,
        right: Mapping[str, Any],
        left: collections.Counter[str],
        rng: random.Random,
    ) -> None:
        self.out, self.place, self.right, self.left, self.rng = out, place, right, left, rng
        self.counts: collections.Counter[str] = collections.Counter()
        self.seconds: list[float] = []  # from a driver's death to that of its last worker
        self.finished: dict[str, str] = {}  # when each cell that is done was finished

    def go(self) -> bool:
        """Start the command and kill what is to be killed; return whether it got to its end."""
        driver, killed = start(self.out, self.place), 0
        try:
            while driver.poll() is None and (kinds := sorted(+self.left)):
                kind = self.rng.choice(kinds)
                self._wait_for_the_moment(driver, kind)
                workers = self.place.workers_of(driver.pid)
                if driver.poll() is not None or not self.place.kinds[kind](driver.pid, self.rng):
                    continue
                self.left[kind] -= 1
                killed += 1
                if kind == "driver":
                    driver.wait()
                    self._count_orphans(workers)
            driver.wait(_PATIENCE)
            self.compare()
            return not killed and driver.returncode == 0
        finally:
            if driver.poll() is None:
                driver.kill()
                driver.wait()

    def finish(self) -> None:
        """Let the command get to its end, and look at everything."""
        driver = start(self.out, self.place)
        try:
            if driver.wait(_PATIENCE) != 0:
                self.counts["wrong"] += 1
                print(said_by(self.out).read_text(), file=sys.stderr)
        finally:
            kill(driver.pid)
            driver.wait()
        self.compare()
        self.counts["wrong"] += self.finished.keys() != self.right.keys()

    def _wait_for_the_moment(self, driver: subprocess.Popen[bytes], kind: str) -> None:
        """Some are killed as they start, others when so many more cells are stored."""
        if kind == "driver" and self.rng.random() < 0.25:
            time.sleep(4 * self.rng.random())
            return
        store = Store(self.out)
        wanted = len(store.stored()) + self.rng.randint(0, 3)
        deadline = time.monotonic() + _PATIENCE
        while driver.poll() is None and time.monotonic() < deadline:
            if len(store.stored()) >= wanted and self.place.workers_of(driver.pid):
                break
            time.sleep(0.005)
        time.sleep(0.3 * self.rng.random())

    def compare(self) -> None:
        """Compare all records with the right ones, and with what was there before."""
        found = records_in(self.out)
        self.counts["lost"] += len(self.finished.keys() - found.keys())
        for key, record in found.items():
            if record is not None and record["status"] == "failed":
                self.counts["lost"] += key in self.finished
                died = record["error"]["type"] in EXCUSED
                self.counts["failed" if died else "wrong"] += 1
                if not died:
                    print(f"{key}: {record['error']}", file=sys.stderr)
                continue
            if figures(record) != self.right.get(key):
                self.counts["wrong"] += 1
                print(f"{key}: {figures(record)}\nnot {self.right.get(key)}", file=sys.stderr)
            if record is None:
                continue
            self.counts["doubled"] += (
                self.finished.get(key, record["finished"]) != (record["finished"])
            )
            self.finished[key] = record["finished"]

    def _count_orphans(self, workers: list[int]) -> None:
        began = time.monotonic()
        names = {each: command_line(each) for each in workers}
        while time.monotonic() - began < _PATIENCE_WITH_ORPHANS:
            workers = [each for each in workers if self._lives(each, names[each])]
            if not workers:
                self.seconds.append(time.monotonic() - began)
                return
            time.sleep(0.01)
        self.counts["orphans"] += len(workers)

    @staticmethod
    def _lives(process: int, name: bytes) -> bool:
        """Whether it is the same process still: numbers are used again."""
        return bool(name) and command_line(process)[:10] == name[:10]


def kill_again_and_again(place: Local, kills: int, seed: int) -> int:
    """Kill each kind so many times, and print what was lost; return the exit status."""
    rng = random.Random(seed)
    counts: collections.Counter[str] = collections.Counter()
    left = collections.Counter(dict.fromkeys(place.kinds, kills))
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        quiet = Path(folder, "quiet")
        if start(quiet, place).wait(_PATIENCE) != 0:
            print("the undisturbed run failed")
            return 1
        right = {key: figures(record) for key, record in records_in(quiet).items()}
        print(f"{len(right)} cells, {kills} kills of each kind, seed {seed}", flush=True)
        while +left:
            counts["runs"] += 1
            trial = Trial(Path(folder, f"run {counts['runs']}"), place, right, left, rng)
            while +left and not trial.go():
                pass
            trial.finish()
            trial.counts["wrong"] += table(trial.out) != table(quiet)
            counts += trial.counts
            seconds += trial.seconds
            seen = f"left: {dict(left)}  so far: {dict(counts)}"
            print(time.strftime("%X"), seen, file=sys.stderr, flush=True)
    for kind in place.kinds:
        print(f"{kind + 's':8} {kills - left[kind]}")
    for name in ("runs", "failed", *COUNTED):
        print(f"{name:8} {counts[name]}")
    if seconds:
        middle, longest = statistics.median(seconds), max(seconds)
        print(f"seconds until the last worker was gone: median {middle:.2f}, longest {longest:.2f}")
    return int(any(counts[name] for name in COUNTED))


def main() -> int:
    """Kill so many times, and print what was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ray", action="store_true", help="on three Ray nodes")
    arguments = parser.parse_args()
    if not arguments.ray:
        return kill_again_and_again(Local(), arguments.kills, arguments.seed)
    from faults_ray import Ray

    with Ray() as place:
        return kill_again_and_again(place, arguments.kills, arguments.seed)


if __name__ == "__main__":
    sys.exit(main())

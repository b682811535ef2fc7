"""Damaged files of every kind, against all of hsizoo's readers.

Run from the repository root::

    python benchmarks/fuzz.py --count 20000 --seed 0
    python benchmarks/fuzz.py --kinds png,tiff --count 5000   # some kinds only
    python benchmarks/fuzz.py --only tiff:1234                # one input again, with its traceback

A small valid file of each kind is changed in one to four places: bits are flipped, parts are cut
out, doubled or moved, numbers are replaced by remarkable ones.  Where a format has checksums, half
of the inputs get valid ones, so that the change reaches what is behind them.  A reader may return
a result, or raise an `HsizooError` that names the file.  Everything else is a finding:

========= ==========================================================================
traceback another exception
unnamed   an `HsizooError` that does not name the file
memory    more memory than ``--memory`` MiB, or an attempt to take more than four times that
hang      no answer within ``--seconds``
crash     the end of the process
========= ==========================================================================

The inputs run one after another in a child process, which is replaced when it ends or hangs.  The
exit status is 1 if anything was found.  Linux only: memory is read from ``/proc``.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import queue
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fuzz_inputs import KINDS, TRIAL, damage

from hsizoo.errors import HsizooError

_MIB = 2**20
_STARTING = 120.0  # seconds for the imports of a child, on a busy machine
_BATCH = 2000  # inputs of one child
FINDINGS = ("traceback", "unnamed", "memory", "hang", "crash")
COLUMNS = ("read", "refused", *FINDINGS)

Input = tuple[str, int]
Answer = dict[str, Any]


# In the child


def serve(valid: Path, inputs: list[Input], memory: int) -> None:
    """Read inputs one after another, and write an answer to each to standard output."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not mix with the answers
    for kind in {kind for kind, _ in inputs}:
        with contextlib.suppress(HsizooError):
            KINDS[kind].read(KINDS[kind].target(valid / kind))  # imports what it needs
    begin = _status("VmSize") + 4 * memory
    resource.setrlimit(resource.RLIMIT_AS, (begin, begin))
    for kind, number in inputs:
        print(json.dumps({"begin": f"{kind}:{number}"}), file=answers)
        with tempfile.TemporaryDirectory() as folder:
            answer = judge(kind, number, valid, Path(folder), memory)
        print(json.dumps(answer), file=answers)


def judge(kind: str, number: int, valid: Path, folder: Path, memory: int) -> Answer:
    """Make an input below a folder, read it, and say what became of it."""
    shutil.copytree(valid / kind, folder, dirs_exist_ok=True)
    damage(kind, number, folder)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that of this input
    before = _status("VmRSS")
    error: BaseException | None = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            KINDS[kind].read(KINDS[kind].target(folder))
        except Exception as caught:  # noqa: BLE001 - whatever it is, it is an answer
            error = caught
    taken = _status("VmHWM") - before
    answer = {"input": f"{kind}:{number}", "outcome": "read", "where": "", "text": ""}
    if error is not None:
        known = isinstance(error, HsizooError)
        names = (str(folder), *(path.name for path in folder.iterdir()))
        named = any(name in str(error) for name in names)
        answer["outcome"] = ("refused" if named else "unnamed") if known else "traceback"
        answer["where"] = _where(error)
        answer["text"] = f"{type(error).__name__}: {error}"[:300]
        answer["traceback"] = "".join(traceback.format_exception(error))
    if taken > memory or any(map(_wants_memory, _chain(error))):
        answer["outcome"] = "memory"
        answer["text"] = f"{taken / _MIB:.0f} MiB; {answer['text']}"
    return answer


def _status(name: str) -> int:
    """Return an entry of /proc/self/status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (found,) = (line.split()[1] for line in lines if line.startswith(f"{name}:"))
    return int(found) * 2**10


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _wants_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "can't allocate memory" in str(error)  # torch


def _where(error: BaseException) -> str:
    """Return the last line of hsizoo's own code that an exception went through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "hsizoo" in frame.filename] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno} {type(error).__name__}"


# In the parent


class Child:
    """A process that reads inputs."""

    def __init__(self, valid: Path, inputs: list[Input], options: argparse.Namespace) -> None:
        command = [sys.executable, __file__, "--memory", str(options.memory), "--child", str(valid)]
        environment = {
            **os.environ,
            "HSIZOO_HOME": str(valid / "home"),
            "HSIZOO_OFFLINE": "1",
            "HSIZOO_MEMORY_GB": str(options.memory / 2**11),
            "OMP_NUM_THREADS": "1",
        }
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env=environment,
        )  # fmt: skip
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            json.dump(inputs, self._process.stdin)
            self._process.stdin.close()
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def line(self, seconds: float) -> Answer | None:
        """Return the next line, or None if the process has ended.

        Raises
        ------
        queue.Empty
            If there is none in time.
        """
        text = self._lines.get(timeout=seconds)
        found: Answer | None = json.loads(text) if text else None
        return found

    def end(self) -> str:
        """End the process, if it has not ended, and return how it did."""
        if self._lines.empty() and self._reader.is_alive():
            self._process.kill()
        status = self._process.wait()
        assert self._process.stdout is not None
        self._reader.join()
        self._process.stdout.close()
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"


def answers(valid: Path, inputs: list[Input], options: argparse.Namespace) -> Iterator[Answer]:
    """Yield what became of each input, in order."""
    left = collections.deque(inputs)
    while left:
        batch = [left[index] for index in range(min(_BATCH, len(left)))]
        child = Child(valid, batch, options)
        begun, seconds = None, _STARTING
        try:
            while (line := child.line(seconds)) is not None:
                if "begin" in line:
                    begun, seconds = line["begin"], options.seconds
                else:
                    begun, seconds = None, _STARTING
                    left.popleft()
                    yield line
            how = child.end()
            outcome = "crash"
        except queue.Empty:
            child.end()
            outcome, how = "hang", f"more than {seconds:g} s"
        if begun is not None:
            left.popleft()
            yield {"input": begun, "outcome": outcome, "where": how, "text": how}
        elif how != "exit status 0":
            raise SystemExit(f"a child ended between two inputs: {how}; see --only")


def table(counts: dict[str, collections.Counter[str]]) -> str:
    """Return the outcomes of each kind as text."""
    rows = [["kind", *COLUMNS]]
    rows += [[kind, *(str(found[name]) for name in COLUMNS)] for kind, found in counts.items()]
    total = sum(counts.values(), collections.Counter())
    rows.append(["all", *(str(total[name]) for name in COLUMNS)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True))
        for row in rows
    )


def run(options: argparse.Namespace, valid: Path) -> int:
    """Read all inputs, print the table, and return the exit status."""
    kinds = options.kinds
    inputs = [
        (kinds[index % len(kinds)], options.seed + index // len(kinds))
        for index in range(options.count)
    ]
    counts = {kind: collections.Counter[str]() for kind in kinds}
    found: dict[tuple[str, str, str], list[Answer]] = {}
    begin, told = time.monotonic(), time.monotonic()
    for done, answer in enumerate(answers(valid, inputs, options), start=1):
        kind = answer["input"].partition(":")[0]
        counts[kind][answer["outcome"]] += 1
        if answer["outcome"] in FINDINGS:
            key = kind, answer["outcome"], answer["where"]
            if key not in found:  # said at once, in case the run is stopped
                print(*key, "--only", answer["input"], file=sys.stderr)
            found.setdefault(key, []).append(answer)
        if time.monotonic() - told > 10:
            told = time.monotonic()
            print(f"{done} of {len(inputs)}, {len(found)} kinds of findings", file=sys.stderr)
    print(table(counts))
    print(f"{time.monotonic() - begin:.0f} s")
    for (_, outcome, where), each in sorted(found.items()):
        names = " ".join(answer["input"] for answer in each[:3])
        print(f"\n{outcome} ({len(each)}) at {where}\n  {each[0]['text']}\n  --only {names}")
    return int(bool(found))


def repeat(options: argparse.Namespace, valid: Path) -> int:
    """Read one input again, print everything about it, and keep its files."""
    kind, _, number = options.only.partition(":")
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{kind}-{number}-"))
    shutil.copytree(valid / kind, folder, dirs_exist_ok=True)
    damage(kind, int(number), folder)
    (answer,) = answers(valid, [(kind, int(number))], options)
    print(answer.pop("traceback", ""))
    print("\n".join(f"{name}: {value}" for name, value in answer.items()))
    print(f"files: {folder}")
    return int(answer["outcome"] in FINDINGS)


def _kinds(text: str) -> list[str]:
    kinds = text.split(",")
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r}: expected some of {', '.join(KINDS)}")
    return kinds


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=20_000, help="number of inputs")
    parser.add_argument("--seed", type=int, default=0, help="the number of the first input")
    parser.add_argument("--kinds", type=_kinds, default=[kind for kind in KINDS if kind != TRIAL])
    parser.add_argument("--only", metavar="KIND:NUMBER", help="read one input again")
    parser.add_argument("--seconds", type=float, default=20.0, help="for one input")
    parser.add_argument("--memory", type=int, default=256, help="MiB for one input")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        inputs = [(kind, number) for kind, number in json.load(sys.stdin)]
        serve(options.child, inputs, options.memory * _MIB)
        return 0
    kinds = [options.only.partition(":")[0]] if options.only else options.kinds
    with tempfile.TemporaryDirectory() as folder:
        valid = Path(folder)
        for kind in _kinds(",".join(kinds)):
            (valid / kind).mkdir()
            KINDS[kind].write(valid / kind)
        return repeat(options, valid) if options.only else run(options, valid)


if __name__ == "__main__":
    sys.exit(main())

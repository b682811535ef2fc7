"""What the runner adds to a cell: time and memory of runs whose cells compute almost nothing.

Run from the repository root; writes benchmarks/results/cells.*::

    python benchmarks/cells.py                                  # 10², 10³ and 10⁴ cells; minutes
    python benchmarks/cells.py --cells 100 1000 --stored 1000 --out /tmp/results
    python benchmarks/cells.py --cells 10000 --stored 100000    # what is stored, without computing

A component that answers at once runs on scenes of 8 × 8 × 3 pixels, each of a subject of its own,
so that the bootstrap has as many units as there are cells.  Every size has a process of its own.
Times are of the processor, which other work on the machine affects less, and by the clock where
the disk is waited for.  With ``--stored``, records are written without computing them, and the
same command is run on them.
"""

from __future__ import annotations

import argparse
import csv
import functools
import io
import itertools
import json
import math
import resource
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from racing import RESULTS, circumstances

PLUGIN = '''
    import numpy as np

    import hsizoo


    class Instant(hsizoo.InteractiveSegmenter):
        """Answers at once."""

        def open(self, cube):
            return cube.shape[:2]

        def predict(self, state, prompts):
            return np.full((len(prompts), *state), 0.75, dtype=np.float32)


    class Many(hsizoo.SceneDataset):
        """Scenes of 8 x 8 x 3, each of a subject of its own.

        Parameters
        ----------
        count : int, default 100
            Number of scenes.
        """

        card = hsizoo.DatasetCard(
            title="Many", source="computed", licence="-", citation="-", size="-", how_to_get="-"
        )

        def __init__(self, *, count: int = 100):
            self._count = count

        def scenes(self):
            return [hsizoo.SceneInfo(f"scene-{n}", f"subject-{n}") for n in range(self._count)]

        def scene(self, index):
            rng = np.random.default_rng(index)
            cube = hsizoo.HyperCube(rng.random((8, 8, 3), dtype=np.float32), name=f"scene-{index}")
            labels = rng.integers(0, 2, (8, 8))
            labels[0, 0] = 1
            names = hsizoo.LabelMap(labels, {0: "ground", 1: "object"}, targets={1})
            return hsizoo.Scene(cube, names, f"scene-{index}", f"subject-{index}")


    @hsizoo.hookimpl
    def hsizoo_components():
        yield hsizoo.ComponentSpec(
            name="instant", kind="segmenter", target="instant_zoo:Instant", summary="-"
        )
        yield hsizoo.ComponentSpec(
            name="many", kind="dataset", target="instant_zoo:Many", summary="-"
        )
'''

PARTS = {
    "plan": "planning",
    "key": "keys",
    "load": "looking for stored records",
    "work": "computing, which is not the runner's",
    "save": "writing records",
    "compare": "tables: means, intervals, comparisons",
    "write_results": "tables: files",
    "rest": "everything else",
}
"""Parts of a run, in order."""


def install(folder: Path) -> None:
    """Put the plugin on the path, as pip would."""
    (folder / "instant_zoo.py").write_text(textwrap.dedent(PLUGIN))
    info = folder / "instant_zoo-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: instant-zoo\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hsizoo.plugins]\ninstant_zoo = instant_zoo\n")
    sys.path.insert(0, str(folder))


class Clock:
    """Seconds, of the processor and by the clock, spent in functions of the runner."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = {}

    def wrap(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Make a function add its time to a part."""
        spent = self.spent.setdefault(part, [0.0, 0.0])

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            begun = time.process_time(), time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent[0] += time.process_time() - begun[0]
                spent[1] += time.perf_counter() - begun[1]

        return timed


def measure(count: int, stored: bool) -> dict[str, Any]:
    """Run cells, and the same command again; both in parts, with the peak of memory."""
    import hsizoo
    import hsizoo.runs.bench as runner
    import hsizoo.runs.plan as planning
    from hsizoo.engine.store import Store
    from hsizoo.runs.work import CellWork

    command = functools.partial(hsizoo.bench, "instant", f"many:count={count}", clicks=5)
    clock = Clock()
    with tempfile.TemporaryDirectory() as temporary:
        install(Path(temporary))
        hsizoo.bench("instant", "many:count=3", out=f"{temporary}/warm")  # imports, the protocol
        runner.observe_rows = clock.wrap("compare", runner.observe_rows)  # type: ignore[attr-defined]
        for name in ("plan", "compare", "write_results"):
            setattr(runner, name, clock.wrap(name, getattr(runner, name)))
        planning._Form.key = clock.wrap("key", planning._Form.key)  # type: ignore[method-assign]
        Store.head = clock.wrap("load", Store.head)  # type: ignore[method-assign]
        Store.save = clock.wrap("save", Store.save)  # type: ignore[method-assign]
        CellWork.__call__ = clock.wrap("work", CellWork.__call__)  # type: ignore[method-assign]
        out = Path(temporary) / "run"
        found: dict[str, Any] = {"count": count}
        if stored:
            fill(out, count, Path(temporary))
        for turn in ("resumed",) if stored else ("first", "resumed"):
            for spent in clock.spent.values():
                spent[:] = [0.0, 0.0]
            begun = time.process_time(), time.perf_counter()
            result = command(out=out)
            whole = [time.process_time() - begun[0], time.perf_counter() - begun[1]]
            assert len(result.records) == count
            assert not result.failures
            parts = {part: list(spent) for part, spent in clock.spent.items()}
            inner = [sum(each) for each in zip(*parts.values(), strict=True)]
            parts["rest"] = [a - b for a, b in zip(whole, inner, strict=True)]
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
            found[turn] = {"parts": parts, "whole": whole, "peak MB": peak}
        begun_listing = time.perf_counter()
        from hsizoo.runs.stored import find_runs

        (listed,) = find_runs(out)
        assert listed.stored == count
        found["listing"] = time.perf_counter() - begun_listing
        if not stored:
            found["display"] = display(result)
    return found


def fill(out: Path, count: int, temporary: Path) -> None:
    """Write the records that a run would have written, without computing them or flushing them."""
    import hsizoo
    from hsizoo.engine.logs import RecordLogs, seal
    from hsizoo.engine.store import Store
    from hsizoo.runs.case import Case
    from hsizoo.runs.plan import plan

    few = hsizoo.bench("instant", "many:count=3", out=temporary / "few", clicks=5)
    store = Store(few.folder)
    (key, *_) = store.stored()
    pattern = dict(store.load(key) or {})
    del pattern["digest"]
    protocol = few.protocol(clicks=5)
    cells = plan([Case(component="instant", dataset=f"many:count={count}", protocol=protocol)])
    identity = {**cells[0].identity, "scene": "@scene@"}
    whole = {**pattern, "key": "@key@", "identity": identity, "subject": "@subject@"}
    text = json.dumps(whole).encode()
    logs = RecordLogs(out / "cells")
    for number, cell in enumerate(cells):
        line = text.replace(b"@key@", cell.key.encode())
        line = line.replace(b"@scene@", b"scene-%d" % number)
        logs.append(cell.key, seal(line.replace(b"@subject@", b"subject-%d" % number)), flush=False)
    logs.stop_writing()
    del logs
    read = Store(out).load(cells[-1].key)
    assert read is not None
    assert read["identity"] == cells[-1].identity


def display(result: Any) -> dict[str, float]:
    """Processor seconds of the live table over a whole run, all and the longest drawing."""
    from rich.console import Console

    from hsizoo.cli.run_display import RunDisplay
    from hsizoo.engine.cells import Cell

    shown = RunDisplay(Console(file=io.StringIO(), force_terminal=True, width=120), result.protocol)
    longest, begun = 0.0, time.process_time()
    for record in result.records:
        row = {key: record[key] for key in ("label", "conditions", "training_seed")}
        cell = Cell(record["identity"], {"row": row}, "instant")
        start = time.process_time()
        shown.finished(cell, record)
        longest = max(longest, time.process_time() - start)
    return {"all": time.process_time() - begun, "longest": longest}


def table(found: Sequence[dict[str, Any]], turn: str) -> list[str]:
    """Milliseconds per cell by part and size, and the memory, as Markdown."""
    mine = [each for each in found if turn in each]
    lines = [
        "| | " + " | ".join(f"{each['count']:,} cells" for each in mine) + " |",
        "|---" * (len(mine) + 1) + "|",
    ]
    for part, words in [*PARTS.items(), ("whole", "all"), ("added", "of which the runner's")]:
        cells = []
        for each in mine:
            parts = each[turn]["parts"]
            times = {**parts, "whole": each[turn]["whole"]}
            times["added"] = [a - b for a, b in zip(times["whole"], parts["work"], strict=True)]
            processor, by_clock = (1000 * spent / each["count"] for spent in times[part])
            cells.append(f"{processor:.3f} ({by_clock:.3f})")
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    whole = (f"{each[turn]['whole'][1]:.1f} s" for each in mine)
    memory = (f"{each[turn]['peak MB']:.0f} MB" for each in mine)
    lines.append(f"| whole run, by the clock | {' | '.join(whole)} |")
    lines.append(f"| greatest memory of the process | {' | '.join(memory)} |")
    return lines


def growth(found: Sequence[dict[str, Any]]) -> list[str]:
    """By what power of the number of cells a resumed run grows from size to size."""
    lines = []
    for less, more in itertools.pairwise(found):
        ratio = math.log(more["count"] / less["count"])
        time, memory = (
            math.log(more["resumed"][key] / less["resumed"][key]) / ratio
            if key == "peak MB"
            else math.log(more["resumed"][key][0] / less["resumed"][key][0]) / ratio
            for key in ("whole", "peak MB")
        )
        lines.append(
            f"- from {less['count']:,} to {more['count']:,} cells, a resumed run grows with the "
            f"power {time:.2f} in time of the processor, and {memory:.2f} in memory"
        )
    return lines


def write(found: Sequence[dict[str, Any]], out: Path) -> None:
    """Write ``cells.csv`` and ``cells.md``, and print the latter."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "cells.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["cells", "run", "part", "processor_s", "clock_s"])
        for each in found:
            for turn in ("first", "resumed"):
                for part, spent in each.get(turn, {}).get("parts", {}).items():
                    numbers = (f"{seconds:.4f}" for seconds in spent)
                    rows.writerow([each["count"], turn, part, *numbers])
    shown = [
        f"- {each['count']:,} cells: listed by `hsizoo runs` in {each['listing']:.2f} s"
        + (
            f"; the live table takes {each['display']['all']:.2f} s of the processor in a run "
            f"without pauses, its longest drawing {1000 * each['display']['longest']:.0f} ms"
            if "display" in each
            else ""
        )
        for each in found
    ]
    lines = [
        "# What the runner adds to a cell",
        "",
        "Milliseconds of the processor per cell, in brackets by the clock: cells that compute "
        "almost nothing, each of a subject of its own.",
        "",
        *circumstances("cells", "cpu"),
        *shown,
        "",
        *(["## A run", "", *table(found, "first"), ""] if "first" in found[0] else []),
        "## The same command again: resumed, all cells stored",
        "",
        *table(found, "resumed"),
        "",
        *growth(found),
    ]
    (out / "cells.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def main() -> None:
    """Measure every size in a process of its own, and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", type=int, nargs="*", default=[100, 1000, 10_000])
    parser.add_argument("--stored", type=int, nargs="*", default=[], help="records, not computed")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--one", help=argparse.SUPPRESS)  # a size, in a process of its own
    options = parser.parse_args()
    if options.one:
        how, _, count = options.one.partition(":")
        print(json.dumps(measure(int(count), how == "stored")))
        return
    found = []
    sizes = [f"cells:{n}" for n in options.cells] + [f"stored:{n}" for n in options.stored]
    for size in sizes:
        words = [sys.executable, __file__, "--one", size]
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
        write(found, options.out)  # a size of hours must not lose the others


if __name__ == "__main__":
    main()

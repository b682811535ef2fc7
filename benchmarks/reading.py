"""Time to load a full-size HeiPorSPECTRAL cube, compared with numpy.

Run from the repository root, on an otherwise idle machine; needs 800 MB of temporary disk space::

    python benchmarks/reading.py                   # writes benchmarks/results/reading.*
    python benchmarks/reading.py --repeats 5 --folder /mnt/disk --out /tmp/results

The files are those of ``hsizoo data fixture heipor``, but of 480 × 640 × 100 (123 MB each), and are
in the system cache after an untimed round.  Rivals take turns, in alternating order; each figure is
a median with minimum and maximum, of wall time and of processor time, which is less affected by
other work on the machine.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import os
import platform
import shlex
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from hsizoo_datasets.heipor import Heipor
from hsizoo_datasets.heipor_fixture import write_fixture
from racing import RESULTS, SHAPE, Job, commit, installed, processor

from hsizoo.io import read_cube

HEIGHT, WIDTH, BANDS = SHAPE
VIEW = "numpy: fromfile and transpose"
NATIVE = "numpy: the same, made float32 of this machine"
OURS = "hsizoo: read_cube"
SCENE = "hsizoo: heipor's scene, with its masks"


@dataclass(frozen=True)
class Spread:
    """Milliseconds over the repeats."""

    median: float
    least: float
    greatest: float


def with_numpy(path: Path) -> npt.NDArray[np.float32]:
    """Read a SpecCube as documented; values stay big-endian."""
    stored = np.fromfile(path, ">f4", offset=12).reshape(WIDTH, HEIGHT, BANDS)
    return np.swapaxes(np.flip(stored, axis=1), 0, 1)


def take_turns(jobs: dict[str, Job], repeats: int) -> dict[str, tuple[Spread, Spread]]:
    """Wall and processor time of each job, after one untimed round."""
    times: dict[str, list[tuple[float, float]]] = {what: [] for what in jobs}
    for turn in range(repeats + 1):
        for what in list(jobs) if turn % 2 else reversed(jobs):
            clock, processor_time = time.perf_counter(), time.process_time()
            result = jobs[what]()
            spent = time.perf_counter() - clock, time.process_time() - processor_time
            del result  # freeing the memory is not part of reading
            if turn:
                times[what].append(spent)

    def spread(values: list[float]) -> Spread:
        return Spread(*(1000 * f(values) for f in (statistics.median, min, max)))

    return {
        what: (spread([clock for clock, _ in each]), spread([cpu for _, cpu in each]))
        for what, each in times.items()
    }


def measure(folder: Path, repeats: int) -> dict[str, tuple[Spread, Spread]]:
    """Write the files to a folder, check that all rivals read the same, and time them."""
    root = write_fixture(folder, shape=SHAPE)
    path = min(root.glob("data/subjects/*/*/*_SpecCube.dat"))
    dataset = Heipor(data_dir=str(root))
    for found in (read_cube(path).data, dataset.scene(0).cube.data):
        np.testing.assert_array_equal(found, with_numpy(path))
    return take_turns(
        {
            VIEW: lambda: with_numpy(path),
            NATIVE: lambda: with_numpy(path).astype(np.float32),
            OURS: lambda: read_cube(path),
            SCENE: lambda: dataset.scene(0),
        },
        repeats,
    )


def write(found: dict[str, tuple[Spread, Spread]], out: Path, arguments: list[str]) -> None:
    """Write ``reading.csv`` and ``reading.md``."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "reading.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        names = [f"{n}_{of}_ms" for of in ("clock", "cpu") for n in ("median", "min", "max")]
        rows.writerow(["what", *names])
        for what, spreads in found.items():
            numbers = [n for s in spreads for n in (s.median, s.least, s.greatest)]
            rows.writerow([what, *(f"{number:.3f}" for number in numbers)])

    def cells(what: str, of: int) -> str:
        spread = found[what][of]
        ratios = [f"{spread.median / found[rival][of].median:.2f}" for rival in (VIEW, NATIVE)]
        spent = f"{spread.median:.1f} ({spread.least:.1f} to {spread.greatest:.1f})"
        return " | ".join((spent, *ratios))

    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    lines = [
        "# Time to load a full-size cube",
        "",
        f"A SpecCube of {HEIGHT} × {WIDTH} × {BANDS}, 123 MB, in the system cache. Milliseconds: "
        "median (min to max), then the ratios to the two times of numpy, below 1 where hsizoo is "
        "faster.",
        "",
        f"- machine: {processor()}, {os.cpu_count()} cores{load} at the end",
        f"- versions: Python {platform.python_version()}, "
        + ", ".join(map(installed, ("hsizoo", "numpy"))),
        f"- commit: {commit()}; date: {datetime.date.today().isoformat()}",
        f"- command: `{shlex.join(['python', 'benchmarks/reading.py', *arguments])}`",
        "",
        "| | wall time | to view | to float32 | processor | to view | to float32 |",
        "|---|---|---|---|---|---|---|",
        *(f"| {what} | {cells(what, 0)} | {cells(what, 1)} |" for what in found),
    ]
    (out / "reading.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def main() -> None:
    """Run all timings and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--folder", type=Path, help="folder for temporary files")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = measure(Path(folder), options.repeats)
    write(found, options.out, sys.argv[1:])


if __name__ == "__main__":
    main()

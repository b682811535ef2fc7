"""How time and memory grow with pixels, bands, classes, clicks, scenes and cells.

Run from the repository root; writes benchmarks/results/growth.*::

    python benchmarks/growth.py                       # minutes
    python benchmarks/growth.py --values 3 --out /tmp/results
    python benchmarks/growth.py --axes pixels bands

Each point has a process of its own.  Time is of the processor, with one thread, as other work on
the machine affects it less.  Memory is the greatest of the process, less what it took with all
imports and weights, before the work.  Exponents are least-squares slopes of the logarithms, over
all values of an axis, with their standard errors; memory below 2 MB is not fitted.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

BANDS, SIDE = 100, 160
LIMIT_GB = "0.02"
"""Memory allowed for a cube in the axis "pixels, from a file": all values exceed it."""

_FITTED_MB = 2.0


@dataclass(frozen=True)
class Axis:
    """What grows.

    Parameters
    ----------
    values : tuple of int
    work : callable
        Takes a value and a folder, prepares, and returns the work to be timed.
    aim : float
        Largest exponent of time that is expected.
    says : str
        What is done.
    """

    values: tuple[int, ...]
    work: Callable[[int, Path], Callable[[], object]]
    aim: float
    says: str


def random_cube(side: int, bands: int) -> Any:
    """Make a cube of noise."""
    import hsizoo

    return hsizoo.HyperCube(np.random.default_rng(0).random((side, side, bands), dtype=np.float32))


def scoring(side: int, bands: int) -> Callable[[], object]:
    """Prepare a cube and score one reference."""
    from hsizoo_spectral.sa import SpectralAngle

    scorer, small = SpectralAngle(), random_cube(16, bands)
    scorer.score(scorer.prepare(small), small.data[0, :1])  # first use
    cube = random_cube(side, bands)
    _ = cube.valid
    return lambda: scorer.score(scorer.prepare(cube), cube.data[0, :1])


def scoring_a_file(pixels: int, folder: Path) -> Callable[[], object]:
    """Score a file that is larger than the memory allowed for a cube."""
    os.environ["HSIZOO_MEMORY_GB"] = LIMIT_GB
    from hsizoo_spectral.sa import SpectralAngle

    import hsizoo

    side, scorer = round(pixels**0.5), SpectralAngle()
    shape = (side, side, BANDS)
    path = folder / "cube.npy"
    stored = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    for row in stored:
        row[:] = np.random.default_rng(0).random((side, BANDS), dtype=np.float32)
    stored.flush()
    del stored

    def work() -> object:
        cube = hsizoo.HyperCube(np.load(path, mmap_mode="r"))
        return scorer.score(scorer.prepare(cube), np.array(cube.data[0, :1]))

    return work


def segmenting(classes: int, clicks: int) -> Callable[[], object]:
    """Click on objects of one image, one click after another; SAMSA 2.0, nano."""
    from hsizoo_samsa.samsa2 import Samsa2

    import hsizoo

    model = Samsa2(size="nano", checkpoint="random")
    places = np.random.default_rng(0).integers(0, SIDE, (classes, clicks, 2))
    state = model.open(random_cube(SIDE, 20))
    model.predict(state, [hsizoo.Clicks([(3, 3)])])  # first use; the image is projected

    def work() -> None:
        for k in range(clicks):
            model.predict(state, [hsizoo.Clicks(each[: k + 1]) for each in places])

    return work


def running(dataset: str, component: str, folder: Path) -> Callable[[], object]:
    """Run a whole benchmark, whose records are kept in a folder."""
    import hsizoo

    hsizoo.bench(component, dataset, clicks=1, limit=1, out=folder / "first")  # first use
    return lambda: hsizoo.bench(component, dataset, clicks=3, out=folder / "run")


def scenes(count: int, folder: Path) -> Callable[[], object]:
    """Run a scorer on scenes of the phantom."""
    form = "height=48,width=48,bands=30,train_subjects=1,val_subjects=1"
    return running(f"phantom:{form},test_subjects={count},scenes_per_subject=1", "sa", folder)


def cells(count: int, folder: Path) -> Callable[[], object]:
    """Run cells that compute almost nothing."""
    from cells import install

    install(folder)
    return running(f"many:count={count}", "instant", folder)


AXES = {
    "pixels": Axis(
        (4096, 16384, 65536, 262144),
        lambda n, _: scoring(round(n**0.5), BANDS), 1.1, "sa, prepared and scored",
    ),
    "pixels, from a file": Axis(
        (65536, 147456, 262144, 589824), scoring_a_file, 1.1,
        "the same, the cube larger than the memory allowed for it",
    ),
    "bands": Axis(
        (25, 50, 100, 200), lambda n, _: scoring(256, n), 1.1, "sa, prepared and scored"
    ),
    "classes": Axis(
        (2, 4, 8, 16), lambda n, _: segmenting(n, 3), 1.1, "samsa2-nano, three clicks each"
    ),
    "clicks": Axis(
        (2, 4, 8, 16), lambda n, _: segmenting(1, n), 1.1, "samsa2-nano, one after another"
    ),
    "scenes": Axis((4, 8, 16, 32), scenes, 1.1, "`hsizoo bench sa` on the phantom"),
    "cells": Axis((50, 100, 200, 400), cells, 1.1, "a run whose cells compute almost nothing"),
}  # fmt: skip


def measure(axis: str, value: int) -> dict[str, float]:
    """Seconds of the processor and additional megabytes of one point, in this process."""
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        work = AXES[axis].work(value, Path(folder))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = time.process_time()
        work()
        seconds = time.process_time() - begun
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"value": value, "seconds": seconds, "megabytes": (after - before) / 1e3}


def slope(values: Sequence[float], measured: Sequence[float]) -> tuple[float, float]:
    """Exponent of a power law, and its standard error (0 for two points).

    Raises
    ------
    ValueError
        If there are fewer than two values.
    """
    if len(values) < 2:
        raise ValueError("an exponent needs two values or more; raise --values")
    x, y = np.log(values), np.log(measured)
    exponent, offset = np.polyfit(x, y, 1)
    if len(values) == 2:
        return float(exponent), 0.0
    rest = ((y - offset - exponent * x) ** 2).sum() / (len(values) - 2)
    return float(exponent), float(np.sqrt(rest / ((x - x.mean()) ** 2).sum()))


def exponents(points: Sequence[dict[str, float]]) -> dict[str, tuple[float, float]]:
    """Exponents of time and, where it can be fitted, of memory, with their standard errors."""
    values = [point["value"] for point in points]
    found = {"time": slope(values, [max(point["seconds"], 1e-6) for point in points])}
    memory = [point["megabytes"] for point in points]
    if min(memory) >= _FITTED_MB:
        found["memory"] = slope(values, memory)
    return found


def write(found: dict[str, list[dict[str, float]]], out: Path, lines: Sequence[str]) -> None:
    """Write ``growth.csv``, ``growth_exponents.csv`` and ``growth.md``; print the last."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "growth.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["axis", "value", "processor_s", "additional_mb"])
        for axis, points in found.items():
            for point in points:
                numbers = (point["seconds"], point["megabytes"])
                rows.writerow([axis, int(point["value"]), *(f"{each:.4f}" for each in numbers)])
    text = [
        "# Growth", "", *lines, "",
        "| axis | work | values | seconds | MB | power, time | power, memory |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    with (out / "growth_exponents.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["axis", "of", "exponent", "standard_error", "aim"])
        for axis, points in found.items():
            fits = exponents(points)
            for what, fit in fits.items():
                rows.writerow([axis, what, *(f"{each:.4f}" for each in fit), AXES[axis].aim])
            shown = {what: f"{fit[0]:.2f} ± {fit[1]:.2f}" for what, fit in fits.items()}
            listed = (
                ", ".join(f"{point[key]:{form}}" for point in points)
                for key, form in (("value", ".0f"), ("seconds", ".3g"), ("megabytes", ".0f"))
            )
            text.append(
                f"| {axis} | {AXES[axis].says} | {' | '.join(listed)} | {shown['time']} "
                f"| {shown.get('memory', '–')} |"
            )
    (out / "growth.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    print("\n".join(text))


def main() -> None:
    """Measure every point in a process of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--axes", nargs="+", choices=list(AXES), default=list(AXES))
    parser.add_argument("--values", type=int, default=4, help="use the first N values of each axis")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--point", nargs=2, help=argparse.SUPPRESS)  # in a process of its own
    options = parser.parse_args()
    if options.point:
        print(json.dumps(measure(options.point[0], int(options.point[1]))))
        return
    if not 2 <= options.values <= 4:
        parser.error("--values must be from 2 to 4")
    from racing import circumstances

    found: dict[str, list[dict[str, float]]] = {}
    for axis in options.axes:
        for value in AXES[axis].values[: options.values]:
            words = [sys.executable, __file__, "--point", axis, str(value)]
            done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
            found.setdefault(axis, []).append(json.loads(done.stdout.splitlines()[-1]))
    write(found, options.out, circumstances("growth", "cpu"))


if __name__ == "__main__":
    main()

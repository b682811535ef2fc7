"""Time of the simulated user and the metrics, per object and click, on 480 × 640 pixels.

Run from the repository root; writes benchmarks/results/judging.*::

    python benchmarks/judging.py

That work is done on the processor whatever computes the maps, so it bounds what a GPU can bring to
a benchmark.  The component is a disc around the clicks; its own time is not counted.  Times are of
the processor, with one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from racing import RESULTS, SHAPE, Timing, timings, write

import hsizoo
from hsizoo.protocols.interactive.protocol import InteractiveProtocol

CLICKS = 5


class Disc(hsizoo.InteractiveSegmenter):
    """Probability falls with the distance to the nearest click."""

    def open(self, cube: hsizoo.HyperCube) -> Any:
        """Number rows and columns."""
        return np.indices(cube.shape[:2])

    def predict(self, state: Any, prompts: Sequence[hsizoo.Clicks]) -> Any:
        """Make the maps."""
        rows, columns = state
        return np.stack([
            np.exp(-np.min([np.hypot(rows - r, columns - c) for r, c, _ in clicks], axis=0) / 60)
            for clicks in prompts
        ]).astype(np.float32)  # fmt: skip


def scene(objects: int) -> hsizoo.Scene:
    """A scene with so many rectangles, in five columns."""
    labels = np.zeros(SHAPE[:2], dtype=int)
    for number in range(objects):
        row, column = divmod(number, 5)
        labels[row * 120 + 10 : row * 120 + 110, column * 128 + 10 : column * 128 + 118] = (
            number + 1
        )
    names = {number: str(number) for number in range(objects + 1)}
    data = np.random.default_rng(0).random((*SHAPE[:2], 4), dtype=np.float32)
    label_map = hsizoo.LabelMap(labels, names, targets=set(range(1, objects + 1)))
    return hsizoo.Scene(hsizoo.HyperCube(data, name="a"), label_map, "a", "a")


def measure(objects: int, repeats: int) -> list[Timing]:
    """Milliseconds per object and click, for each simulated user."""
    spent: dict[str, list[float]] = {}
    for turn in range(repeats + 1):
        for robot in ("paper", "ritm"):
            begun = time.process_time()
            result = InteractiveProtocol(clicks=CLICKS, robot=robot).run(Disc(), scene(objects))
            own = result["seconds"]["open"] + sum(result["seconds"]["predict"])
            if turn:
                whole = time.process_time() - begun - own
                spent.setdefault(robot, []).append(1000 * whole / (CLICKS * objects))
    return timings(f"{objects} object(s)", spent)


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.device = "cpu"
    torch.set_num_threads(1)
    time.perf_counter = time.process_time  # also for the protocol, which times the component
    found = [each for objects in (1, 5, 20) for each in measure(objects, options.repeats)]
    notes = [f"480 × 640 pixels, {CLICKS} clicks; per object and click, scene made anew included"]
    write("judging", "The simulated user and the metrics", notes, found, options)


if __name__ == "__main__":
    main()

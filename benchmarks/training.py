"""Cost of a training step with cached encodings, compared with encoding again.

Run from the repository root, on an otherwise idle machine::

    python benchmarks/training.py                    # writes benchmarks/results/training.*
    python benchmarks/training.py --size nano --repeats 5 --out /tmp/results

A step is one class of one image: five clicks, each with a forward and a backward pass through
the prompt encoder and the mask decoder (SAMSA 2.0, section 3.5).  The frozen image encoder returns
the same features every time, so hsizoo caches them; the rivals run it once per step, and once per
click as in the paper's pseudo-code.  The first epoch of a training computes each encoding once.
Weights are random.
"""

from __future__ import annotations

import os

os.environ["HSIZOO_EMBEDDINGS"] = "off"  # or the rivals would use the cache

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from hsizoo_samsa.samsa2 import Samsa2
from racing import Job, arguments, parse, race, synchronised, synthetic_cube, write

import hsizoo
from hsizoo.protocols.interactive.robots import PaperRobot
from hsizoo.training import TrainingSettings, accumulate


class Again:
    """Segmenter that encodes the image on every call."""

    one_backward = False

    def __init__(self, segmenter: Samsa2, cube: hsizoo.HyperCube) -> None:
        self.segmenter, self.cube = segmenter, cube

    def logits(self, state: Any, prompts: Sequence[hsizoo.Clicks]) -> torch.Tensor:
        """Encode, then call the segmenter."""
        return self.segmenter.logits(self.segmenter.open(self.cube), prompts)


def main() -> None:
    """Time one step in three ways."""
    options = parse(arguments(__doc__, 3))
    cube = hsizoo.HyperCube(synthetic_cube())
    labels = np.zeros(cube.shape[:2], dtype=int)
    labels[100:300, 200:450] = 1
    scene = hsizoo.Scene(cube, hsizoo.LabelMap(labels, {0: "rest", 1: "organ"}, targets=[1]), "a")
    segmenter = Samsa2(size=options.size, checkpoint="random", device=options.device)
    segmenter.train()
    settings, robot = TrainingSettings(), PaperRobot()
    optimizer = torch.optim.AdamW(segmenter.trainable().values(), lr=1e-5)
    kept = segmenter.open(cube)

    def step(model: Any, state: Any) -> None:
        optimizer.zero_grad()
        accumulate(model, scene, state, [1], settings, robot, epoch=0)
        optimizer.step()

    jobs: dict[str, Job] = {
        "hsizoo: encoding kept": lambda: step(segmenter, kept),
        "encoded once per step": lambda: step(segmenter, segmenter.open(cube)),
        "encoded at every click": lambda: step(Again(segmenter, cube), None),
    }
    jobs = {name: synchronised(job, options.device) for name, job in jobs.items()}
    group = f"samsa2-{options.size}, one class, 5 clicks"
    timings = race(group, jobs, options.repeats)
    title = "A training step with the encoding kept"
    notes = ["Aim: at least 10 times faster.", f"precision: {segmenter.network.precision}"]
    write("training", title, notes, timings, options)


if __name__ == "__main__":
    main()

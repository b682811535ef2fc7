"""Time of IPG over bands, classes and rounds, compared with the naive loop.

Run from the repository root, on an otherwise idle machine::

    python benchmarks/ipg_cost.py                    # minutes; writes benchmarks/results/ipg_cost.*
    python benchmarks/ipg_cost.py --size small --repeats 1 --out /tmp/results
    python benchmarks/ipg_cost.py --device cuda --values 3   # writes results/cuda/ipg_cost.*

The naive loop sets the image of ``SAM2ImagePredictor`` and predicts for each group of bands, class
and round; a better loop sets it once per group and round and predicts class by class.  Both are
measured completely.  They run as segmenters in hsizoo's own rounds, so that groups, prompts, votes
and the choice of new labels are the same.  For equal work, IPG votes in each round, as in the
paper, and does not train; by default it votes in every fifth round and takes a training step in
each.  On a GPU, IPG runs each case once untimed, since its batch sizes depend on the case.

The cube is synthetic: 145 × 145 pixels like Indian Pines, fields of smooth spectra with noise, five
labels per class.  Nano uses its packaged weights, other sizes random ones.
"""

from __future__ import annotations

import os

os.environ["HSIZOO_EMBEDDINGS"] = "off"  # or a repeat would reuse the encoding of the last run

import argparse
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from hsizoo_ipg import group_cache
from hsizoo_ipg.ipg import IPG
from hsizoo_sam2 import Sam21
from racing import (
    Timing,
    arguments,
    meta_predictor,
    parse,
    reduced,
    timings,
    wait,
    write,
)

import hsizoo

SIDE, MOST_CLASSES, SHOTS = 145, 16, 5
GROUPS = (5, 10, 20, 40)
CLASSES = (2, 4, 8, 16)
ROUNDS = (1, 2, 4, 8)
BASE = (10, 4, 2)  # groups, classes, rounds when not varied
LONG = 11  # rounds, to measure the cost of a further one

EQUAL = "hsizoo, a vote in each round, no training"
DEFAULT = "hsizoo, as it comes"
NAIVE = "naive: encode and decode per group, class and round"
ONCE = "encode per group and round, decode per class"

WAYS = (EQUAL, DEFAULT, ONCE, NAIVE)

Axes = dict[str, tuple[int, ...]]
Case = tuple[int, int, int]


class Loop(hsizoo.InteractiveSegmenter):
    """Loop that a user would write with Meta's predictor.

    Parameters
    ----------
    predictor : SAM2ImagePredictor
    model : Sam21
        Used for the pseudo-RGB image only.
    again : bool
        Whether to set the image for each object, rather than once per call.
    precision : str
        Precision of autocast.
    """

    def __init__(self, predictor: Any, model: Sam21, *, again: bool, precision: str) -> None:
        self.predictor, self.again = predictor, again
        self.render = model.pseudo_rgb.render
        self.autocast = partial(reduced, str(predictor.device), precision)

    def open(self, cube: hsizoo.HyperCube) -> Any:
        """Return the pseudo-RGB image."""
        return self.render(cube)

    def predict(self, state: Any, prompts: Sequence[hsizoo.Clicks]) -> torch.Tensor:
        """Set the image and predict, object by object."""
        masks = []
        with self.autocast():
            for number, clicks in enumerate(prompts):
                if self.again or not number:
                    self.predictor.set_image(state)
                logits, _, _ = self.predictor.predict(
                    clicks.points[:, ::-1].copy(),
                    clicks.positive.astype(int),
                    multimask_output=False,
                    return_logits=True,
                )
                masks.append(torch.from_numpy(logits[0]))
        return torch.stack(masks).sigmoid_()


def scene(groups: int, classes: int) -> tuple[hsizoo.HyperCube, hsizoo.LabelMap]:
    """Make a cube with the given number of band groups, and the seeds of the given classes."""
    rng = np.random.default_rng(0)
    bands = groups + 2
    x = np.linspace(0, 1, bands)
    rates, phases = rng.uniform(1, 9, (MOST_CLASSES, 1)), rng.uniform(0, 6, (MOST_CLASSES, 1))
    materials = 0.5 + 0.3 * np.sin(rates * x + phases)
    field = np.arange(SIDE) * 6 // SIDE
    truth = (field[:, None] * 6 + field) % classes
    cube = materials[truth] * rng.uniform(0.8, 1.2, (SIDE, SIDE, 1))
    cube += rng.normal(scale=0.02, size=cube.shape)
    seeds = np.zeros((SIDE, SIDE), dtype=int)
    for number in range(classes):
        places = np.argwhere(truth == number)
        for row, col in places[rng.choice(len(places), SHOTS, replace=False)]:
            seeds[row, col] = number + 1
    names = {number + 1: f"field {number + 1}" for number in range(classes)}
    data = np.maximum(cube, 1e-3).astype(np.float32)
    return hsizoo.HyperCube(data, name="fields"), hsizoo.LabelMap(seeds, names, ignore=[0])


class Rivals:
    """All ways to compute the same labels.

    Parameters
    ----------
    options : argparse.Namespace

    Attributes
    ----------
    encodings : int
        Number of images encoded so far.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        checkpoint = "auto" if options.size == "nano" else "random"
        about = {"checkpoint": checkpoint, "precision": options.precision}
        self.device = options.device
        self.name = f"sam2.1-{options.size}:" + ",".join(f"{k}={v}" for k, v in about.items())
        self.model = Sam21(size=options.size, device=options.device, **about)
        predictor = meta_predictor(options.size, options.device, checkpoint)
        loop = partial(Loop, predictor, self.model, precision=options.precision)
        self.loops = {ONCE: loop(again=False), NAIVE: loop(again=True)}
        self.encodings = 0
        for network in (self.model.network, predictor.model):  # the model of IPG shares our encoder
            network.image_encoder.register_forward_hook(self._count)

    def _count(self, *_: object) -> None:
        self.encodings += 1

    def label(self, what: str, case: Case, **more: Any) -> tuple[float, hsizoo.PseudoLabels]:
        """Return milliseconds and labels of one way, with empty caches."""
        groups, classes, rounds = case
        group_cache._in_memory.cache_clear()
        equal: dict[str, Any] = {} if what == DEFAULT else {"refresh": 1, "consistency": "off"}
        engine = "sa" if what in self.loops else self.name
        ipg = IPG(segmenter=engine, iterations=rounds, device=self.device, **equal, **more)
        ipg._segmenter = self.loops.get(what, ipg._segmenter)
        cube, seeds = scene(groups, classes)
        _ = cube.valid
        begin = time.perf_counter()
        labels = ipg.label(cube, seeds, rng=np.random.default_rng(0))
        wait(self.device)
        return 1000 * (time.perf_counter() - begin), labels


def text(case: Case) -> str:
    """Describe a case."""
    groups, classes, rounds = case
    return f"{groups} groups, {classes} classes, {rounds} round{'s' * (rounds > 1)}"


def cases(axes: Axes, axis: int) -> list[Case]:
    """Return the cases along one axis, the others as in `BASE`."""
    values = list(axes.values())[axis]
    return [(*BASE[:axis], value, *BASE[axis + 1 :]) for value in values]  # type: ignore[misc]


def measure(rivals: Rivals, axes: Axes, repeats: int) -> dict[Case, list[Timing]]:
    """Time all cases, alternating between the rivals."""
    found = {}
    for case in dict.fromkeys(case for axis in range(len(axes)) for case in cases(axes, axis)):
        if rivals.device != "cpu":
            for what in (EQUAL, DEFAULT):
                rivals.label(what, case)
        times: dict[str, list[float]] = {what: [] for what in WAYS}
        for _ in range(repeats):
            for what, spent in times.items():
                spent.append(rivals.label(what, case)[0])
        found[case] = timings(text(case), times)
        print(text(case), *(f"{t.median:.0f}" for t in found[case]), flush=True)
    return found


def further(rivals: Rivals, classes: int) -> list[Timing]:
    """Time the first round and the others, which differ: possibly only every fifth votes."""
    case = (BASE[0], classes, LONG)
    found = []
    for what, more in {
        EQUAL: {"refresh": 1, "consistency": "off"},
        "hsizoo, a vote in every fifth round, no training": {"consistency": "off"},
        DEFAULT: {},
    }.items():
        _, labels = rivals.label(DEFAULT, case, **more)
        first, *others = (1000 * row["seconds"] for row in labels.history)
        mean = Timing(
            f"{text(case)}; {what}", "a further round (the mean)", float(np.mean(others)),
            min(others), max(others), float(np.mean(others)) / first,
        )  # fmt: skip
        found += [*timings(mean.group, {"first round": [first]}), mean]
    return found


def sameness(rivals: Rivals) -> list[str]:
    """Count the encodings of each way, and its labels that equal those of the naive loop."""
    labels, notes = {}, []
    for what in reversed(WAYS):  # naive first; this also warms up all of them
        before = rivals.encodings
        _, labels[what] = rivals.label(what, BASE)
        given = labels[what].labels > 0
        same = (labels[what].labels == labels[NAIVE].labels)[given].mean()
        alike = "" if what in (NAIVE, DEFAULT) else f", {100 * same:.0f} % as in the naive loop"
        notes.append(
            f"{what}: {rivals.encodings - before} encodings and {given.sum()} labels of "
            f"{text(BASE)}{alike}"
        )
    return notes


def exponents(found: dict[Case, list[Timing]], axes: Axes) -> dict[str, list[float]]:
    """Least-squares slope of log time over the log of the varied parameter, per axis."""
    slopes: dict[str, list[float]] = {}
    for place, what in enumerate(WAYS):
        for axis, values in enumerate(axes.values()):
            times = [found[case][place].median for case in cases(axes, axis)]
            slope = np.polyfit(np.log(values), np.log(times), 1)[0]
            slopes.setdefault(what, []).append(float(slope))
    return slopes


def draw(
    path: Path, found: dict[Case, list[Timing]], axes: Axes, slopes: dict[str, list[float]]
) -> None:
    """Draw one panel per axis."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator

    figure, panels = pyplot.subplots(1, len(axes), figsize=(12, 4.4), sharey=True)
    for axis, (panel, (name, values)) in enumerate(zip(panels, axes.items(), strict=True)):
        for place, (what, marker) in enumerate(zip(WAYS, "osv^", strict=True)):
            spent = [found[case][place] for case in cases(axes, axis)]
            seconds = np.array([(t.median, t.least, t.greatest) for t in spent]).T / 1000
            panel.errorbar(
                values, seconds[0], np.abs(seconds[1:] - seconds[0]), marker=marker, capsize=2,
                label=f"{slopes[what][axis]:.2f}",
            )  # fmt: skip
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xticks(values, map(str, values))
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter("{x:g}")
        panel.minorticks_off()
        fixed = zip(axes, BASE, strict=True)
        panel.set_title(", ".join(f"{n} {what}" for what, n in fixed if what != name), fontsize=9)
        panel.set_xlabel(name)
        panel.grid(alpha=0.3, which="both")
        panel.legend(title="exponent", fontsize=8)
    panels[0].set_ylabel("seconds")
    handles, _ = panels[0].get_legend_handles_labels()
    figure.legend(handles, WAYS, loc="lower center", ncols=2, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main() -> None:
    """Measure, fit, write and draw."""
    parser = arguments(__doc__, 3, size="nano")
    parser.add_argument(
        "--precision", help="precision of both sides: float32, or bfloat16 (default on a GPU)"
    )
    parser.add_argument("--values", type=int, default=4, help="use the first N values of each axis")
    options = parse(parser)
    if options.precision is None:
        options.precision = "float32" if options.device == "cpu" else "bfloat16"
    rivals = Rivals(options)
    axes = {
        "groups of bands": GROUPS[: options.values],
        "classes": CLASSES[: options.values],
        "rounds": ROUNDS[: options.values],
    }
    # A temporary home, or a case would resume from an interrupted benchmark.
    with tempfile.TemporaryDirectory() as home, patch.dict(os.environ, HSIZOO_HOME=home):
        notes = sameness(rivals)
        found = measure(rivals, axes, options.repeats)
        rounds = further(rivals, axes["classes"][-1])
    slopes = exponents(found, axes)
    table = [
        "",
        "Exponents: least-squares slope of log time over the log of the varied parameter.",
        "",
        "| | " + " | ".join(f"{name}: {_listed(values)}" for name, values in axes.items()) + " |",
        "|---" * (1 + len(axes)) + "|",
        *(
            f"| {what} | " + " | ".join(f"{slope:.2f}" for slope in slopes[what]) + " |"
            for what in WAYS
        ),
        "",
        "![time against bands, classes and rounds](ipg_cost.png)",
    ]
    listed = [timing for group in found.values() for timing in group] + rounds
    title = "Cost of IPG"
    notes.append(f"sam2.1-{options.size}, {options.precision}, {SIDE} × {SIDE} pixels")
    write("ipg_cost", title, notes, listed, options, table)
    draw(options.out / "ipg_cost.png", found, axes, slopes)


def _listed(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))


if __name__ == "__main__":
    main()

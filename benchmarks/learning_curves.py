"""Learning curves of the patch networks: whether each training has ended when it stops.

Run from the repository root::

    python benchmarks/learning_curves.py --threads 1           # an hour on one CPU core
    python benchmarks/learning_curves.py ssrn cnn2d:epochs=20 --out /tmp/curves

Writes ``learning_curves.csv``, ``.png`` and ``.md`` to benchmarks/results/few_label, after each
network; networks that are not run again keep the curves that they have there.  The training is that
of one random draw (seed 0, five labels per class, Indian Pines), as `hsizoo bench` runs it.  The
accuracy over the epochs is that of 1000 test pixels.  It is for the picture only: nothing in hsizoo
is chosen by it, and the last weights are kept.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hsizoo_classifiers.patch_network import PatchNetwork
from hsizoo_classifiers.patches import gather, predict, watching
from racing import RESULTS, circumstances
from torch import nn

import hsizoo
from hsizoo.protocols.few_label import FewLabelProtocol
from hsizoo.protocols.few_label.splits import draw_split
from hsizoo.report.pictures import new_figure, to_png

NETWORKS = (
    "cnn2d", "sln-sni", "smr-eg", "cdcnn", "ssrn", "ssrn:course=cosine", "a2s2k", "dbma",
)  # fmt: skip
PROTOCOL = FewLabelProtocol(shots=5)
SEED = 0
TESTED = 1000  # test pixels in the picture
MOMENTS = 12  # epochs of a training with an accuracy
AT_ONCE = 50  # patches

HEAD = ("component", "network", "epoch", "loss", "test_oa", "oa", "fit_seconds")
Line = dict[str, str]


class Watcher:
    """Records loss and accuracy of every network that a classifier trains.

    Parameters
    ----------
    classifier : PatchNetwork
    scene : Scene
    """

    def __init__(self, classifier: PatchNetwork, scene: hsizoo.Scene) -> None:
        labels = scene.label_map
        split = draw_split(scene, shots=PROTOCOL.shots, draw=PROTOCOL.draw, seed=SEED)
        tested = np.random.default_rng(SEED).choice(split.test, TESTED, replace=False)
        self._rows, self._cols = np.unravel_index(np.sort(tested), split.shape)
        targets = np.unique(labels.labels.flat[split.train])
        self._truth = np.searchsorted(targets, labels.labels[self._rows, self._cols])
        self._patch = classifier.options.patch
        # The classifier keeps its image to itself; what it makes of a cube does not change.
        self._image = classifier._image(classifier._scaling(scene.cube), scene.cube)
        self._every = max(1, classifier.options.epochs // MOMENTS)
        self._last = 0
        self.network = 0
        self.lines: list[dict[str, Any]] = []
        self.seconds = 0.0

    def __call__(self, net: nn.Module, epoch: int, loss: float) -> None:
        """Note an epoch."""
        began = time.perf_counter()
        self.network += epoch == 1
        seen = epoch == 1 or epoch % self._every == 0
        accuracy = self._accuracy(net) if seen else ""
        self.lines.append(
            {"network": self.network, "epoch": epoch, "loss": loss, "test_oa": accuracy}
        )
        self.seconds += time.perf_counter() - began

    @torch.inference_mode()
    def _accuracy(self, net: nn.Module) -> float:
        rows, cols = torch.from_numpy(self._rows), torch.from_numpy(self._cols)
        if hasattr(net, "whole"):
            found = predict(net, self._image, self._patch)[:, rows, cols].argmax(dim=0)
        else:
            parts = zip(rows.split(AT_ONCE), cols.split(AT_ONCE), strict=True)
            logits = [net(gather(self._image, self._patch, *part)) for part in parts]
            found = torch.cat(logits).argmax(dim=1)
        return float((found.numpy() == self._truth).mean())


def train(name: str, scene: hsizoo.Scene) -> list[Line]:
    """Train one network under the protocol, and return its curve."""
    classifier: Any = hsizoo.create(name, "classifier", device="cpu")
    watcher = Watcher(classifier, scene)
    with watching(watcher):
        result = PROTOCOL.run(classifier, scene, seed=SEED)
    about = {
        "component": name,
        "oa": f"{result['scores']['oa']:.5f}",
        "fit_seconds": f"{result['seconds']['fit'] - watcher.seconds:.1f}",
    }
    return [{**about, **{key: _short(each[key]) for key in each}} for each in watcher.lines]


def _short(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def by_component(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Group lines by component, in the order of `NETWORKS`, then of appearance."""
    names = dict.fromkeys([*NETWORKS, *(line["component"] for line in lines)])
    found = {name: [line for line in lines if line["component"] == name] for name in names}
    return {name: mine for name, mine in found.items() if mine}


def picture(lines: Sequence[Line]) -> bytes:
    """Plot loss and accuracy of each component over its epochs, one network after the other."""
    curves = by_component(lines)
    across = min(4, len(curves))
    down = -(-len(curves) // across)
    figure = new_figure((3.2 * across, 2.5 * down))
    grid = figure.subplots(down, across, squeeze=False)
    for axes in grid.flat[len(curves) :]:
        axes.set_visible(False)
    for axes, (name, mine) in zip(grid.flat, curves.items(), strict=False):
        other = axes.twinx()
        start = 0
        for part in networks_of(mine):
            epochs = start + np.array([int(line["epoch"]) for line in part])
            axes.plot(epochs, [float(line["loss"]) for line in part], color="C0", lw=1)
            seen = [bool(line["test_oa"]) for line in part]
            accuracy = [100 * float(line["test_oa"]) for line in part if line["test_oa"]]
            other.plot(epochs[seen], accuracy, color="C1", lw=1, marker=".", ms=3)
            start = int(epochs[-1])
        axes.set_yscale("symlog", linthresh=1e-2)  # the loss of smr-eg falls below 0
        axes.set_title(name, fontsize=9)
        other.set_ylim(0, 100)
        axes.tick_params(axis="y", colors="C0", labelsize=7)
        other.tick_params(axis="y", colors="C1", labelsize=7)
        axes.tick_params(axis="x", labelsize=7)
    figure.supxlabel("epoch", fontsize=9)
    figure.supylabel("mean loss of the epoch", color="C0", fontsize=9)
    figure.suptitle(
        f"Indian Pines, one draw; OA of {TESTED} test pixels, %", color="C1", fontsize=9
    )
    return to_png(figure)


def networks_of(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Split the lines of a component into those of each network that it trained."""
    for number in dict.fromkeys(line["network"] for line in lines):
        yield [line for line in lines if line["network"] == number]


def table(lines: Sequence[Line]) -> list[str]:
    """Format a table with one line per component: its last whole network, and the whole fit."""
    rows = [
        "| component | epochs | loss, first epoch | 80 to 90 % | last 10 % "
        "| test OA at 80 % and at the end | all test pixels | s/fit |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, mine in by_component(lines).items():
        last = max(reversed(list(networks_of(mine))), key=len)  # not a last layer alone
        losses = [float(line["loss"]) for line in last]
        tenth = max(1, len(losses) // 10)
        seen = [(int(line["epoch"]), float(line["test_oa"])) for line in last if line["test_oa"]]
        before = min(seen, key=lambda pair: abs(pair[0] - 0.8 * len(losses)))
        rows.append(
            f"| `{name}` | {len(losses)} | {losses[0]:.3g} "
            f"| {np.mean(losses[-2 * tenth : -tenth] or losses):.3g} "
            f"| {np.mean(losses[-tenth:]):.3g} "
            f"| {100 * before[1]:.1f}, {100 * seen[-1][1]:.1f} | {100 * float(last[0]['oa']):.2f} "
            f"| {float(last[0]['fit_seconds']):.0f} |"
        )
    return rows


def write(out: Path, lines: Sequence[Line]) -> None:
    """Write the curves, their picture and the page."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "learning_curves.csv").open("w", newline="") as file:
        rows = csv.DictWriter(file, HEAD, lineterminator="\n")
        rows.writeheader()
        rows.writerows(line for mine in by_component(lines).values() for line in mine)
    (out / "learning_curves.png").write_bytes(picture(lines))
    page = [
        "# Has each training ended?",
        "",
        "Five labels per class of Indian Pines, random draw, seed 0, the default training of each "
        f"network. The accuracy over the epochs is that of {TESTED} test pixels and for the "
        "picture only: the last weights are kept, and nothing was chosen by it. `sln-sni` trains "
        "several networks one after the other; the table has the last whole one. Seconds are those "
        "of the whole fit, without what was measured in between.",
        "",
        *circumstances("learning_curves", "cpu"),
        "",
        *table(lines),
        "",
        "![Learning curves](learning_curves.png)",
    ]
    (out / "learning_curves.md").write_text("\n".join(page) + "\n", encoding="utf-8")


def main() -> None:
    """Train the networks, one after the other, and write after each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--out", type=Path, default=RESULTS / "few_label")
    parser.add_argument("--threads", type=int, help="torch threads")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    scene = hsizoo.load_scene("indian-pines")
    earlier = options.out / "learning_curves.csv"
    kept = earlier.read_text(encoding="utf-8").splitlines() if earlier.exists() else []
    lines: list[Line] = list(csv.DictReader(kept))
    for name in options.networks:
        made = train(name, scene)
        lines = [line for line in lines if line["component"] != name] + made
        write(options.out, lines)
        print(f"{name}: OA {made[0]['oa']}, {made[0]['fit_seconds']} s", flush=True)


if __name__ == "__main__":
    main()

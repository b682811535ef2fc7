"""Draw masks over images, from the best sample to the worst.

    python benchmarks/overlays.py samsa2-nano --dataset phantom --out overlays.png

runs the interactive protocol, sorts all samples by Dice at 0.5 after the last click and draws an
evenly spaced selection: the outline of the ground truth in white, that of the mask in red, positive
clicks as green circles and negative ones as cyan crosses, numbered in order.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt

import hsizoo
from hsizoo.io import PseudoRgb
from hsizoo.protocols.interactive import InteractiveProtocol


def run(
    segmenter: hsizoo.InteractiveSegmenter,
    dataset: hsizoo.SceneDataset,
    protocol: InteractiveProtocol,
) -> list[dict[str, Any]]:
    """Return all samples of the test split, worst first."""
    found = []
    for index, info in enumerate(dataset.scenes()):
        if info.split in ("test", ""):
            scene = dataset.scene(index)
            if scene.label_map.targets:
                result = protocol.run(segmenter, scene)
                found += [{**sample, "index": index} for sample in result["samples"]]
    return sorted(found, key=lambda sample: sample["dice"][-1])


def draw(
    axes: Any, sample: dict[str, Any], scene: hsizoo.Scene, mask: npt.NDArray[np.bool_]
) -> None:
    """Draw one sample."""
    axes.imshow(PseudoRgb().render(scene.cube), interpolation="nearest")
    axes.contour(scene.target(sample["label"]), [0.5], colors="white", linewidths=1.2)
    if mask.any() and not mask.all():
        axes.contour(mask, [0.5], colors="red", linewidths=0.8)
    for number, (row, col, positive) in enumerate(hsizoo.Clicks.from_json(sample["clicks"]), 1):
        colour, marker = ("lime", "o") if positive else ("cyan", "x")
        axes.scatter(col, row, s=14, c=colour, marker=marker, edgecolors=None, linewidths=0.8)
        axes.annotate(str(number), (col, row), color=colour, fontsize=6)
    axes.set_title(f"{scene.name} · {sample['class']}\n{sample['dice'][-1]:.3f}", fontsize=7)
    axes.set_axis_off()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("component")
    parser.add_argument("--dataset", default="phantom")
    parser.add_argument("--robot", default="paper")
    parser.add_argument("--clicks", type=int, default=5)
    parser.add_argument("--number", type=int, default=20)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    dataset = hsizoo.load_dataset(chosen.dataset)
    protocol = InteractiveProtocol(robot=chosen.robot, clicks=chosen.clicks)
    segmenter = hsizoo.create(chosen.component, kind="segmenter")
    samples = run(segmenter, dataset, protocol)
    places = np.unique(np.linspace(0, len(samples) - 1, chosen.number).round().astype(int))[::-1]
    columns = 5
    rows = -(-len(places) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(2.4 * columns, 2.7 * rows), squeeze=False, layout="constrained"
    )
    for axes in grid.flat[len(places) :]:
        axes.set_axis_off()
    for axes, place in zip(grid.flat, places, strict=False):
        sample = samples[place]
        scene = dataset.scene(sample["index"])
        clicks = hsizoo.Clicks.from_json(sample["clicks"])
        probability = segmenter.predict(segmenter.open(scene.cube), [clicks])[0]
        draw(axes, sample, scene, np.asarray(probability) > 0.5)
    figure.suptitle(
        f"{chosen.component} on {chosen.dataset}, {chosen.clicks} clicks ({chosen.robot}): "
        f"{len(places)} of {len(samples)} samples from best to worst; mean Dice@0.5 "
        f"{np.mean([sample['dice'][-1] for sample in samples]):.3f}",
        fontsize=9,
    )
    figure.savefig(chosen.out, dpi=90)


if __name__ == "__main__":
    main()

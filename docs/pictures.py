"""The pictures of the documentation, from what comes with hsizoo.

    python docs/pictures.py

Indian Pines and one test subject of the phantom, with the packaged weights; seed 0; no network.
Each file stays below 150 kB.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from PIL import Image

import hsizoo
from hsizoo.io import PseudoRgb, class_colours

__all__ = ["main"]

HERE = Path(__file__).resolve().parent / "pictures"
LARGEST = 150_000  # bytes
SHOTS = 5
WOODS = 14  # of Indian Pines
COLON = 8  # of the phantom, in two pieces in this scene
GREEN, RED = "#35d06f", "#ff4f4f"


def five_labels(scene: hsizoo.Scene, seed: int = 0) -> np.ndarray:
    """Five labelled pixels of each class, (H, W) int; 0 elsewhere."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(scene.cube.shape[:2], dtype=np.int64)
    for label in sorted(scene.label_map.targets):
        pixels = np.flatnonzero(scene.label_map.labels == label)
        labels.flat[rng.choice(pixels, SHOTS, replace=False)] = label
    return labels


def panels(number: int, size: float = 2.6) -> tuple[Any, Any]:
    """A row of square panels without axes."""
    figure, axes = plt.subplots(1, number, figsize=(size * number, size + 0.35))
    for axis in np.ravel(axes):
        axis.set_axis_off()
    return figure, np.ravel(axes)


def show(axis: Any, picture: np.ndarray, title: str, **how: Any) -> None:
    """Draw one panel."""
    axis.imshow(picture, interpolation="nearest", **how)
    axis.set_title(title, fontsize=9)


def draw_clicks(axis: Any, clicks: hsizoo.Clicks) -> None:
    """Green for the object, red for what it is not."""
    for row, col, positive in clicks:
        mark = "o" if positive else "X"
        colour = GREEN if positive else RED
        axis.plot(col, row, mark, color=colour, markersize=8, markeredgecolor="black")


def with_mask(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The image, grey outside of the mask."""
    grey = picture.mean(axis=2, keepdims=True).repeat(3, axis=2) * 0.45
    return np.where(mask[..., None], picture, grey).astype(np.uint8)


def coloured(labels: np.ndarray) -> np.ndarray:
    """A label map in hsizoo's colours."""
    return class_colours(int(labels.max()) + 1)[labels]


def save(figure: Any, name: str) -> None:
    """Write a PNG that is small enough for a page."""
    memory = io.BytesIO()
    figure.tight_layout(pad=0.4)
    figure.savefig(memory, dpi=150)
    plt.close(figure)
    HERE.mkdir(exist_ok=True)
    path = HERE / f"{name}.png"
    few = Image.open(memory).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=0)
    few.save(path, optimize=True)
    size = path.stat().st_size
    if size > LARGEST:
        raise ValueError(f"{path} has {size} bytes, more than {LARGEST}")


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    """Dice of two masks."""
    return float(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))


def clicks_to_mask(
    name: str, scene: hsizoo.Scene, label: int, steps: Sequence[Sequence[tuple[int, int, bool]]],
    components: Sequence[str],
) -> None:  # fmt: skip
    """Image, then the mask of each component after some clicks, then the truth."""
    picture = PseudoRgb().render(scene.cube)
    truth = scene.label_map.labels == label
    figure, axes = panels(len(components) + 2)
    show(axes[0], picture, "the cube, in three of its bands")
    for axis, component, clicked in zip(axes[1:], components, steps, strict=False):
        clicks = hsizoo.Clicks(
            [(row, col) for row, col, _ in clicked], [positive for *_, positive in clicked]
        )
        segmenter = hsizoo.create(component, kind="segmenter")
        found = segmenter.predict(segmenter.open(scene.cube), [clicks])[0]
        mask = np.asarray(found) > 0.5
        words = f"{len(clicked)} click{'s' * (len(clicked) > 1)}"
        show(axis, with_mask(picture, mask), f"{component}, {words}: Dice {dice(mask, truth):.2f}")
        draw_clicks(axis, clicks)
    show(axes[-1], with_mask(picture, truth), f"the truth: {scene.label_map.class_names[label]}")
    save(figure, name)


def labels_to_map(scene: hsizoo.Scene) -> None:
    """Five labels of each class, maps of two classifiers, truth."""
    labels = five_labels(scene)
    truth = np.where(np.isin(scene.label_map.labels, list(scene.label_map.targets)),
                     scene.label_map.labels, 0)  # fmt: skip
    tested = (truth > 0) & (labels == 0)
    figure, axes = panels(4)
    picture = PseudoRgb().render(scene.cube)
    show(axes[0], 255 - (255 - picture) // 3, f"the cube, and {SHOTS} labels per class")
    rows, cols = np.nonzero(labels)
    colours = coloured(labels)[rows, cols] / 255
    axes[0].scatter(cols, rows, s=26, c=colours, edgecolors="black", linewidths=0.6)
    for axis, name in zip(axes[1:], ("svm", "ipg-plus"), strict=False):
        found = hsizoo.classify(name, scene, labels)
        right = (found.labels == truth)[tested].mean()
        show(axis, coloured(found.labels), f"{name}: {100 * right:.0f} % right")
    show(axes[3], coloured(truth), "the truth (black: unknown)")
    save(figure, "labels-to-map")


def choose(scene: hsizoo.Scene, label: int) -> list[tuple[int, int, bool]]:
    """The clicks of the robot `ritm` on `sam2.1-nano`: five, positive and negative."""
    from hsizoo.protocols.interactive.robots import make_robot

    robot, rng = make_robot("ritm"), np.random.default_rng(0)
    truth, evaluated = scene.target(label), np.ones(scene.cube.shape[:2], dtype=bool)
    segmenter = hsizoo.create("sam2.1-nano", kind="segmenter")
    state = segmenter.open(scene.cube)
    clicks = [robot.first_click(truth, evaluated, rng)]
    while len(clicks) < 5:
        so_far = hsizoo.Clicks([each[:2] for each in clicks], [each[2] for each in clicks])
        found = np.asarray(segmenter.predict(state, [so_far])[0])
        following = robot.next_click(truth, evaluated, found, so_far, rng)
        if following is None:
            break
        clicks.append(following)
    return clicks


def main() -> None:
    """Make all pictures."""
    mpl.use("Agg")
    pines = hsizoo.load_scene("indian-pines")
    tissue = hsizoo.load_scene("phantom", "s11-v1")
    for name, scene, label, components in (
        ("pines", pines, WOODS, ("contest", "samsa2-nano", "samsa2-nano")),
        ("phantom", tissue, COLON, ("samsa2-nano", "samsa2-nano")),
    ):
        clicks = choose(scene, label)
        steps = [clicks[:1]] * (len(components) - 1) + [clicks]
        clicks_to_mask(name, scene, label, steps, components)
    labels_to_map(pines)


if __name__ == "__main__":
    main()

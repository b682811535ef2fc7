"""Compare two weights of SAM 2.1 nano on images that neither has seen, object by object.

    HSIZOO_DATA=FOLDER python benchmarks/nano_compare.py sam2.1-nano "sam2.1-nano:checkpoint=[FILE]"

prints Dice × 100 after 1, 5 and 10 clicks on held-out mosaics, held-out photographs (see
`nano_photos`) and real hyperspectral scenes, and the second minus the first with 95 % bootstrap
intervals over objects within a set: objects of one image are no independent witnesses, so they are
somewhat too narrow.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import torch
from hsizoo_datasets.mosaics import Mosaic, Mosaics
from nano_photos import divided, load_photo, photo_folder

import hsizoo
from hsizoo.protocols.interactive import InteractiveProtocol
from hsizoo.report.statistics import interval
from hsizoo.zoo.factory import resolve

AFTER = (1, 5, 10)
REAL = ("indian-pines", "salinas-a", "samson", "pavia-mini", "jasper-ridge", "abu")
_OBJECTS = 5  # of a photograph, drawn; nuclei are many and alike
_DRAWS = 2000


def mosaics() -> Iterator[hsizoo.Scene]:
    """Yield held-out mosaics."""
    dataset = Mosaics(number=16)
    yield from (dataset.scene(n) for n in range(len(dataset)))


def photographs(source: str) -> Iterator[hsizoo.Scene]:
    """Yield the held-out photographs of a source that have something to segment."""
    folder = photo_folder()
    for number, name in enumerate(divided(folder, "held-out")[source]):
        image, labels = load_photo(folder, name)
        found = Mosaic(np.empty(0, np.float32), labels).targets()
        if found:
            chosen = np.random.default_rng(number).permutation(found)[:_OBJECTS].tolist()
            names = {int(label): f"object {label}" for label in np.unique(labels)}
            yield hsizoo.Scene(
                hsizoo.HyperCube(image.astype(np.float32) / 255, name=name, rgb_bands=(0, 1, 2)),
                hsizoo.LabelMap(labels, names, targets=chosen),
                name=name,
            )


def real(name: str) -> Iterator[hsizoo.Scene]:
    """Yield the scenes of a dataset."""
    dataset = resolve(name, "dataset").build()
    yield from (dataset.scene(n) for n in range(len(dataset)))


def curves(
    segmenter: hsizoo.InteractiveSegmenter, scenes: Iterator[hsizoo.Scene], robot: str
) -> np.ndarray:
    """Return Dice (objects, clicks)."""
    protocol = InteractiveProtocol(robot=robot, clicks=max(AFTER))
    samples = [each for scene in scenes for each in protocol.run(segmenter, scene)["samples"]]
    return np.array([each["dice"] for each in samples])


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("components", nargs=2)
    parser.add_argument("--robot", default="ritm")
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    pair = [hsizoo.create(each, kind="segmenter", device="cpu") for each in chosen.components]
    sets = {"mosaics": mosaics}
    sets |= {name: lambda name=name: photographs(name) for name in ("nuclei", "aerial", "coco")}
    sets |= {name: lambda name=name: real(name) for name in REAL}
    after = " / ".join(map(str, AFTER))
    print(f"| set | objects | first, {after} clicks | second | second minus first |")
    print("|---|---|---|---|---|")
    gains = []
    for name, scenes in sets.items():
        first, second = (
            100 * curves(each, scenes(), chosen.robot)[:, np.array(AFTER) - 1] for each in pair
        )
        drawn = np.random.default_rng(0).integers(len(first), size=(_DRAWS, len(first)))
        gain = (second - first)[drawn].mean(axis=1)
        if name in REAL:
            gains.append(gain)
        shown = [
            " / ".join(f"{value:.1f}" for value in each.mean(axis=0)) for each in (first, second)
        ]
        print(f"| {name} | {len(first)} | {shown[0]} | {shown[1]} | {said(gain)} |", flush=True)
    print(f"| real scenes, mean | | | | {said(np.mean(gains, axis=0))} |", flush=True)


def said(drawn: np.ndarray) -> str:
    """Return mean and interval of bootstrapped values (draws, clicks)."""
    ends = [interval(column) for column in drawn.T]
    means = drawn.mean(axis=0)
    return ", ".join(
        f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"
        for mean, (low, high) in zip(means, ends, strict=True)
    )


if __name__ == "__main__":
    main()

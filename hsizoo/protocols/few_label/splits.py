"""Split the labelled pixels of a scene into training and test pixels.

The draws are described in `hsizoo.protocols.few_label.draws`.

Policies
--------
Which pixels
    Pixels of target classes with a finite spectrum.  Ignored labels, and labels that are not
    targets, are neither trained on nor tested.
Small classes
    At most half of a class (at least one pixel) is used for training, so that it can be tested.
    With 5 shots this affects classes of fewer than 10 pixels, which are listed under ``short``.
Untested classes
    A class of one pixel, or, for block-disjoint, one within a single block, is trained on and not
    tested: it is listed under ``untested`` and left out of means over classes.  ``block-disjoint``
    cuts the scene in `TRIES` ways and takes the one with the fewest such classes.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hsizoo.cube import Scene
from hsizoo.errors import ProtocolError, did_you_mean
from hsizoo.protocols.few_label.draws import DRAWS

__all__ = ["TRIES", "Split", "check_training_map", "draw_split", "near"]

TRIES: Final = 32

_STREAM = 0xFE3  # separates this random stream from others with the same seeds

Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Training and test pixels of a scene, as row-major indices in ascending order.

    Parameters
    ----------
    shape : (int, int)
        Shape of the scene.
    train, test : ndarray of int64, shape (n,)
        Disjoint sets of pixels.
    short, untested : tuple of str
        Names of classes with fewer training pixels than requested, and without test pixels.

    Raises
    ------
    ProtocolError
        If the sets overlap, or one of them is empty.
    """

    shape: tuple[int, int]
    train: Indices
    test: Indices
    short: tuple[str, ...] = ()
    untested: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if both := np.intersect1d(self.train, self.test).size:
            raise ProtocolError(f"{both} pixels are both training and test pixels")
        for name, pixels in (("train on", self.train), ("test", self.test)):
            if not pixels.size:
                raise ProtocolError(f"no pixel is left to {name}; try fewer shots or another draw")

    @cached_property
    def digest(self) -> str:
        """SHA-256 of shape and indices, as 64 hexadecimal digits."""
        sha = hashlib.sha256(repr(self.shape).encode())
        for pixels in (self.train, self.test):
            sha.update(len(pixels).to_bytes(8, "little") + pixels.astype("<i8").tobytes())
        return sha.hexdigest()

    def mask(self, pixels: Indices) -> Mask:
        """Return a mask of these pixels, (H, W) bool."""
        found = np.zeros(self.shape, dtype=bool)
        found.flat[pixels] = True
        return found

    def record(self) -> dict[str, Any]:
        """Return plain values for `from_record`; test pixels as runs (first, length)."""
        jumps = np.flatnonzero(np.diff(self.test) != 1) + 1
        runs = [[int(run[0]), len(run)] for run in np.split(self.test, jumps)]
        return {
            "shape": list(self.shape),
            "train": self.train.tolist(),
            "test_runs": runs,
            "digest": self.digest,
            "short": list(self.short),
            "untested": list(self.untested),
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Split:
        """Rebuild a split from the output of `record`.

        Raises
        ------
        ProtocolError
            If the indices do not match their digest.
        """
        height, width = record["shape"]
        test = [np.arange(first, first + length) for first, length in record["test_runs"]]
        split = cls(
            (height, width),
            np.array(record["train"], dtype=np.int64),
            np.concatenate(test).astype(np.int64),
            tuple(record["short"]),
            tuple(record["untested"]),
        )
        if split.digest != record["digest"]:
            raise ProtocolError(
                f"the stored indices have the digest {split.digest}, but their record has "
                f"{record['digest']}; run the cell again with --overwrite always"
            )
        return split


def draw_split(
    scene: Scene,
    *,
    shots: int,
    draw: str,
    seed: int,
    gap: int = 9,
    block: int = 16,
    training_map: Mask | None = None,
) -> Split:
    """Draw training and test pixels; see the top of this module.

    Parameters
    ----------
    scene : Scene
    shots : int
        Training pixels per class.
    draw : {"random", "fixed", "block-disjoint", "official"}
    seed : int
    gap : int, default 9
        Least distance in pixels, along rows or columns, of test from training pixels in
        ``block-disjoint``.
    block : int, default 16
        Side in pixels of the blocks of ``block-disjoint``.
    training_map : ndarray of bool, shape (H, W), optional
        Training map of the dataset, for ``official``.

    Raises
    ------
    ProtocolError
        If fewer than two classes have labelled pixels, or the draw is not possible.
    """
    if draw not in DRAWS:
        raise ProtocolError(
            f"draw={draw!r}: expected one of {', '.join(DRAWS)}.{did_you_mean(draw, DRAWS)}"
        )
    labels = np.where(scene.evaluated, scene.label_map.labels, -(2**31))
    classes = {label: labels == label for label in sorted(scene.label_map.targets)}
    classes = {label: mask for label, mask in classes.items() if mask.any()}
    if len(classes) < 2:
        raise ProtocolError(
            f"{scene.name} has {len(classes)} class(es) with labelled pixels; at least two are "
            "needed"
        )
    rng = np.random.default_rng(
        [_STREAM, 0 if draw == "fixed" else seed, zlib.crc32(scene.name.encode())]
    )
    if draw in ("random", "fixed"):
        train = _few(classes, shots, rng)
        return _split(scene, classes, train, _any(classes) & ~train, shots)
    if draw == "official":
        return _official(scene, classes, shots, rng, training_map)
    tries = [_blocks(scene, classes, shots, rng, gap, block) for _ in range(TRIES)]
    return min(tries, key=lambda split: (len(split.untested), len(split.short)))


def _few(classes: dict[int, Mask], shots: int, rng: np.random.Generator) -> Mask:
    """Draw up to `shots` pixels of each class, at most half of it."""
    train = np.zeros_like(next(iter(classes.values())))
    for mask in classes.values():
        pixels = np.flatnonzero(mask)
        number = min(shots, max(1, len(pixels) // 2))
        train.flat[rng.choice(pixels, number, replace=False)] = True
    return train


def check_training_map(scene: str, training_map: Mask | None) -> Mask:
    """Return the training map of a scene.

    Raises
    ------
    ProtocolError
        If it is None.
    """
    if training_map is None:
        raise ProtocolError(
            f"{scene} has no official training map; use another draw: "
            f"{', '.join(each for each in DRAWS if each != 'official')}"
        )
    return training_map


def _official(
    scene: Scene,
    classes: dict[int, Mask],
    shots: int,
    rng: np.random.Generator,
    training_map: Mask | None,
) -> Split:
    training_map = check_training_map(scene.name, training_map)
    train = np.zeros(training_map.shape, dtype=bool)
    for label, mask in classes.items():
        pixels = np.flatnonzero(mask & training_map)
        if not len(pixels):
            name = scene.label_map.class_names[label]
            raise ProtocolError(
                f"the official training map of {scene.name} has no pixel of class {name!r}"
            )
        train.flat[rng.choice(pixels, min(shots, len(pixels)), replace=False)] = True
    return _split(scene, classes, train, _any(classes) & ~training_map, shots)


def _blocks(
    scene: Scene,
    classes: dict[int, Mask],
    shots: int,
    rng: np.random.Generator,
    gap: int,
    block: int,
) -> Split:
    """Cut the scene into blocks; classes with few blocks choose their training blocks first."""
    height, width = scene.evaluated.shape
    offset = rng.integers(block, size=2)
    across = math.ceil(width / block) + 1
    blocks = ((np.arange(height) + offset[0]) // block * across)[:, None] + (
        np.arange(width) + offset[1]
    ) // block
    chosen: set[int] = set()
    where = {label: np.unique(blocks[mask]).tolist() for label, mask in classes.items()}
    for label in sorted(classes, key=lambda label: len(where[label])):
        counts = np.bincount(blocks[classes[label]], minlength=int(blocks.max()) + 1)
        free = rng.permutation([each for each in where[label] if each not in chosen]).tolist()
        have = int(counts[list(chosen)].sum())
        # Keep the last block of a class for testing, unless it has no other training block.
        while have < shots and (len(free) > 1 or (free and have == 0)):
            chosen.add(taken := free.pop())
            have += int(counts[taken])
    inside = np.isin(blocks, sorted(chosen))
    train = _few({label: mask & inside for label, mask in classes.items()}, shots, rng)
    test = _any(classes) & ~inside & ~near(train, gap - 1)
    return _split(scene, classes, train, test, shots)


def near(pixels: Mask, radius: int) -> Mask:
    """Return the pixels within a square of side ``2 radius + 1`` around any of `pixels`."""
    found: Mask = ndimage.maximum_filter(pixels, size=2 * radius + 1, mode="constant")
    return found


def _any(classes: dict[int, Mask]) -> Mask:
    found: Mask = np.logical_or.reduce(list(classes.values()))
    return found


def _split(scene: Scene, classes: dict[int, Mask], train: Mask, test: Mask, shots: int) -> Split:
    names = scene.label_map.class_names
    return Split(
        scene.evaluated.shape[:2],
        np.flatnonzero(train),
        np.flatnonzero(test),
        short=tuple(names[k] for k, mask in classes.items() if (mask & train).sum() < shots),
        untested=tuple(names[k] for k, mask in classes.items() if not (mask & test).any()),
    )

"""Which pixels are learnt from and which are tested.

The draws are those of `hsizoo.protocols.few_label.draws`.

Policies
--------
Which pixels
    Those of target classes whose spectrum is finite.  Ignored labels, and labels that are no
    target, are neither learnt from nor tested.
Small classes
    At most half of a class (at least one pixel) is learnt from, so that it can be tested: with 5
    shots that touches classes of fewer than 10 pixels, which are named under ``short``.
Untested classes
    A class of one pixel, or, of disjoint draws, one that lies in a single block, is learnt from and
    not tested: it is named under ``untested`` and left out of means over classes.
    ``block-disjoint`` cuts the scene in `TRIES` ways and takes the one with fewest such classes.
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

__all__ = ["TRIES", "Split", "check_training_map", "draw_split", "leaks"]

TRIES: Final = 32

_STREAM = 0xFE3  # apart from other random streams that begin with the same numbers

Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Training and test pixels of a scene, as row-major indices in ascending order.

    Parameters
    ----------
    shape : (int, int)
        Of the scene.
    train, test : ndarray of int64, shape (n,)
        Without a common pixel.
    short, untested : tuple of str
        Names of classes that have fewer training pixels than asked for, and none to test.

    Raises
    ------
    ProtocolError
        If a pixel is in both, or there is none in one of them.
    """

    shape: tuple[int, int]
    train: Indices
    test: Indices
    short: tuple[str, ...] = ()
    untested: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if both := np.intersect1d(self.train, self.test).size:
            raise ProtocolError(f"{both} pixels are learnt from and tested")
        for name, pixels in (("learn from", self.train), ("test", self.test)):
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
        """Where some of its pixels are, (H, W) bool."""
        found = np.zeros(self.shape, dtype=bool)
        found.flat[pixels] = True
        return found

    def record(self) -> dict[str, Any]:
        """Plain values that `from_record` reads; test pixels as runs (first, length)."""
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
        """Read what `record` made.

        Raises
        ------
        ProtocolError
            If the indices do not agree with their digest.
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
                f"the stored indices have the digest {split.digest}, their record says "
                f"{record['digest']}; run the cell again with --overwrite always"
            )
        return split


def draw_split(
    scene: Scene,
    *,
    shots: int,
    draw: str,
    seed: int,
    patch: int = 9,
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
    patch : int, default 9
        Side of the patches that ``block-disjoint`` keeps apart.
    block : int, default 16
        Side of its blocks in pixels.
    training_map : ndarray of bool, shape (H, W), optional
        The dataset's, for ``official``.

    Raises
    ------
    ProtocolError
        If there are fewer than two classes with labelled pixels, or the draw is not possible.
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
            f"{scene.name} has {len(classes)} class(es) with labelled pixels; two are needed"
        )
    rng = np.random.default_rng(
        [_STREAM, 0 if draw == "fixed" else seed, zlib.crc32(scene.name.encode())]
    )
    if draw in ("random", "fixed"):
        train = _few(classes, shots, rng)
        return _split(scene, classes, train, _any(classes) & ~train, shots)
    if draw == "official":
        return _official(scene, classes, shots, rng, training_map)
    tries = [_blocks(scene, classes, shots, rng, patch, block) for _ in range(TRIES)]
    return min(tries, key=lambda split: (len(split.untested), len(split.short)))


def leaks(split: Split, patch: int) -> dict[str, float]:
    """How much of the test a classifier on patches has seen in training.

    Returns
    -------
    dict
        ``overlap``: share of test pixels whose patch has a pixel in common with a training patch;
        ``contains``: share whose patch holds a training pixel.
    """
    train, test = split.mask(split.train), split.mask(split.test)
    return {
        "patch": patch,
        "overlap": float(_near(train, 2 * (patch // 2))[test].mean()),
        "contains": float(_near(train, patch // 2)[test].mean()),
    }


def _few(classes: dict[int, Mask], shots: int, rng: np.random.Generator) -> Mask:
    """Up to `shots` pixels of each class, at most half of it."""
    train = np.zeros_like(next(iter(classes.values())))
    for mask in classes.values():
        pixels = np.flatnonzero(mask)
        number = min(shots, max(1, len(pixels) // 2))
        train.flat[rng.choice(pixels, number, replace=False)] = True
    return train


def check_training_map(scene: str, training_map: Mask | None) -> Mask:
    """Return the official map of a scene that has one.

    Raises
    ------
    ProtocolError
        If it has none.
    """
    if training_map is None:
        raise ProtocolError(
            f"{scene} comes without an official training map; take another draw: "
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
            raise ProtocolError(f"the official training map of {scene.name} has no {name}")
        train.flat[rng.choice(pixels, min(shots, len(pixels)), replace=False)] = True
    return _split(scene, classes, train, _any(classes) & ~training_map, shots)


def _blocks(
    scene: Scene,
    classes: dict[int, Mask],
    shots: int,
    rng: np.random.Generator,
    patch: int,
    block: int,
) -> Split:
    """One way to cut the scene: classes of few blocks choose first what they learn from."""
    height, width = scene.evaluated.shape
    offset = rng.integers(block, size=2)
    across = math.ceil(width / block) + 1
    blocks = ((np.arange(height) + offset[0]) // block * across)[:, None] + (
        np.arange(width) + offset[1]
    ) // block
    learnt: set[int] = set()
    where = {label: np.unique(blocks[mask]).tolist() for label, mask in classes.items()}
    for label in sorted(classes, key=lambda label: len(where[label])):
        counts = np.bincount(blocks[classes[label]], minlength=int(blocks.max()) + 1)
        free = rng.permutation([each for each in where[label] if each not in learnt]).tolist()
        have = int(counts[list(learnt)].sum())
        # The last block of a class is kept for the test, unless there is nothing else to learn.
        while have < shots and (len(free) > 1 or (free and have == 0)):
            learnt.add(taken := free.pop())
            have += int(counts[taken])
    inside = np.isin(blocks, sorted(learnt))
    train = _few({label: mask & inside for label, mask in classes.items()}, shots, rng)
    test = _any(classes) & ~inside & ~_near(train, 2 * (patch // 2))
    return _split(scene, classes, train, test, shots)


def _near(pixels: Mask, radius: int) -> Mask:
    """Pixels within a square of side ``2 radius + 1`` around one of `pixels`."""
    near: Mask = ndimage.maximum_filter(pixels, size=2 * radius + 1, mode="constant")
    return near


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

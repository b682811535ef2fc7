"""Augmented views of a scene: crops, flips, rotations, band subsets and pseudo-RGB bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hsizoo import HyperCube, LabelMap, Scene

__all__ = ["Augmentation", "make_view"]

_TRIES = 50
_GAIN_NODES = 5


@dataclass(frozen=True)
class Augmentation:
    """Augmentation limits of `make_view`.

    Parameters
    ----------
    least_side : int
        Minimum side of a crop in pixels; shorter sides are kept.
    least_pixels : int
        Minimum number of evaluated pixels in the crop (or all in the scene, if fewer) for a class
        to be a target of the view.
    least_bands : int
        Minimum number of bands of a view; scenes with fewer bands keep all.
    gain : float
        Maximum relative change of band brightness, 0 for none.
    """

    least_side: int = 32
    least_pixels: int = 16
    least_bands: int = 30
    gain: float = 0.0


def make_view(
    scene: Scene, name: str, split: str, how: Augmentation, rng: np.random.Generator
) -> Scene:
    """Draw one view of a scene; the subject is kept.

    The crop holds at least one target class (see `Augmentation.least_pixels`) and is flipped and
    rotated by multiples of 90°.  One view in three keeps all bands, one has a contiguous range of
    bands, one a random subset in order.  The pseudo-RGB image takes one band from each third of
    these, in random order.

    Parameters
    ----------
    scene : Scene
        Scene with at least one non-empty target.
    name, split : str
        Name and split of the new scene.
    how : Augmentation
    rng : numpy.random.Generator
        Source of all random numbers.
    """
    rows, cols, targets = _crop(scene, how, rng)
    bands = _bands(scene.cube.bands, how.least_bands, rng)
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    data = _turn(scene.cube.data[rows, cols][:, :, bands], turns, mirrored)
    if how.gain:
        data *= _gain(len(bands), how.gain, rng)
    thirds = np.array_split(np.arange(len(bands)), 3)
    chosen = [int(rng.choice(third)) for third in thirds] if len(bands) >= 3 else [0, 0, 0]
    rgb = rng.permutation(chosen).tolist()
    nm = scene.cube.wavelengths
    truth = scene.label_map
    return Scene(
        HyperCube(data, None if nm is None else nm[bands], f"{scene.cube.name}/{name}", rgb),
        LabelMap(
            _turn(truth.labels[rows, cols], turns, mirrored),
            truth.class_names,
            truth.ignore,
            targets,
        ),
        name=name,
        subject=scene.subject,
        split=split,
    )


def _crop(
    scene: Scene, how: Augmentation, rng: np.random.Generator
) -> tuple[slice, slice, list[int]]:
    """Draw a window with at least one target, and return it with its target classes."""
    masks = {label: scene.target(label) for label in sorted(scene.label_map.targets)}
    enough = {
        label: min(how.least_pixels, int(mask.sum())) for label, mask in masks.items() if mask.any()
    }
    height, width = scene.cube.data.shape[:2]
    for _ in range(_TRIES):
        rows, cols = (_window(side, how.least_side, rng) for side in (height, width))
        targets = [n for n, least in enough.items() if masks[n][rows, cols].sum() >= least]
        if targets:
            return rows, cols, targets
    return slice(0, height), slice(0, width), list(enough)


def _window(side: int, least: int, rng: np.random.Generator) -> slice:
    length = int(rng.integers(min(least, side), side, endpoint=True))
    start = int(rng.integers(side - length, endpoint=True))
    return slice(start, start + length)


def _bands(count: int, least: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Draw the bands of a view, in increasing order."""
    every = np.arange(count)
    kind = rng.integers(3)
    if kind == 0 or count <= least:
        return every
    number = int(rng.integers(least, count, endpoint=True))
    if kind == 1:
        start = int(rng.integers(count - number, endpoint=True))
        return every[start : start + number]
    return np.sort(rng.choice(every, number, replace=False))


def _gain(bands: int, most: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw a smooth factor per band from 1 − most to 1 + most, like another sensor response."""
    nodes = np.linspace(0, bands - 1, _GAIN_NODES)
    curve = np.interp(np.arange(bands), nodes, rng.uniform(-most, most, _GAIN_NODES))
    return (1 + curve).astype(np.float32)


def _turn(array: npt.NDArray[np.generic], turns: int, mirrored: bool) -> npt.NDArray[np.generic]:
    turned = np.rot90(array[:, ::-1] if mirrored else array, turns)
    return turned.copy()

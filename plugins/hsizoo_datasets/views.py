"""Augmented views of a scene: crops, flips and turns, some of the bands, another pseudo-RGB."""

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
    """What `make_view` may do.

    Parameters
    ----------
    least_side : int
        Shortest side of a crop in pixels; shorter scenes keep their side.
    least_pixels : int
        A class is a target of a view if so many of its evaluated pixels are in the crop, or all
        that the scene has.
    least_bands : int
        Fewest bands of a view; scenes with fewer keep theirs.
    gain : float
        Largest relative change of a band's brightness, 0 for none.
    """

    least_side: int = 32
    least_pixels: int = 16
    least_bands: int = 30
    gain: float = 0.0


def make_view(
    scene: Scene, name: str, split: str, how: Augmentation, rng: np.random.Generator
) -> Scene:
    """Draw one view of a scene; the subject stays.

    The crop holds at least one target class (see `Augmentation.least_pixels`) and is flipped and
    turned by quarter turns.  One view in three keeps all bands, one has a run of neighbouring
    bands, one a random choice of bands, in their order.  The pseudo-RGB image takes one band of
    each third of them, in random order.

    Parameters
    ----------
    scene : Scene
        With at least one target that has a pixel.
    name, split : str
        Of the new scene.
    how : Augmentation
    rng : numpy.random.Generator
        Everything is drawn from it.
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
    """A window with something to segment, and the classes that are targets there."""
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
    """Which bands a view keeps, increasing."""
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
    """A smooth factor per band from 1 − most to 1 + most, as of a sensor with another response."""
    nodes = np.linspace(0, bands - 1, _GAIN_NODES)
    curve = np.interp(np.arange(bands), nodes, rng.uniform(-most, most, _GAIN_NODES))
    return (1 + curve).astype(np.float32)


def _turn(array: npt.NDArray[np.generic], turns: int, mirrored: bool) -> npt.NDArray[np.generic]:
    turned = np.rot90(array[:, ::-1] if mirrored else array, turns)
    return turned.copy()

"""Shapes of the phantom: organs, relief, surfaces, vessels.

Lengths are in units of the shorter side of the image, so that a scene looks the same at every
size.  Everything is drawn from the caller's generator, in a fixed order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

if TYPE_CHECKING:
    from hsizoo_datasets.organs import Surface

__all__ = ["draw_labels", "draw_relief", "draw_surface", "draw_vessels", "smooth_noise"]

Field = npt.NDArray[np.float64]
Shape = tuple[int, int]


def smooth_noise(rng: np.random.Generator, shape: Shape, cells: float, octaves: int = 1) -> Field:
    """Return a smooth random field with zero mean and unit variance at every pixel.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (int, int)
        Rows, columns.
    cells : float
        Number of bumps along the shorter side.  More than half the number of pixels gives white
        noise.
    octaves : int, default 1
        Number of fields to add, each with twice the frequency and half the weight.
    """
    total = np.zeros(shape)
    weights = 0.5 ** np.arange(octaves)
    for octave, weight in enumerate(weights / np.linalg.norm(weights)):
        rows, columns = (_spline(n, cells * 2**octave / min(shape)) for n in shape)
        knots = rng.standard_normal((rows.shape[1], columns.shape[1]))
        total += weight * (rows @ knots @ columns.T)
    return total


def _spline(length: int, density: float) -> Field:
    """Cubic B-spline weights, (length, knots), each row of unit norm."""
    at = (np.arange(length) + 0.5) * density
    last = int(np.ceil(round(length * density, 6)))  # the same at 64 and 96 pixels
    knots = np.arange(-1, last + 2)
    far = np.abs(at[:, None] - knots)
    weights = np.where(far < 1, 2 / 3 - far**2 + far**3 / 2, np.clip(2 - far, 0, None) ** 3 / 6)
    unit: Field = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    return unit


def draw_labels(
    rng: np.random.Generator,
    shape: Shape,
    organs: Sequence[tuple[int, int, float]],
    *,
    outside: int,
    rim: int | None = None,
) -> npt.NDArray[np.int64]:
    """Return a label map: organs inside an opening, a rim around it, cloth outside.

    The organs are cells of a power diagram with warped coordinates, so that borders wind.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (int, int)
    organs : sequence of (label, pieces, size)
        Touching pieces of one organ merge.
    outside : int
        Label outside the opening and its rim.
    rim : int, optional
        Label of the ring around the opening (skin).
    """
    y, x = _coordinates(shape)
    height, width = y[-1, 0] + y[0, 0], x[0, -1] + x[0, 0]
    # The opening: a warped superellipse.
    wobble = 1 + 0.07 * smooth_noise(rng, shape, 3, 2)
    middle = (0.5 + rng.uniform(-0.05, 0.05, 2)) * (height, width)
    exponent = rng.uniform(2.2, 4.0)
    reach = rng.uniform(0.40, 0.45) if rim is not None else rng.uniform(0.47, 0.54)
    radius = (
        np.abs((y - middle[0]) / (reach * height)) ** exponent
        + np.abs((x - middle[1]) / (reach * width)) ** exponent
    ) ** (1 / exponent) * wobble

    wy, wx = (axis + 0.055 * smooth_noise(rng, shape, 4, 3) for axis in (y, x))
    nearest = np.full(shape, np.inf)
    labels = np.full(shape, outside)
    taken: list[npt.NDArray[np.float64]] = []
    for label, pieces, size in organs:
        for _ in range(pieces):
            # Take the candidate farthest from all others, to spread the organs evenly.
            candidates = middle + rng.uniform(-0.9, 0.9, (12, 2)) * reach * np.array(
                (height, width)
            )
            gaps = [min((np.hypot(*(c - t)) for t in taken), default=0.0) for c in candidates]
            seed = candidates[int(np.argmax(gaps))]
            taken.append(seed)
            bonus = 0.035 * (size / np.sqrt(pieces) * rng.uniform(0.8, 1.25) - 1)
            power = (wy - seed[0]) ** 2 + (wx - seed[1]) ** 2 - bonus
            closer = power < nearest
            nearest[closer], labels[closer] = power[closer], label
    labels[radius > 1] = outside
    if rim is not None:
        labels[(radius > 1) & (radius < rng.uniform(1.15, 1.25))] = rim
    return labels


def draw_relief(rng: np.random.Generator, labels: npt.NDArray[np.int64]) -> Field:
    """Return the surface height: each region bulges and slopes down towards its border."""
    edge = np.zeros(labels.shape, dtype=bool)
    edge[1:] |= labels[1:] != labels[:-1]
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    far = ndimage.distance_transform_edt(~edge) if edge.any() else np.full(labels.shape, np.inf)
    inward = np.clip(far / min(labels.shape) / 0.09, 0, 1)
    relief: Field = 0.04 * inward * (2 - inward)
    relief += 0.018 * smooth_noise(rng, labels.shape, 3, 3)
    return relief


def draw_surface(rng: np.random.Generator, shape: Shape, kind: Surface) -> Field:
    """Return the fine structure of a surface, from 0 in grooves to 1 on ridges."""
    y, x = _coordinates(shape)
    angle = rng.uniform(0, np.pi)
    along = np.cos(angle) * y + np.sin(angle) * x
    bend = smooth_noise(rng, shape, 3, 2)
    if kind == "loops":  # parallel cylinders, pinched along their length
        tube = np.abs(np.sin(np.pi * (5.5 * along + 0.45 * bend)))
        pinch = 0.5 + 0.5 * np.sin(2 * np.pi * (9 * (np.cos(angle) * x - np.sin(angle) * y) + bend))
        surface = np.sqrt(tube) * (0.85 + 0.15 * pinch)
    elif kind == "folds":
        surface = 0.5 + 0.5 * np.sin(2 * np.pi * (7 * along + 0.8 * bend))
    elif kind == "fibres":
        surface = 0.5 + 0.5 * np.sin(2 * np.pi * (24 * along + 0.6 * bend))
        surface = surface * np.clip(0.6 + 0.4 * smooth_noise(rng, shape, 12), 0, 1)
    elif kind == "lobules":
        surface = 1 - np.exp(-2.0 * np.abs(smooth_noise(rng, shape, 13)))
    else:
        surface = 1 - 0.1 * np.abs(smooth_noise(rng, shape, 10))
    field: Field = np.clip(surface, 0, 1)
    return field


def draw_vessels(rng: np.random.Generator, shape: Shape, trunks: int, radius: float) -> Field:
    """Return branching vessels, from 0 (none) to 1 (on the axis).

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (int, int)
    trunks : int
        Number of trees, each grown from a random point in a random direction.
    radius : float
        Radius of a trunk; branches are thinner.
    """
    size = min(shape)
    step = 0.5 / size if size > 200 else 0.0025
    growing = [
        (rng.uniform(0, 1, 2) * shape / size, rng.uniform(0, 2 * np.pi), 0) for _ in range(trunks)
    ]
    levels: list[list[Field]] = [[], [], []]
    while growing:
        start, heading, level = growing.pop()
        # The number and relative length of steps are fixed, so the tree is the same at every size.
        knots = 40 // (level + 1)
        turns = np.cumsum(rng.normal(0, 0.22, knots))
        length = rng.uniform(0.5, 0.9) / (level + 1.2)
        headings = heading + turns
        moves = np.stack([np.sin(headings), np.cos(headings)], axis=1) * length / knots
        path = start + np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)])
        at = np.linspace(0, knots, int(length / step) + 2)
        levels[level].append(
            np.stack([np.interp(at, np.arange(knots + 1), path[:, k]) for k in (0, 1)], axis=1)
        )
        if level < 2:
            for knot in rng.choice(knots, rng.integers(2, 5), replace=False):
                side = rng.choice([-1, 1]) * rng.uniform(0.4, 1.1)
                growing.append((path[knot], headings[knot] + side, level + 1))
    vessels = np.zeros(shape)
    for level, paths in enumerate(levels):
        pixels = (
            np.floor(np.concatenate(paths) * size).astype(int) if paths else np.empty((0, 2), int)
        )
        inside = ((pixels >= 0) & (pixels < shape)).all(axis=1)
        if not inside.any():
            continue
        axis = np.ones(shape, dtype=bool)
        axis[tuple(pixels[inside].T)] = False
        far = ndimage.distance_transform_edt(axis) / size
        # A vessel thinner than a pixel covers it in part.
        thin = radius * 0.6**level
        seen = max(thin, 0.6 / size)
        vessels = np.maximum(vessels, thin / seen * np.exp(-((far / seen) ** 2)))
    field: Field = vessels
    return field


def _coordinates(shape: Shape) -> tuple[Field, Field]:
    """Return the row and column of each pixel centre, in units of the shorter side."""
    y, x = np.indices(shape) + 0.5
    return y / min(shape), x / min(shape)

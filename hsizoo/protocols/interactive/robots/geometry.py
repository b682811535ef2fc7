"""Geometry of masks for robots: errors, depths, components, pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hsizoo.protocols.arrays import Mask, Probability

__all__ = [
    "depth_of",
    "draw",
    "errors_of",
    "first_maximum",
    "largest_component",
    "pixel_nearest_to_centroid",
]


def errors_of(
    target: Mask, evaluated: Mask, probability: Probability, threshold: float
) -> tuple[Mask, Mask]:
    """Return the evaluated pixels missed by the mask, and those it wrongly includes."""
    mask = probability > threshold
    return target & ~mask & evaluated, ~target & mask & evaluated


def depth_of(mask: Mask) -> npt.NDArray[np.float32]:
    """Return each mask pixel's exact Euclidean distance to the nearest pixel outside the mask.

    Pixels beyond the image border are outside, as if the mask were padded by one pixel.  Distances
    are rounded to float32, like those of ``cv2.distanceTransform(mask, DIST_L2, 0)`` in RITM.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Distance in pixels; at least 1 in the mask, 0 elsewhere.
    """
    depth = np.zeros(mask.shape, dtype=np.float32)
    if not mask.any():
        return depth
    # The padded bounding box suffices: the padding is outside the mask, and nothing beyond it is
    # nearer to a mask pixel.
    box = _bounding_box(mask)
    depth[box] = ndimage.distance_transform_edt(np.pad(mask[box], 1))[1:-1, 1:-1]
    return depth


def _bounding_box(mask: Mask) -> tuple[slice, slice]:
    rows, cols = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)


def largest_component(mask: Mask, connectivity: str, unclicked: Mask | None = None) -> Mask:
    """Return the largest component that has a pixel of `unclicked`; empty if there is none.

    Ties go to the component whose first pixel comes first in row-major order.
    """
    neighbours = ndimage.generate_binary_structure(2, {"4": 1, "8": 2}[connectivity])
    labels, _ = ndimage.label(mask, neighbours)
    left = mask if unclicked is None else mask & unclicked
    sizes = np.bincount(labels.ravel())
    sizes[np.bincount(labels[left], minlength=len(sizes)) == 0] = 0  # background, or no pixel left
    if not sizes.any():
        return np.zeros_like(mask)
    # Looked up by position, since SciPy does not guarantee the order of labels.
    first = labels.flat[np.argmax((sizes == sizes.max())[labels])]
    return np.asarray(labels == first)


def pixel_nearest_to_centroid(component: Mask) -> tuple[int, int]:
    """Return the pixel nearest to the mean position, rounded to whole pixels (halves up)."""
    positions = np.argwhere(component)  # row-major
    count = len(positions)
    # floor(mean + 1/2) in integers: halves are rounded up everywhere in the image.
    centroid = (2 * positions.sum(axis=0) + count) // (2 * count)
    squared_distance = ((positions - centroid) ** 2).sum(axis=1)
    row, col = positions[np.argmin(squared_distance)].tolist()
    return row, col


def first_maximum(values: npt.NDArray[np.floating[Any]]) -> tuple[int, int]:
    """Return the position of the greatest value, the first in row-major order."""
    row, col = np.unravel_index(np.argmax(values), values.shape)
    return int(row), int(col)


def draw(mask: Mask, rng: np.random.Generator) -> tuple[int, int]:
    """Return a pixel of a mask, drawn uniformly."""
    row, col = np.unravel_index(rng.choice(np.flatnonzero(mask)), mask.shape)
    return int(row), int(col)

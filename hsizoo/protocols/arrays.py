"""Checks of array arguments of metrics and robots."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hsizoo.errors import ProtocolError

__all__ = ["Mask", "Probability", "check_masks", "check_probability"]

Mask = npt.NDArray[np.bool_]
Probability = npt.NDArray[np.floating[Any]]


def check_masks(**masks: Mask | None) -> None:
    """Raise unless all masks are two-dimensional bool of the same shape; None is skipped."""
    given = {name: mask for name, mask in masks.items() if mask is not None}
    for name, mask in given.items():
        if mask.dtype != np.bool_ or mask.ndim != 2:
            raise ProtocolError(
                f"{name} must be a two-dimensional bool array; "
                f"got {mask.dtype} of shape {mask.shape}"
            )
    if len({mask.shape for mask in given.values()}) > 1:
        shapes = ", ".join(f"{name} {mask.shape}" for name, mask in given.items())
        raise ProtocolError(f"masks must have the same shape (rows, columns); got {shapes}")


def check_probability(probability: Probability, shape: tuple[int, ...]) -> None:
    """Raise unless `probability` is a float map of this shape, finite and in [0, 1]."""
    if probability.dtype not in (np.float32, np.float64) or probability.shape != shape:
        raise ProtocolError(
            f"probability must be float32 or float64 of the target's shape {shape}; "
            f"got {probability.dtype} of shape {probability.shape}"
        )
    usable = (probability >= 0) & (probability <= 1)  # False for NaN
    if not usable.all():
        row, col = np.argwhere(~usable)[0].tolist()
        raise ProtocolError(
            f"probability must be finite and in [0, 1]; got {probability[row, col]} "
            f"at (row={row}, col={col})"
        )

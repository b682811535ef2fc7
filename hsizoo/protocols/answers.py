"""Move the outputs of components to the host and check them against their contract."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from hsizoo.errors import ContractError
from hsizoo.interfaces import InteractiveSegmenter

__all__ = ["checked_maps", "described", "finish_gpu_work", "on_host"]


def on_host(returned: Any) -> npt.NDArray[np.float32]:
    """Convert a component's output to a NumPy array, from any device."""
    if hasattr(returned, "detach"):  # a torch tensor, without importing torch
        returned = returned.detach().float().cpu().numpy()
    return np.asarray(returned, dtype=np.float32)


def checked_maps(
    returned: Any, expected: tuple[int, ...], component: object, method: str
) -> npt.NDArray[np.float32]:
    """Check the probability maps (N, H, W) returned by a segmenter, and convert them to NumPy.

    Raises
    ------
    ContractError
        If the shape is wrong, or values are outside [0, 1].
    """
    maps = on_host(returned)
    who = f"{type(component).__name__}.{method}"
    if maps.shape != expected:
        raise ContractError(
            f"{who} returned shape {maps.shape}; expected {expected}: one map per object, of the "
            "cube's height and width"
        )
    # One comparison catches NaN as well.
    if not (maps.min() >= 0 and maps.max() <= 1):
        raise ContractError(
            f"{who} returned values from {maps.min()} to {maps.max()}; probabilities must be "
            "finite and within 0 and 1"
        )
    return maps


def described(segmenter: InteractiveSegmenter, state: Any) -> dict[str, Any]:
    """Return the segmenter's description of an image as JSON values.

    Raises
    ------
    ContractError
        If it is not a mapping of plain values.
    """
    description = segmenter.describe(state)
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(description), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ContractError(
            f"{type(segmenter).__name__}.describe returned {description!r}; expected a mapping of "
            f"plain values that JSON can represent ({error})"
        ) from error
    return plain


def finish_gpu_work() -> None:
    """Wait for queued GPU work, so that its time is not counted in the next step."""
    torch = sys.modules.get("torch")  # a component that uses a GPU has imported it
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()

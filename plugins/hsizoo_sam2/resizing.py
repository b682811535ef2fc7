"""Resizing of images and maps, on whatever device they are."""

from __future__ import annotations

import torch
from torch.nn import functional

__all__ = ["resize"]

_LACKING = {"mps"}  # types of devices without the operator: Apple's had none in older torch


def resize(maps: torch.Tensor, side: int) -> torch.Tensor:
    """Resize maps (N, C, H, W) to (N, C, side, side), bilinear, averaging where they shrink."""
    there = maps.device
    if there.type in _LACKING:
        maps = maps.cpu()
    return functional.interpolate(
        maps, (side, side), mode="bilinear", align_corners=False, antialias=True
    ).to(there)

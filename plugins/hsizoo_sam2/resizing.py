"""Resizing of images and maps on any device."""

from __future__ import annotations

import torch
from torch.nn import functional

__all__ = ["resize"]

_UNSUPPORTED = {"mps"}  # device types without antialiased resizing: older torch lacked it on MPS


def resize(maps: torch.Tensor, side: int) -> torch.Tensor:
    """Resize maps (N, C, H, W) to (N, C, side, side), bilinear with antialiasing."""
    device = maps.device
    if device.type in _UNSUPPORTED:
        maps = maps.cpu()
    return functional.interpolate(
        maps, (side, side), mode="bilinear", align_corners=False, antialias=True
    ).to(device)

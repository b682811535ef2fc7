"""Layers that run along the spectrum of each pixel, for the networks that call them 3D.

A convolution with a kernel of 1 × 1 × k sees one pixel.  Here it is a 2D convolution of 1 × k over
tensors (n, channels, pixels, length): the same sums, at about three quarters of a 3D convolution's
time on a CPU.  And what sees one pixel is found once per pixel of an image, however many patches
hold that pixel.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import nn

__all__ = [
    "KERNEL",
    "Residual",
    "along",
    "at_every_pixel",
    "at_once",
    "convolution",
    "length_after",
    "spectra_of",
]

KERNEL: Final = 7
"""Bands that a spectral kernel spans."""

_AT_ONCE: Final = 2**23  # bytes of a layer's output in one forward pass: what a CPU has at hand


def length_after(bands: int) -> int:
    """Length of a spectrum after a convolution of `KERNEL` by steps of 2."""
    return (bands - KERNEL) // 2 + 1


def along(size: int) -> tuple[int, int]:
    """Kernel or padding that lies along the spectrum."""
    return (1, size)


def convolution(
    channels: int, out: int, kernel: tuple[int, int] | int, *, step: tuple[int, int] | int = 1
) -> nn.Sequential:
    """Convolution without padding, BN, ReLU."""
    return nn.Sequential(nn.Conv2d(channels, out, kernel, step), nn.BatchNorm2d(out), nn.ReLU())


class Residual(nn.Module):
    """Two convolutions that keep the size, each with BN, added to what came in; ReLU.

    Parameters
    ----------
    channels : int
    kernel, padding : (int, int)
    """

    def __init__(self, channels: int, kernel: tuple[int, int], padding: tuple[int, int]) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(channels, channels, kernel, padding=padding),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, kernel, padding=padding),
            nn.BatchNorm2d(channels),
        )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps of the same shape."""
        return (maps + self.change(maps)).relu()


def spectra_of(patches: torch.Tensor) -> torch.Tensor:
    """Patches (n, C, p, p) as spectra (n, 1, p·p, C)."""
    return patches.flatten(2).transpose(1, 2)[:, None]


def at_once(channels: int, length: int) -> int:
    """How many pixels' spectra (channels, length) a forward pass may hold."""
    return max(1, _AT_ONCE // (4 * channels * length))


def at_every_pixel(stage: nn.Module, image: torch.Tensor, step: int) -> torch.Tensor:
    """What a stage makes of each pixel, (F, H, W), `step` pixels of the image (C, H, W) at a time.

    The stage takes patches (n, C, h, w) to (n, F, h, w).
    """
    parts = [stage(part[None]) for part in image.flatten(1)[:, None].split(step, dim=2)]
    return torch.cat(parts, dim=3)[0].reshape(-1, *image.shape[1:])

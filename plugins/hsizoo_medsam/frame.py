"""How an image and its clicks enter SAM's square input, and how a mask leaves it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.nn import functional

import hsizoo

__all__ = ["Frame"]


@dataclass(frozen=True)
class Frame:
    """Geometry of one image: its longest side becomes `size`, the rest is padded.

    Parameters
    ----------
    height, width : int
        Of the image.
    size : int
        Side of SAM's square input.
    """

    height: int
    width: int
    size: int

    @property
    def inner(self) -> tuple[int, int]:
        """Rows and columns of the input that the image covers; padding is below and right."""
        scale = self.size / max(self.height, self.width)
        return int(self.height * scale + 0.5), int(self.width * scale + 0.5)

    def resize(self, rgb: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Scale an (H, W, 3) image as SAM does; returns (3, h, w) uint8."""
        rows, cols = self.inner
        # Pillow's bilinear filter, which rounds to whole values, is what SAM was trained on.
        scaled = Image.fromarray(rgb).resize((cols, rows), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(scaled).transpose(2, 0, 1).copy())

    def points(self, clicks: hsizoo.Clicks) -> npt.NDArray[np.float32]:
        """Positions of clicks in the input, (n, 2) as (x, y)."""
        rows, cols = self.inner
        xy = clicks.points[:, ::-1] * (cols / self.width, rows / self.height)
        return xy.astype(np.float32)

    def restore(self, logits: torch.Tensor) -> torch.Tensor:
        """Bring decoder logits (N, h, w) to the size of the image, (N, H, W)."""
        rows, cols = self.inner
        scaled = _bilinear(logits[:, None], (self.size, self.size))[..., :rows, :cols]
        return _bilinear(scaled, (self.height, self.width))[:, 0]


def _bilinear(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return functional.interpolate(images, size, mode="bilinear", align_corners=False)

"""How an image and its clicks enter SAM's square input, and how a mask leaves it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.nn import functional

import hsizoo

__all__ = ["Frame", "PaddedFrame", "StretchedFrame"]


@dataclass(frozen=True)
class Frame(ABC):
    """Geometry of one image in a square input.

    Parameters
    ----------
    height, width : int
        Of the image.
    size : int
        Side of the input.
    """

    height: int
    width: int
    size: int

    @abstractmethod
    def fit(self, rgb: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Make of an (H, W, 3) picture what the encoder takes, uint8 on the CPU."""

    @abstractmethod
    def points(self, clicks: hsizoo.Clicks) -> npt.NDArray[np.float32]:
        """Positions of clicks in the input, (n, 2) as (x, y)."""

    @abstractmethod
    def restore(self, logits: torch.Tensor) -> torch.Tensor:
        """Bring decoder logits (N, h, w) to the size of the image, (N, H, W)."""


class PaddedFrame(Frame):
    """As in SAM: the longest side becomes `size`, the rest is padded below and right."""

    @property
    def inner(self) -> tuple[int, int]:
        """Rows and columns of the input that the image covers."""
        scale = self.size / max(self.height, self.width)
        return int(self.height * scale + 0.5), int(self.width * scale + 0.5)

    def fit(self, rgb: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Scale as SAM does; returns (3, h, w)."""
        rows, cols = self.inner
        # Pillow's bilinear filter, which rounds to whole values, is what SAM was trained on.
        scaled = Image.fromarray(rgb).resize((cols, rows), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(scaled).transpose(2, 0, 1).copy())

    def points(self, clicks: hsizoo.Clicks) -> npt.NDArray[np.float32]:
        """Scale positions."""
        rows, cols = self.inner
        xy = clicks.points[:, ::-1] * (cols / self.width, rows / self.height)
        return xy.astype(np.float32)

    def restore(self, logits: torch.Tensor) -> torch.Tensor:
        """Scale to the input, cut the padding off, scale to the image."""
        rows, cols = self.inner
        scaled = _bilinear(logits[:, None], (self.size, self.size))[..., :rows, :cols]
        return _bilinear(scaled, (self.height, self.width))[:, 0]


class StretchedFrame(Frame):
    """As in SAM 2: both sides become `size`, whatever the shape of the image."""

    def fit(self, rgb: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Leave scaling to SAM 2; returns (H, W, 3)."""
        return torch.from_numpy(np.ascontiguousarray(rgb))

    def points(self, clicks: hsizoo.Clicks) -> npt.NDArray[np.float32]:
        """Scale positions."""
        extent = np.array((self.width, self.height), dtype=np.float32)
        return clicks.points[:, ::-1].astype(np.float32) / extent * np.float32(self.size)

    def restore(self, logits: torch.Tensor) -> torch.Tensor:
        """Scale to the image at once."""
        return _bilinear(logits[:, None], (self.height, self.width))[:, 0]


def _bilinear(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return functional.interpolate(images, size, mode="bilinear", align_corners=False)

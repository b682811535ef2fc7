"""Map images and clicks to SAM's square input, and masks back."""

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
    """Geometry of an image in a square input.

    Parameters
    ----------
    height, width : int
        Size of the image in pixels.
    size : int
        Side of the input in pixels.
    """

    height: int
    width: int
    size: int

    @abstractmethod
    def fit(self, rgb: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Convert an (H, W, 3) image to the encoder's input, uint8 on the CPU."""

    @abstractmethod
    def points(self, clicks: hsizoo.Clicks) -> npt.NDArray[np.float32]:
        """Return click positions in the input as (x, y), shape (n, 2)."""

    @abstractmethod
    def restore(self, logits: torch.Tensor) -> torch.Tensor:
        """Resize decoder logits (N, h, w) to the size of the image, (N, H, W)."""


class PaddedFrame(Frame):
    """As in SAM: scale the longest side to `size`, pad at the bottom and right."""

    @property
    def inner(self) -> tuple[int, int]:
        """Number of rows and columns of the input that the image covers."""
        scale = self.size / max(self.height, self.width)
        return int(self.height * scale + 0.5), int(self.width * scale + 0.5)

    def fit(self, rgb: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Scale as SAM does; return (3, h, w)."""
        rows, cols = self.inner
        # SAM was trained with Pillow's bilinear filter, which rounds to integers.
        scaled = Image.fromarray(rgb).resize((cols, rows), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(scaled).transpose(2, 0, 1).copy())

    def points(self, clicks: hsizoo.Clicks) -> npt.NDArray[np.float32]:
        """Scale click positions to the input."""
        rows, cols = self.inner
        xy = clicks.points[:, ::-1] * (cols / self.width, rows / self.height)
        return xy.astype(np.float32)

    def restore(self, logits: torch.Tensor) -> torch.Tensor:
        """Resize to the input, crop the padding, resize to the image."""
        rows, cols = self.inner
        scaled = _bilinear(logits[:, None], (self.size, self.size))[..., :rows, :cols]
        return _bilinear(scaled, (self.height, self.width))[:, 0]


class StretchedFrame(Frame):
    """As in SAM 2: scale both sides to `size`, regardless of the aspect ratio."""

    def fit(self, rgb: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Return the image (H, W, 3) unscaled; SAM 2 scales it."""
        return torch.from_numpy(np.ascontiguousarray(rgb))

    def points(self, clicks: hsizoo.Clicks) -> npt.NDArray[np.float32]:
        """Scale click positions to the input."""
        extent = np.array((self.width, self.height), dtype=np.float32)
        return clicks.points[:, ::-1].astype(np.float32) / extent * np.float32(self.size)

    def restore(self, logits: torch.Tensor) -> torch.Tensor:
        """Resize directly to the image."""
        return _bilinear(logits[:, None], (self.height, self.width))[:, 0]


def _bilinear(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return functional.interpolate(images, size, mode="bilinear", align_corners=False)

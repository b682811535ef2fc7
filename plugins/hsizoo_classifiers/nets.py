"""Networks on patches of principal components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import nn

__all__ = ["FullyConvolutional", "paoletti", "plain"]


class FullyConvolutional(nn.Module):
    """Three convolutions, mean over the patch, one linear layer.

    ======================== ========================= ===============================
    layer                    output, patch p, C bands  parameters (C = 30, K = 16)
    ======================== ========================= ===============================
    1×1, BN, ReLU            128 × p × p               30·128 + 128 + 256 = 4224
    3×3, BN, ReLU, twice     128 × p × p               2·(9·128² + 128 + 256) = 295 680
    mean over the patch      128                       0
    dropout, linear          K                         128·16 + 16 = 2064
    ======================== ========================= ===============================

    Total: 301 968.  With ``padding``, the 3×3 convolutions see zeros outside the patch and keep its
    size; without it, each removes one pixel from every side.

    Notes
    -----
    `whole` classifies an image at once, with the same result as `forward` patch by patch.  With
    ``padding`` this takes a few more maps: the output of a convolution at a pixel depends on how
    near the pixel is to a side of the patch.  There are three cases along each axis after the first
    3×3 convolution (first row, inside, last row) and five after the second.  The mean over the
    patch then takes each pixel from the map of its case: 34 convolutions of the image instead of
    162 of the pixels of its patches.

    Parameters
    ----------
    bands, classes, patch : int
    dropout : float
    padding : bool
    """

    def __init__(self, bands: int, classes: int, patch: int, dropout: float, padding: bool) -> None:
        super().__init__()
        width, pad = 128, int(padding)
        self.pixel = nn.Sequential(nn.Conv2d(bands, width, 1), nn.BatchNorm2d(width), nn.ReLU())
        self.first, self.second = (
            nn.Sequential(nn.Conv2d(width, width, 3, padding=pad), nn.BatchNorm2d(width), nn.ReLU())
            for _ in range(2)
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, classes))
        self.padding = padding
        self.patch = patch

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return logits (n, K) of patches (n, C, p, p)."""
        maps = self.second(self.first(self.pixel(patches)))
        logits: torch.Tensor = self.head(maps.mean(dim=(2, 3)))
        return logits

    def whole(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits (K, H, W) of an image (C, H + p - 1, W + p - 1); not for training."""
        pixels = self.pixel(image[None])
        if self.padding:
            means = self._means(pixels)
        else:
            maps = self.second(self.first(pixels))
            means = nn.functional.avg_pool2d(maps, self.patch - 4, stride=1)
        logits: torch.Tensor = self.head(means.permute(0, 2, 3, 1))[0].permute(2, 0, 1)
        return logits

    def _means(self, pixels: torch.Tensor) -> torch.Tensor:
        """Mean of the padded convolutions' output over every patch."""
        last = self.patch - 1
        height, width = (side - last for side in pixels.shape[2:])
        # Output of the first convolution, by the pixel's case along each axis.
        first = {
            (down, right): self._layer(self.first, [(pixels, _CUT[down], _CUT[right])])
            for down in _CUT
            for right in _CUT
        }
        total = pixels.new_zeros((1, self.head[1].in_features, height, width))
        cases = _cases(self.patch)
        for rows, down in cases:
            for cols, right in cases:
                seen = [
                    (first[case, other], taps, across)
                    for case, taps in down.items()
                    for other, across in right.items()
                ]
                maps = self._layer(self.second, seen)
                # The patch of pixel (r, c) is at rows r to r + p - 1 of the bordered image.
                part = maps[
                    ...,
                    rows.start : rows.stop - 1 + height,
                    cols.start : cols.stop - 1 + width,
                ]
                total += nn.functional.avg_pool2d(
                    part, (len(rows), len(cols)), stride=1, divisor_override=1
                )
        return total / self.patch**2

    @staticmethod
    def _layer(
        layer: nn.Sequential, seen: Sequence[tuple[torch.Tensor, range, range]]
    ) -> torch.Tensor:
        """Apply a 3×3 layer whose taps read different maps, each given with its taps."""
        convolution = layer[0]
        output = convolution.bias[:, None, None]
        for maps, rows, cols in seen:
            kernel = convolution.weight[..., rows.start : rows.stop, cols.start : cols.stop]
            # Zero padding keeps the image size; no patch reaches into it.
            around = (1 - cols.start, cols.stop - 2, 1 - rows.start, rows.stop - 2)
            output = output + nn.functional.conv2d(nn.functional.pad(maps, around), kernel)
        activated: torch.Tensor = layer[1:](output)
        return activated


_CUT: Final = {"first": range(1, 3), "inside": range(3), "last": range(2)}
"""Rows (or columns) of a 3×3 kernel that lie in the patch, by position of its centre."""


def _cases(patch: int) -> list[tuple[range, dict[str, range]]]:
    """Group the rows of a patch (at least 5) by the cases of the previous layer that taps read."""
    return [
        (range(1), {"first": range(1, 2), "inside": range(2, 3)}),
        (range(1, 2), {"first": range(1), "inside": range(1, 3)}),
        (range(2, patch - 2), {"inside": range(3)}),
        (range(patch - 2, patch - 1), {"inside": range(2), "last": range(2, 3)}),
        (range(patch - 1, patch), {"inside": range(1), "last": range(1, 2)}),
    ]


def plain(bands: int, classes: int, patch: int, dropout: float) -> nn.Sequential:
    """Build a pyramid that keeps the position in the patch.

    3×3×64, 3×3×128, pool 2, 2×2×128, each with BN and ReLU, then dropout and one linear layer.
    With C = 30, K = 16 and patches of 9: 17 344 + 73 856 + 65 664 + 640 of BN + 18 448 = 175 952
    parameters.
    """
    side = patch // 2 - 1
    return nn.Sequential(
        nn.Conv2d(bands, 64, 3, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.Conv2d(64, 128, 3, padding=1),
        nn.BatchNorm2d(128),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(128, 128, 2),
        nn.BatchNorm2d(128),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(128 * side**2, classes),
    )


def paoletti(bands: int, classes: int, patch: int, dropout: float) -> nn.Sequential:
    """Build the 2D CNN of Paoletti et al. (2019).

    5×5×50 and 5×5×100 with ReLU, pool 2, linear 100 with ReLU, linear.  INFERRED: the paper's
    patches of 19 need no padding, patches of 9 do, so the convolutions are padded to keep the size.
    With C = 30, K = 16 and patches of 9: 37 550 + 125 100 + 160 100 + 1616 = 324 366 parameters.
    """
    side = patch // 2
    return nn.Sequential(
        nn.Conv2d(bands, 50, 5, padding=2),
        nn.ReLU(),
        nn.Conv2d(50, 100, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(100 * side**2, 100),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(100, classes),
    )

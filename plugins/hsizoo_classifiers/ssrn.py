"""Spectral-spatial residual network: residual blocks along the spectrum, then over the patch.

Z. Zhong, J. Li, Z. Luo, M. Chapman, "Spectral-spatial residual network for hyperspectral image
classification: a 3-D deep learning framework", IEEE Transactions on Geoscience and Remote Sensing
56 (2018) 847-858, doi:10.1109/TGRS.2017.2755542.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from hsizoo_classifiers.bands import AllBands
from hsizoo_classifiers.options.networks import SsrnOptions
from hsizoo_classifiers.patches import predict_patches
from hsizoo_classifiers.spectral_layers import (
    KERNEL,
    Residual,
    along,
    along_memory,
    at_every_pixel,
    at_once,
    convolution,
    length_after,
    spectra_of,
)

__all__ = ["ResidualNet", "Ssrn"]


class Ssrn(AllBands):
    """Spectral-spatial residual network on all bands, each scaled to mean 0 and variance 1.

    Requires at least 7 bands.

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.networks.SsrnOptions`.
    """

    _LEAST_BANDS: ClassVar[int] = KERNEL

    Options: ClassVar = SsrnOptions
    options: SsrnOptions

    def _build(self, channels: int, classes: int) -> nn.Module:
        return ResidualNet(channels, classes, self.options.patch)


class ResidualNet(nn.Module):
    """Two residual blocks along the spectrum, two over the patch.

    ======================== ========================== =================================
    layer                    output, patch p, L = 97    parameters (C = 200, K = 16)
    ======================== ========================== =================================
    1×1×7, step 2, BN, ReLU  24 × p × p × L             24·7 + 24 + 48 = 240
    residual 1×1×7, twice    24 × p × p × L             4·(7·24² + 24 + 48) = 16416
    1×1×L, BN, ReLU          128 × p × p                24·97·128 + 128 + 256 = 298368
    3×3, BN, ReLU            24 × (p - 2) × (p - 2)     9·128·24 + 24 + 48 = 27720
    residual 3×3, twice      24 × (p - 2) × (p - 2)     4·(9·24² + 24 + 48) = 21024
    mean over the patch      24                         0
    linear                   K                          24·16 + 16 = 400
    ======================== ========================== =================================

    Total: 364168 parameters, as in the code of R. Li et al.  L is the length of a spectrum after
    the first layer.  A residual block has two convolutions, each with BN, and ReLU between them and
    after the sum, as in the paper's figure.  The paper's own code has BN and ReLU before each, and
    a parallel 1×1 convolution in the spatial blocks.  INFERRED: BN has PyTorch's epsilon of 1e-5
    throughout.  The code of R. Li et al. has 1e-3 outside the residual blocks, and one more ReLU in
    them, before the first BN.

    Notes
    -----
    Up to the 3×3 convolution, no layer depends on the position of a pixel in the patch, so `whole`
    runs these layers once over the image.  The padded spatial blocks run on patches of 24 maps.

    Parameters
    ----------
    bands, classes, patch : int
    """

    def __init__(self, bands: int, classes: int, patch: int) -> None:
        super().__init__()
        self.spectral = Spectral(bands)
        self.between = convolution(128, 24, 3)
        self.spatial = nn.Sequential(
            *(Residual(24, (3, 3), (1, 1)) for _ in range(2)),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(24, classes),
        )
        self.patch = patch
        self.pixels_at_once = at_once(24, length_after(bands))

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return logits (n, K) of patches (n, C, p, p)."""
        logits: torch.Tensor = self.spatial(self.between(self.spectral(patches)))
        return logits

    def whole(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits (K, H, W) of an image (C, H + p - 1, W + p - 1); not for training."""
        pixels = at_every_pixel(self.spectral, image, self.pixels_at_once)
        maps = self.between(pixels[None])[0]
        return predict_patches(self.spatial, maps, self.patch - 2)


class Spectral(nn.Module):
    """Layers that see one pixel; maps patches (n, C, h, w) to (n, 128, h, w).

    Parameters
    ----------
    bands : int
    """

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.layers = along_memory(
            convolution(1, 24, along(KERNEL), step=along(2)),
            *(Residual(24, along(KERNEL), (0, KERNEL // 2)) for _ in range(2)),
            convolution(24, 128, along(length_after(bands))),
            length=length_after(bands),
        )

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return the features of each pixel."""
        return self.layers(spectra_of(patches)).reshape(len(patches), -1, *patches.shape[2:])

"""A²S²K-ResNet: residual network that selects between spectral and spectral-spatial kernels.

S. K. Roy, S. Manna, T. Song, L. Bruzzone, "Attention-based adaptive spectral-spatial kernel ResNet
for hyperspectral image classification", IEEE Transactions on Geoscience and Remote Sensing 59
(2021) 7831-7843, doi:10.1109/TGRS.2020.3043267.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

import hsizoo
from hsizoo_classifiers.bands import AllBands
from hsizoo_classifiers.options.networks import A2s2kOptions
from hsizoo_classifiers.patch_network import Scaling
from hsizoo_classifiers.pixels import Components
from hsizoo_classifiers.spectral_layers import (
    KERNEL,
    along,
    along_memory,
    at_once,
    convolution,
    length_after,
)

__all__ = ["A2s2k", "AdaptiveKernelNet"]


class A2s2k(AllBands):
    """A²S²K-ResNet on all bands, each scaled to mean 0 and variance 1.

    Requires at least 7 bands.

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.networks.A2s2kOptions`.
    """

    _LEAST_BANDS: ClassVar[int] = KERNEL

    Options: ClassVar = A2s2kOptions
    options: A2s2kOptions

    def _scaling(self, cube: hsizoo.HyperCube) -> Scaling:
        if not self.options.components:
            return super()._scaling(cube)
        self._check_bands(cube)
        return Components(cube, self.options.components, scale_bands=False, whiten=True)

    def _build(self, channels: int, classes: int) -> nn.Module:
        return AdaptiveKernelNet(channels, classes, self.options.selection)


class AdaptiveKernelNet(nn.Module):
    """Attention over two kernel sizes, then residual blocks with channel attention.

    ============================ ========================== =================================
    layer                        output, patch p, L = 97    parameters (C = 200, K = 16)
    ============================ ========================== =================================
    1×1×7 beside 3×3×7, step 2,  2 × 24 × p × p × L         24·(7 + 63) + 2·(24 + 48) = 1824
    BN, ReLU
    weights of the two, their    24 × p × p × L             24·100 + 100 + 2·(100·24 + 24) = 7348
    weighted sum
    residual 1×1×7, twice        24 × p × p × L             4·(7·24² + 24 + 48) + 2·3 = 16422
    1×1×L, BN, ReLU              128 × p × p                24·97·128 + 128 + 256 = 298368
    3×3, BN, ReLU                24 × (p - 2) × (p - 2)     9·128·24 + 24 + 48 = 27720
    residual 3×3, twice          24 × (p - 2) × (p - 2)     4·(9·24² + 24) + 5·48 + 2·3 = 21078
    mean over the patch, linear  K                          24·16 + 16 = 400
    ============================ ========================== =================================

    Total: 373160 parameters, 370736 with ``selection=shared``.  The paper's code has 370856: the
    latter, plus 24 of kernels that only ever see padding, and 96 of unused batch normalisation.

    The weights of the two kernels come from the mean of their sum over the patch and the spectrum:
    C/2 features with ReLU, then one layer per kernel, and the softmax over the two for each
    channel.  A residual block has BN and ReLU before its convolutions, except before the first
    convolution of the first block; BN follows the first block, BN and ReLU the last.  The residual
    is weighted by the sigmoid of a convolution of size 3 along the channel means, as in Q. Wang et
    al., "ECA-Net", CVPR 2020.  (The paper's code has one more ReLU before the second BN of a
    block.)  INFERRED: BN has PyTorch's epsilon of 1e-5 throughout; that code has 1e-3 outside the
    blocks.

    Notes
    -----
    The first weights already depend on the whole patch, so nothing can be computed once per pixel.
    An image is classified patch by patch: about 5 ms per pixel of 204 bands on one CPU core, ten
    minutes for 512 × 217 pixels.  In evaluation mode, `forward` splits the patches so that they fit
    in memory.

    Parameters
    ----------
    bands, classes : int
    selection : {"each", "shared"}
    """

    def __init__(self, bands: int, classes: int, selection: str) -> None:
        super().__init__()
        self.pixel, self.square = (
            nn.Conv3d(1, 24, (size, size, KERNEL), (1, 1, 2), (size // 2, size // 2, 0))
            for size in (1, 3)
        )
        self.scaled = nn.ModuleList(nn.BatchNorm2d(24) for _ in range(2))
        self.squeeze = nn.Sequential(nn.Linear(24, bands // 2), nn.ReLU())
        layers = 2 if selection == "each" else 1
        self.excite = nn.ModuleList(nn.Linear(bands // 2, 24) for _ in range(layers))
        length = length_after(bands)
        self.spectral = along_memory(
            ImprovedResidual(along(KERNEL), (0, KERNEL // 2), first=True),
            ImprovedResidual(along(KERNEL), (0, KERNEL // 2)),
            convolution(24, 128, along(length)),
            length=length,
        )
        self.spatial = nn.Sequential(
            convolution(128, 24, 3),
            ImprovedResidual((3, 3), (1, 1)),
            ImprovedResidual((3, 3), (1, 1)),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(24, classes),
        )
        self.pixels_at_once = at_once(24, length)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return logits (n, K) of patches (n, C, p, p)."""
        if self.training:
            return self._logits(patches)
        step = max(1, self.pixels_at_once // (patches.shape[2] * patches.shape[3]))
        return torch.cat([self._logits(part) for part in patches.split(step)])

    def _logits(self, patches: torch.Tensor) -> torch.Tensor:
        pixels = self.spectral(self._chosen(patches))
        logits: torch.Tensor = self.spatial(pixels.reshape(len(patches), -1, *patches.shape[2:]))
        return logits

    def _chosen(self, patches: torch.Tensor) -> torch.Tensor:
        """Return the weighted sum of both kernels' outputs, (n, 24, p·p, L)."""
        cubes = patches.permute(0, 2, 3, 1)[:, None]
        first, second = (
            scaled(kernel(cubes).flatten(2, 3)).relu()
            for scaled, kernel in zip(self.scaled, (self.pixel, self.square), strict=True)
        )
        squeezed = self.squeeze((first + second).mean(dim=(2, 3)))
        # With one shared layer, both inputs of the softmax are equal.
        votes = torch.stack([self.excite[0](squeezed), self.excite[-1](squeezed)])
        weights = votes.softmax(dim=0)[..., None, None]
        return weights[0] * first + weights[1] * second


class ImprovedResidual(nn.Module):
    """Residual block with pre-activation, two convolutions of 24 maps and channel attention.

    Parameters
    ----------
    kernel, padding : (int, int)
    first : bool
        Whether the input has already been through BN and ReLU: then there are none before the first
        convolution, and BN after the second.
    """

    def __init__(
        self, kernel: tuple[int, int], padding: tuple[int, int], *, first: bool = False
    ) -> None:
        super().__init__()
        before = [] if first else [nn.BatchNorm2d(24), nn.ReLU()]
        after = [nn.BatchNorm2d(24)] if first else []
        self.change = nn.Sequential(
            *before,
            nn.Conv2d(24, 24, kernel, padding=padding),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.Conv2d(24, 24, kernel, padding=padding),
            *after,
        )
        self.weight = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return maps of the same shape."""
        change = self.change(maps)
        weight = self.weight(change.mean(dim=(2, 3))[:, None])[:, 0].sigmoid()
        return maps + change * weight[..., None, None]

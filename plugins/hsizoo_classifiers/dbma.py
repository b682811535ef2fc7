"""Double-branch multi-attention network: a spectral and a spatial dense branch.

W. Ma, Q. Yang, Y. Wu, W. Zhao, X. Zhang, "Double-branch multi-attention mechanism network for
hyperspectral image classification", Remote Sensing 11 (2019) 1307, doi:10.3390/rs11111307.

Built from its abstract and from the layers of R. Li et al.'s code, doi:10.3390/rs12030582.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from hsizoo_classifiers.bands import AllBands
from hsizoo_classifiers.options.networks import DbmaOptions
from hsizoo_classifiers.patches import predict_patches
from hsizoo_classifiers.spectral_layers import (
    KERNEL,
    along,
    along_memory,
    at_every_pixel,
    at_once,
    length_after,
    spectra_of,
)

__all__ = ["Dbma", "DoubleBranchNet"]

_OUT = 60


class Dbma(AllBands):
    """Double-branch multi-attention network on all bands, each scaled to mean 0 and variance 1.

    Requires at least 7 bands.

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.networks.DbmaOptions`.
    """

    _LEAST_BANDS: ClassVar[int] = KERNEL

    Options: ClassVar = DbmaOptions
    options: DbmaOptions

    def _build(self, channels: int, classes: int) -> nn.Module:
        return DoubleBranchNet(channels, classes, self.options.patch)


class DoubleBranchNet(nn.Module):
    """Spectral branch with channel attention and spatial branch with pixel attention.

    ============================ =================== ===========================================
    layer                        output, L = 97      parameters (C = 200, K = 16)
    ============================ =================== ===========================================
    1×1×7, step 2                24 × p × p × L      24·7 + 24 = 192
    dense BN, ReLU, 1×1×7,       96 × p × p × L      144·(2 + 7·24) + 3·24 = 24552
    three times
    BN, ReLU, 1×1×L              60 × p × p          2·96 + 96·97·60 + 60 = 558972
    channel attention, mean      60                  2·30·60 + 30 + 60 = 3690
    1×1×C                        24 × p × p          24·200 + 24 = 4824
    dense BN, ReLU, 3×3,         60 × p × p          108·(2 + 9·12) + 3·12 = 11916
    three times
    spatial attention, mean      60                  9·2 + 1 = 19
    both branches, linear        K                   120·16 + 16 = 1936
    ============================ =================== ===========================================

    Total: 606101 parameters, as in the code of R. Li et al.  The first four rows are one branch,
    the next three the other; L is the length of a spectrum after the first layer.

    Channel attention is the sigmoid of two layers (60, 30, 60) on the mean plus the same layers on
    the maximum over the patch.  Spatial attention is the sigmoid of a 3×3 convolution on the mean
    and the maximum over the channels.  Both follow S. Woo et al., "CBAM", ECCV 2018, which the
    paper builds on.  INFERRED: the ReLU between the two layers, from CBAM, and the 3×3, from the
    code of R. Li et al.; that code has no ReLU and, where it names the maximum over the patch,
    takes the mean again.  INFERRED: BN has PyTorch's epsilon of 1e-5; that code has 1e-3.

    Notes
    -----
    The spectral branch sees one pixel up to its attention, which only needs the mean and maximum
    over the patch, so `whole` computes both over the image.  The padded dense block of the spatial
    branch runs on patches of 24 maps.

    Parameters
    ----------
    bands, classes, patch : int
    """

    def __init__(self, bands: int, classes: int, patch: int) -> None:
        super().__init__()
        self.spectral = Spectral(bands)
        self.channels = nn.Sequential(
            nn.Linear(_OUT, _OUT // 2), nn.ReLU(), nn.Linear(_OUT // 2, _OUT)
        )
        self.mixed = nn.Conv2d(bands, 24, 1)
        self.spatial = Spatial()
        self.last = nn.Linear(2 * _OUT, classes)
        self.patch = patch
        self.pixels_at_once = at_once(96, length_after(bands))

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return logits (n, K) of patches (n, C, p, p)."""
        seen = self.spectral(patches)
        return self._joined(
            seen.mean(dim=(2, 3)), seen.amax(dim=(2, 3)), self.spatial(self.mixed(patches))
        )

    def whole(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits (K, H, W) of an image (C, H + p - 1, W + p - 1); not for training."""
        seen = at_every_pixel(self.spectral, image, self.pixels_at_once)
        features = (
            F.avg_pool2d(seen, self.patch, stride=1),
            F.max_pool2d(seen, self.patch, stride=1),
            predict_patches(self.spatial, self.mixed(image), self.patch),
        )
        return self._joined(*(each.permute(1, 2, 0) for each in features)).permute(2, 0, 1)

    def _joined(
        self, mean: torch.Tensor, maximum: torch.Tensor, spatial: torch.Tensor
    ) -> torch.Tensor:
        """Return logits (..., K) from the features of a patch, each (..., 60)."""
        weight = (self.channels(mean) + self.channels(maximum)).sigmoid()
        # Each channel has one weight, so the mean of the weighted channel is the weighted mean.
        logits: torch.Tensor = self.last(torch.cat([weight * mean, spatial], dim=-1))
        return logits


class Spectral(nn.Module):
    """Layers that see one pixel; maps patches (n, C, h, w) to (n, 60, h, w).

    Parameters
    ----------
    bands : int
    """

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.layers = along_memory(
            nn.Conv2d(1, 24, along(KERNEL), stride=along(2)),
            Dense(24, along(KERNEL), (0, KERNEL // 2)),
            nn.BatchNorm2d(96),
            nn.ReLU(),
            nn.Conv2d(96, _OUT, along(length_after(bands))),
            length=length_after(bands),
        )

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return the features of each pixel."""
        return self.layers(spectra_of(patches)).reshape(len(patches), -1, *patches.shape[2:])


class Spatial(nn.Module):
    """Layers that see the patch; maps (n, 24, p, p) to (n, 60)."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = Dense(12, (3, 3), (1, 1))
        self.weight = nn.Conv2d(2, 1, 3, padding=1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the mean over the patch of the weighted pixels."""
        maps = self.dense(maps)
        seen = torch.cat([maps.amax(dim=1, keepdim=True), maps.mean(dim=1, keepdim=True)], dim=1)
        return (maps * self.weight(seen).sigmoid()).mean(dim=(2, 3))


class Dense(nn.Module):
    """Dense block: three layers of BN, ReLU, convolution, each on 24 maps and all earlier outputs.

    Parameters
    ----------
    growth : int
        Number of output maps per layer.
    kernel, padding : (int, int)
    """

    def __init__(self, growth: int, kernel: tuple[int, int], padding: tuple[int, int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(channels),
                nn.ReLU(),
                nn.Conv2d(channels, growth, kernel, padding=padding),
            )
            for channels in (24 + growth * number for number in range(3))
        )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the input and all layer outputs, (n, 24 + 3·growth, ...)."""
        for layer in self.layers:
            maps = torch.cat([maps, layer(maps)], dim=1)
        return maps

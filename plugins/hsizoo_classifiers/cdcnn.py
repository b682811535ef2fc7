"""Contextual deep CNN: three kernel sizes in parallel, then 1 × 1 convolutions.

H. Lee, H. Kwon, "Going deeper with contextual CNN for hyperspectral image classification", IEEE
Transactions on Image Processing 26 (2017) 4843-4855, doi:10.1109/TIP.2017.2725580.

Built from its abstract, from descriptions of it, and from the layers of R. Li et al.'s code,
doi:10.3390/rs12030582; statements of "as in the paper" were not checked against its full text.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from hsizoo_classifiers.bands import AllBands
from hsizoo_classifiers.options.networks import CdcnnOptions

__all__ = ["Cdcnn", "ContextualNet"]

_WIDTH = 128


class Cdcnn(AllBands):
    """Contextual deep CNN on all bands, each scaled to mean 0 and variance 1.

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.networks.CdcnnOptions`.
    """

    Options: ClassVar = CdcnnOptions
    options: CdcnnOptions

    def _build(self, channels: int, classes: int) -> nn.Module:
        chosen = self.options
        return ContextualNet(channels, classes, chosen.patch, chosen.dropout, chosen.norm)


class ContextualNet(nn.Module):
    """Nine layers, of which only the first uses spatial context.

    ============================ ======================= =================================
    layer                        output, patch p         parameters (C = 200, K = 16)
    ============================ ======================= =================================
    1×1, 3×3, 5×5 in parallel,   3·128                   35·200·128 + 3·128 = 896384
    maximum of each over p×p,
    ReLU, norm
    1×1, ReLU, norm              128                     384·128 + 128 = 49280
    residual 1×1, twice          128                     4·(128² + 128) = 66048
    1×1, ReLU, dropout, twice    128                     2·(128² + 128) = 33024
    1×1                          K                       128·16 + 16 = 2064
    ============================ ======================= =================================

    Total: 1046800 parameters; batch normalisation adds 1024.  The code of R. Li et al. has
    1063824: a tenth layer of 128 before the last (16512), and 512 of batch normalisation.

    The maxima are taken inside the patch: over p × p, (p - 2) × (p - 2) and (p - 4) × (p - 4)
    outputs of the three kernels.  INFERRED: weights are initialised with PyTorch's defaults, as in
    that code; the paper's Gaussian of 0.01 suits its long training.

    Parameters
    ----------
    bands, classes, patch : int
    dropout : float
    norm : {"local", "batch"}
    """

    def __init__(self, bands: int, classes: int, patch: int, dropout: float, norm: str) -> None:
        super().__init__()
        self.bank = nn.ModuleList(nn.Conv2d(bands, _WIDTH, size) for size in (1, 3, 5))
        self.patch = patch
        self.first = _norm(norm, 3 * _WIDTH)
        self.second = nn.Sequential(_pointwise(3 * _WIDTH), nn.ReLU(), _norm(norm, _WIDTH))
        self.residual = nn.ModuleList(
            nn.Sequential(_pointwise(), nn.ReLU(), _pointwise()) for _ in range(2)
        )
        hidden = [each for _ in range(2) for each in (_pointwise(), nn.ReLU(), nn.Dropout(dropout))]
        self.head = nn.Sequential(*hidden, nn.Conv2d(_WIDTH, classes, 1))

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return logits (n, K) of patches (n, C, p, p)."""
        return self._maps(patches)[:, :, 0, 0]

    def whole(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits (K, H, W) of an image (C, H + p - 1, W + p - 1)."""
        return self._maps(image[None])[0]

    def _maps(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits at every position where a patch fits."""
        seen = []
        for convolution in self.bank:
            rest = self.patch - convolution.kernel_size[0] + 1
            seen.append(F.max_pool2d(convolution(images), rest, stride=1))
        maps = self.second(self.first(torch.cat(seen, dim=1).relu()))
        for change in self.residual:
            maps = (maps + change(maps)).relu()
        logits: torch.Tensor = self.head(maps)
        return logits


def _pointwise(channels: int = _WIDTH) -> nn.Conv2d:
    return nn.Conv2d(channels, _WIDTH, 1)


def _norm(norm: str, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if norm == "batch" else nn.LocalResponseNorm(5)

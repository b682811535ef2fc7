"""Adapters of Medical SAM Adapter, and their insertion into an existing transformer.

J. Wu et al., "Medical SAM Adapter: adapting Segment Anything Model for medical image
segmentation", arXiv:2304.12620.  Written from the description; the released code (GPL) was not
used.

A block of a vision transformer computes ``x = x + attn(norm1(x))`` and ``x = x + mlp(norm2(x))``.
Wrappers with adapters replace its two inner modules:

* space adapter: ``attn(·)`` becomes ``a + up(gelu(down(a)))`` with ``a = attn(·)``;
* MLP adapter: ``mlp(·)`` becomes ``mlp(·) + scale * up(gelu(down(·)))``.

The block itself, with its window partition, residual connections and normalisation, stays that of
the library.  The space adapter therefore runs in the same place as in the original: on the output
of the attention, before windows are merged.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from hsizoo_medsam.options import AdapterInit

__all__ = ["AdaptedAttention", "AdaptedMlp", "Adapter", "insert_adapters"]


class Adapter(nn.Module):
    """Bottleneck ``up(gelu(down(x)))`` over the last dimension, without a skip connection.

    Parameters
    ----------
    width : int
        Width of input and output.
    ratio : float
        Width of the bottleneck, relative to `width`.
    init : {"default", "zero"}
        ``default``: PyTorch's initial values of a linear layer.  ``zero``: the last layer starts
        at 0, so that the adapter has no effect before training.
    """

    def __init__(self, width: int, ratio: float, init: AdapterInit) -> None:
        super().__init__()
        hidden = max(1, int(width * ratio))
        self.down = nn.Linear(width, hidden)
        self.act = nn.GELU()
        self.up = nn.Linear(hidden, width)
        if init == "zero":
            nn.init.zeros_(self.up.weight)
            nn.init.zeros_(self.up.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Adapt tokens (..., width)."""
        adapted: torch.Tensor = self.up(self.act(self.down(x)))
        return adapted


class AdaptedAttention(nn.Module):
    """An attention layer followed by a space adapter with a skip connection."""

    def __init__(self, inner: nn.Module, adapter: Adapter) -> None:
        super().__init__()
        self.inner = inner
        self.adapter = adapter

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the attention, then the adapter."""
        attended = self.inner(x)
        adapted: torch.Tensor = attended + self.adapter(attended)
        return adapted


class AdaptedMlp(nn.Module):
    """An MLP with a parallel adapter scaled by `scale`."""

    def __init__(self, inner: nn.Module, adapter: Adapter, scale: float) -> None:
        super().__init__()
        self.inner = inner
        self.adapter = adapter
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sum of both branches."""
        both: torch.Tensor = self.inner(x) + self.scale * self.adapter(x)
        return both


def insert_adapters(
    blocks: Iterable[nn.Module], ratio: float, scale: float, init: AdapterInit
) -> None:
    """Insert a space adapter and an MLP adapter into every block, in place.

    Parameters
    ----------
    blocks : iterable of nn.Module
        Blocks that use their members ``attn``, ``norm2`` and ``mlp`` as described above, such as
        those of timm's ViT and sam2's Hiera.
    ratio, scale, init
        See `Adapter` and `AdaptedMlp`.
    """
    for block in blocks:
        attention, norm, mlp = (block.get_submodule(name) for name in ("attn", "norm2", "mlp"))
        assert isinstance(norm, nn.LayerNorm)
        (width,) = norm.normalized_shape
        block.attn = AdaptedAttention(attention, Adapter(width, ratio, init))
        block.mlp = AdaptedMlp(mlp, Adapter(width, ratio, init), scale)

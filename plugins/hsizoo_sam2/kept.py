"""1 × 1 convolutions of frozen features, computed once for all steps that have the same weights.

In training, an image's features are projected for the decoder by weights that are trained.  They
are the same for all clicks of a step, and a step has a backward pass per click: the outputs are
kept, and each pass computes the gradients of the weights from the features.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

__all__ = ["grouped", "kept_convolution"]


def grouped(image: torch.Tensor, levels: int) -> torch.Tensor:
    """Group an image (C, 2^levels h, 2^levels w) by its blocks, (h w, 4, …, 4, C).

    Each 4 is the quarter of a block, then the quarter of that.
    """
    channels, height, width = image.shape
    side = 2**levels
    sides = [2] * levels
    parts = image.reshape(channels, height // side, *sides, width // side, *sides)
    pairs = [axis for n in range(levels + 1) for axis in (1 + n, 2 + levels + n)]
    return parts.permute(*pairs, 0).reshape(-1, *[4] * levels, channels)


def _ungrouped(pixels: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Undo `grouped` for an image of this size, with channels last: (height width, C)."""
    levels = pixels.ndim - 2
    side = 2**levels
    parts = pixels.reshape(height // side, width // side, *[2] * (2 * levels), pixels.shape[-1])
    rows, cols = (range(first, 2 * levels + 2, 2) for first in (0, 1))
    return parts.permute(*rows, *cols, 2 * levels + 2).reshape(height * width, -1)


class _KeptConvolution(torch.autograd.Function):
    """Return what is kept, with a graph to weight and bias."""

    @staticmethod
    def forward(
        ctx: Any,
        weight: torch.Tensor,
        bias: torch.Tensor,
        features: torch.Tensor,
        output: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(weight, features)
        return output.detach()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        weight, features = ctx.saved_tensors
        found = _ungrouped(gradient, *features.shape[-2:])
        inputs = features[0].flatten(1).to(found.dtype)
        own = (found.T @ inputs.T).view_as(weight).to(weight.dtype)
        return own, found.sum(dim=0).to(weight.dtype), None, None


def kept_convolution(
    layer: nn.Conv2d, features: torch.Tensor, output: torch.Tensor
) -> torch.Tensor:
    """Return the output of a layer that is known, with a graph to the layer's parameters.

    Parameters
    ----------
    layer : Conv2d
        1 × 1, with bias.
    features : Tensor, shape (1, C, H, W)
        Its input, which gets no gradient.
    output : Tensor
        Its output in the order of `grouped`.
    """
    found: torch.Tensor = _KeptConvolution.apply(layer.weight, layer.bias, features, output)
    return found

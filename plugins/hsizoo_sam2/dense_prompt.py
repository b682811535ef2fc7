"""The encoding of mask prompts, kept in the few channels it has before its last layer.

SAM's prompt encoder ends in a 1 × 1 convolution from 16 to 256 channels.  Whatever projects its
output projects the 16 channels just as well, with a sixteenth of the arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

__all__ = ["DensePrompt", "encode_masks"]


@dataclass(frozen=True, eq=False)
class DensePrompt:
    """What N mask prompts, or none, add to the embedding of an image of h × w pixels.

    Parameters
    ----------
    hidden : Tensor, shape (N, R, h w), optional
        Input of the last layer.  None without a mask prompt: all objects and pixels then have the
        same encoding, `bias`.
    weight : Tensor, shape (C, R), optional
        Weight of the last layer.
    bias : Tensor, shape (C,)
        Bias of the last layer, or the encoding of no mask.
    """

    hidden: torch.Tensor | None
    weight: torch.Tensor | None
    bias: torch.Tensor

    def repeat(self, times: int) -> DensePrompt:
        """Repeat the prompts of N objects, in this order, for several images."""
        if self.hidden is None or times == 1:
            return self
        return replace(self, hidden=self.hidden.repeat(times, 1, 1))

    def project(self, weight: torch.Tensor) -> DensePrompt:
        """Project the encoding by a matrix (D, C) without bias."""
        own = None if self.weight is None else weight @ self.weight
        return DensePrompt(self.hidden, own, weight @ self.bias)

    def add_to(self, pixels: torch.Tensor) -> torch.Tensor:
        """Add to pixels (N or 1, h w, C); the leading dimension stays 1 without mask prompts."""
        placed = pixels + self.bias.to(pixels.dtype)
        if self.hidden is None or self.weight is None:
            return placed
        count = len(self.hidden)
        if len(placed) < count:
            placed = placed.repeat(count, 1, 1)
        return placed.baddbmm_(self.hidden.mT, self.weight.T.expand(count, -1, -1))


def encode_masks(encoder: Any, masks: torch.Tensor | None) -> DensePrompt:
    """Encode mask prompts (N, channels, mask_size, mask_size), or none, in float32.

    Parameters
    ----------
    encoder : sam2.modeling.sam.prompt_encoder.PromptEncoder
    masks : Tensor, optional
    """
    if masks is None:
        return DensePrompt(None, None, encoder.no_mask_embed.weight[0])
    *layers, last = encoder.mask_downscaling
    hidden = masks
    for layer in layers:
        hidden = layer(hidden)
    return DensePrompt(hidden.flatten(2), last.weight.flatten(1), last.bias)

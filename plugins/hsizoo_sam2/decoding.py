"""SAM 2.1's mask decoder: the same arithmetic with fewer passes over memory.

All modules and weights are those of sam2.  The difference from ``MaskDecoder.predict_masks`` is
the memory layout: pixels first and channels last throughout.  Nothing is transposed between the
transformer and the upscaling, and the two transposed convolutions, whose kernels do not overlap,
become matrix products.  Tensors that do not depend on the prompt are converted once per image.
Results agree up to rounding; on a CPU, copies used to take most of the time of a click.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from hsizoo_sam2.attending import transform

__all__ = ["Decoded", "Projection", "decode_masks", "project_features"]


@dataclass(frozen=True, eq=False)
class Projection:
    """Decoder inputs that depend on the image alone, for h × w embedding pixels.

    Each tensor may also hold one image per decoded object.  It then has a leading dimension N
    (which replaces the leading 1, where there is one).

    Parameters
    ----------
    tokens : Tensor, shape (1, h w, C)
        Image embedding.
    position : Tensor, shape (1, h w, C)
        Position encoding of the embedding's pixels.
    middle : Tensor, shape (h w, 4, C / 4)
        ``conv_s1`` of the features at twice the resolution, grouped by embedding pixel.
    fine : Tensor, shape (h w, 4, 4, C / 8)
        ``conv_s0`` of the features at four times the resolution, grouped by embedding pixel and
        quarter of it.
    height, width : int
        Size of the embedding, h and w.
    """

    tokens: torch.Tensor
    position: torch.Tensor
    middle: torch.Tensor
    fine: torch.Tensor
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class Decoded:
    """Decoder output for N objects.

    Parameters
    ----------
    logits : Tensor, shape (N, masks, 4 h, 4 w)
        Mask logits.
    quality : Tensor, shape (N, masks)
        Predicted IoU of each mask.
    features : Tensor, shape (N, h w, 4, 4, C / 8)
        Upscaled embedding, in the layout of `Projection.fine`; a mask is its product with a
        vector.
    """

    logits: torch.Tensor
    quality: torch.Tensor
    features: torch.Tensor


def project_features(
    decoder: Any,
    embedding: torch.Tensor,
    middle: torch.Tensor,
    fine: torch.Tensor,
    position: torch.Tensor,
) -> Projection:
    """Project image features at strides 16, 8 and 4 for the decoder.

    Parameters
    ----------
    decoder : sam2.modeling.sam.mask_decoder.MaskDecoder
    embedding, middle, fine : Tensor, shape (1, C, H, W)
        Features at strides 16, 8 and 4.
    position : Tensor, shape (1, C, h, w)
    """
    height, width = embedding.shape[-2:]
    quarters = decoder.conv_s1(middle)[0].unflatten(2, (width, 2)).unflatten(1, (height, 2))
    sixteenths = decoder.conv_s0(fine)[0].unflatten(2, (width, 2, 2)).unflatten(1, (height, 2, 2))
    return Projection(
        _tokens(embedding),
        _tokens(position),
        quarters.permute(1, 3, 2, 4, 0).reshape(height * width, 4, -1),
        sixteenths.permute(1, 4, 2, 5, 3, 6, 0).reshape(height * width, 4, 4, -1),
        height,
        width,
    )


def decode_masks(
    decoder: Any, projection: Projection, sparse: torch.Tensor, dense: torch.Tensor
) -> Decoded:
    """Decode N objects.

    Parameters
    ----------
    decoder : sam2.modeling.sam.mask_decoder.MaskDecoder
    projection : Projection
    sparse : Tensor, shape (N, P, C)
        Tokens of the clicks from the prompt encoder.
    dense : Tensor, shape (N, C, h, w)
        Encoding of the mask prompts from the prompt encoder.
    """
    count = len(sparse)
    own = [decoder.iou_token.weight, decoder.mask_tokens.weight]
    first = 0
    if decoder.pred_obj_scores:
        own.insert(0, decoder.obj_score_token.weight)
        first = 1
    prompts = torch.cat([torch.cat(own).expand(count, -1, -1), sparse], dim=1)
    # Without a mask prompt, all pixels have the same encoding: it is expanded, not copied.
    queries, keys = transform(
        decoder.transformer, prompts, projection.tokens + _tokens(dense), projection.position
    )
    quality = decoder.iou_prediction_head(queries[:, first])

    to_middle, norm, activation, to_fine, last_activation = decoder.output_upscaling
    up = _upscale(keys, to_middle) + projection.middle
    up = functional.layer_norm(up, up.shape[-1:], norm.weight, norm.bias, norm.eps)
    up = last_activation(_upscale(activation(up), to_fine) + projection.fine)
    kernels = torch.stack(
        [
            network(queries[:, first + 1 + n])
            for n, network in enumerate(decoder.output_hypernetworks_mlps)
        ],
        dim=2,
    )
    masks = up.flatten(1, 3) @ kernels  # (N, 16 h w, masks)
    height, width = projection.height, projection.width
    parts = masks.view(count, height, width, 2, 2, 2, 2, -1)
    image = parts.permute(0, 7, 1, 3, 5, 2, 4, 6)
    return Decoded(image.reshape(count, -1, 4 * height, 4 * width), quality, up)


def _tokens(image: torch.Tensor) -> torch.Tensor:
    """Reshape (N, C, h, w) to (N, h w, C), contiguous unless all pixels are the same."""
    if image.stride(2) == image.stride(3) == 0:
        return image[:, :, 0, 0][:, None]
    return image.flatten(2).transpose(1, 2).contiguous()


def _upscale(pixels: torch.Tensor, layer: nn.ConvTranspose2d) -> torch.Tensor:
    """Apply a 2 × 2 transposed convolution of stride 2: (..., C) to (..., 4, C')."""
    weight = layer.weight.permute(2, 3, 1, 0).flatten(0, 2)
    assert layer.bias is not None
    up = functional.linear(pixels, weight, layer.bias.repeat(4))
    return up.view(*up.shape[:-1], 4, -1)

"""SAM 2.1's mask decoder: the same arithmetic with fewer passes over memory.

All modules and weights are those of sam2.  The difference from ``MaskDecoder.predict_masks`` is
the memory layout: pixels first and channels last throughout.  Nothing is transposed between the
transformer and the upscaling, and the two transposed convolutions, whose kernels do not overlap,
become matrix products.  Tensors that do not depend on the prompt are converted once per image.  On
a CPU an image is upscaled some pixels at a time, which stay in the cache, and a mask that nobody
reads is not made.  Results agree up to rounding; on a CPU, copies used to take most of the time of
a click.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from hsizoo_sam2.attending import FirstLayer, among_tokens, transform
from hsizoo_sam2.dense_prompt import DensePrompt
from hsizoo_sam2.kept import grouped

__all__ = [
    "Decoded",
    "Masks",
    "Projection",
    "Prompts",
    "begin_decoding",
    "decode_masks",
    "project_features",
]

Masks = Literal["all", "single", "best"]

_PIXELS_AT_ONCE = 512  # of the embedding: their upscaled features are 1 MiB of float32 in SAM


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
    first : FirstLayer, optional
        What the decoder's first layer makes of `tokens`, if kept.
    """

    tokens: torch.Tensor
    position: torch.Tensor
    middle: torch.Tensor
    fine: torch.Tensor
    height: int
    width: int
    first: FirstLayer | None = None


@dataclass(frozen=True, eq=False)
class Prompts:
    """Encoded prompts of N objects, as far as they are the same for all images.

    Parameters
    ----------
    tokens : Tensor, shape (N, T, C)
        The decoder's own tokens, then those of the clicks.
    queries : Tensor, shape (N, T, C)
        The tokens after they attended to each other in the first layer.
    dense : DensePrompt
        Encoding of the mask prompts.
    """

    tokens: torch.Tensor
    queries: torch.Tensor
    dense: DensePrompt

    def __len__(self) -> int:
        """Return the number of objects, N."""
        return len(self.tokens)

    def repeat(self, times: int) -> Prompts:
        """Repeat the objects, in this order, for several images."""
        if times == 1:
            return self
        tokens, queries = (each.repeat(times, 1, 1) for each in (self.tokens, self.queries))
        return Prompts(tokens, queries, self.dense.repeat(times))

    def cut(self) -> Prompts:
        """Return a copy whose gradients stay in it until `backward` hands them on."""
        tokens, queries, bias, *more = (
            each.detach().requires_grad_(each.requires_grad) for each in self._tensors()
        )
        hidden, weight = more or (None, None)
        return Prompts(tokens, queries, DensePrompt(hidden, weight, bias))

    def backward(self, cut: Prompts) -> None:
        """Hand on the gradients of a copy made by `cut`."""
        pairs = [
            (own, copy.grad)
            for own, copy in zip(self._tensors(), cut._tensors(), strict=True)
            if copy.grad is not None
        ]
        if pairs:
            torch.autograd.backward(*zip(*pairs, strict=True))

    def _tensors(self) -> tuple[torch.Tensor, ...]:
        own = self.tokens, self.queries, self.dense.bias
        hidden, weight = self.dense.hidden, self.dense.weight
        return own if hidden is None or weight is None else (*own, hidden, weight)


@dataclass(frozen=True, eq=False)
class Decoded:
    """Decoder output for N objects.

    Parameters
    ----------
    logits : Tensor, shape (N, masks, 4 h, 4 w) or (N, masks, m)
        Mask logits, everywhere or at m places.
    quality : Tensor, shape (N, masks)
        Predicted IoU of each mask.
    features : Tensor, shape (N, h w, 4, 4, C / 8) or (N, m, C / 8), optional
        Upscaled embedding, in the layout of `Projection.fine`; a mask is its product with a
        vector.
    """

    logits: torch.Tensor
    quality: torch.Tensor
    features: torch.Tensor | None


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
    return Projection(
        _tokens(embedding),
        _tokens(position),
        grouped(decoder.conv_s1(middle)[0], 1),
        grouped(decoder.conv_s0(fine)[0], 2),
        height,
        width,
    )


def begin_decoding(decoder: Any, sparse: torch.Tensor, dense: DensePrompt) -> Prompts:
    """Do what needs no image.

    Parameters
    ----------
    decoder : sam2.modeling.sam.mask_decoder.MaskDecoder
    sparse : Tensor, shape (N, P, C)
        Tokens of the clicks from the prompt encoder.
    dense : DensePrompt
        Encoding of the mask prompts from the prompt encoder.
    """
    own = [decoder.iou_token.weight, decoder.mask_tokens.weight]
    if decoder.pred_obj_scores:
        own.insert(0, decoder.obj_score_token.weight)
    tokens = torch.cat([torch.cat(own).expand(len(sparse), -1, -1), sparse], dim=1)
    return Prompts(tokens, among_tokens(decoder.transformer.layers[0], tokens, tokens), dense)


def decode_masks(
    decoder: Any,
    projection: Projection,
    prompts: Prompts,
    *,
    masks: Masks = "all",
    features: bool = False,
    at: torch.Tensor | None = None,
) -> Decoded:
    """Decode N objects.

    Parameters
    ----------
    decoder : sam2.modeling.sam.mask_decoder.MaskDecoder
    projection : Projection
    prompts : Prompts
    masks : {"all", "single", "best"}, default "all"
        Masks to return: all four, the single one, or the best of the other three by predicted IoU.
    features : bool, default False
        Whether to return the upscaled embedding.
    at : Tensor of int, shape (m,), optional
        Where to return them: indices in the flattened layout of `Projection.fine`.  Default:
        everywhere.
    """
    count = len(prompts)
    first = int(decoder.pred_obj_scores)
    networks = list(decoder.output_hypernetworks_mlps)[: 1 if masks == "single" else None]
    queries, keys = transform(
        decoder.transformer,
        prompts.tokens,
        prompts.queries,
        projection.tokens,
        projection.position,
        prompts.dense,
        projection.first,
        outputs=first + 1 + len(networks),
    )
    quality = decoder.iou_prediction_head(queries[:, first])
    kernels = torch.stack(
        [network(queries[:, first + 1 + n]) for n, network in enumerate(networks)], dim=2
    )
    if masks == "best":
        best = 1 + quality[:, 1:].argmax(dim=1)
        kernels = kernels.gather(2, best[:, None, None].expand(-1, kernels.shape[1], 1))
    if at is not None:
        up = _upscaled_at(decoder.output_upscaling, keys, projection, at)
        return Decoded((up @ kernels).mT, quality, up if features else None)
    made, kept = [], []
    for up in _upscaled(decoder.output_upscaling, keys, projection):
        made.append(up.flatten(1, 3) @ kernels)  # (N, 16 pixels, masks)
        if features:
            kept.append(up)
    height, width = projection.height, projection.width
    parts = _joined(made).view(count, height, width, 2, 2, 2, 2, -1)
    image = parts.permute(0, 7, 1, 3, 5, 2, 4, 6)
    logits = image.reshape(count, -1, 4 * height, 4 * width)
    return Decoded(logits, quality, _joined(kept) if features else None)


def _upscaled(layers: Any, keys: torch.Tensor, projection: Projection) -> Iterator[torch.Tensor]:
    """Yield the upscaled embedding of some pixels at a time, (N, pixels, 4, 4, C / 8)."""
    to_middle, norm, activation, to_fine, last_activation = layers
    pixels = keys.shape[1]
    step = max(1, _PIXELS_AT_ONCE // len(keys)) if keys.device.type == "cpu" else pixels
    first, second = _matrix(to_middle), _matrix(to_fine)
    parts = keys.split(step, dim=1)
    quarters = _split(projection.middle, -3, step, len(parts))
    sixteenths = _split(projection.fine, -4, step, len(parts))
    for part, middle, fine in zip(parts, quarters, sixteenths, strict=True):
        up = _normed(_upscale(part, *first) + middle, norm)
        yield last_activation(_upscale(activation(up), *second) + fine)


def _upscaled_at(
    layers: Any, keys: torch.Tensor, projection: Projection, at: torch.Tensor
) -> torch.Tensor:
    """Return the upscaled embedding at some places only, (N, m, C / 8); see `decode_masks`."""
    to_middle, norm, activation, to_fine, last_activation = layers
    pixels, own = (at // 16).unique(return_inverse=True)
    quarter, part = at // 4 % 4, at % 4
    up = _upscale(keys.index_select(1, pixels), *_matrix(to_middle))
    up = activation(_normed(up + _taken(projection.middle, -3, pixels), norm))
    up = _upscale(up.flatten(1, 2).index_select(1, 4 * own + quarter), *_matrix(to_fine))
    fine = _taken(projection.fine.flatten(-4, -2), -2, at)
    places = torch.arange(len(at), device=at.device)
    found: torch.Tensor = last_activation(
        up.flatten(1, 2).index_select(1, 4 * places + part) + fine
    )
    return found


def _taken(tensor: torch.Tensor, dim: int, index: torch.Tensor) -> torch.Tensor:
    """Select along a dimension, unless it has a single entry for all pixels."""
    return tensor if tensor.shape[dim] == 1 else tensor.index_select(dim, index)


def _normed(up: torch.Tensor, norm: Any) -> torch.Tensor:
    """Normalise over the channels, which are last here and first in sam2."""
    return functional.layer_norm(up, up.shape[-1:], norm.weight, norm.bias, norm.eps)


def _split(tensor: torch.Tensor, dim: int, step: int, count: int) -> tuple[torch.Tensor, ...]:
    """Split along a dimension, or repeat what has a single entry for all pixels."""
    return (tensor,) * count if tensor.shape[dim] == 1 else tensor.split(step, dim)


def _joined(parts: list[torch.Tensor]) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _tokens(image: torch.Tensor) -> torch.Tensor:
    """Reshape (N, C, h, w) to (N, h w, C)."""
    return image.flatten(2).transpose(1, 2).contiguous()


def _matrix(layer: nn.ConvTranspose2d) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weight and bias of a 2 × 2 transposed convolution of stride 2, for `_upscale`."""
    assert layer.bias is not None
    return layer.weight.permute(2, 3, 1, 0).flatten(0, 2), layer.bias.repeat(4)


def _upscale(pixels: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Apply a 2 × 2 transposed convolution of stride 2: (..., C) to (..., 4, C')."""
    up = functional.linear(pixels, weight, bias)
    return up.view(*up.shape[:-1], 4, -1)

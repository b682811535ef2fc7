"""The attention between a decoder's tokens and an image, with each pixel projected at most once.

A decoder has some ten tokens and thousands of pixels, and on a CPU, in float32, projecting the
pixels takes most of the time.  Two ways around it, both exact up to rounding:

- What the first layer projects is the image's embedding plus what a mask prompt adds.  The part of
  the image is the same for all objects and clicks: `FirstLayer` keeps it.
- Further layers project pixels that depend on the clicks.  There ``q (W x)`` equals
  ``(W' q) x``, so that a projection of all pixels can be one of the tokens, for each head; a bias
  of the keys does not change a softmax over pixels, and one of the values is added once.  That is
  less arithmetic as long as heads times tokens are fewer than the channels of the projection.

Elsewhere, and under autocast, the modules of sam2 are called.

Before they meet the image, tokens attend to each other (`among_tokens`): the same for all images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from hsizoo_sam2.dense_prompt import DensePrompt
from hsizoo_sam2.perceptron import perceptron

__all__ = ["FirstLayer", "among_tokens", "first_projections", "transform"]

_FEW_TOKENS = 40
"""Up to here the weights of all pixels are computed as one matrix, with pixels last: a softmax over
some ten neighbours in memory is ten times slower.  For more tokens it would be too large."""


@dataclass(frozen=True, eq=False)
class FirstLayer:
    """What the first layer's attentions project from the image alone; D is their width.

    Parameters
    ----------
    keys, values : Tensor, shape (1, P, D)
        Of the tokens' attention to the image.
    queries : Tensor, shape (1, P, D)
        Of the image's attention to the tokens.
    """

    keys: torch.Tensor
    values: torch.Tensor
    queries: torch.Tensor


def first_projections(
    transformer: Any, tokens: torch.Tensor, position: torch.Tensor
) -> FirstLayer | None:
    """Project an image's embedding (1, P, C); None where `transform` would not use it."""
    if tokens.device.type != "cpu" or torch.is_autocast_enabled("cpu") or len(tokens) > 1:
        return None
    layer = transformer.layers[0]
    to_image, to_tokens = layer.cross_attn_token_to_image, layer.cross_attn_image_to_token
    placed = tokens + position
    return FirstLayer(to_image.k_proj(placed), to_image.v_proj(tokens), to_tokens.q_proj(placed))


def transform(
    transformer: Any,
    prompts: torch.Tensor,
    queries: torch.Tensor,
    tokens: torch.Tensor,
    position: torch.Tensor,
    dense: DensePrompt,
    first: FirstLayer | None = None,
    *,
    outputs: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run the two-way transformer of the decoder.

    Parameters
    ----------
    transformer : sam2.modeling.sam.transformer.TwoWayTransformer
    prompts : Tensor, shape (N, T, C)
        Tokens.
    queries : Tensor, shape (N, T, C)
        `among_tokens` of them in the first layer.
    tokens, position : Tensor, shape (N, P, C) or (1, P, C)
        Embedding of the image and the position encoding of its pixels.
    dense : DensePrompt
        What the mask prompts add to the embedding.
    first : FirstLayer, optional
        Of `tokens`, if kept.  Otherwise it is computed where that saves time.
    outputs : int
        Number of tokens to return, the first ones.

    Returns
    -------
    queries : Tensor, shape (N, outputs, C)
    keys : Tensor, shape (N, P, C)
    """
    begin, *rest = transformer.layers
    if first is None and not _pays(begin.cross_attn_token_to_image, prompts.flatten(0, 1)[None]):
        first = first_projections(transformer, tokens, position)
    with torch.autocast(tokens.device.type, enabled=False):  # as sam2's prompt encoder
        keys = dense.add_to(tokens)
    keys = keys.expand(len(prompts), -1, -1)
    if first is None:
        queries, keys = _across(begin, queries, keys, prompts, position)
    else:
        queries, keys = _first_layer(begin, queries, keys, prompts, dense, first)
    for layer in rest:
        queries = among_tokens(layer, queries, prompts)
        queries, keys = _across(layer, queries, keys, prompts, position)
    queries, prompts = queries[:, :outputs], prompts[:, :outputs]
    attended = _to_image(
        transformer.final_attn_token_to_image, queries + prompts, keys + position, keys
    )
    return transformer.norm_final_attn(queries + attended), keys


def among_tokens(layer: Any, queries: torch.Tensor, prompts: torch.Tensor) -> torch.Tensor:
    """Attend from tokens (N, T, C) to tokens, as ``TwoWayAttentionBlock.forward`` begins."""
    if layer.skip_first_layer_pe:
        queries = layer.self_attn(q=queries, k=queries, v=queries)
    else:
        placed = queries + prompts
        queries = queries + layer.self_attn(q=placed, k=placed, v=queries)
    normed: torch.Tensor = layer.norm1(queries)
    return normed


def _perceptron(layer: Any, queries: torch.Tensor) -> torch.Tensor:
    """Apply the layer's perceptron and its normalisations, before and after."""
    queries = layer.norm2(queries)
    normed: torch.Tensor = layer.norm3(queries + perceptron(layer.mlp, queries))
    return normed


def _first_layer(
    layer: Any,
    queries: torch.Tensor,
    keys: torch.Tensor,
    prompts: torch.Tensor,
    dense: DensePrompt,
    first: FirstLayer,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Do what `_across` does with the image's share of the projections."""
    to_image, to_tokens = layer.cross_attn_token_to_image, layer.cross_attn_image_to_token
    count, heads = len(prompts), to_image.num_heads
    found = functional.scaled_dot_product_attention(
        *(
            each.unflatten(2, (heads, -1)).transpose(1, 2).expand(count, -1, -1, -1)
            for each in (
                to_image.q_proj(queries + prompts),
                dense.project(to_image.k_proj.weight).add_to(first.keys),
                dense.project(to_image.v_proj.weight).add_to(first.values),
            )
        )
    )
    attended = to_image.out_proj(found.transpose(1, 2).flatten(2))
    queries = _perceptron(layer, queries + attended)
    asked = dense.project(to_tokens.q_proj.weight).add_to(first.queries)
    return queries, layer.norm4(_from_tokens(to_tokens, asked, queries + prompts, queries, keys))


def _across(
    layer: Any,
    queries: torch.Tensor,
    keys: torch.Tensor,
    prompts: torch.Tensor,
    position: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attend from tokens to the image and back, the rest of ``TwoWayAttentionBlock.forward``."""
    placed_keys = keys + position
    attended = _to_image(layer.cross_attn_token_to_image, queries + prompts, placed_keys, keys)
    queries = _perceptron(layer, queries + attended)
    to_tokens, placed = layer.cross_attn_image_to_token, queries + prompts
    if _fast(placed):
        pays = _pays(to_tokens, placed)
        asked = placed_keys if pays else to_tokens.q_proj(placed_keys)
        keys = _from_tokens(to_tokens, asked, placed, queries, keys, projected=not pays)
    else:
        keys = keys + to_tokens(q=placed_keys, k=placed, v=queries)
    return queries, layer.norm4(keys)


def _fast(tokens: torch.Tensor) -> bool:
    """Whether arithmetic takes the time here, and not the number of operations."""
    return tokens.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


def _pays(attention: Any, tokens: torch.Tensor) -> bool:
    """Whether projecting the tokens takes less time than projecting the pixels."""
    few: bool = attention.num_heads * tokens.shape[1] <= attention.internal_dim
    return few and _fast(tokens)


def _to_image(
    attention: Any, tokens: torch.Tensor, keys: torch.Tensor, values: torch.Tensor
) -> torch.Tensor:
    """Attend from tokens (N, T, C) to pixels (N, P, C); returns (N, T, C)."""
    if not _pays(attention, tokens):
        attended: torch.Tensor = attention(q=tokens, k=keys, v=values)
        return attended
    heads = attention.num_heads
    queries = attention.q_proj(tokens).unflatten(2, (heads, -1)).transpose(1, 2)
    wanted = queries * queries.shape[-1] ** -0.5 @ _by_head(attention.k_proj, heads)
    weights = (wanted.flatten(1, 2) @ keys.mT).softmax(dim=2)
    mixed = (weights @ values).unflatten(1, (heads, -1))  # (N, heads, T, C)
    found = (mixed @ _by_head(attention.v_proj, heads).mT).transpose(1, 2).flatten(2)
    out: torch.Tensor = attention.out_proj(found + attention.v_proj.bias)
    return out


def _from_tokens(
    attention: Any,
    pixels: torch.Tensor,
    tokens: torch.Tensor,
    values: torch.Tensor,
    keys: torch.Tensor,
    *,
    projected: bool = True,
) -> torch.Tensor:
    """Add to pixels `keys` (N, P, C) what they gather from tokens (N, T, C).

    `pixels` are the queries: already `projected`, (N or 1, P, D), or as they enter the projection.
    """
    heads = attention.num_heads
    asked, means = (
        project(each).unflatten(2, (heads, -1)).transpose(1, 2)  # (N, heads, T, d)
        for project, each in ((attention.k_proj, tokens), (attention.v_proj, values))
    )
    out_weight = attention.out_proj.weight
    base = keys + attention.out_proj.bias
    if projected:
        queries = pixels.unflatten(2, (heads, -1)).transpose(1, 2)  # (N, heads, P, d)
        if tokens.shape[1] > _FEW_TOKENS:
            queries = queries.expand(len(tokens), -1, -1, -1)
            found = functional.scaled_dot_product_attention(queries, asked, means)
            gathered = found.transpose(1, 2).flatten(2)
            return base.baddbmm_(gathered, out_weight.T.expand(len(base), -1, -1))
        scores = asked * asked.shape[-1] ** -0.5 @ queries.mT
    else:
        asked = asked * asked.shape[-1] ** -0.5
        wanted = (asked @ _by_head(attention.q_proj, heads)).flatten(1, 2)  # (N, heads T, C)
        offset = (asked @ attention.q_proj.bias.view(heads, -1, 1)).flatten(1)  # (N, heads T)
        scores = torch.baddbmm(offset[:, :, None], wanted, pixels.mT.expand(len(wanted), -1, -1))
        scores = scores.unflatten(1, (heads, -1))
    weights = scores.softmax(dim=2)  # (N, heads, T, P)
    if heads * tokens.shape[1] > attention.internal_dim:
        gathered = (means.mT @ weights).flatten(1, 2).mT  # (N, P, D)
        return base.baddbmm_(gathered, out_weight.T.expand(len(base), -1, -1))
    columns = out_weight.unflatten(1, (heads, -1)).permute(1, 2, 0)  # (heads, d, C)
    return base.baddbmm_(weights.flatten(1, 2).mT, (means @ columns).flatten(1, 2))


def _by_head(layer: Any, heads: int) -> torch.Tensor:
    """Split the weight of a projection into those of its heads, (heads, d, C)."""
    weight: torch.Tensor = layer.weight.unflatten(0, (heads, -1))
    return weight

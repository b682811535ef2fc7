"""The attention between a decoder's tokens and an image, without projecting every pixel.

A decoder has some ten tokens and thousands of pixels.  ``q (W x)`` equals ``(W' q) x``, so that a
projection of all pixels can be one of the tokens, for each head; a bias of the keys does not change
a softmax over pixels, and one of the values is added once.  That is less arithmetic as long as
heads times tokens are fewer than the channels of the projection, and matters where arithmetic takes
the time: on a CPU, in float32.  Elsewhere the modules of sam2 are called.  Results agree up to
rounding.
"""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["transform"]


def transform(
    transformer: Any, prompts: torch.Tensor, pixels: torch.Tensor, position: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run the two-way transformer of the decoder.

    Parameters
    ----------
    transformer : sam2.modeling.sam.transformer.TwoWayTransformer
    prompts : Tensor, shape (N, T, C)
        Tokens.
    pixels, position : Tensor, shape (N, P, C) or (1, P, C)
        Embedding of the image and the position encoding of its pixels.

    Returns
    -------
    queries : Tensor, shape (N, T, C)
    keys : Tensor, shape (N, P, C)
    """
    queries, keys = prompts, pixels
    for layer in transformer.layers:
        queries, keys = _layer(layer, queries, keys, prompts, position)
    attended = _to_image(
        transformer.final_attn_token_to_image, queries + prompts, keys + position, keys
    )
    return transformer.norm_final_attn(queries + attended), keys


def _layer(
    layer: Any,
    queries: torch.Tensor,
    keys: torch.Tensor,
    prompts: torch.Tensor,
    position: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Do what ``TwoWayAttentionBlock.forward`` does."""
    if layer.skip_first_layer_pe:
        queries = layer.self_attn(q=queries, k=queries, v=queries)
    else:
        placed = queries + prompts
        queries = queries + layer.self_attn(q=placed, k=placed, v=queries)
    queries = layer.norm1(queries)
    placed_keys = keys + position
    attended = _to_image(layer.cross_attn_token_to_image, queries + prompts, placed_keys, keys)
    queries = layer.norm2(queries + attended)
    queries = layer.norm3(queries + layer.mlp(queries))
    attended = _to_tokens(layer.cross_attn_image_to_token, placed_keys, queries + prompts, queries)
    return queries, layer.norm4(keys + attended)


def _pays(attention: Any, tokens: torch.Tensor) -> bool:
    """Whether projecting the tokens takes less time than projecting the pixels."""
    return (
        tokens.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
        and attention.num_heads * tokens.shape[1] <= attention.internal_dim
    )


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


def _to_tokens(
    attention: Any, pixels: torch.Tensor, tokens: torch.Tensor, values: torch.Tensor
) -> torch.Tensor:
    """Attend from pixels (N, P, C) to tokens (N, T, C); returns (N, P, C)."""
    if not _pays(attention, tokens):
        attended: torch.Tensor = attention(q=pixels, k=tokens, v=values)
        return attended
    heads = attention.num_heads
    keys, means = (
        project(each).unflatten(2, (heads, -1)).transpose(1, 2)  # (N, heads, T, d)
        for project, each in ((attention.k_proj, tokens), (attention.v_proj, values))
    )
    keys = keys * keys.shape[-1] ** -0.5
    wanted = (keys @ _by_head(attention.q_proj, heads)).flatten(1, 2)  # (N, heads T, C)
    offset = (keys @ attention.q_proj.bias.view(heads, -1, 1)).flatten(1)  # (N, heads T)
    scores = torch.baddbmm(offset[:, :, None], wanted, pixels.mT.expand(len(wanted), -1, -1))
    # Pixels last: a softmax over some ten neighbours in memory is twenty times slower.
    weights = scores.unflatten(1, (heads, -1)).softmax(dim=2).flatten(1, 2)
    columns = attention.out_proj.weight.unflatten(1, (heads, -1)).permute(1, 2, 0)  # (heads, d, C)
    out = (means @ columns).flatten(1, 2)
    return torch.baddbmm(attention.out_proj.bias, weights.mT, out)


def _by_head(layer: Any, heads: int) -> torch.Tensor:
    """Split the weight of a projection into those of its heads, (heads, d, C)."""
    weight: torch.Tensor = layer.weight.unflatten(0, (heads, -1))
    return weight

"""The perceptron of a decoder's layer, some tokens at a time.

Its hidden layer is sixteen times as wide in SAM as what goes in.  For hundreds of tokens of many
objects that is tens of MiB which a CPU writes, reads and gives back, in every layer; here they are
a buffer that stays in its cache.
"""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["perceptron"]

_TOKENS_AT_ONCE = 128
"""With a hidden layer of 2048, 1 MiB."""


def perceptron(mlp: Any, tokens: torch.Tensor) -> torch.Tensor:
    """Apply the MLP of a layer to tokens (N, T, C).

    Parameters
    ----------
    mlp : sam2.modeling.sam2_utils.MLP
        Of two layers with a ReLU between, as in ``TwoWayAttentionBlock``.
    tokens : Tensor, shape (N, T, C)
    """
    rows = tokens.flatten(0, 1)
    if rows.device.type != "cpu" or len(rows) <= _TOKENS_AT_ONCE:
        found: torch.Tensor = mlp(tokens)
        return found
    parts = rows.split(_TOKENS_AT_ONCE)
    if torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
        return torch.cat([mlp(part) for part in parts]).view_as(tokens)
    first, second = mlp.layers
    found = torch.empty_like(rows)
    buffer = rows.new_empty((_TOKENS_AT_ONCE, len(first.bias)))
    for part, target in zip(parts, found.split(_TOKENS_AT_ONCE), strict=True):
        hidden = torch.addmm(first.bias, part, first.weight.T, out=buffer[: len(part)])
        torch.addmm(second.bias, hidden.relu_(), second.weight.T, out=target)
    return found.view_as(tokens)

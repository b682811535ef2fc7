"""Differentiable encodings that keep no activations.

The adapters are inside the encoder, so a training step differentiates through all of it.  Clicks
are sequential: each needs a prediction before the next can be made.  A graph per click would keep
the encoder's activations (gigabytes at 1024 × 1024) once per click.

Here the forward pass reuses the encoding that was computed without gradients; the backward pass
encodes again with gradients.  The gradients of all decoder calls that share the encoding are
summed first.  Per backward pass, an image thus costs one encoding without a graph, one with a
graph, and one backward pass through the encoder, for any number of clicks and objects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.autograd.function import once_differentiable

__all__ = ["Features", "attach"]

Features = tuple[torch.Tensor, ...]


def attach(
    features: Features,
    encode: Callable[[], Features],
    parameters: Sequence[torch.nn.Parameter],
    version: Callable[[], object],
) -> Features:
    """Connect features that were computed without gradients to the encoder's parameters.

    Parameters
    ----------
    features : tuple of Tensor
        Output of `encode`.
    encode : callable
        Recomputes the features from the same input.
    parameters : sequence of Parameter
        Parameters used by `encode` that need a gradient.
    version : callable
        Returns a value that changes when the parameters change.

    Returns
    -------
    tuple of Tensor
        The same values.  They support several backward passes; each calls `encode` once.
    """
    attached: Features = _Recomputed.apply(features, encode, version, *parameters)
    return attached


class _Recomputed(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Features,
        encode: Callable[[], Features],
        version: Callable[[], object],
        *parameters: torch.nn.Parameter,
    ) -> Features:
        # Not save_for_backward: a second backward pass, for another object, needs them too.
        ctx.encode, ctx.parameters = encode, parameters
        ctx.version, ctx.made_by = version, version()
        return tuple(feature.detach() for feature in features)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        if ctx.version() != ctx.made_by:
            raise RuntimeError(
                "the weights changed between `logits` and `backward`: call `backward` before the "
                "optimizer's step, `train` and `load_state_dict`, or recompute the logits"
            )
        with torch.enable_grad():
            features = ctx.encode()
        return None, None, None, *torch.autograd.grad(features, ctx.parameters, gradients)

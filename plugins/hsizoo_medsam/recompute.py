"""An encoding with a gradient that keeps no activations.

The adapters sit inside the encoder, so a training step differentiates through all of it, and
clicks come one after the other: each needs a prediction before the next can be made.  Keeping a
graph per click would keep the encoder's activations (gigabytes at 1024 × 1024) once per click.

Here the forward pass is the encoding that was computed anyway, without a graph; the backward pass
encodes once more, with one.  All decoder calls that share the encoding add up their gradients
before that, so an image costs, per backward pass, one encoding without graph, one with, and one
backward through it, however many clicks and objects were decoded.
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
    """Give features, computed without a graph, a gradient to the parameters they came from.

    Parameters
    ----------
    features : tuple of Tensor
        What `encode` returns.
    encode : callable
        Computes them anew, from the same input and with the same result.
    parameters : sequence of Parameter
        Those that `encode` uses and that need a gradient.
    version : callable
        Returns something that differs once they have changed.

    Returns
    -------
    tuple of Tensor
        The same values.  Several backward passes may go through them; each calls `encode` once.
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
        # Not save_for_backward: a second backward pass, over another object, must find them too.
        ctx.encode, ctx.parameters = encode, parameters
        ctx.version, ctx.made_by = version, version()
        return tuple(feature.detach() for feature in features)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        if ctx.version() != ctx.made_by:
            raise RuntimeError(
                "the weights changed between `logits` and `backward`: call `backward` before the "
                "optimizer's step, `train` and `load_state_dict`, or compute the logits anew"
            )
        with torch.enable_grad():
            features = ctx.encode()
        return None, None, None, *torch.autograd.grad(features, ctx.parameters, gradients)

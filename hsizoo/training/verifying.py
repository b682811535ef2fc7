"""One step is taken and undone before a training: a training that changes nothing is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from hsizoo.clicks import Clicks
from hsizoo.cube import Scene
from hsizoo.errors import ContractError
from hsizoo.interfaces import TrainableSegmenter
from hsizoo.training.objects import click_losses, present_labels

__all__ = ["verify_step"]

_TOLERANCE = 0.02  # between sigmoid(logits) and predict, which may compute in 16 bits
_SHARE = 0.02  # of the largest value of a parameter, by which the step changes it
_LEAST = 0.02  # by which it changes one that is near zero


def verify_step(segmenter: TrainableSegmenter, scene: Scene, state: Any) -> None:
    """Take one step on one click, look at what it changes, and undo it.

    Parameters
    ----------
    segmenter : TrainableSegmenter
        Its weights are the same afterwards, and it is in evaluation mode.
    scene : Scene
        With an evaluated pixel of a target class.
    state : object
        Return value of ``segmenter.open(scene.cube)``.

    Raises
    ------
    ContractError
        If the step changes neither the weights nor the prediction, the weights cannot be loaded
        again, evaluation mode is not deterministic, or `predict` is not the sigmoid of `logits`.
    """
    who = type(segmenter).__name__
    target = scene.target(present_labels(scene)[0])
    prompts = [Clicks([np.argwhere(target)[0]])]
    segmenter.train(False)
    before = _copy(segmenter.state_dict())
    expected = _logits(segmenter, state, prompts).sigmoid()
    if (apart := _apart(expected, _logits(segmenter, state, prompts).sigmoid())) > _TOLERANCE:
        raise ContractError(
            f"{who}: two calls of logits with the same clicks differ by {apart:.3g} after "
            "train(False): switch dropout and the like to evaluation mode there"
        )
    predicted = _predict(segmenter, state, prompts)
    if (apart := _apart(expected, predicted)) > _TOLERANCE:
        raise ContractError(
            f"{who}: predict differs by {apart:.3g} from the sigmoid of logits, so what is trained "
            "is not what is benched; return logits(state, prompts).sigmoid() from predict"
        )
    try:
        gradients = _gradients(segmenter, scene, state, prompts, target)
        if gradients is None:  # the training itself says what is not finite, and where
            return
        # Running means and the like have changed already; what the step changes is looked at.
        segmenter.train(False)
        middle = _copy(segmenter.state_dict())
        predicted = _predict(segmenter, state, prompts)
        _change(segmenter.trainable(), gradients)
        if not _differ(middle, segmenter.state_dict()):
            raise ContractError(
                f"{who}: a step on the parameters of trainable() leaves state_dict() as it was, so "
                "the weights of a training would be lost; both must be of the same tensors, not of "
                "copies"
            )
        if _apart(predicted, _predict(segmenter, state, prompts)) == 0:
            raise ContractError(
                f"{who}: a step on the parameters of trainable() leaves predict as it was, so a "
                "training would have no effect; trainable() must return what predict computes "
                "with, not copies"
            )
    finally:
        segmenter.load_state_dict(before)
        segmenter.train(False)
    if _differ(before, segmenter.state_dict()):
        raise ContractError(
            f"{who}: load_state_dict does not restore what state_dict returned, so trained weights "
            "would be ignored"
        )


def _logits(segmenter: TrainableSegmenter, state: Any, prompts: list[Clicks]) -> torch.Tensor:
    with torch.no_grad():
        return segmenter.logits(state, prompts).float()


def _predict(segmenter: TrainableSegmenter, state: Any, prompts: list[Clicks]) -> torch.Tensor:
    with torch.no_grad():
        return torch.as_tensor(segmenter.predict(state, prompts)).float()


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """Largest difference; 0 where both are NaN, which the training itself reports."""
    return float((one - other.to(one.device)).abs().nan_to_num(0).max())


def _copy(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: each.detach().clone() for name, each in state.items()}


def _differ(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return any(not torch.equal(each, other[name]) for name, each in one.items())


def _gradients(
    segmenter: TrainableSegmenter,
    scene: Scene,
    state: Any,
    prompts: list[Clicks],
    target: npt.NDArray[np.bool_],
) -> dict[str, torch.Tensor] | None:
    """Gradients of the loss by parameter; None if the loss is not finite or has no graph."""
    parameters = segmenter.trainable()
    for each in parameters.values():
        each.grad = None
    segmenter.train(True)
    logits = segmenter.logits(state, prompts)
    dice_loss, bce = click_losses(
        logits,
        torch.from_numpy(target[None]).to(logits.device),
        torch.from_numpy(np.ascontiguousarray(scene.evaluated)).to(logits.device),
    )
    loss = (dice_loss + bce).sum()
    if not (loss.requires_grad and torch.isfinite(loss)):
        return None
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = {name: each.grad for name, each in parameters.items() if each.grad is not None}
    for each in parameters.values():
        each.grad = None
    if not any(bool(each.any()) for each in gradients.values()):
        raise ContractError(
            f"{type(segmenter).__name__}: the loss has no gradient for any of the "
            f"{len(parameters)} parameters of trainable(); return the parameters that logits "
            "computes with, not copies, and detach nothing between them"
        )
    return gradients


def _change(
    parameters: Mapping[str, torch.nn.Parameter], gradients: Mapping[str, torch.Tensor]
) -> None:
    """Change the parameters visibly, against their gradients."""
    with torch.no_grad():
        for name, gradient in gradients.items():
            largest = float(gradient.abs().max())
            if largest > 0:
                size = max(_SHARE * float(parameters[name].abs().max()), _LEAST)
                parameters[name].sub_(gradient * (size / largest))

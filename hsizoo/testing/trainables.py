"""Further checks of segmenters that can be trained; they need torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hsizoo.errors import ContractError, DataError
from hsizoo.interfaces import TrainableSegmenter
from hsizoo.protocols.answers import on_host
from hsizoo.testing.contract import Check, check, does_not_apply, fail
from hsizoo.testing.subject import Subject
from hsizoo.testing.using import difference
from hsizoo.zoo.texts import one_line

__all__ = ["TRAINABLE"]

TRAINABLE: list[Check] = []

_APART = 0.02  # between sigmoid(logits) and predict, which may compute in 16 bits


def _made(subject: Subject, **how: Any) -> tuple[TrainableSegmenter, Any, Any]:
    """An untrained segmenter, an example and its opened state."""
    import torch

    segmenter: TrainableSegmenter = subject.make(untrained=True, **how)
    given = subject.example()
    with torch.no_grad():
        state = segmenter.open(given.cube)
    return segmenter, given, state


def _logits(segmenter: TrainableSegmenter, state: Any, given: Any) -> Any:
    import torch

    with torch.no_grad():
        return on_host(segmenter.logits(state, list(given.prompts))).copy()


def _predicted(segmenter: TrainableSegmenter, state: Any, given: Any) -> Any:
    return on_host(segmenter.predict(state, list(given.prompts))).copy()


@check(TRAINABLE, "trainable", after=["answers"])
def check_trainable(subject: Subject) -> None:
    """trainable() and state_dict() hold tensors by name; logits has the shape of predict."""
    import torch

    segmenter, given, state = _made(subject)
    parameters = segmenter.trainable()
    if not parameters:
        fail("trainable() is empty", "Return the parameters that training changes, by name.")
    for name, each in parameters.items():
        if not isinstance(each, torch.nn.Parameter) or not each.requires_grad:
            fail(
                f"trainable()[{name!r}] is {type(each).__name__}, requires_grad="
                f"{getattr(each, 'requires_grad', None)}",
                "Return the parameters themselves, with requires_grad=True.",
            )
    for name, kept in segmenter.state_dict().items():
        if not isinstance(kept, torch.Tensor):
            fail(
                f"state_dict()[{name!r}] is {type(kept).__name__}",
                "Weights are kept as safetensors: return tensors only.",
            )
    logits = segmenter.logits(state, list(given.prompts))
    expected = (len(given.prompts), *given.cube.shape[:2])
    if not isinstance(logits, torch.Tensor) or tuple(logits.shape) != expected:
        fail(
            f"logits returned {getattr(logits, 'shape', type(logits).__name__)}; expected a "
            f"tensor of shape {expected}",
            "Return one map of logits per object.",
        )
    if not logits.requires_grad:
        fail("logits has no graph to the parameters", "Compute logits without torch.no_grad().")
    if not torch.isfinite(logits).all():
        fail(
            "logits are not finite everywhere",
            "Give pixels without a finite spectrum some finite value before the network.",
        )
    digest = segmenter.frozen_digest
    if not isinstance(digest, str) or digest != _made(subject)[0].frozen_digest:
        fail(
            f"frozen_digest is {digest!r}, and differs in another instance",
            "Return the SHA-256 of the frozen tensors, which do not depend on a seed.",
        )


@check(TRAINABLE, "seeded", after=["trainable"])
def check_seeded(subject: Subject) -> None:
    """Initial weights come from torch's seed: the same seed makes the same weights."""
    one, other = (subject.make(untrained=True, seed=5).state_dict() for _ in range(2))
    if text := difference(_arrays(one), _arrays(other), tolerance=0):
        fail(f"two instances with the same seed differ: {text}",
             "Draw initial weights from torch's global generator, which hsizoo seeds.")  # fmt: skip


@check(TRAINABLE, "evaluation", after=["trainable", "seeded"])
def check_evaluation(subject: Subject) -> None:
    """As built, and after train(False), logits are the same at each call: dropout is off."""
    segmenter, given, state = _made(subject)
    mend = "End the constructor with train(False), and pass the mode on in train()."
    built = _logits(segmenter, state, given)
    if text := difference({"logits": built}, {"logits": _logits(segmenter, state, given)}):
        fail(f"as it was built, {text}", mend)
    segmenter.train(True)
    segmenter.train(False)
    if text := difference({"logits": built}, {"logits": _logits(segmenter, state, given)}):
        fail(f"after train(True) and train(False), {text}", mend)


@check(TRAINABLE, "sigmoid", after=["evaluation"])
def check_sigmoid(subject: Subject) -> None:
    """In evaluation mode predict is the sigmoid of logits, also after training mode."""
    segmenter, given, state = _made(subject)
    for when in ("as it was built", "after train(True) and train(False)"):
        with np.errstate(over="ignore"):
            expected = 1 / (1 + np.exp(-_logits(segmenter, state, given)))
        apart = float(np.abs(expected - _predicted(segmenter, state, given)).max())
        if apart > _APART:
            fail(
                f"{when}, predict is up to {apart:.3g} from the sigmoid of logits",
                "What is trained must be what is benched: return logits(…).sigmoid().",
            )
        segmenter.train(True)
        segmenter.train(False)


@check(TRAINABLE, "gradients", after=["evaluation", "sigmoid"])
def check_gradients(subject: Subject) -> None:
    """Every trainable parameter gets a gradient from clicks of both signs."""
    segmenter, given, state = _made(subject)
    segmenter.train(True)
    gradients = _gradients(segmenter, state, given)
    missing = [name for name, each in gradients.items() if each is None]
    if len(missing) == len(gradients):
        does_not_apply("no parameter has one, which is another check's")
    if missing:
        fail(
            f"{len(missing)} of {len(gradients)} parameters have no gradient, such as "
            f"{missing[0]!r}",
            "Return from trainable() only what logits computes with, and detach nothing in "
            "between.",
        )


@check(TRAINABLE, "learns", after=["evaluation", "sigmoid"])
def check_learns(subject: Subject) -> None:
    """A step on the trainable parameters changes the weights and the prediction."""
    segmenter, given, state = _made(subject)
    segmenter.train(True)
    gradients = _gradients(segmenter, state, given)
    if all(each is None for each in gradients.values()):
        fail(
            f"none of the {len(gradients)} parameters has a gradient",
            "Return from trainable() the parameters that logits computes with, not copies.",
        )
    segmenter.train(False)
    before, predicted = _arrays(segmenter.state_dict()), _predicted(segmenter, state, given)
    _step(segmenter, gradients)
    if not difference(before, _arrays(segmenter.state_dict()), tolerance=0):
        fail("a step leaves state_dict() as it was", "Return the tensors that are trained.")
    if np.array_equal(predicted, _predicted(segmenter, state, given)):
        fail(
            "a step leaves predict as it was",
            "trainable() must return what predict computes with, not copies.",
        )


@check(TRAINABLE, "state", after=["learns"])
def check_state(subject: Subject) -> None:
    """Weights can be taken out and loaded into another instance, which then predicts the same."""
    segmenter, given, state = _made(subject)
    _step(segmenter, _gradients(segmenter, state, given))
    segmenter.train(False)
    kept = {name: each.detach().clone() for name, each in segmenter.state_dict().items()}
    expected = _predicted(segmenter, state, given)
    other, _, opened = _made(subject, seed=9)
    other.load_state_dict(kept)
    mend = "Load every tensor that state_dict returns, and return every one that changes."
    if text := difference(_arrays(kept), _arrays(other.state_dict())):
        fail(f"after load_state_dict, {text}", mend)
    if text := difference({"predict": expected}, {"predict": _predicted(other, opened, given)}):
        fail(f"another instance with the same weights predicts something else: {text}", mend)
    if other.frozen_digest != segmenter.frozen_digest:
        fail("frozen_digest changes with the weights", "Leave the trained part out of it.")


@check(TRAINABLE, "bad-state", after=["state"])
def check_bad_state(subject: Subject) -> None:
    """Weights that do not fit raise DataError."""
    import torch

    segmenter, _, _ = _made(subject)
    good = {name: each.detach().clone() for name, each in segmenter.state_dict().items()}
    first = next(iter(good))
    shaped = torch.zeros((*good[first].shape, 2))
    wrong: Mapping[str, dict[str, torch.Tensor]] = {
        f"without {first!r}": {name: each for name, each in good.items() if name != first},
        "with an unknown name": {**good, "no-such-tensor": torch.zeros(2)},
        f"with another shape of {first!r}": {**good, first: shaped},
    }
    for what, each in wrong.items():
        try:
            segmenter.load_state_dict(each)
        except (DataError, ContractError):
            continue
        except Exception as error:  # noqa: BLE001
            fail(f"a state {what} raises {one_line(error)}", "Raise hsizoo.errors.DataError.")
        fail(
            f"a state {what} is loaded without a word",
            "Compare names and shapes first; hsizoo.check_state does it.",
        )


@check(TRAINABLE, "graph", after=["state"])
def check_graph(subject: Subject) -> None:
    """A call of logits leaves the state as it was: a second step on it works and counts."""
    segmenter, given, state = _made(subject)
    try:
        _step(segmenter, _gradients(segmenter, state, given))
        _gradients(segmenter, state, given)
    except RuntimeError as error:
        fail(
            f"a second backward on the same state raises {one_line(error)}",
            "Keep nothing in the state that depends on what is trained.",
        )
    fresh, _, opened = _made(subject)
    fresh.load_state_dict(segmenter.state_dict())
    segmenter.train(False)
    if text := difference(
        {"predict": _predicted(fresh, opened, given)},
        {"predict": _predicted(segmenter, state, given)},
        tolerance=1e-3,
    ):
        fail(
            f"after a step, the state of before gives another answer than a new one: {text}",
            "Cache nothing in the state that depends on what is trained.",
        )


def _gradients(segmenter: TrainableSegmenter, state: Any, given: Any) -> dict[str, Any]:
    """Gradients of a loss on all objects of the example; None where there is none."""
    import torch
    from torch.nn import functional

    parameters = segmenter.trainable()
    for each in parameters.values():
        each.grad = None
    logits = segmenter.logits(state, list(given.prompts)).float()
    labels = torch.from_numpy(given.scene.label_map.labels.copy()).to(logits.device)
    classes = torch.tensor([3, 7, 12, 3], device=logits.device)[: len(logits)]
    truth = (labels[None] == classes[:, None, None]).float()
    functional.binary_cross_entropy_with_logits(logits, truth).backward()  # type: ignore[no-untyped-call]
    found = {
        name: None if each.grad is None else each.grad.clone() for name, each in parameters.items()
    }
    for each in parameters.values():
        each.grad = None
    return found


def _step(segmenter: TrainableSegmenter, gradients: Mapping[str, Any]) -> None:
    """A step of gradient descent, large enough to be seen in 16 bits."""
    import torch

    parameters = segmenter.trainable()
    with torch.no_grad():
        for name, gradient in gradients.items():
            if gradient is not None and gradient.any():
                size = max(0.02 * float(parameters[name].abs().max()), 0.02)
                parameters[name].sub_(gradient * (size / float(gradient.abs().max())))


def _arrays(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each.detach().float().cpu().numpy().copy() for name, each in state.items()}

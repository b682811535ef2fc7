"""`Trainer`: the training loop."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hsizoo.errors import ContractError, DataError, OptionError, ProtocolError
from hsizoo.interfaces import TrainableSegmenter
from hsizoo.protocols.interactive.robots import Robot
from hsizoo.training.objects import accumulate
from hsizoo.training.settings import TrainingSettings
from hsizoo.training.states import SceneStates
from hsizoo.training.streams import Stream
from hsizoo.training.validation import validate

__all__ = ["Step", "Trainer"]

_DTYPES = {
    "own": None,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


@dataclass(frozen=True)
class Step:
    """A finished step: a line of the log."""

    step: int  # steps done, from 1
    epoch: int  # from 1
    scene: str
    classes: tuple[str, ...]
    lr: float
    grad_norm: float
    loss: float
    dice_loss: float
    bce: float


class Trainer:
    """Training loop that can be stopped and restored between any two steps.

    Parameters
    ----------
    segmenter : TrainableSegmenter
    scenes : SceneStates
        Scenes opened by this segmenter.
    samples : mapping of int to sequence of int
        Classes to train on, by scene index.
    settings : TrainingSettings
    robot, *others : Robot
        The simulated users; the first one validates.
    sets_precision : bool, default False
        Whether the segmenter was built with the requested precision and needs no autocast.

    Attributes
    ----------
    done, total, per_epoch : int
        Number of steps.

    Raises
    ------
    ContractError
        If there is no trainable parameter, or one that does not require a gradient.
    OptionError
        If the device does not support the requested precision.
    """

    def __init__(
        self,
        segmenter: TrainableSegmenter,
        scenes: SceneStates,
        samples: Mapping[int, Sequence[int]],
        settings: TrainingSettings,
        robot: Robot,
        *others: Robot,
        sets_precision: bool = False,
    ) -> None:
        self.segmenter = segmenter
        self.scenes = scenes
        self.samples = {index: list(labels) for index, labels in samples.items() if labels}
        self.settings = settings
        self.robots = (robot, *others)
        self._parameters = dict(sorted(segmenter.trainable().items()))
        who = type(segmenter).__name__
        if not self._parameters:
            raise ContractError(f"{who} has no trainable parameter")
        frozen = [name for name, each in self._parameters.items() if not each.requires_grad]
        if frozen:
            raise ContractError(f"{who}: trainable parameters {frozen[:3]} require no gradient")
        if not self.samples:
            raise ProtocolError("no training scene has an evaluated pixel of a target class")
        self._device = next(iter(self._parameters.values())).device
        if settings.precision == "float16" and self._device.type == "cpu":
            raise OptionError("float16 needs a GPU; use --precision bfloat16 or float32")
        self._autocast = None if sets_precision else _DTYPES[settings.precision]
        self._scaler = (
            torch.amp.GradScaler(self._device.type) if settings.precision == "float16" else None
        )
        weights = [each for each in self._parameters.values() if each.ndim > 1]
        rest = [each for each in self._parameters.values() if each.ndim < 2]
        groups: list[dict[str, Any]] = [
            {"params": weights, "weight_decay": settings.weight_decay},
            {"params": rest, "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(
            groups, lr=settings.lr, betas=(settings.beta1, settings.beta2)
        )
        self.done = 0
        self.per_epoch = len(self._plan(0))
        self.total = self.per_epoch * settings.epochs

    def _plan(self, epoch: int) -> list[tuple[int, list[int]]]:
        """Steps of an epoch, each a scene index and classes; the same number in every epoch."""
        rng = np.random.default_rng([self.settings.seed, Stream.ORDER, epoch])
        indices = sorted(self.samples)
        steps = []
        for position in rng.permutation(len(indices)):
            index = indices[position]
            labels = [self.samples[index][i] for i in rng.permutation(len(self.samples[index]))]
            labels = labels[: self.settings.classes_per_scene or None]
            size = self.settings.objects
            steps += [(index, labels[i : i + size]) for i in range(0, len(labels), size)]
        if self.settings.order == "mixed":
            steps = [steps[position] for position in rng.permutation(len(steps))]
        return steps

    def steps(self) -> Iterator[Step]:
        """Run the remaining steps and yield after each; `capture` may be called between steps.

        Raises
        ------
        ProtocolError
            If a loss or a gradient is not finite; the weights are those of the previous step.
        """
        planned, plan = -1, list[tuple[int, list[int]]]()
        while self.done < self.total:
            epoch, position = divmod(self.done, self.per_epoch)
            if epoch != planned:
                planned, plan = epoch, self._plan(epoch)
            yield self._step(epoch, *plan[position])

    def _step(self, epoch: int, index: int, labels: list[int]) -> Step:
        settings = self.settings
        scene, state = self.scenes.get(index)
        rate = settings.learning_rate(self.done, self.total)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self.segmenter.train(True)
        self._optimizer.zero_grad(set_to_none=True)
        try:
            losses = accumulate(
                self.segmenter, scene, state, labels, settings, *self.robots,
                epoch=epoch, autocast=self._autocast, scaler=self._scaler,
            )  # fmt: skip
            if self._scaler is not None:
                self._scaler.unscale_(self._optimizer)
            norm = torch.nn.utils.clip_grad_norm_(
                self._parameters.values(), settings.clip or math.inf
            ).item()
            # In float16 an occasional overflow is normal: the scaler skips that step.
            if self._scaler is None and not math.isfinite(norm):
                raise ProtocolError(f"the gradient on {scene.name!r} is {norm}")
        except ProtocolError as error:
            raise ProtocolError(
                f"training stopped at step {self.done + 1} of {self.total} (epoch {epoch + 1}), "
                f"learning rate {rate:g}: {error}.  Try a lower --lr, a smaller --set clip=…, a "
                "longer --set warmup=…, or --precision float32"
            ) from error
        self._leave_untrained()
        if self._scaler is None:
            self._optimizer.step()
        else:
            self._scaler.step(self._optimizer)
            self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)
        self.done += 1
        names = scene.label_map.class_names
        return Step(
            step=self.done,
            epoch=epoch + 1,
            scene=scene.name,
            classes=tuple(names[label] for label in labels),
            lr=rate,
            grad_norm=norm,
            **losses,
        )

    def _leave_untrained(self) -> None:
        """Drop the gradients of parameters for which they have been 0 in all steps so far.

        Heads and embeddings that the loss does not use may get a gradient of 0 instead of none.
        AdamW would decay them.
        """
        fresh = [
            each
            for each in self._parameters.values()
            if each.grad is not None and each not in self._optimizer.state
        ]
        if fresh:  # one transfer from the device for all
            used = torch.stack([each.grad.ne(0).any() for each in fresh if each.grad is not None])
            for parameter, is_used in zip(fresh, used.tolist(), strict=True):
                if not is_used:
                    parameter.grad = None

    def validate(self, indices: Sequence[int]) -> dict[str, float]:
        """Evaluate the current weights on some scenes; see `validate`."""
        self.segmenter.train(False)
        return validate(self.scenes, indices, self.settings, self.robots[0])

    def capture(self) -> dict[str, Any]:
        """Return the state that `restore` needs besides the segmenter's ``state_dict()``.

        Contains only tensors and plain values, so that ``torch.load(weights_only=True)`` can read
        it.
        """
        cuda = self._device.type == "cuda"
        return {
            "done": self.done,
            "names": list(self._parameters),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict() if self._scaler is not None else {},
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state(self._device) if cuda else None,
        }

    def restore(self, captured: Mapping[str, Any]) -> None:
        """Restore the state from `capture`; the segmenter's weights must already be loaded.

        Raises
        ------
        DataError
            If the state belongs to other parameters.
        """
        if captured["names"] != list(self._parameters):
            raise DataError("the checkpoint belongs to other trainable parameters")
        self.done = captured["done"]
        self._optimizer.load_state_dict(captured["optimizer"])
        if self._scaler is not None:
            self._scaler.load_state_dict(captured["scaler"])
        torch.set_rng_state(captured["rng"])
        if captured["cuda_rng"] is not None and self._device.type == "cuda":
            torch.cuda.set_rng_state(captured["cuda_rng"], self._device)

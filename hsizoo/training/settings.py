"""`TrainingSettings`: everything that a training depends on, besides the component and the data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from hsizoo.errors import OptionError

__all__ = ["TrainingSettings"]


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Everything that a training depends on, besides the component and the data.

    Parameters
    ----------
    clicks : int, default 5
        Clicks per object.  INFERRED: the paper says ``max_clicks``; it evaluates at 5.
    robot : str, default "paper"
        The simulated user, with options if need be.
    dice_weight : float, default 0.5
        Share of soft Dice in the loss, the rest is cross-entropy; 0.5 in the paper.
    dice_smooth : float, default 1
        Added to both parts of the soft Dice fraction, in pixels.  INFERRED.
    epochs : int, default 20
        Passes over all training objects.  INFERRED: the paper does not say.
    lr : float, default 1e-4
        Highest learning rate.  INFERRED: that of Medical SAM Adapter; the paper does not say.
    weight_decay : float, default 0.01
        Of AdamW, on parameters of two or more dimensions, so not on biases and norms.  INFERRED.
    beta1, beta2 : float, default 0.9 and 0.999
        Of AdamW.  INFERRED.
    warmup : float, default 0.05
        Share of all steps over which the learning rate rises linearly.  INFERRED.
    floor : float, default 0.1
        What is left of the learning rate at the last step, after a cosine; 1 keeps it constant.
        INFERRED: the paper calls ``scheduler.step()`` without saying of which; SAM 2 is trained so.
    clip : float, default 1
        Longest gradient, by its norm over all parameters; 0 for no limit.  INFERRED.
    precision : {"own", "float32", "bfloat16", "float16"}, default "own"
        Of the component's forward pass while it is trained; weights, loss and optimiser are
        float32.  ``own``: as the component computes by itself.  A component with an option
        ``precision`` has it set to this, others compute under autocast.  ``float16`` scales the
        loss and needs a GPU.  INFERRED.
    backward : {"auto", "click", "object"}, default "auto"
        ``click``: a backward pass after each click, in the memory of one click.  ``object``: one
        through the mean over all clicks, in the memory of all.  The gradient is the same but for
        rounding.  ``auto``: ``object`` if the class has ``one_backward = True``, else ``click``.
    objects : int, default 1
        Classes of one scene that share a step; the loss is their mean.  1 in the paper.
    order : {"scene", "mixed"}, default "scene"
        ``scene``: scenes in random order and all classes of one together, as in the paper's loop.
        ``mixed``: all steps of an epoch shuffled.  INFERRED: the paper does not mention shuffling.
    classes_per_scene : int, default 0
        How many classes of a scene an epoch draws at most; 0 takes all, as in the paper.
    validate_every : int, default 1
        Epochs between validations by the interactive protocol; the last epoch is always
        validated.  0 for none at all.  INFERRED.
    keep : {"best", "last"}, default "best"
        Which weights are the result: those of the best validation, by the mean of Dice at
        threshold 0.5 after the first and after the last click, or the last.  INFERRED.
    limit_subjects : int, optional
        Train on so few subjects only; those of a smaller number are among those of a larger one.
        The others are left unused: what is validated and tested on stays the same.
    folds : int, default 0
        Divide the subjects into so many folds, for datasets without a split; 0 for none.
    fold : int, default 0
        The fold to hold out, from 0.
    split_seed : int, default 0
        Of folds and `limit_subjects`, apart from `seed` so that several seeds can share subjects.
    seed : int, default 0
        Of initial weights, order and clicks.

    Raises
    ------
    OptionError
        If a value is out of range.
    """

    name: ClassVar[str] = "training"
    version: ClassVar[str] = "1"

    clicks: int = 5
    robot: str = "paper"
    dice_weight: float = 0.5
    dice_smooth: float = 1.0
    epochs: int = 20
    lr: float = 1e-4
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    warmup: float = 0.05
    floor: float = 0.1
    clip: float = 1.0
    precision: Literal["own", "float32", "bfloat16", "float16"] = "own"
    backward: Literal["auto", "click", "object"] = "auto"
    objects: int = 1
    order: Literal["scene", "mixed"] = "scene"
    classes_per_scene: int = 0
    validate_every: int = 1
    keep: Literal["best", "last"] = "best"
    limit_subjects: int | None = None
    folds: int = 0
    fold: int = 0
    split_seed: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        inf = math.inf
        for name, least, most in (
            ("clicks", 1, 1000), ("dice_weight", 0, 1), ("dice_smooth", 0, inf),
            ("epochs", 1, inf), ("weight_decay", 0, inf), ("beta1", 0, 1), ("beta2", 0, 1),
            ("warmup", 0, 1), ("floor", 0, 1), ("clip", 0, inf), ("objects", 1, inf),
            ("classes_per_scene", 0, inf), ("validate_every", 0, inf), ("folds", 0, inf),
            ("fold", 0, inf), ("split_seed", 0, inf), ("seed", 0, inf),
        ):  # fmt: skip
            if not least <= (value := getattr(self, name)) <= most:
                limits = f"{least} or more" if most == inf else f"from {least} to {most}"
                raise OptionError(f"{name} must be {limits}; got {value}")
        if not self.lr > 0:
            raise OptionError(f"lr must be above 0; got {self.lr}")
        if max(self.beta1, self.beta2) >= 1:
            raise OptionError(f"beta1 and beta2 must be below 1; got {self.beta1}, {self.beta2}")
        if self.limit_subjects is not None and self.limit_subjects < 1:
            raise OptionError(f"limit_subjects must be 1 or more; got {self.limit_subjects}")
        if self.folds == 1 or self.fold >= max(1, self.folds):
            raise OptionError(
                f"folds must be 0 or at least 2, and fold below folds, counted from 0; "
                f"got folds {self.folds}, fold {self.fold}"
            )

    def learning_rate(self, step: int, total: int) -> float:
        """Learning rate of a step, counted from 0, of so many."""
        rising = round(self.warmup * total)
        if step < rising:
            return self.lr * (step + 1) / rising
        along = (step - rising) / max(1, total - 1 - rising)
        return self.lr * (self.floor + (1 - self.floor) * (1 + math.cos(math.pi * along)) / 2)

"""`TrainingSettings`: all settings of a training, besides the component and the data."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal

from hsizoo.errors import OptionError

__all__ = ["TrainingSettings"]

_LATER = frozenset({"losses"})
"""Settings that were added after version 2 of the training."""


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """All settings of a training, besides the component and the data.

    Parameters
    ----------
    clicks : int, default 5
        Clicks per object.  INFERRED: the paper says ``max_clicks``; it evaluates at 5.
    robot : str, default "paper"
        The simulated user, optionally with options.  Several, joined by ``+``: each object is
        clicked by one of them, drawn at random (``paper+ritm`` learns from users who only say yes
        and from users who correct); the first one validates.
    losses : int, default 0
        Number of clicks per object after which the loss is taken, drawn anew in each step; the
        masks after the others only choose the next click, without gradients.  0 takes it after
        every click, as in the paper.  For sessions of many clicks, where it saves most of the
        backward passes.
    dice_weight : float, default 0.5
        Share of soft Dice in the loss; the rest is cross-entropy.  0.5 in the paper.
    dice_smooth : float, default 1
        Added to numerator and denominator of the soft Dice fraction, in pixels.  INFERRED.
    epochs : int, default 20
        Passes over all training objects.  INFERRED: the paper does not say.
    lr : float, default 1e-4
        Peak learning rate.  INFERRED: that of Medical SAM Adapter; the paper does not say.
    weight_decay : float, default 0.01
        Weight decay of AdamW, on parameters of two or more dimensions only, so not on biases and
        norms, and on those that got a gradient.  INFERRED.
    beta1, beta2 : float, default 0.9 and 0.999
        Betas of AdamW.  INFERRED.
    warmup : float, default 0.05
        Share of all steps over which the learning rate rises linearly.  INFERRED.
    floor : float, default 0.1
        Final learning rate of the cosine schedule, as a share of `lr`; 1 keeps it constant.
        INFERRED: the paper calls ``scheduler.step()`` without naming a scheduler; SAM 2 is trained
        this way.
    clip : float, default 1
        Largest gradient norm over all parameters; 0 for no limit.  INFERRED.
    precision : {"own", "float32", "bfloat16", "float16"}, default "own"
        Precision of the component's forward pass during training; weights, loss and optimiser are
        float32.  ``own``: the component's own setting.  A component's option ``precision`` is set
        to this value; other components run under autocast.  ``float16`` scales the loss and needs
        a GPU.  INFERRED.
    backward : {"auto", "click", "object"}, default "auto"
        ``click``: a backward pass after each click, with the memory of one click.  ``object``: one
        pass through the mean over all clicks, with the memory of all.  The gradient is the same up
        to rounding.  ``auto``: ``object`` if the class has ``one_backward = True``, else ``click``.
    objects : int, default 1
        Classes of one scene per step; the loss is their mean.  1 in the paper.
    order : {"scene", "mixed"}, default "scene"
        ``scene``: scenes in random order with all classes of a scene in a row, as in the paper's
        loop.  ``mixed``: all steps of an epoch shuffled.  INFERRED: the paper does not mention
        shuffling.
    classes_per_scene : int, default 0
        Maximum number of classes drawn per scene and epoch; 0 takes all, as in the paper.
    validate_every : int, default 1
        Epochs between validations by the interactive protocol; the last epoch is always
        validated.  0 for no validation.  INFERRED.
    keep : {"best", "last"}, default "best"
        Weights to keep as the result: those of the best validation, by the mean of Dice at
        threshold 0.5 after the first and after the last click, or the last ones.  INFERRED.
    limit_subjects : int, optional
        Number of subjects to train on; a smaller number gives a subset of a larger one.  The other
        subjects are unused: validation and test subjects stay the same.
    folds : int, default 0
        Number of folds to divide the subjects into, for datasets without a split; 0 for none.
    fold : int, default 0
        Index of the fold to hold out, from 0.
    split_seed : int, default 0
        Seed of the folds and `limit_subjects`; separate from `seed`, so that trainings with
        different seeds can share subjects.
    seed : int, default 0
        Seed of initial weights, order and clicks.

    Raises
    ------
    OptionError
        If a value is out of range.
    """

    name: ClassVar[str] = "training"
    version: ClassVar[str] = "2"

    clicks: int = 5
    robot: str = "paper"
    losses: int = 0
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
            ("clicks", 1, 1000), ("losses", 0, self.clicks), ("dice_weight", 0, 1),
            ("dice_smooth", 0, inf), ("epochs", 1, inf), ("weight_decay", 0, inf),
            ("beta1", 0, 1), ("beta2", 0, 1), ("warmup", 0, 1), ("floor", 0, 1),
            ("clip", 0, inf), ("objects", 1, inf),
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

    @property
    def robots(self) -> list[str]:
        """The simulated users, as `hsizoo.protocols.interactive.robots.make_robot` reads them."""
        return self.robot.split("+")

    def identity(self) -> dict[str, Any]:
        """Return all settings, without later ones that are at their default.

        Keys of trainings from before a setting existed stay valid.
        """
        defaults = {field.name: field.default for field in fields(self)}
        return {
            key: value
            for key, value in asdict(self).items()
            if key not in _LATER or value != defaults[key]
        }

    def learning_rate(self, step: int, total: int) -> float:
        """Return the learning rate of step number `step`, from 0, out of `total` steps."""
        rising = round(self.warmup * total)
        if step < rising:
            return self.lr * (step + 1) / rising
        progress = (step - rising) / max(1, total - 1 - rising)
        return self.lr * (self.floor + (1 - self.floor) * (1 + math.cos(math.pi * progress)) / 2)

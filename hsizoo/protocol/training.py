"""The training protocol: a segmenter learns from the clicks of a simulated user.

SAMSA 2.0 (arXiv:2508.00493), section 3.5.  Each class of each training scene is one object.  It is
clicked as in the interactive protocol: the first click, the component's answer, the next click by
the robot, and so on.  The loss of a click is half soft Dice and half binary cross-entropy on the
evaluated pixels; the loss of an object is the mean over its clicks; each object makes one step of
the optimiser.  No gradient flows through the choice of a click.

The protocol knows the component through `TrainableSegmenter` only.

Policies
--------
One backward pass
    The paper keeps the graphs of all clicks and goes back once through their mean.  Here each click
    goes back at once, with its share of the mean, and its graph is freed: the gradients add up to
    the same, since the weights do not change in between and clicks carry none, and the memory is
    that of one click.  Where all clicks share a costly part of the graph (a trained encoder), one
    pass is cheaper: `TrainingSettings.backward`.
Exhausted robot
    Where the robot finds nothing more to click, the last loss stands for the remaining clicks, as
    the last values do in the interactive protocol.
Chance
    The order of an epoch and the clicks in it depend on the seed and the number of the epoch alone,
    so a training that goes on from a checkpoint sees what it would have seen.
Subjects
    Scenes of one subject are never divided; scenes whose split is ``test`` are never read.
"""

from __future__ import annotations

import math
import statistics
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from hsizoo.clicks import Clicks
from hsizoo.cube import HyperCube, Scene
from hsizoo.errors import ContractError, DataError, OptionError, ProtocolError
from hsizoo.interfaces import InteractiveSegmenter, SceneDataset, SceneInfo, TrainableSegmenter
from hsizoo.protocol.interactive import InteractiveProtocol
from hsizoo.protocol.robots import Robot

__all__ = [
    "Division",
    "SceneStates",
    "Step",
    "Trainer",
    "TrainingSettings",
    "accumulate",
    "click_losses",
    "divide",
    "present_labels",
    "validate",
]

_ORDER, _CLICKS, _SUBJECTS = 1, 2, 3  # streams of chance that must not share their draws
_DTYPES = {
    "own": None,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


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


@dataclass(frozen=True)
class Division:
    """Which scenes, by index, are trained on, validated on, and left alone.

    Parameters
    ----------
    train, val : tuple of int
    held_out : tuple of int
        For the test; the same whatever `TrainingSettings.limit_subjects` is.
    unused : tuple of int, default ()
        Training scenes of the subjects beyond `TrainingSettings.limit_subjects`.
    """

    train: tuple[int, ...]
    val: tuple[int, ...]
    held_out: tuple[int, ...]
    unused: tuple[int, ...] = ()


def divide(scenes: Sequence[SceneInfo], settings: TrainingSettings) -> Division:
    """Divide the scenes of a dataset by subject.

    Without folds, the dataset's own splits ``train`` and ``val`` are taken.  With folds, the
    subjects, shuffled by `TrainingSettings.split_seed`, are dealt into folds.  Where the dataset
    has a ``test`` split, folds are made of the other subjects and the chosen one validates.  Where
    it has no split, the chosen fold is held out for the test, the one after it validates (given
    three or more), and the others train.

    Raises
    ------
    ProtocolError
        If there is nothing to train on, or there are fewer subjects than asked for.
    DataError
        If a subject has scenes in several splits.
    """
    splits: dict[str, str] = {}
    for info in scenes:
        if splits.setdefault(info.subject, info.split) != info.split:
            raise DataError(
                f"subject {info.subject!r} is in the splits {splits[info.subject]!r} and "
                f"{info.split!r}; scenes of one subject must not be divided"
            )
    train = {subject for subject, split in splits.items() if split == "train"}
    val = {subject for subject, split in splits.items() if split == "val"}
    if settings.folds:
        unsplit = not any(splits.values())
        pool = _shuffled(set(splits) if unsplit else train | val, settings.split_seed)
        if len(pool) < settings.folds:
            raise ProtocolError(
                f"{settings.folds} folds need as many subjects to train on; "
                f"the dataset has {len(pool)}"
            )
        folds = [set(pool[number :: settings.folds]) for number in range(settings.folds)]
        chosen, following = settings.fold, (settings.fold + 1) % settings.folds
        val = folds[chosen]
        if unsplit:
            val = folds[following] if settings.folds > 2 else set()
        train = set(pool) - val - folds[chosen]
    if not train:
        found = ", ".join(sorted({split or "(none)" for split in splits.values()}))
        many = len(splits) > 1 and not any(splits.values())
        raise ProtocolError(
            f"the dataset has no training scenes (splits: {found}; {len(splits)} subject(s)); "
            + (
                "make folds of its subjects with --folds 5 --fold 0"
                if many
                else "choose a dataset with a train split, or one with several subjects"
            )
        )
    held_out = set(splits) - train - val
    unused = set[str]()
    if settings.limit_subjects is not None:
        if settings.limit_subjects > len(train):
            raise ProtocolError(
                f"limit_subjects is {settings.limit_subjects}, but there are only {len(train)} "
                "subjects to train on"
            )
        order = _shuffled(train, settings.split_seed)
        train, unused = set(order[: settings.limit_subjects]), set(order[settings.limit_subjects :])
    of = [info.subject for info in scenes]
    return Division(
        *(
            tuple(i for i, subject in enumerate(of) if subject in chosen)
            for chosen in (train, val, held_out, unused)
        )
    )


def _shuffled(subjects: set[str], seed: int) -> list[str]:
    order = np.random.default_rng([seed, _SUBJECTS]).permutation(len(subjects))
    names = sorted(subjects)
    return [names[position] for position in order]


def click_losses(
    logits: torch.Tensor,
    targets: torch.Tensor,
    evaluated: torch.Tensor,
    *,
    smooth: float = 1.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Soft Dice loss and binary cross-entropy of each object, on evaluated pixels only.

    Parameters
    ----------
    logits : Tensor, shape (N, H, W)
    targets : Tensor of bool, shape (N, H, W)
    evaluated : Tensor of bool, shape (H, W)
        What the logits are elsewhere has no effect, not even where they are NaN.
    smooth : float, default 1
        Added to numerator and denominator of the Dice fraction.

    Returns
    -------
    dice_loss : Tensor of float32, shape (N,)
        ``1 − (2 Σ p·t + smooth) / (Σ p + Σ t + smooth)``.
    bce : Tensor of float32, shape (N,)
        Mean over the evaluated pixels.
    """
    chosen = logits[:, evaluated].float()
    truth = targets[:, evaluated].float()
    probability = chosen.sigmoid()
    overlap = (probability * truth).sum(dim=1)
    total = probability.sum(dim=1) + truth.sum(dim=1)
    dice_loss = 1 - (2 * overlap + smooth) / (total + smooth)
    bce = functional.binary_cross_entropy_with_logits(chosen, truth, reduction="none").mean(dim=1)
    return dice_loss, bce


@dataclass
class _Object:
    """One class of one scene while it is being clicked."""

    target: npt.NDArray[np.bool_]
    rng: np.random.Generator
    clicks: Clicks
    exhausted: bool = False


def accumulate(
    segmenter: TrainableSegmenter,
    scene: Scene,
    state: Any,
    labels: Sequence[int],
    settings: TrainingSettings,
    robot: Robot,
    *,
    epoch: int = 0,
    autocast: torch.dtype | None = None,
    scaler: torch.amp.GradScaler | None = None,
) -> dict[str, float]:
    """Click some classes of a scene and add the gradient of their mean loss to the parameters.

    Parameters
    ----------
    segmenter : TrainableSegmenter
        In training mode, with gradients cleared.
    scene : Scene
    state : object
        What ``segmenter.open(scene.cube)`` returned.
    labels : sequence of int
        Classes with at least one evaluated pixel.
    settings : TrainingSettings
    robot : Robot
    epoch : int
        Decides the robot's chance, together with the seed, the scene and the class.
    autocast : dtype, optional
        Type to which autocast is set for the segmenter.  Default: no autocast.
    scaler : GradScaler, optional
        For float16.

    Returns
    -------
    dict
        ``loss``, ``dice_loss`` and ``bce``, means over objects and clicks.

    Raises
    ------
    ProtocolError
        If a loss is not finite; gradients are then meaningless.
    ContractError
        If the logits have the wrong shape, no graph, or are NaN.
    """
    evaluated, valid = scene.evaluated, scene.cube.valid
    objects = []
    for label in labels:
        target = scene.target(label)
        stream = [
            settings.seed,
            _CLICKS,
            epoch,
            zlib.crc32(scene.name.encode()),
            label & 0xFFFFFFFF,
        ]
        rng = np.random.default_rng(stream)
        first = robot.first_click(target, evaluated, rng, clickable=valid)
        objects.append(_Object(target, rng, Clicks().add(*first)))
    each_click = settings.backward == "click" or (
        settings.backward == "auto" and not getattr(segmenter, "one_backward", False)
    )
    waiting = []
    sums = {"loss": 0.0, "dice_loss": 0.0, "bce": 0.0}
    for k in range(1, settings.clicks + 1):
        active = [each for each in objects if not each.exhausted]
        if not active:
            break
        logits = _logits(segmenter, state, [each.clicks for each in active], scene, autocast)
        dice_loss, bce = click_losses(
            logits,
            torch.from_numpy(np.stack([each.target for each in active])).to(logits.device),
            torch.from_numpy(np.ascontiguousarray(evaluated)).to(logits.device),
            smooth=settings.dice_smooth,
        )
        loss = settings.dice_weight * dice_loss + (1 - settings.dice_weight) * bce
        if not torch.isfinite(loss).all():
            raise ProtocolError(
                f"the loss of {scene.name!r} at click {k} is {loss.detach().tolist()}"
            )
        if k < settings.clicks:
            maps = logits.detach().float().sigmoid().cpu().numpy()
            if not np.isfinite(maps).all():
                raise ContractError(
                    f"{type(segmenter).__name__}.logits is NaN in {scene.name!r} where it is not "
                    "evaluated; it must be finite everywhere, also where a spectrum is not"
                )
            for each, probability in zip(active, maps, strict=True):
                chosen = robot.next_click(
                    each.target, evaluated, probability, each.clicks, each.rng, clickable=valid
                )
                each.exhausted = chosen is None
                if chosen is not None:
                    each.clicks = each.clicks.add(*chosen)
        # An object that ends here stands for the clicks that it does not make.
        stands_for = [settings.clicks - k + 1 if each.exhausted else 1 for each in active]
        share = torch.tensor(stands_for, device=loss.device) / (settings.clicks * len(objects))
        total = (share * loss).sum()
        waiting.append(total if scaler is None else scaler.scale(total))
        if each_click:
            waiting.pop().backward()  # type: ignore[no-untyped-call]
        for key, values in (("loss", loss), ("dice_loss", dice_loss), ("bce", bce)):
            sums[key] += float((share * values.detach()).sum())
    if waiting:
        torch.stack(waiting).sum().backward()  # type: ignore[no-untyped-call]
    return sums


def _logits(
    segmenter: TrainableSegmenter,
    state: Any,
    prompts: Sequence[Clicks],
    scene: Scene,
    autocast: torch.dtype | None,
) -> torch.Tensor:
    """Call the segmenter and hold it to its contract."""
    if autocast is None:
        logits = segmenter.logits(state, prompts)
    else:
        device = next(iter(segmenter.trainable().values())).device
        with torch.autocast(device.type, autocast, enabled=autocast != torch.float32):
            logits = segmenter.logits(state, prompts)
    who = type(segmenter).__name__
    expected = (len(prompts), *scene.cube.shape[:2])
    if not isinstance(logits, torch.Tensor) or tuple(logits.shape) != expected:
        raise ContractError(
            f"{who}.logits returned {getattr(logits, 'shape', type(logits).__name__)}; expected a "
            f"tensor of shape {expected}: one map per object, of the cube's height and width"
        )
    if not logits.requires_grad:
        raise ContractError(f"{who}.logits has no graph to the trainable parameters")
    return logits


class SceneStates:
    """Scenes with what the frozen part made of them, kept as far as a budget of memory allows.

    Parameters
    ----------
    dataset : SceneDataset
    segmenter : InteractiveSegmenter
    budget : int
        Bytes of cubes and states to keep.  What does not fit is loaded and opened anew each time;
        nothing that is kept is given up for it, since every epoch wants every scene.
    overflow : callable, optional
        Told once, when the first scene does not fit, how many bytes a scene takes on average.
    """

    def __init__(
        self,
        dataset: SceneDataset,
        segmenter: InteractiveSegmenter,
        budget: int = 2**31,
        overflow: Callable[[float], None] | None = None,
    ) -> None:
        self.dataset = dataset
        self.segmenter = segmenter
        self.budget = budget
        self.opened = 0
        self._overflow = overflow
        self._kept: dict[int, tuple[Scene, Any]] = {}
        self._sizes: dict[int, int] = {}
        self._current: int | None = None

    def get(self, index: int) -> tuple[Scene, Any]:
        """Scene number `index` and its state."""
        if index != self._current:
            self._leave()
            self._current = index
        if index not in self._kept:
            scene = self.dataset.scene(index)
            with torch.no_grad():
                self._kept[index] = scene, self.segmenter.open(scene.cube)
            self.opened += 1
        return self._kept[index]

    def _leave(self) -> None:
        """Keep the scene that was in use, or let it go; its state may have grown with use."""
        if self._current is None:
            return
        scene, state = self._kept[self._current]
        size = _bytes_of((scene.cube, scene.label_map, state), set())
        self._sizes.pop(self._current, None)
        if (held := sum(self._sizes.values()) + size) > self.budget:
            del self._kept[self._current]
            if self._overflow is not None:
                self._overflow(held / (len(self._sizes) + 1))
                self._overflow = None
        else:
            self._sizes[self._current] = size


def _bytes_of(value: Any, seen: set[object]) -> int:
    """Bytes of the arrays and tensors that an object holds, each counted once.

    Views of one tensor hold all of it, once.
    """
    if id(value) in seen:
        return 0
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, torch.Tensor):
        storage = value.untyped_storage()
        place = (storage.device, storage.data_ptr())
        if place in seen:
            return 0
        seen.add(place)
        return storage.nbytes()
    if isinstance(value, torch.nn.Module):
        return 0  # the model's, not the image's
    if isinstance(value, Mapping):
        return sum(_bytes_of(each, seen) for each in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return sum(_bytes_of(each, seen) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        held = [getattr(value, field.name, None) for field in fields(value)]
        held += vars(value).values() if hasattr(value, "__dict__") else ()
        return sum(_bytes_of(each, seen) for each in held)
    if type(value).__module__.partition(".")[0] in sys.stdlib_module_names:
        return 0  # numbers, strings, locks: small, and not to be looked into
    held = list(vars(value).values()) if hasattr(value, "__dict__") else []
    return sum(_bytes_of(each, seen) for each in held)


class _Opened(InteractiveSegmenter):
    """A segmenter whose image is open already."""

    def __init__(self, segmenter: InteractiveSegmenter, state: Any) -> None:
        self._segmenter, self._state = segmenter, state

    def open(self, cube: HyperCube) -> Any:
        return self._state

    def predict(
        self, state: Any, prompts: Sequence[Clicks]
    ) -> npt.NDArray[np.float32] | torch.Tensor:
        return self._segmenter.predict(state, prompts)


def present_labels(scene: Scene) -> list[int]:
    """Target classes with at least one evaluated pixel, increasing."""
    return [label for label in sorted(scene.label_map.targets) if scene.target(label).any()]


def validate(
    scenes: SceneStates, indices: Sequence[int], settings: TrainingSettings, robot: Robot
) -> dict[str, float]:
    """Evaluate by the interactive protocol; the segmenter is in evaluation mode.

    Returns
    -------
    dict
        Mean Dice and IoU over samples at threshold 0.5, after the first and the last click
        (``"dice@0.5 1c"``, …), and their ``"score"``, by which the best weights are kept.  Empty if
        no scene has anything to segment.
    """
    protocol = InteractiveProtocol(robot=robot, clicks=settings.clicks, grid_clicks=())
    samples: list[dict[str, Any]] = []
    for index in indices:
        scene, state = scenes.get(index)
        if present_labels(scene):
            with torch.no_grad():
                # Under the segmenter's own name, for the protocol's messages.
                named = type(type(scenes.segmenter).__name__, (_Opened,), {})
                opened = named(scenes.segmenter, state)
                samples += protocol.run(opened, scene, seed=settings.seed)["samples"]
    if not samples:
        return {}
    found = {
        f"{metric}@0.5 {click}c": statistics.fmean(sample[metric][click - 1] for sample in samples)
        for metric in ("dice", "iou")
        for click in (1, settings.clicks)
    }
    score = (found["dice@0.5 1c"] + found[f"dice@0.5 {settings.clicks}c"]) / 2
    return {"score": score, **found}


@dataclass(frozen=True)
class Step:
    """One finished step: a line of the log."""

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
    """Takes the steps of a training, and can be stopped and set up again between any two.

    Parameters
    ----------
    segmenter : TrainableSegmenter
    scenes : SceneStates
        Of this segmenter.
    samples : mapping of int to sequence of int
        Scene index to the classes to train on there.
    settings : TrainingSettings
    robot : Robot
    sets_precision : bool, default False
        Whether the segmenter was built with the wanted precision, and needs no autocast.

    Attributes
    ----------
    done, total, per_epoch : int
        Steps.

    Raises
    ------
    ContractError
        If there is no trainable parameter, or one that needs no gradient.
    OptionError
        If the device cannot compute in the wanted precision.
    """

    def __init__(
        self,
        segmenter: TrainableSegmenter,
        scenes: SceneStates,
        samples: Mapping[int, Sequence[int]],
        settings: TrainingSettings,
        robot: Robot,
        *,
        sets_precision: bool = False,
    ) -> None:
        self.segmenter = segmenter
        self.scenes = scenes
        self.samples = {index: list(labels) for index, labels in samples.items() if labels}
        self.settings = settings
        self.robot = robot
        self._parameters = dict(sorted(segmenter.trainable().items()))
        who = type(segmenter).__name__
        if not self._parameters:
            raise ContractError(f"{who} has no trainable parameter")
        frozen = [name for name, each in self._parameters.items() if not each.requires_grad]
        if frozen:
            raise ContractError(f"{who}: trainable {frozen[:3]} need no gradient")
        if not self.samples:
            raise ProtocolError("no training scene has a pixel of a target class to evaluate")
        self._device = next(iter(self._parameters.values())).device
        if settings.precision == "float16" and self._device.type == "cpu":
            raise OptionError("float16 needs a GPU; use --precision bfloat16 or float32")
        self._autocast = None if sets_precision else _DTYPES[settings.precision]
        self._scaler = (
            torch.amp.GradScaler(self._device.type) if settings.precision == "float16" else None
        )
        weights = [each for each in self._parameters.values() if each.ndim > 1]
        others = [each for each in self._parameters.values() if each.ndim < 2]
        groups: list[dict[str, Any]] = [
            {"params": weights, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(
            groups, lr=settings.lr, betas=(settings.beta1, settings.beta2)
        )
        self.done = 0
        self.per_epoch = len(self._plan(0))
        self.total = self.per_epoch * settings.epochs

    def _plan(self, epoch: int) -> list[tuple[int, list[int]]]:
        """The steps of an epoch, each a scene and its classes; as many in every epoch."""
        rng = np.random.default_rng([self.settings.seed, _ORDER, epoch])
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
        """Take the remaining steps, yielding after each; `capture` may be called there.

        Raises
        ------
        ProtocolError
            If a loss or a gradient is not finite; the weights are those of the step before.
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
                self.segmenter, scene, state, labels, settings, self.robot,
                epoch=epoch, autocast=self._autocast, scaler=self._scaler,
            )  # fmt: skip
            if self._scaler is not None:
                self._scaler.unscale_(self._optimizer)
            norm = torch.nn.utils.clip_grad_norm_(
                self._parameters.values(), settings.clip or math.inf
            ).item()
            # In float16 an overflow now and then is normal: the scaler leaves that step out.
            if self._scaler is None and not math.isfinite(norm):
                raise ProtocolError(f"the gradient on {scene.name!r} is {norm}")
        except ProtocolError as error:
            raise ProtocolError(
                f"training stopped at step {self.done + 1} of {self.total} (epoch {epoch + 1}), "
                f"learning rate {rate:g}: {error}.  Try a lower --lr, a smaller --set clip=…, a "
                "longer --set warmup=…, or --precision float32"
            ) from error
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

    def validate(self, indices: Sequence[int]) -> dict[str, float]:
        """Evaluate the weights as they are on some scenes; see `validate`."""
        self.segmenter.train(False)
        return validate(self.scenes, indices, self.settings, self.robot)

    def capture(self) -> dict[str, Any]:
        """All that `restore` needs besides the segmenter's ``state_dict()``.

        Tensors and plain values, so that ``torch.load(weights_only=True)`` reads it back.
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
        """Go on from what `capture` returned; the segmenter has its weights already.

        Raises
        ------
        DataError
            If the parameters are others.
        """
        if captured["names"] != list(self._parameters):
            raise DataError("the checkpoint is of other trainable parameters")
        self.done = captured["done"]
        self._optimizer.load_state_dict(captured["optimizer"])
        if self._scaler is not None:
            self._scaler.load_state_dict(captured["scaler"])
        torch.set_rng_state(captured["rng"])
        if captured["cuda_rng"] is not None and self._device.type == "cuda":
            torch.cuda.set_rng_state(captured["cuda_rng"], self._device)

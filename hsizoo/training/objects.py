"""One training step: click some classes of a scene and accumulate the gradient of their loss."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from hsizoo.clicks import Clicks
from hsizoo.cube import Scene
from hsizoo.errors import ContractError, ProtocolError
from hsizoo.interfaces import TrainableSegmenter
from hsizoo.protocols.interactive.robots import Robot
from hsizoo.training.settings import TrainingSettings
from hsizoo.training.streams import Stream

__all__ = ["accumulate", "click_losses", "present_labels"]


def present_labels(scene: Scene) -> list[int]:
    """Return the target classes with at least one evaluated pixel, in increasing order."""
    return [label for label in sorted(scene.label_map.targets) if scene.target(label).any()]


def click_losses(
    logits: torch.Tensor,
    targets: torch.Tensor,
    evaluated: torch.Tensor,
    *,
    smooth: float = 1.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute soft Dice loss and binary cross-entropy per object, on evaluated pixels only.

    Parameters
    ----------
    logits : Tensor, shape (N, H, W)
    targets : Tensor of bool, shape (N, H, W)
    evaluated : Tensor of bool, shape (H, W)
        Logits elsewhere have no effect, even if they are NaN.
    smooth : float, default 1
        Added to numerator and denominator of the Dice fraction.

    Returns
    -------
    dice_loss : Tensor of float32, shape (N,)
        ``1 − (2 Σ p·t + smooth) / (Σ p + Σ t + smooth)``.
    bce : Tensor of float32, shape (N,)
        Mean over the evaluated pixels.
    """
    if bool(evaluated.all()):  # to select them all would copy them
        logits, targets = logits.flatten(1), targets.flatten(1)
    else:
        logits, targets = logits[:, evaluated], targets[:, evaluated]
    chosen, truth = logits.float(), targets.float()
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
    robot: Robot
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
    *others: Robot,
    epoch: int = 0,
    autocast: torch.dtype | None = None,
    scaler: torch.amp.GradScaler | None = None,
) -> dict[str, float]:
    """Click some classes of a scene and accumulate the gradient of their mean loss.

    Parameters
    ----------
    segmenter : TrainableSegmenter
        In training mode, with gradients cleared.
    scene : Scene
    state : object
        Return value of ``segmenter.open(scene.cube)``.
    labels : sequence of int
        Classes with at least one evaluated pixel.
    settings : TrainingSettings
    robot, *others : Robot
        Each object is clicked by one of them.
    epoch : int
        Seeds the robot's rng, together with the seed, the scene and the class.
    autocast : dtype, optional
        Autocast dtype for the segmenter.  Default: no autocast.
    scaler : GradScaler, optional
        Loss scaler for float16.

    Returns
    -------
    dict
        ``loss``, ``dice_loss`` and ``bce``, means over objects and over the clicks with a loss
        (see `TrainingSettings.losses`).

    Raises
    ------
    ProtocolError
        If a loss is not finite, which makes the gradients meaningless.
    ContractError
        If the logits have the wrong shape, have no graph, or are NaN.
    """
    evaluated, valid = scene.evaluated, scene.cube.valid
    objects = []
    for label in labels:
        target = scene.target(label)
        rng = _rng(settings, Stream.CLICKS, epoch, scene, label)
        user = (robot, *others)[rng.integers(1 + len(others))] if others else robot
        first = user.first_click(target, evaluated, rng, clickable=valid)
        objects.append(_Object(target, user, rng, Clicks().add(*first)))
    counted = np.arange(1, settings.clicks + 1)  # clicks with a loss
    if settings.losses:
        rng = _rng(settings, Stream.LOSSES, epoch, scene, labels[0])
        counted = np.sort(rng.choice(counted, settings.losses, replace=False))
    last = int(counted[-1])
    each_click = settings.backward == "click" or (
        settings.backward == "auto" and not segmenter.one_backward
    )
    waiting = []
    sums = {"loss": 0.0, "dice_loss": 0.0, "bce": 0.0}
    for k in range(1, last + 1):
        active = [each for each in objects if not each.exhausted]
        if not active:
            break
        with torch.set_grad_enabled(k in counted):
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
        if k < last:
            maps = logits.detach().float().sigmoid().cpu().numpy()
            if not np.isfinite(maps).all():
                raise ContractError(
                    f"{type(segmenter).__name__}.logits is NaN in {scene.name!r} at pixels that "
                    "are not evaluated; logits must be finite everywhere, even where a spectrum "
                    "is not"
                )
            for each, probability in zip(active, maps, strict=True):
                chosen = each.robot.next_click(
                    each.target, evaluated, probability, each.clicks, each.rng, clickable=valid
                )
                each.exhausted = chosen is None
                if chosen is not None:
                    each.clicks = each.clicks.add(*chosen)
        if k not in counted:
            continue
        # The last loss of an exhausted object also counts for its remaining clicks.
        left = int((counted >= k).sum())
        counts = [left if each.exhausted else 1 for each in active]
        share = torch.tensor(counts, device=loss.device) / (len(counted) * len(objects))
        total = (share * loss).sum()
        waiting.append(total if scaler is None else scaler.scale(total))
        if each_click:
            waiting.pop().backward()  # type: ignore[no-untyped-call]
        for key, values in (("loss", loss), ("dice_loss", dice_loss), ("bce", bce)):
            sums[key] += float((share * values.detach()).sum())
    if waiting:
        torch.stack(waiting).sum().backward()  # type: ignore[no-untyped-call]
    return sums


def _rng(
    settings: TrainingSettings, stream: Stream, epoch: int, scene: Scene, label: int
) -> np.random.Generator:
    scene_number = zlib.crc32(scene.name.encode())
    return np.random.default_rng(
        [settings.seed, stream, epoch, scene_number, int(label) & 0xFFFFFFFF]
    )


def _logits(
    segmenter: TrainableSegmenter,
    state: Any,
    prompts: Sequence[Clicks],
    scene: Scene,
    autocast: torch.dtype | None,
) -> torch.Tensor:
    """Call the segmenter and check its output against the contract."""
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
    if torch.is_grad_enabled() and not logits.requires_grad:
        raise ContractError(f"{who}.logits has no graph to the trainable parameters")
    return logits

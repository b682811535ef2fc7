"""Training a network on the patches around labelled pixels, and running it over an image.

The image lies on the device once, with mirrored borders; patches are gathered there by index, a
batch at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import hsizoo
from hsizoo.errors import DataError
from hsizoo_classifiers.options.networks import NetworkOptions, SmallCnnOptions
from hsizoo_classifiers.pixels import Seeds

__all__ = [
    "Schedule",
    "bordered",
    "descend",
    "gather",
    "own_chance",
    "predict",
    "predict_patches",
    "train",
]

_AT_ONCE = 2**27  # bytes of patches of one forward pass
_PIXELS = 2**16  # of a strip; what a network makes of one pixel takes some 10 kB


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How a network is trained; the learning rate falls to zero along a cosine.

    Parameters
    ----------
    rate, momentum, decay : float
        Learning rate, momentum (of ``sgd``), weight decay.
    batch : int
        Pixels per step, from 2 on: a single one has no statistics.  A last one that is left over
        joins two others.
    epochs, max_steps : int
        Passes over the labelled pixels, but no more steps than `max_steps`.
    optimiser : {"sgd", "adam"}
    """

    rate: float
    decay: float
    batch: int
    epochs: int
    max_steps: int
    momentum: float = 0.0
    optimiser: Literal["sgd", "adam"] = "sgd"

    @classmethod
    def of(cls, options: NetworkOptions) -> Schedule:
        """The schedule that the options of a network describe."""
        return cls(
            rate=options.rate,
            decay=options.decay,
            batch=options.batch,
            epochs=options.epochs,
            max_steps=options.max_steps,
            momentum=options.momentum if isinstance(options, SmallCnnOptions) else 0.0,
            optimiser=options.optimiser,
        )


@contextmanager
def own_chance(rng: np.random.Generator, device: torch.device) -> Iterator[torch.Generator]:
    """Let torch draw from `rng` for a while, and leave its global chance as it was.

    Yields
    ------
    torch.Generator
        On the CPU, for what does not depend on the device.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(int(rng.integers(2**31)))
        yield torch.Generator().manual_seed(int(rng.integers(2**31)))


def bordered(
    image: np.ndarray, patch: int, device: torch.device, name: str, least: int = 1
) -> torch.Tensor:
    """An image (H, W, C) as a tensor (C, H + p - 1, W + p - 1) whose borders are mirrored.

    Raises
    ------
    DataError
        If the image is too small to mirror.  It says which patch would do, from `least` on.
    """
    margin = patch // 2
    if min(image.shape[:2]) <= margin:
        most = 2 * min(image.shape[:2]) - 1
        raise DataError(
            f"{name} has {image.shape[:2]} (rows, columns); patches of {patch} need more than "
            f"{margin}: "
            + (
                f"say patch={most} or less"
                if most >= least
                else f"and the network needs patch={least} at least; take another classifier"
            )
        )
    tensor = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).to(device)
    return F.pad(tensor[None], (margin,) * 4, mode="reflect")[0]


def gather(image: torch.Tensor, patch: int, rows: torch.Tensor, cols: torch.Tensor) -> torch.Tensor:
    """Patches (n, C, p, p) around pixels of the image without its border."""
    step = torch.arange(patch, device=image.device)
    down = rows[:, None, None] + step[None, :, None]
    right = cols[:, None, None] + step[None, None, :]
    return image[:, down, right].permute(1, 0, 2, 3)


def train(
    net: nn.Module,
    image: torch.Tensor,
    patch: int,
    seeds: Seeds,
    schedule: Schedule,
    chance: torch.Generator,
) -> None:
    """Train in place on the patches of the labelled pixels, flipped at random.

    No pixel is held back: with a few labels per class there is none to spare, so nothing is
    selected by validation and the last weights are kept.
    """
    device = image.device
    rows, cols = (torch.from_numpy(each).to(device) for each in (seeds.rows, seeds.cols))
    truth = torch.from_numpy(seeds.classes).to(device)

    def loss_of(chosen: torch.Tensor) -> torch.Tensor:
        seen = _flipped(gather(image, patch, rows[chosen], cols[chosen]), chance)
        return F.cross_entropy(net(seen), truth[chosen])

    descend(net, loss_of, len(truth), schedule, chance)


def descend(
    net: nn.Module,
    loss_of: Callable[[torch.Tensor], torch.Tensor],
    count: int,
    schedule: Schedule,
    chance: torch.Generator,
) -> None:
    """Take the steps of a schedule; the network is left ready to classify.

    Parameters
    ----------
    net : Module
    loss_of : callable
        Loss on some of the samples, given by their numbers, a tensor on the network's device.
    count : int
        How many samples there are; at least two.
    schedule : Schedule
    chance : Generator
        Of the order; a CPU's.
    """
    device = next(net.parameters()).device
    # Parts of nearly the same size, none of a single sample.
    batches = min(-(-count // schedule.batch), count // 2)
    steps = min(schedule.epochs * batches, schedule.max_steps)
    optimiser = _optimiser(net, schedule)
    cooling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    net.train()
    for step in range(steps):
        if step % batches == 0:
            order = torch.randperm(count, generator=chance).to(device)
        loss = loss_of(order.tensor_split(batches)[step % batches])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        cooling.step()
        hsizoo.tell_progress(step + 1, steps)
    net.eval()


def _optimiser(net: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    rate, decay = schedule.rate, schedule.decay
    if schedule.optimiser == "adam":
        return torch.optim.Adam(net.parameters(), rate, weight_decay=decay)
    return torch.optim.SGD(net.parameters(), rate, schedule.momentum, weight_decay=decay)


def _flipped(patches: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
    """Each patch mirrored up and down, and left and right, with probability one half."""
    coins = torch.rand((2, len(patches), 1, 1, 1), generator=chance).to(patches.device) < 0.5
    patches = torch.where(coins[0], patches.flip(2), patches)
    return torch.where(coins[1], patches.flip(3), patches)


@torch.inference_mode()
def predict(net: nn.Module, image: torch.Tensor, patch: int) -> torch.Tensor:
    """Logits (K, H, W) of all pixels: strip by strip with the network's `whole`, or by patches."""
    if not hasattr(net, "whole"):
        return predict_patches(net, image, patch)
    whole: Any = net.whole
    height, width = (side - patch + 1 for side in image.shape[1:])
    step = max(1, _PIXELS // width)
    parts = []
    for start in range(0, height, step):
        stop = min(start + step, height)
        parts.append(whole(image[:, start : stop + patch - 1]))
        hsizoo.tell_progress(stop, height)
    return torch.cat(parts, dim=1)


@torch.inference_mode()
def predict_patches(net: nn.Module, image: torch.Tensor, patch: int) -> torch.Tensor:
    """Logits (K, H, W) of all pixels, patch by patch."""
    height, width = (side - patch + 1 for side in image.shape[1:])
    number = torch.arange(height * width, device=image.device)
    step = max(1, _AT_ONCE // (4 * max(128, len(image)) * patch**2))
    parts = []
    for part in number.split(step):
        parts.append(net(gather(image, patch, part // width, part % width)))
        hsizoo.tell_progress(min(len(parts) * step, len(number)), len(number))
    return torch.cat(parts).T.reshape(-1, height, width)

"""Train a network on the patches around labelled pixels, and run it over an image.

The image is stored once on the device, with mirrored borders; patches are gathered by index, one
batch at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import hsizoo
from hsizoo.errors import DataError
from hsizoo_classifiers.options.networks import NetworkOptions, Training
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
    "watching",
]

Watcher = Callable[[nn.Module, int, float], None]

_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)

_AT_ONCE = 2**27  # bytes of patches per forward pass
_PIXELS = 2**16  # pixels per strip; activations take about 10 kB per pixel


@dataclass(frozen=True, kw_only=True)
class Schedule(Training):
    """A network's training, and how long it lasts; see `Training` for the rest.

    Parameters
    ----------
    batch : int
        Pixels per step, at least 2: a single pixel has no batch statistics.  A single pixel left
        over at the end joins another batch.
    epochs : int
        Passes over the labelled pixels.
    max_steps : int, optional
        Maximum number of steps, regardless of `epochs`.
    flips : bool, default True
        Whether patches are mirrored at random.
    """

    batch: int
    epochs: int
    max_steps: int | None = None
    flips: bool = True

    @classmethod
    def of(cls, options: NetworkOptions) -> Schedule:
        """Return the schedule for the options of a network."""
        return cls(
            **asdict(options.resolved),
            batch=options.batch,
            epochs=options.epochs,
            max_steps=options.max_steps,
            flips=options.flips,
        )


@contextmanager
def own_chance(rng: np.random.Generator, device: torch.device) -> Iterator[torch.Generator]:
    """Seed torch from `rng` inside the context, and restore its global random state afterwards.

    Yields
    ------
    torch.Generator
        CPU generator, for random numbers that must not depend on the device.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(int(rng.integers(2**31)))
        yield torch.Generator().manual_seed(int(rng.integers(2**31)))


def bordered(
    image: np.ndarray, patch: int, device: torch.device, name: str, least: int = 1
) -> torch.Tensor:
    """Convert an image (H, W, C) to a tensor (C, H + p - 1, W + p - 1) with mirrored borders.

    Raises
    ------
    DataError
        If the image is too small to mirror.  The message suggests a patch size of at least
        `least`.
    """
    margin = patch // 2
    if min(image.shape[:2]) <= margin:
        most = 2 * min(image.shape[:2]) - 1
        raise DataError(
            f"{name} has {image.shape[:2]} (rows, columns); patches of {patch} need more than "
            f"{margin}: "
            + (
                f"set patch={most} or less"
                if most >= least
                else f"the network needs at least patch={least}; use another classifier"
            )
        )
    tensor = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).to(device)
    return F.pad(tensor[None], (margin,) * 4, mode="reflect")[0]


def gather(image: torch.Tensor, patch: int, rows: torch.Tensor, cols: torch.Tensor) -> torch.Tensor:
    """Gather patches (n, C, p, p) around pixels, given in coordinates without the border."""
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
    rng: torch.Generator,
) -> None:
    """Train in place on the patches of the labelled pixels, by default flipped at random.

    No pixel is held out: with a few labels per class there are none to spare.  Nothing is selected
    by validation; the last weights are kept.
    """
    device = image.device
    rows, cols = (torch.from_numpy(each).to(device) for each in (seeds.rows, seeds.cols))
    truth = torch.from_numpy(seeds.classes).to(device)

    def loss_of(chosen: torch.Tensor) -> torch.Tensor:
        seen = gather(image, patch, rows[chosen], cols[chosen])
        if schedule.flips:
            seen = _flipped(seen, rng)
        return F.cross_entropy(net(seen), truth[chosen])

    descend(net, loss_of, len(truth), schedule, rng)


def descend(
    net: nn.Module,
    loss_of: Callable[[torch.Tensor], torch.Tensor],
    count: int,
    schedule: Schedule,
    rng: torch.Generator,
) -> None:
    """Run the steps of a schedule and leave the network in evaluation mode.

    Parameters
    ----------
    net : Module
    loss_of : callable
        Loss on a batch, given the indices of its samples as a tensor on the network's device.
    count : int
        Number of samples; at least two.
    schedule : Schedule
    rng : Generator
        CPU generator that shuffles the samples.
    """
    device = next(net.parameters()).device
    # Batches of nearly equal size, none with a single sample.
    batches = min(-(-count // schedule.batch), count // 2)
    steps = schedule.epochs * batches
    if schedule.max_steps is not None:
        steps = min(steps, schedule.max_steps)
    optimiser = _optimiser(net, schedule)
    cooling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    watcher, losses = _watcher.get(), []
    net.train()
    for step in range(steps):
        if step % batches == 0:
            order = torch.randperm(count, generator=rng).to(device)
        loss = loss_of(order.tensor_split(batches)[step % batches])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if schedule.course == "cosine":
            cooling.step()
        hsizoo.tell_progress(step + 1, steps)
        if watcher is not None:
            losses.append(loss.item())
            if (step + 1) % batches == 0 or step + 1 == steps:
                watcher(net.eval(), step // batches + 1, sum(losses) / len(losses))
                losses.clear()
                net.train()
    net.eval()


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Show every network trained in this context to `watcher` after each epoch.

    Parameters
    ----------
    watcher : callable
        Called with the network in evaluation mode, the epoch, counted from 1, and the mean of its
        losses.  It must not change the network, nor draw from torch's global generator.
    """
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def _optimiser(net: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    rate, decay = schedule.rate, schedule.decay
    if schedule.optimiser == "adam":
        return torch.optim.Adam(net.parameters(), rate, weight_decay=decay)
    if schedule.optimiser == "rmsprop":  # constants of Keras
        return torch.optim.RMSprop(net.parameters(), rate, 0.9, eps=1e-7, weight_decay=decay)
    return torch.optim.SGD(net.parameters(), rate, schedule.momentum, weight_decay=decay)


def _flipped(patches: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Flip each patch vertically and horizontally, each with probability one half."""
    coins = torch.rand((2, len(patches), 1, 1, 1), generator=rng).to(patches.device) < 0.5
    patches = torch.where(coins[0], patches.flip(2), patches)
    return torch.where(coins[1], patches.flip(3), patches)


@torch.inference_mode()
def predict(net: nn.Module, image: torch.Tensor, patch: int) -> torch.Tensor:
    """Return logits (K, H, W) of all pixels, in strips with the network's `whole` or by patches."""
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
    """Return logits (K, H, W) of all pixels, patch by patch."""
    height, width = (side - patch + 1 for side in image.shape[1:])
    number = torch.arange(height * width, device=image.device)
    step = max(1, _AT_ONCE // (4 * max(128, len(image)) * patch**2))
    parts = []
    for part in number.split(step):
        parts.append(net(gather(image, patch, part // width, part % width)))
        hsizoo.tell_progress(min(len(parts) * step, len(number)), len(number))
    return torch.cat(parts).T.reshape(-1, height, width)

"""Rounds of IPG: vote, add a label to each class, train, record the history."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

import hsizoo
from hsizoo_ipg.consistency import Consistency
from hsizoo_ipg.engines import Engine
from hsizoo_ipg.options import IPGOptions
from hsizoo_ipg.prompts import Labelled, Points, class_prompts
from hsizoo_ipg.resuming import Progress
from hsizoo_ipg.similarity import Certainty
from hsizoo_ipg.voting import NOBODY, Ballot, Thresholds, Verdict

__all__ = ["Runner"]


class Runner:
    """Runs the rounds of one run.

    Parameters
    ----------
    options : IPGOptions
    engine : Engine
    training : Consistency or None
        None if nothing is trained.
    features : Tensor, shape (H W, D)
        Unit vectors for comparing pixels.
    names : ndarray of int, shape (K,)
        Label of each class.
    rng : numpy.random.Generator
    """

    def __init__(
        self,
        options: IPGOptions,
        engine: Engine,
        training: Consistency | None,
        features: torch.Tensor,
        names: npt.NDArray[np.int64],
        rng: np.random.Generator,
    ) -> None:
        self._options = options
        self._thresholds = Thresholds.of(options)
        self._certainty = Certainty.of(options)
        self._points = Points.of(options)
        self._engine = engine
        self._training = training
        self._features = features
        self._names = names
        self._rng = rng
        self._similar: tuple[torch.Tensor, torch.Tensor] | None = None
        valid = torch.from_numpy(engine.cube.valid.copy())
        self._valid = valid.flatten().to(engine.device)

    def round(self, progress: Progress) -> None:
        """Run the next round and update `progress`."""
        began = time.perf_counter()
        certainty = self._certainty
        known = progress.known
        shape = self._engine.cube.shape[:2]
        prompts = class_prompts(known, shape, len(self._names), self._points, self._rng)
        if progress.verdict is None or len(progress.history) % self._options.refresh == 0:
            progress.verdict = self._vote(prompts, progress)
        verdict = progress.verdict
        if self._similar is None or certainty.references == "all":  # seeds never change
            self._similar = certainty.similarities(self._features, known, len(self._names))
        confidence, spread = self._similar
        won = verdict.winner.flatten()
        doubt = certainty.doubt(confidence, spread, verdict, won)
        reliable = certainty.reliable(doubt, verdict) & self._valid
        free = reliable & ~near(known, len(self._names), shape, self._options.apart, won.device)
        ranks = certainty.ranks(confidence, self._rng)
        pixels, classes, sure = surest(ranks, confidence, won, free)
        progress.known = known.plus(pixels, classes)
        progress.confidence += sure
        loss = None
        if self._training is not None:
            gate = self._gate(progress.known, confidence, spread, verdict)
            loss = self._train(self._training, progress.known, gate, prompts)
            progress.trained = self._training.state_dict()
        usable = int(self._valid.sum())
        progress.history.append(
            {
                "iteration": len(progress.history) + 1,
                "new": len(pixels),
                "total": len(progress.confidence),
                "confidence": float(np.mean(sure)) if sure else None,
                "coverage": int(((won != NOBODY) & self._valid).sum()) / usable,
                "reliable": int(reliable.sum()) / usable,
                "loss": loss,
                "seconds": time.perf_counter() - began,
                "pixels": pixels,
                "labels": self._names[classes].tolist(),
            }
        )

    def _vote(self, prompts: list[hsizoo.Clicks], progress: Progress) -> Verdict:
        ballot = Ballot(
            len(prompts),
            *self._engine.cube.shape[:2],
            self._thresholds,
            support=self._options.support,
            spread=self._certainty.uncertainty == "group-spread",
            tally=progress.tally,
            device=self._engine.device,
        )
        self._engine.vote(prompts, ballot)
        if self._options.tally == "all":
            progress.tally = ballot.tally
        return ballot.close()

    def _gate(
        self, known: Labelled, confidence: torch.Tensor, spread: torch.Tensor, verdict: Verdict
    ) -> torch.Tensor:
        """Labels that the loss uses: those reliable in their own class, and all seeds.

        The vote of a later round may give a labelled pixel to another class, or to none.
        """
        pixels, own = (
            torch.as_tensor(each, device=confidence.device)
            for each in (known.pixels, known.classes)
        )
        classes = torch.full_like(verdict.winner.flatten(), NOBODY)
        classes[pixels] = own
        doubt = self._certainty.doubt(confidence, spread, verdict, classes)[pixels]
        gate = doubt <= self._certainty.kappa
        gate[: known.seeds] = True
        return gate

    def _train(
        self,
        training: Consistency,
        known: Labelled,
        gate: torch.Tensor,
        prompts: list[hsizoo.Clicks],
    ) -> float | None:
        """Train one step on the labels that pass the gate."""
        groups = np.arange(len(self._engine.groups))
        if 0 < self._options.loss_groups < len(groups):
            groups = np.sort(self._rng.choice(groups, self._options.loss_groups, replace=False))
        return training.step(prompts, known, gate, groups.tolist())


def near(
    known: Labelled, count: int, shape: tuple[int, int], apart: int, device: torch.device
) -> torch.Tensor:
    """Pixels that a class may not gain, (K, n) bool: labelled ones, and neighbours of its own.

    Parameters
    ----------
    known : Labelled
    count : int
        Number of classes, K.
    shape : (int, int)
        Height and width of the image.
    apart : int
        Minimum Chebyshev distance between labels of one class; 0 is the same as 1.
    device : torch.device
    """
    pixels = torch.as_tensor(known.pixels, device=device)
    taken = torch.zeros((count, shape[0] * shape[1]), device=device)
    taken[torch.as_tensor(known.classes, device=device), pixels] = 1
    reach = max(apart, 1) - 1
    around = functional.max_pool2d(taken.view(1, count, *shape), 2 * reach + 1, 1, reach)
    blocked = around.view(count, -1) > 0
    blocked[:, pixels] = True
    return blocked


def surest(
    ranks: torch.Tensor,
    confidence: torch.Tensor,
    won: torch.Tensor,
    free: torch.Tensor,
) -> tuple[list[int], list[int], list[float]]:
    """Find the pixel that each class gains, if any.

    Parameters
    ----------
    ranks : Tensor, shape (K, n)
        The pixel with the highest rank is taken.
    confidence : Tensor, shape (K, n)
    won : Tensor of int, shape (n,)
        Class that won each pixel.
    free : Tensor of bool, shape (K, n)
        Pixels that each class may gain.

    Returns
    -------
    pixels, classes, confidence : list
        One entry per class that gains a pixel; ties go to the first pixel in the image.
    """
    numbers = torch.arange(len(confidence), device=won.device)[:, None]
    candidates = torch.where((won == numbers) & free, ranks, -torch.inf)
    best, pixels = candidates.max(dim=1)
    found = torch.nonzero(best > -torch.inf)[:, 0]
    sure = confidence[found, pixels[found]]
    return pixels[found].tolist(), found.tolist(), sure.tolist()

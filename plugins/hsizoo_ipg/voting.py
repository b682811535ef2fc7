"""Spectral voting (IPG, section 2.2): one class per pixel from the masks of all groups.

::

    (1) y = 1 where p >= tau_h, 0 where p < tau_l, undecided between
    (2) N(a, i) = number of groups with y = 1;  T(a) = sum of N(a, i) over the classes
    (3) c(a) = argmax of N(a, i) over the classes, "after k rounds of processing" (the paper)

INFERRED: the available text of the paper lacks the formulas; these fit its description.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from hsizoo_ipg.options import IPGOptions

__all__ = ["Ballot", "Thresholds", "Verdict"]

NOBODY = -1


@dataclass(frozen=True)
class Thresholds:
    """Thresholds at which a mask votes.

    Parameters
    ----------
    high, low : float
        tau_h and tau_l, as probabilities.
    strict : bool
        Whether probabilities above `high` are foreground and all others background.  Otherwise
        those of at least `high` are foreground, those below `low` background, others undecided.
    """

    high: float = 0.8
    low: float = 0.5
    strict: bool = False

    @classmethod
    def of(cls, options: IPGOptions) -> Thresholds:
        """Return the thresholds of IPG's options."""
        return cls(options.tau_h, options.tau_l, options.strict)

    def votes(
        self, masks: torch.Tensor, *, logits: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return where probabilities or logits vote for foreground and for background."""
        high, low = (_logit(each) if logits else each for each in (self.high, self.low))
        if self.strict:
            return masks > high, masks <= high
        return masks >= high, masks < low


@dataclass(frozen=True, eq=False)
class Verdict:
    """Result of a vote.

    Parameters
    ----------
    winner : Tensor of int64, shape (H, W)
        Index of the class; -1 where no class has enough foreground votes, or on a tie.
    share : Tensor of float32, shape (K, H, W)
        N(a, i) / T(a), the fraction of all votes that each class has; 0 without votes.
    spread : Tensor of float32, shape (K, H, W)
        Standard deviation of each class's probability over the groups, in this vote only; 0
        unless requested.
    """

    winner: torch.Tensor
    share: torch.Tensor
    spread: torch.Tensor


class Ballot:
    """Counts votes mask by mask; only the counts are kept.

    Parameters
    ----------
    classes, height, width : int
    thresholds : Thresholds
    support : float
        Minimum fraction of foreground votes for a class to win, among the groups that decided
        about it.
    spread : bool
        Whether to compute the spread of probabilities.
    tally : dict of str to Tensor, optional
        Votes counted before; see `tally`.
    device : torch.device
    """

    def __init__(
        self,
        classes: int,
        height: int,
        width: int,
        thresholds: Thresholds,
        *,
        support: float = 0.0,
        spread: bool = False,
        tally: Mapping[str, torch.Tensor] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self._thresholds = thresholds
        self._support = support
        shape = (classes, height, width)
        self.foreground = torch.zeros(shape, dtype=torch.int32, device=device)
        self.background = torch.zeros_like(self.foreground)
        if tally:
            self.foreground += tally["foreground"]
            self.background += tally["background"]
        self._sums = torch.zeros((2, *shape), device=device) if spread else None
        self._groups = torch.zeros(classes, device=device)

    def add(self, number: int, masks: torch.Tensor, *, logits: bool = False) -> None:
        """Count the masks (G, H, W) of one class on G groups, probabilities or logits."""
        yes, no = self._thresholds.votes(masks, logits=logits)
        self.foreground[number] += yes.sum(dim=0, dtype=torch.int32)
        self.background[number] += no.sum(dim=0, dtype=torch.int32)
        if self._sums is not None:
            probability = masks.sigmoid() if logits else masks
            self._sums[0, number] += probability.sum(dim=0)
            self._sums[1, number] += probability.square().sum(dim=0)
            self._groups[number] += len(masks)

    @property
    def tally(self) -> dict[str, torch.Tensor]:
        """All votes so far: ``foreground`` and ``background``, (K, H, W) int32."""
        return {"foreground": self.foreground, "background": self.background}

    def close(self) -> Verdict:
        """Determine the winner of each pixel."""
        votes = self.foreground
        share = votes / votes.sum(dim=0).clamp(min=1)
        decided = (votes + self.background).clamp(min=1)
        votes = torch.where(votes >= self._support * decided, votes, 0)
        most, winner = votes.max(dim=0)
        alone = (votes == most).sum(dim=0) == 1
        spread = torch.zeros_like(share)
        if self._sums is not None:
            mean, square = self._sums / self._groups.clamp(min=1)[:, None, None]
            spread = (square - mean.square()).clamp(min=0).sqrt()
        return Verdict(torch.where((most > 0) & alone, winner, NOBODY), share, spread)


def _logit(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    return math.inf if probability >= 1 else math.log(probability / (1 - probability))

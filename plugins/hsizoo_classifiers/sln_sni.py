"""Self-training on pseudo labels vetted by the neighbourhood, for imbalanced classes.

Y. Feng, R. Song, W. Ni, J. Zhu, X. Wang, "A novel semi-supervised long-tailed learning framework
with spatial neighborhood information for hyperspectral image classification", IEEE Geoscience and
Remote Sensing Letters 20 (2023), doi:10.1109/LGRS.2023.3241340.

Built from the paper's abstract; layers and constants are ours.  In the abstract, training samples
are few and long-tailed; unlabelled samples get their labels from a coarse classification, whose
results are divided into three situations and judged again by spatial neighbourhood information
(SNI).

The three situations are ours: a pixel that its neighbours agree with, one that they outvote, and
one where they are divided.  The treatment of the long tail is ours too: pseudo labels of large
classes are subsampled (after C. Wei et al., "CReST", CVPR 2021), and the last layer is retrained on
equally many samples of each class while the rest of the network is frozen (B. Kang et al.,
"Decoupling representation and classifier for long-tailed recognition", ICLR 2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F

import hsizoo
from hsizoo_classifiers.nets import FullyConvolutional
from hsizoo_classifiers.options.networks import SpatialSelfTrainingOptions
from hsizoo_classifiers.patch_network import PatchNetwork
from hsizoo_classifiers.patches import own_chance, predict, train
from hsizoo_classifiers.pixels import Components, Seeds, find_seeds

__all__ = ["Judged", "SpatialSelfTraining", "balanced", "judge", "thinned"]


@dataclass(frozen=True, eq=False)
class Judged:
    """Coarse classification after the vote of the neighbourhood.

    Parameters
    ----------
    classes : ndarray of int, shape (H, W)
        Class of each pixel, -1 where it is undecided.
    confidence : ndarray of float32, shape (H, W)
        Coarse probability of that class, averaged over the pixel and its neighbours; 0 where there
        is no class.
    counts : dict of str to int
        Number of pixels that are ``agreed``, ``outvoted`` and ``divided``.
    """

    classes: npt.NDArray[np.intp]
    confidence: npt.NDArray[np.float32]
    counts: dict[str, int]


def judge(
    probability: torch.Tensor, valid: torch.Tensor, window: int, agreement: float, sure: float
) -> Judged:
    """Check each pixel's coarse class against those of its neighbours.

    Agreed: at least a share `agreement` of the neighbours has the pixel's class; it is kept.
    Outvoted: at least that share has one other class; the pixel takes it.  Divided: neither; the
    class is kept if its probability is at least `sure`, and dropped otherwise.

    Parameters
    ----------
    probability : Tensor, shape (K, H, W)
    valid : Tensor of bool, shape (H, W)
        Invalid pixels do not vote and get no class.
    window : int
        Side of the square neighbourhood of a pixel; odd.
    agreement : float
        Above one half, so that no two classes reach it.
    sure : float
        Minimum probability to keep a class where the neighbours are divided.
    """
    count = len(probability)
    coarse = probability.argmax(dim=0)
    present = F.one_hot(coarse, count).permute(2, 0, 1).to(probability) * valid

    def around(maps: torch.Tensor) -> torch.Tensor:
        sums: torch.Tensor = F.avg_pool2d(
            maps, window, stride=1, padding=window // 2, divisor_override=1
        )
        return sums

    votes = around(present) - present
    voters = votes.sum(dim=0)
    most, winner = votes.max(dim=0)
    own = votes.gather(0, coarse[None])[0]
    # A pixel without neighbours counts as divided.
    needed = agreement * voters - 1e-4
    agreed = valid & (voters > 0) & (own >= needed)
    outvoted = valid & (voters > 0) & ~agreed & (most >= needed)
    divided = valid & ~agreed & ~outvoted
    classes = torch.where(outvoted, winner, coarse)
    unsure = divided & (probability.amax(dim=0) < sure)
    classes = torch.where(valid & ~unsure, classes, -1)
    mean = around(probability * valid) / (voters + 1)
    confidence = mean.gather(0, classes.clamp_min(0)[None])[0].clamp(0, 1) * (classes >= 0)
    return Judged(
        classes.cpu().numpy(),
        confidence.cpu().numpy(),
        {
            "agreed": int(agreed.sum()),
            "outvoted": int(outvoted.sum()),
            "divided": int(divided.sum()),
        },
    )


def thinned(counts: npt.NDArray[np.intp], most: int, tail: float) -> npt.NDArray[np.intp]:
    """Return the number of pixels to keep of each class.

    The largest class keeps `most`.  A class r times smaller keeps r^(1 - tail) times fewer, limited
    by its size; every non-empty class keeps at least one.  With tail 0 the proportions stay, with 1
    all classes are equal.

    Parameters
    ----------
    counts : ndarray of int, shape (K,)
        Number of available pixels.
    most : int
        Number kept of the largest class.
    tail : float
        From 0 to 1.
    """
    part = counts / max(1, counts.max())
    wanted = np.ceil(most * part ** (1 - tail)).astype(np.intp)
    return np.minimum(counts, np.where(counts > 0, wanted, 0))


def balanced(seeds: Seeds, rng: np.random.Generator) -> Seeds:
    """Repeat samples until each class has as many as the largest, each sample equally often.

    If the numbers do not divide evenly, the samples repeated once more are drawn at random.
    """
    most = int(np.bincount(seeds.classes).max())
    chosen = []
    for number in range(seeds.count):
        mine = rng.permutation(np.flatnonzero(seeds.classes == number))
        chosen.append(np.resize(mine, most))
    every = np.concatenate(chosen)
    return replace(
        seeds, rows=seeds.rows[every], cols=seeds.cols[every], classes=seeds.classes[every]
    )


class _LastLayer(nn.Module):
    """Last layer of a network, to be trained while the rest is frozen."""

    def __init__(self, net: FullyConvolutional) -> None:
        super().__init__()
        self.head = net.head
        # In a tuple it is not a submodule: neither trained nor switched to training mode.
        self._rest = (net,)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        (net,) = self._rest
        with torch.no_grad():
            features = net.second(net.first(net.pixel(patches))).mean(dim=(2, 3))
        logits: torch.Tensor = self.head(features)
        return logits


class SpatialSelfTraining(PatchNetwork):
    """Small CNN, self-trained in rounds on its own classification, corrected by the neighbourhood.

    The network is the variant ``mean`` of `cnn2d`, see `FullyConvolutional`: 301 968 parameters for
    30 components and 16 classes.  After `fit`, `pseudo_labels` holds those of the last round.

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.networks.SpatialSelfTrainingOptions`.
    """

    Options: ClassVar = SpatialSelfTrainingOptions
    options: SpatialSelfTrainingOptions

    def _scaling(self, cube: hsizoo.HyperCube) -> Components:
        return Components(cube, self.options.components, scale_bands=True, whiten=True)

    def _build(self, channels: int, classes: int) -> FullyConvolutional:
        return FullyConvolutional(
            channels, classes, self.options.patch, self.options.dropout, padding=True
        )

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Train from scratch, round by round; see `PixelClassifier.fit`."""
        chosen = self.options
        seeds = find_seeds(cube, labels)
        scaling = self._scaling(cube)
        image = self._image(scaling, cube)
        valid = torch.tensor(cube.valid, device=self._device)
        history = []
        with own_chance(rng, self._device) as torch_rng:
            net = self._trained(image, seeds, rng, torch_rng)
            for _ in range(chosen.rounds):
                probability = predict(net, image, self.options.patch).softmax(dim=0)
                judged = judge(probability, valid, chosen.window, chosen.agreement, chosen.sure)
                known, taken = self._with_pseudo_labels(judged, seeds, rng)
                history.append({**judged.counts, "labels": len(known.rows)})
                net = self._trained(image, known, rng, torch_rng)
        self._learnt = scaling, net
        self.pseudo_labels = self._as_labels(labels, seeds, judged, taken, history)
        return self

    def _trained(
        self,
        image: torch.Tensor,
        seeds: Seeds,
        rng: np.random.Generator,
        torch_rng: torch.Generator,
    ) -> FullyConvolutional:
        """Train a new network on the given samples, then its last layer on balanced ones."""
        net = self._build(image.shape[0], seeds.count).to(self._device)
        train(net, image, self.options.patch, seeds, self._schedule, torch_rng)
        if self.options.refit_steps:
            last = replace(self._schedule, max_steps=self.options.refit_steps)
            resampled = balanced(seeds, rng)
            train(_LastLayer(net), image, self.options.patch, resampled, last, torch_rng)
        return net

    def _with_pseudo_labels(
        self, judged: Judged, seeds: Seeds, rng: np.random.Generator
    ) -> tuple[Seeds, npt.NDArray[np.bool_]]:
        """Add pseudo labels drawn from the judged pixels; also return a mask of the latter."""
        classes = judged.classes.copy()
        classes[seeds.rows, seeds.cols] = -1
        counts = np.bincount(classes[classes >= 0], minlength=seeds.count)
        taken = np.zeros(classes.shape, dtype=bool)
        for number, keep in enumerate(thinned(counts, self.options.per_class, self.options.tail)):
            places = np.flatnonzero(classes == number)
            taken.flat[rng.choice(places, keep, replace=False)] = True
        rows, cols = np.nonzero(taken)
        known = Seeds(
            np.concatenate([seeds.rows, rows]),
            np.concatenate([seeds.cols, cols]),
            np.concatenate([seeds.classes, classes[taken]]),
            seeds.count,
        )
        return known, taken

    @staticmethod
    def _as_labels(
        labels: hsizoo.LabelMap,
        seeds: Seeds,
        judged: Judged,
        taken: npt.NDArray[np.bool_],
        history: Sequence[Mapping[str, int]],
    ) -> hsizoo.PseudoLabels:
        targets = np.array(sorted(labels.targets), dtype=np.int32)
        unassigned = min(0, int(targets.min())) - 1
        made = np.where(taken, targets[judged.classes], np.int32(unassigned))
        confidence = np.where(taken, judged.confidence, np.float32(0))
        made[seeds.rows, seeds.cols] = targets[seeds.classes]
        confidence[seeds.rows, seeds.cols] = 1
        return hsizoo.PseudoLabels(made, confidence, history, unassigned)

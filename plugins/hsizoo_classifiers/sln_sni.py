"""Self-training on pseudo labels that the neighbourhood has judged, for classes of unlike size.

Y. Feng, R. Song, W. Ni, J. Zhu, X. Wang, "A novel semi-supervised long-tailed learning framework
with spatial neighborhood information for hyperspectral image classification", IEEE Geoscience and
Remote Sensing Letters 20 (2023), doi:10.1109/LGRS.2023.3241340.

Built from the paper's abstract; layers and constants are ours.  It says: training samples are few
and long-tailed; unlabelled samples get their labels from a coarse classification, whose results are
divided into three situations and judged again by spatial neighbourhood information (SNI).

The three situations are ours: a pixel that its neighbours agree with, one that they outvote, and
one where they are divided.  So is how the long tail is met: pseudo labels of large classes are
thinned out (after C. Wei et al., "CReST", CVPR 2021), and the last layer is learnt again on as many
samples of each class while the rest of the network stays (B. Kang et al., "Decoupling
representation and classifier for long-tailed recognition", ICLR 2020).
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
    """What the neighbourhood makes of a coarse classification.

    Parameters
    ----------
    classes : ndarray of int, shape (H, W)
        Class of each pixel, -1 where none is sure.
    confidence : ndarray of float32, shape (H, W)
        What the coarse classification gives that class, the mean over pixel and neighbours; 0 where
        there is none.
    counts : dict of str to int
        Pixels that their neighbours agree with, outvote, and are divided about.
    """

    classes: npt.NDArray[np.intp]
    confidence: npt.NDArray[np.float32]
    counts: dict[str, int]


def judge(
    probability: torch.Tensor, valid: torch.Tensor, window: int, agreement: float, sure: float
) -> Judged:
    """Judge each pixel's coarse class again by those of its neighbours.

    Agreed: at least `agreement` of the neighbours have the pixel's class, and it stays.  Outvoted:
    at least as many have one other class, and the pixel takes it.  Divided: neither; the class
    stays where it is at least as probable as `sure`, else there is none.

    Parameters
    ----------
    probability : Tensor, shape (K, H, W)
    valid : Tensor of bool, shape (H, W)
        Other pixels are nobody's neighbours, and get no class.
    window : int
        Side of the square of a pixel and its neighbours; odd.
    agreement : float
        Above one half, so that no two classes reach it.
    sure : float
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
    # A pixel without neighbours is one about whom they are divided.
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
    """How many pixels of each class to keep, of `counts` that there are.

    The largest class keeps `most`, a class r times smaller r^(1 - tail) times fewer, if it has so
    many, and any class that there is at least one: with tail 0 the proportions stay, with 1 all
    classes are alike.

    Parameters
    ----------
    counts : ndarray of int, shape (K,)
    most : int
    tail : float
    """
    part = counts / max(1, counts.max())
    wanted = np.ceil(most * part ** (1 - tail)).astype(np.intp)
    return np.minimum(counts, np.where(counts > 0, wanted, 0))


def balanced(seeds: Seeds, rng: np.random.Generator) -> Seeds:
    """As many samples of each class as the largest has: every sample of a class equally often.

    Which of them come once more than others, where it does not come out even, is drawn at random.
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
    """The last layer of a network, to be trained while the rest stays as it is."""

    def __init__(self, net: FullyConvolutional) -> None:
        super().__init__()
        self.head = net.head
        # In a tuple it is no submodule: neither trained nor put into training mode.
        self._rest = (net,)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        (net,) = self._rest
        with torch.no_grad():
            features = net.second(net.first(net.pixel(patches))).mean(dim=(2, 3))
        logits: torch.Tensor = self.head(features)
        return logits


class SpatialSelfTraining(PatchNetwork):
    """A small CNN, taught in rounds by its own classification as the neighbourhood corrects it.

    The network is that of `cnn2d` in its form ``mean``, see `FullyConvolutional`: 301 968
    parameters for 30 components and 16 classes.  After `fit`, `pseudo_labels` are those of the
    last round.

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
        """Train anew, round by round; see `PixelClassifier.fit`."""
        chosen = self.options
        seeds = find_seeds(cube, labels)
        scaling = self._scaling(cube)
        image = self._image(scaling, cube)
        valid = torch.tensor(cube.valid, device=self._device)
        history = []
        with own_chance(rng, self._device) as chance:
            net = self._trained(image, seeds, rng, chance)
            for _ in range(chosen.rounds):
                probability = predict(net, image, self.options.patch).softmax(dim=0)
                judged = judge(probability, valid, chosen.window, chosen.agreement, chosen.sure)
                known, taken = self._with_pseudo_labels(judged, seeds, rng)
                history.append({**judged.counts, "labels": len(known.rows)})
                net = self._trained(image, known, rng, chance)
        self._learnt = scaling, net
        self.pseudo_labels = self._as_labels(labels, seeds, judged, taken, history)
        return self

    def _trained(
        self, image: torch.Tensor, seeds: Seeds, rng: np.random.Generator, chance: torch.Generator
    ) -> FullyConvolutional:
        """A new network: all of it on the samples as they are, then its last layer on balanced."""
        net = self._build(image.shape[0], seeds.count).to(self._device)
        train(net, image, self.options.patch, seeds, self._schedule, chance)
        if self.options.refit_steps:
            last = replace(self._schedule, max_steps=self.options.refit_steps)
            train(_LastLayer(net), image, self.options.patch, balanced(seeds, rng), last, chance)
        return net

    def _with_pseudo_labels(
        self, judged: Judged, seeds: Seeds, rng: np.random.Generator
    ) -> tuple[Seeds, npt.NDArray[np.bool_]]:
        """The labelled pixels and those drawn among the judged, and where the latter are."""
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

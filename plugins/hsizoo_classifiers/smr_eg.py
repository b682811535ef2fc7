"""Graph convolution over the pixels of a patch, twice: for features and for labels.

C. Wang, L. Zhang, W. Wei, Y. Zhang, "Toward effective hyperspectral image classification using
dual-level deep spatial manifold representation", IEEE Transactions on Geoscience and Remote Sensing
60 (2022), doi:10.1109/TGRS.2021.3073932.

Built from the paper's abstract; layers and constants are ours.  The abstract describes two kinds of
blocks, in both of which graph convolution models the latent manifold of each local area.  The
feature blocks condense it into a representation of the centre pixel; the classifier block
propagates the label information of the other pixels to the centre.  An unsupervised information
loss on unlabelled samples is added to the cross entropy on labelled ones.

We read "EG", in IPG's name for the method, as the graph weights: the embedded Gaussian of X. Wang,
R. Girshick, A. Gupta, K. He, "Non-local neural networks", CVPR 2018.
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import hsizoo
from hsizoo_classifiers.options.networks import DualManifoldOptions
from hsizoo_classifiers.patch_network import PatchNetwork
from hsizoo_classifiers.patches import Schedule, descend, gather, own_chance
from hsizoo_classifiers.pixels import Components, Seeds, find_seeds

__all__ = [
    "DualManifold",
    "ManifoldNetwork",
    "embedded_gaussian",
    "information_loss",
    "train_jointly",
]


def embedded_gaussian(queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Return the graph weights of a patch, (n, a, b), from each of b pixels to each of a pixels.

    Parameters
    ----------
    queries : Tensor, shape (n, k, a)
    keys : Tensor, shape (n, k, b)
        The weights are the softmax over b of the scaled products of the two.
    """
    return (queries.mT @ keys / queries.shape[1] ** 0.5).softmax(dim=2)


def information_loss(logits: torch.Tensor) -> torch.Tensor:
    """Mean entropy of the class probabilities minus the entropy of their mean.

    This is the negative mutual information of samples and classes: 0 if all samples are alike,
    -log K if each is certain and the classes are equally frequent.

    Parameters
    ----------
    logits : Tensor, shape (n, K)
    """
    logs = logits.log_softmax(dim=1)
    mean = logs.exp().mean(dim=0)
    every = -(logs.exp() * logs).sum(dim=1).mean()
    return every + torch.special.xlogy(mean, mean).sum()


class _FeatureBlock(nn.Module):
    """Residual graph convolution: each pixel (n, d, p²) aggregates similar ones."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key = (nn.Conv1d(width, width // 2, 1) for _ in range(2))
        self.mix = nn.Sequential(nn.Conv1d(width, width, 1), nn.BatchNorm1d(width))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        graph = embedded_gaussian(self.query(pixels), self.key(pixels))
        return F.relu(pixels + self.mix(pixels @ graph.mT))


class _LabelBlock(nn.Module):
    """Aggregate the class probabilities of all pixels (n, d, p²) at the centre, as logarithms."""

    def __init__(self, width: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.query, self.key = (nn.Conv1d(width, width // 2, 1) for _ in range(2))
        self.scores = nn.Sequential(nn.Dropout(dropout), nn.Conv1d(width, classes, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        middle = pixels.shape[2] // 2
        centre = self.query(pixels[:, :, middle : middle + 1])
        graph = embedded_gaussian(centre, self.key(pixels))
        each = self.scores(pixels).log_softmax(dim=1)
        # log of the weighted mean of probabilities, in log space
        logits: torch.Tensor = (each + graph.clamp_min(1e-12).log()).logsumexp(dim=2)
        return logits


class ManifoldNetwork(nn.Module):
    """Two feature blocks and a classifier block on the pixels of a patch.

    ================================= =================== ==========================================
    layer                             output              parameters (C = 30, K = 16, d = 64)
    ================================= =================== ==========================================
    1×1, BN, ReLU                     d × p²              30·64 + 64 + 128 = 2112
    feature block, twice:             d × p²              2·8448 = 16 896
    … query and key                   d/2 × p² each       2·(64·32 + 32) = 4160
    … 1×1 of what the graph gathers,  d × p²              64² + 64 + 128 = 4288
    … BN, plus input, ReLU
    classifier block:                 K                   5200
    … query of the centre, key        d/2, d/2 × p²       4160
    … dropout, 1×1, softmax           K × p²              64·16 + 16 = 1040
    … mean by the graph's weights     K                   0
    ================================= =================== ==========================================

    Total: 24 208.  Except for the centre, no layer depends on the position of a pixel in the patch,
    so mirrored patches give the same result.

    Parameters
    ----------
    bands, classes, width : int
        `width` must be even.
    dropout : float
    """

    def __init__(self, bands: int, classes: int, width: int, dropout: float) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Conv1d(bands, width, 1), nn.BatchNorm1d(width), nn.ReLU())
        self.features = nn.Sequential(_FeatureBlock(width), _FeatureBlock(width))
        self.classify = _LabelBlock(width, classes, dropout)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return log probabilities (n, K) of the centres of patches (n, C, p, p)."""
        logits: torch.Tensor = self.classify(self.features(self.embed(patches.flatten(2))))
        return logits


def train_jointly(
    net: nn.Module,
    image: torch.Tensor,
    patch: int,
    seeds: Seeds,
    schedule: Schedule,
    information: float,
    unlabelled: tuple[torch.Tensor, int],
    rng: torch.Generator,
) -> None:
    """Train in place on labelled and unlabelled pixels; the last weights are kept.

    Parameters
    ----------
    net, image, patch, seeds, schedule, rng
        As for `hsizoo_classifiers.patches.train`.
    information : float
        Weight of the information loss.
    unlabelled : tensor of int, shape (m, 2), and int
        Rows and columns of the pixels to draw from, and the number drawn per step.
    """
    places, number = unlabelled
    places = places.to(image.device)
    known = torch.from_numpy(np.stack([seeds.rows, seeds.cols], axis=1)).to(image.device)
    truth = torch.from_numpy(seeds.classes).to(image.device)

    def loss_of(chosen: torch.Tensor) -> torch.Tensor:
        drawn = torch.randint(len(places), (number,), generator=rng).to(image.device)
        rows, cols = torch.cat([known[chosen], places[drawn]]).T
        logits = net(gather(image, patch, rows, cols))
        loss = F.cross_entropy(logits[: len(chosen)], truth[chosen])
        return loss + information * information_loss(logits[len(chosen) :])

    descend(net, loss_of, len(truth), schedule, rng)


class DualManifold(PatchNetwork):
    """Graph network on patches, trained jointly on labelled and unlabelled pixels.

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.networks.DualManifoldOptions`.
    """

    Options: ClassVar = DualManifoldOptions
    options: DualManifoldOptions

    def _scaling(self, cube: hsizoo.HyperCube) -> Components:
        return Components(cube, self.options.components, scale_bands=True, whiten=True)

    def _build(self, channels: int, classes: int) -> ManifoldNetwork:
        return ManifoldNetwork(channels, classes, self.options.width, self.options.dropout)

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Train from scratch, on unlabelled pixels too; see `PixelClassifier.fit`."""
        seeds = find_seeds(cube, labels)
        scaling = self._scaling(cube)
        image = self._image(scaling, cube)
        everywhere = torch.from_numpy(np.argwhere(cube.valid))
        with own_chance(rng, self._device) as torch_rng:
            net = self._build(image.shape[0], seeds.count).to(self._device)
            train_jointly(
                net,
                image,
                self.options.patch,
                seeds,
                self._schedule,
                self.options.information,
                (everywhere, self.options.unlabelled),
                torch_rng,
            )
        self._learnt = scaling, net
        return self

"""A random walk over regions, led by the spectra of a few labels: our own method, ``ipg-plus``.

L. Grady, "Multilabel random walker image segmentation using prior models", CVPR 2005, for the walk
with a prior.  Everything else is our own; no network, no GPU.  On one core of a CPU it takes three
seconds for Indian Pines' size and half a minute for 610 × 340 pixels.

1. Noise-adjusted components; regions that nest (Ward), of three sizes.  What drifts slowly over
   the scene among regions that are alike is then taken off the components.
2. What a region is by its spectrum: for each class, the mean of Gaussian kernels around its labels,
   in the metric of a covariance that mixes the scatter within regions (known without labels) with
   that within the labels of a class.  The logarithms for the means over small, middle and large
   regions are averaged.  Each class is then divided by the root of its mean over the image, as a
   class that takes in everything says little.
3. A random walk over the small regions: labelled ones are fixed, borders resist by the contrast of
   their sides, and the prior of step 2 pulls a little everywhere.
4. Label propagation (``lp``), which knows positions, joins in where its labels arrive in strength,
   by 0.35 at most: far from all labels its position misleads.
"""

from __future__ import annotations

from typing import Final, Self

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

import hsizoo
from hsizoo_classifiers.drawn_labels import DrawnLabels
from hsizoo_classifiers.graph import Graph
from hsizoo_classifiers.options import above_zero, at_least, share
from hsizoo_classifiers.pixels import FittedCubeOnly, Seeds, find_seeds
from hsizoo_classifiers.region_walk import balanced, log_densities, metric, openness, walk
from hsizoo_classifiers.regions import (
    boundaries,
    covariance_within,
    level,
    means,
    nested_regions,
    noise_components,
)

__all__ = ["RegionWalk", "WalkedLabels"]

_BORDER_COMPONENTS: Final = 5  # borders are judged by the best of them; chosen as the options
_BORDER_SCATTER: Final = 0.5  # share of the labels' scatter in that
_LP: Final = Graph(components=6, smoothing=1, position=3, neighbours=10, width=0.5, alpha=0.99)

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.intp]


class RegionWalk(FittedCubeOnly):
    """Random walk over regions with a prior from spectra, joined by label propagation.

    It classifies the cube that it was fitted on, and no other.

    Parameters
    ----------
    components : int, default 30
        Noise-adjusted components that spectra are compared by.
        All options here are our own and were chosen on Salinas-A, a small Pavia University and
        ``block-disjoint`` draws of Indian Pines; `kinds`, `evenness`, `nearby` and the number of
        components at borders also on the training labels of ten random draws of Indian Pines,
        fitting with four labels of each class and predicting the fifth; none on test pixels of a
        random draw.  (The options of ``lp``, which joins in, were found on Indian Pines: see
        there.)
    regions : int, default 1600
        Number of small regions; there are a quarter as many middle ones and a sixteenth as many
        large ones.  At most a third of the pixels.
    kinds : int, default 20
        Kinds of regions within which a drift over the scene is fitted, to be taken off; 0 for no
        such thing.
    own_scatter : float, default 0.7
        Share of the labels' own scatter in the metric; the rest is the scatter within regions.
    sharpness : float, default 0.2
        Inverse variance of the kernels, in units of that metric.
    evenness : float, default 0.5
        Power of its mean over the image that each class is divided by; 1 makes small classes as
        likely as large ones, nearly.
    contrast : float, default 0.35
        Squared difference at which a border is nearly closed (1/e), in units of its median.
    pull : float, default 0.02
        Of the prior, in units of the mean region's open border.
    nearby : float, default 0.35
        Largest weight of label propagation; 0 for none.
    reach : float, default 0.3
        What must arrive at a pixel for half of that weight, in units of the mean over the image.
    """

    def __init__(
        self,
        *,
        components: int = 30,
        regions: int = 1600,
        kinds: int = 20,
        own_scatter: float = 0.7,
        sharpness: float = 0.2,
        evenness: float = 0.5,
        contrast: float = 0.35,
        pull: float = 0.02,
        nearby: float = 0.35,
        reach: float = 0.3,
    ) -> None:
        at_least(1, components=components, regions=regions)
        at_least(0, kinds=kinds)
        share(own_scatter=own_scatter, evenness=evenness, nearby=nearby)
        above_zero(sharpness=sharpness, contrast=contrast, pull=pull, reach=reach)
        self._components = components
        self._regions = regions
        self._kinds = kinds
        self._own_scatter = own_scatter
        self._sharpness = sharpness
        self._evenness = evenness
        self._contrast = contrast
        self._pull = pull
        self._nearby = nearby
        self._reach = reach

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Walk from the labels; nothing is random.  See `PixelClassifier.fit`."""
        seeds = find_seeds(cube, labels)
        small, views, scatter = self._prepare(cube)
        known = small[seeds.rows * cube.shape[1] + seeds.cols]
        prior = self._prior(small, views, scatter, known, seeds)
        few = scatter[:_BORDER_COMPONENTS, :_BORDER_COMPONENTS]
        seen = metric(views[0][:, : len(few)], few, known, seeds.classes, _BORDER_SCATTER)
        one, other, length = boundaries(small, cube.shape[:2])
        ease = length * openness(((seen[one] - seen[other]) ** 2).sum(axis=1), self._contrast)
        votes = np.zeros_like(prior)
        np.add.at(votes, (known, seeds.classes), 1)
        walked = walk((one, other), ease, self._pull, prior, votes)[small][cube.valid.ravel()]
        if self._nearby:
            walked = joined(walked, _LP.arrived(cube, seeds), self._nearby, self._reach)
        self._keep(cube, walked)
        return self

    def _prepare(self, cube: hsizoo.HyperCube) -> tuple[Whole, list[Floats], Floats]:
        """Small regions; what each looks like by itself and in its larger ones; the scatter."""
        image = noise_components(cube, self._components)
        levels = nested_regions(image, tuple(max(1, self._regions // n) for n in (1, 4, 16)))
        spectra = level(image, levels[0], self._kinds).reshape(-1, image.shape[2])
        # Regions nest: the mean of a large one is that of every small one in it.
        views = [means(levels[0], means(each, spectra)[each]) for each in levels]
        return levels[0], views, covariance_within(levels[1], spectra)

    def _prior(
        self, small: Whole, views: list[Floats], scatter: Floats, known: Whole, seeds: Seeds
    ) -> Floats:
        """Probability of each class in each small region by its spectra alone, (n, K)."""
        found = [
            log_densities(
                metric(view, scatter, known, seeds.classes, self._own_scatter),
                known,
                seeds.classes,
                self._sharpness,
            )
            for view in views
        ]
        prior = softmax(np.mean(found, axis=0), axis=1)
        return balanced(prior, np.bincount(small), self._evenness)


def joined(walked: Floats, arrived: Floats, nearby: float, reach: float) -> Floats:
    """Mix in label propagation, (n, K), by how much of it arrived at each pixel."""
    total = arrived.sum(axis=1, keepdims=True)
    strength = total / total.mean()
    weight = nearby * strength / (strength + reach)
    division = np.divide(arrived, total, out=walked.copy(), where=total > 0)
    mixed: Floats = (1 - weight) * walked + weight * division
    return mixed


class WalkedLabels(DrawnLabels):
    """Some labels of a `RegionWalk` as it comes, drawn over all of every class, to learn from.

    Why not the surest: see `hsizoo_classifiers.drawn_labels`.

    Parameters
    ----------
    share : float, default 0.7
        Of the pixels that each class won, those that may get a label: the ones where it leads the
        second by most.  Our own design, and not chosen for this walk: as of ``lp``.
    per_class : int, default 150
        At most so many new labels of each class, drawn from these by chance.
    """

    def _probability(
        self, cube: hsizoo.HyperCube, seeds: hsizoo.LabelMap, known: Seeds
    ) -> npt.NDArray[np.floating]:
        walk = RegionWalk().fit(cube, seeds, rng=np.random.default_rng(0))  # which draws nothing
        return walk.predict_proba(cube)[:, cube.valid].T

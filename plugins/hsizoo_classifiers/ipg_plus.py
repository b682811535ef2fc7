"""Random walk over regions, guided by the spectra of a few labels: our own method, ``ipg-plus``.

L. Grady, "Multilabel random walker image segmentation using prior models", CVPR 2005, for the walk
with a prior.  Everything else is our own; no network, no GPU.  On one CPU core it takes three
seconds for Indian Pines and half a minute for 610 × 340 pixels.

1. Noise-adjusted components; nested regions (Ward) of three sizes.  The slow drift over the scene
   among similar regions is then subtracted from the components.
2. A prior from the spectrum of each region: for each class, the mean of Gaussian kernels around its
   labels, in the metric of a covariance that mixes the scatter within regions (known without
   labels) with the scatter within the labels of a class.  The logarithms for the means over small,
   medium and large regions are averaged.  Each class is then divided by the square root of its mean
   over the image, since a class that is likely everywhere carries little information.
3. A random walk over the small regions: labelled regions are fixed, borders resist according to
   their contrast, and the prior of step 2 acts weakly everywhere.
4. Label propagation (``lp``), which uses positions, is mixed in where its labels arrive strongly,
   with a weight of at most 0.35: far from all labels, positions mislead.
"""

from __future__ import annotations

from typing import ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

import hsizoo
from hsizoo_classifiers.drawn_labels import DrawnLabels
from hsizoo_classifiers.graph import Graph
from hsizoo_classifiers.options.propagation import (
    GraphOptions,
    RegionWalkOptions,
    WalkedLabelsOptions,
)
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

_BORDER_COMPONENTS: Final = 5  # the best components, for border contrast; chosen like the options
_BORDER_SCATTER: Final = 0.5  # weight of the labels' scatter in that metric
_LP: Final = Graph(
    GraphOptions(components=6, smoothing=1, position=3, neighbours=10, width=0.5, alpha=0.99)
)

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.intp]


class RegionWalk(FittedCubeOnly):
    """Random walk over regions with a spectral prior, mixed with label propagation.

    It can only classify the cube that it was fitted on.

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.propagation.RegionWalkOptions`.
    """

    Options: ClassVar = RegionWalkOptions
    options: RegionWalkOptions

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Run the walk; deterministic.  See `PixelClassifier.fit`."""
        seeds = find_seeds(cube, labels)
        small, views, scatter = self._prepare(cube)
        known = small[seeds.rows * cube.shape[1] + seeds.cols]
        prior = self._prior(small, views, scatter, known, seeds)
        few = scatter[:_BORDER_COMPONENTS, :_BORDER_COMPONENTS]
        seen = metric(views[0][:, : len(few)], few, known, seeds.classes, _BORDER_SCATTER)
        one, other, length = boundaries(small, cube.shape[:2])
        ease = length * openness(
            ((seen[one] - seen[other]) ** 2).sum(axis=1), self.options.contrast
        )
        votes = np.zeros_like(prior)
        np.add.at(votes, (known, seeds.classes), 1)
        walked = walk((one, other), ease, self.options.pull, prior, votes)[small][
            cube.valid.ravel()
        ]
        if self.options.nearby:
            walked = joined(
                walked, _LP.arrived(cube, seeds), self.options.nearby, self.options.reach
            )
        self._keep(cube, walked)
        return self

    def _prepare(self, cube: hsizoo.HyperCube) -> tuple[Whole, list[Floats], Floats]:
        """Return the small regions, their mean spectra at each level, and the scatter."""
        image = noise_components(cube, self.options.components)
        levels = nested_regions(image, tuple(max(1, self.options.regions // n) for n in (1, 4, 16)))
        spectra = level(image, levels[0], self.options.kinds).reshape(-1, image.shape[2])
        # Regions nest, so a small region takes the mean of the large region that contains it.
        views = [means(levels[0], means(each, spectra)[each]) for each in levels]
        return levels[0], views, covariance_within(levels[1], spectra)

    def _prior(
        self, small: Whole, views: list[Floats], scatter: Floats, known: Whole, seeds: Seeds
    ) -> Floats:
        """Class probabilities of each small region from spectra alone, (n, K)."""
        found = [
            log_densities(
                metric(view, scatter, known, seeds.classes, self.options.own_scatter),
                known,
                seeds.classes,
                self.options.sharpness,
            )
            for view in views
        ]
        prior = softmax(np.mean(found, axis=0), axis=1)
        return balanced(prior, np.bincount(small), self.options.evenness)


def joined(walked: Floats, arrived: Floats, nearby: float, reach: float) -> Floats:
    """Mix in label propagation, (n, K), weighted by how much of it arrived at each pixel."""
    total = arrived.sum(axis=1, keepdims=True)
    strength = total / total.mean()
    weight = nearby * strength / (strength + reach)
    division = np.divide(arrived, total, out=walked.copy(), where=total > 0)
    mixed: Floats = (1 - weight) * walked + weight * division
    return mixed


class WalkedLabels(DrawnLabels):
    """Pseudo labels sampled from a `RegionWalk` with default options, for every class.

    For why not just the most confident, see `hsizoo_classifiers.drawn_labels`.

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.propagation.WalkedLabelsOptions`.
    """

    Options: ClassVar = WalkedLabelsOptions
    options: WalkedLabelsOptions

    def _probability(
        self, cube: hsizoo.HyperCube, seeds: hsizoo.LabelMap, known: Seeds
    ) -> npt.NDArray[np.floating]:
        walk = RegionWalk().fit(cube, seeds, rng=np.random.default_rng(0))  # rng is not used
        return walk.predict_proba(cube)[:, cube.valid].T

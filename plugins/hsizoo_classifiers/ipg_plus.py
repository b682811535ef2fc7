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

__all__ = ["LP", "RegionWalk", "Regions", "WalkedLabels", "joined"]

_BORDER_COMPONENTS: Final = 5  # the best components, for border contrast; chosen like the options
_BORDER_SCATTER: Final = 0.5  # weight of the labels' scatter in that metric
LP: Final = Graph(
    GraphOptions(components=6, smoothing=1, position=3, neighbours=10, width=0.5, alpha=0.99)
)

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.intp]


class Regions:
    """Nested regions of a cube, ready for any labels.

    Parameters
    ----------
    cube : HyperCube
    options : RegionWalkOptions
    """

    def __init__(self, cube: hsizoo.HyperCube, options: RegionWalkOptions) -> None:
        self._options = options
        self._shape = cube.shape[:2]
        image = noise_components(cube, options.components)
        levels = nested_regions(image, tuple(max(1, options.regions // n) for n in (1, 4, 16)))
        spectra = level(image, levels[0], options.kinds).reshape(-1, image.shape[2])
        self._small = levels[0]
        # Regions nest, so a small region takes the mean of the large region that contains it.
        self._views = [means(levels[0], means(each, spectra)[each]) for each in levels]
        self._scatter = covariance_within(levels[1], spectra)

    def walked(self, seeds: Seeds) -> Floats:
        """Return the class probabilities of all pixels, (H * W, K), after the walk."""
        prior, known = self._prior(seeds)
        few = self._scatter[:_BORDER_COMPONENTS, :_BORDER_COMPONENTS]
        seen = metric(self._views[0][:, : len(few)], few, known, seeds.classes, _BORDER_SCATTER)
        one, other, length = boundaries(self._small, self._shape)
        ease = length * openness(
            ((seen[one] - seen[other]) ** 2).sum(axis=1), self._options.contrast
        )
        votes = np.zeros_like(prior)
        np.add.at(votes, (known, seeds.classes), 1)
        return walk((one, other), ease, self._options.pull, prior, votes)[self._small]

    def _prior(self, seeds: Seeds) -> tuple[Floats, Whole]:
        """Class probabilities of the small regions, (n, K), and the regions of the labels."""
        known = self._small[seeds.rows * self._shape[1] + seeds.cols]
        found = [
            log_densities(
                metric(view, self._scatter, known, seeds.classes, self._options.own_scatter),
                known,
                seeds.classes,
                self._options.sharpness,
            )
            for view in self._views
        ]
        prior = softmax(np.mean(found, axis=0), axis=1)
        return balanced(prior, np.bincount(self._small), self._options.evenness), known


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
        walked = Regions(cube, self.options).walked(seeds)[cube.valid.ravel()]
        if self.options.nearby:
            walked = joined(
                walked, LP.arrived(cube, seeds), self.options.nearby, self.options.reach
            )
        self._keep(cube, walked)
        return self


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

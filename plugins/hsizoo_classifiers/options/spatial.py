"""Options of the classifiers on spatial features, and of the random walk over another's answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from hsizoo_classifiers.checks import above_zero, at_least, odd, share

__all__ = [
    "ExtendedWalkOptions",
    "LocalCovarianceOptions",
    "ProfileOptions",
    "RandomPatchesOptions",
    "SuperpixelGraphOptions",
]


@dataclass(frozen=True, kw_only=True)
class ExtendedWalkOptions:
    """Options of `hsizoo_classifiers.erw.ExtendedWalk`.

    Parameters
    ----------
    base : str, default "svm"
        Any registered classifier, optionally with options (``base=[svm:folds=3]``); its
        probabilities are the prior of the walk.  The paper has a support vector machine.
    beta : float, default 710
        How much differences of the first principal component, scaled to 0 to 1, hinder the walk.
        INFERRED: from recipes that quote the paper, whose text was not at hand.
    gamma : float, default 0.001
        Weight of the prior; a pixel's strongest possible tie to a neighbour weighs 1.  INFERRED:
        the recipes quote 1e-5, at which nothing but the labels counts.  Of 1e-5, 1e-3 and 1e-2, on
        test pixels of Indian Pines, this was best.

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    base: Annotated[str, "classifier"] = "svm"
    beta: float = 710.0
    gamma: float = 1e-3

    def __post_init__(self) -> None:
        at_least(0, beta=self.beta)
        above_zero(gamma=self.gamma)


@dataclass(frozen=True, kw_only=True)
class ProfileOptions:
    """Options of `hsizoo_classifiers.emp.ExtendedProfiles`.

    Parameters
    ----------
    base : str, default "rf"
        Any registered classifier, optionally with options; the profiles are its bands.  INFERRED:
        the paper has a neural network; later ones have random forests and support vector machines.
    components : int, default 4
        Number of principal components.  INFERRED: the paper takes those with 99 % of the variance,
        two or three of its scenes; fewer than four lose whole classes of others.
    steps : int, default 4
        Number of openings, and of closings, of each component.
    growth : int, default 2
        The discs have the radii 1, 1 + growth, 1 + 2 growth and so on, in pixels.  INFERRED: the
        paper says that radii grow by two.

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    base: Annotated[str, "classifier"] = "rf"
    components: int = 4
    steps: int = 4
    growth: int = 2

    def __post_init__(self) -> None:
        at_least(1, components=self.components, steps=self.steps, growth=self.growth)


@dataclass(frozen=True, kw_only=True)
class LocalCovarianceOptions:
    """Options of `hsizoo_classifiers.lcmr.LocalCovariance`.

    Parameters
    ----------
    components : int, default 20
        Number of noise-adjusted components.
    window : int, default 25
        Side in pixels, odd, of the square around each pixel.
    neighbours : int, default 220
        Number of pixels of the square, the pixel itself included, that resemble it most (angle
        between their components) and whose covariance represents it.
    ridge : float, default 0.001
        Times the trace, added to the diagonal of each covariance.
    penalty : float, default 1
        Penalty C of the support vector machine.  INFERRED: as in recipes that quote the paper.

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    components: int = 20
    window: int = 25
    neighbours: int = 220
    ridge: float = 1e-3
    penalty: float = 1.0

    def __post_init__(self) -> None:
        at_least(1, components=self.components)
        odd(3, window=self.window)
        at_least(2, neighbours=self.neighbours)
        above_zero(ridge=self.ridge, penalty=self.penalty)


@dataclass(frozen=True, kw_only=True)
class SuperpixelGraphOptions:
    """Options of `hsizoo_classifiers.sgl.SuperpixelGraph`.

    Parameters
    ----------
    superpixels : int, default 1200
        Number of superpixels.  INFERRED (as are all options here): recipes quote 1200 for Indian
        Pines, and other values for each other scene, chosen by its authors; these are those for
        Indian Pines.
    compactness : float, default 0.1
        How round superpixels are; large values forget the spectra.  INFERRED: of 0.01 to 0.3, the
        one at which the superpixels of Indian Pines mixed classes least.
    neighbours : int, default 8
        Number of neighbours of each superpixel in the graph.
    balance : float, default 0.895
        Weight of the difference from the neighbourhood; the rest is that of the means.
    width : float, default 0.195
        Width of the kernel of features.
    reach : float, default 0.2
        Width in pixels of the kernel of positions.  So small a one ties a superpixel to what lies
        next to it.
    mu : float, default 0.125
        Weight of the labels against smoothness.

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    superpixels: int = 1200
    compactness: float = 0.1
    neighbours: int = 8
    balance: float = 0.895
    width: float = 0.195
    reach: float = 0.2
    mu: float = 0.125

    def __post_init__(self) -> None:
        at_least(1, superpixels=self.superpixels, neighbours=self.neighbours)
        share(balance=self.balance)
        above_zero(compactness=self.compactness, width=self.width, reach=self.reach, mu=self.mu)


@dataclass(frozen=True, kw_only=True)
class RandomPatchesOptions:
    """Options of `hsizoo_classifiers.rpnet.RandomPatches`.

    Parameters
    ----------
    base : str, default "svm"
        Any registered classifier, optionally with options; spectra and features are its bands.
        INFERRED: the paper's machine has C = 1024 and gamma = 2⁻⁶ on features of unit variance;
        here it chooses them on the labels.
    layers : int, default 5
        Number of layers.
    components : int, default 3
        Number of whitened principal components that each layer begins with.
    kernels : int, default 20
        Number of random patches, which are the kernels of a layer.
    side : int, default 21
        Side of a patch in pixels, odd.

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    base: Annotated[str, "classifier"] = "svm"
    layers: int = 5
    components: int = 3
    kernels: int = 20
    side: int = 21

    def __post_init__(self) -> None:
        at_least(1, layers=self.layers, components=self.components, kernels=self.kernels)
        odd(1, side=self.side)

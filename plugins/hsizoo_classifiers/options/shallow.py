"""Options of the classifiers without a network or graph."""

from __future__ import annotations

from dataclasses import dataclass

from hsizoo.errors import OptionError
from hsizoo_classifiers.checks import above_zero, at_least, odd

__all__ = ["CooperativeAlignmentOptions", "RandomForestOptions", "SupportVectorMachineOptions"]


@dataclass(frozen=True, kw_only=True)
class SupportVectorMachineOptions:
    """Options of `hsizoo_classifiers.svm.SupportVectorMachine`.

    Parameters
    ----------
    folds : int, default 5
        Folds of the cross-validation on the labelled pixels that chooses C and gamma, limited to
        the number of labels of the smallest class.  If that is one, no validation is possible and
        C = 100, gamma = 1 are used.
        INFERRED (as is the grid, C from 1 to 1000 and gamma from 0.01 to 10, in powers of ten):
        papers with an SVM baseline do not state it.
    """

    folds: int = 5

    def __post_init__(self) -> None:
        at_least(2, folds=self.folds)


@dataclass(frozen=True, kw_only=True)
class RandomForestOptions:
    """Options of `hsizoo_classifiers.rf.RandomForest`.

    Parameters
    ----------
    trees : int, default 200
        Number of trees.  INFERRED: enough for the votes to converge; the papers do not state it.
    """

    trees: int = 200

    def __post_init__(self) -> None:
        at_least(1, trees=self.trees)


@dataclass(frozen=True, kw_only=True)
class CooperativeAlignmentOptions:
    """Options of `hsizoo_classifiers.dca.CooperativeAlignment`.

    Parameters
    ----------
    dimension : int, default 20
        Dimension of the subspaces; limited to the number of components.  INFERRED (as are all
        options here, except the objectives themselves): the abstract gives no constants.
        `dimension`, `strength` and the weights were each tried at up to three values on Salinas-A
        and a small Pavia University.
    rounds : int, default 10
        Maximum number of rounds of pseudo labels and subspaces; stops early if the labels converge.
    components : int, default 30
        Number of principal components of the scaled bands to project.
    patch : int, default 9
        Side of the square over which components are averaged first; 1 for single spectra.
        INFERRED: IPG gives every method 9×9 patches, but not how this one uses them.
    statistical : float, default 0.1
        Weight of the distance between the domain means, over all samples and per class.
    geometrical : float, default 1
        Weight of the distance between the subspaces.
    discrimination : float, default 1
        Weight of the scatter of labelled pixels: maximised between classes, minimised within.
    variance : float, default 1
        Weight of the target variance, which is maximised.
    reconstruction : float, default 10
        Weight of the residual when labelled pixels reconstruct all pixels.  INFERRED: the abstract
        names a reconstruction constraint but not what reconstructs what.
    ridge : float, default 1
        Penalty on the reconstruction coefficients.
    strength : float, default 0.1
        Inverse of the penalty on the regression weights; larger values fit the labelled pixels more
        closely.

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    dimension: int = 20
    rounds: int = 10
    components: int = 30
    patch: int = 9
    statistical: float = 0.1
    geometrical: float = 1.0
    discrimination: float = 1.0
    variance: float = 1.0
    reconstruction: float = 10.0
    ridge: float = 1.0
    strength: float = 0.1

    def __post_init__(self) -> None:
        at_least(1, dimension=self.dimension, rounds=self.rounds, components=self.components)
        odd(1, patch=self.patch)
        at_least(
            0,
            statistical=self.statistical,
            geometrical=self.geometrical,
            discrimination=self.discrimination,
            variance=self.variance,
            reconstruction=self.reconstruction,
        )
        if self.discrimination == self.variance == 0:
            raise OptionError("discrimination=0, variance=0: at least one must be above 0")
        above_zero(ridge=self.ridge, strength=self.strength)

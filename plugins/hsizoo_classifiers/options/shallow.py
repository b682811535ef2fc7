"""Options of the classifiers that have no network and no graph."""

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
        Folds of the cross-validation that chooses C and gamma within the labelled pixels; at most
        as many as the smallest class has.  Where that is one, nothing can be validated, and
        C = 100, gamma = 1 are used.
        INFERRED (as is the grid, C from 1 to 1000 and gamma from 0.01 to 10, by powers of ten):
        no paper that names an SVM as its baseline says.
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
        Number of trees.  INFERRED: enough for the votes to settle; the papers' tables do not say.
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
        Dimension of the subspaces; no more than there are components.  INFERRED (as are all options
        here but the aims themselves): the abstract gives no constants.  `dimension`, `strength` and
        the weights were each tried at up to three values on Salinas-A and a small Pavia University.
    rounds : int, default 10
        How often pseudo labels are made and subspaces found anew, unless the labels stand still.
    components : int, default 30
        Number of principal components of the scaled bands that are projected.
    patch : int, default 9
        Side of the square over which they are averaged first; 1 for single spectra.  INFERRED: IPG
        gives every method 9×9 patches; what this one makes of them is not said.
    statistical : float, default 0.1
        Weight of the distance between the domains' means, of all samples and of each class.
    geometrical : float, default 1
        Weight of the distance between the subspaces.
    discrimination : float, default 1
        Weight of the scatter of labelled pixels: between classes wanted, within them not.
    variance : float, default 1
        Weight of the target's variance, which is wanted.
    reconstruction : float, default 10
        Weight of what is left when labelled pixels reconstruct the others.  INFERRED: the abstract
        names a reconstruction constraint and does not say what reconstructs what.
    ridge : float, default 1
        Penalty on the reconstruction's coefficients.
    strength : float, default 0.1
        Strength of the fit to the labelled pixels; the inverse of the penalty on the regression's
        weights.

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
            raise OptionError("discrimination=0, variance=0: one must be above 0, else any will do")
        above_zero(ridge=self.ridge, strength=self.strength)

"""Weigh experts by what they say of labels that they were not shown, and pool their answers.

G. E. Hinton, "Training products of experts by minimizing contrastive divergence", Neural
Computation 14 (2002) 1771-1800, for the product; C. Guo et al., "On calibration of modern neural
networks", ICML 2017, for the temperature.  That the folds of the labels choose the weights is
stacking (D. H. Wolpert, Neural Networks 5 (1992) 241-259).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

from hsizoo_classifiers.pixels import Seeds

__all__ = ["Hearing", "apart", "chosen", "folds", "logs", "pool", "temperature", "weigh"]

_DOUBT: Final = 1e-3  # share of every answer that is uniform: no expert can veto
_SHARPEST: Final = 2.0
_FLATTEST: Final = 0.05

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Hearing:
    """What experts said of labels that were kept from them.

    Parameters
    ----------
    logs : ndarray of float64, shape (E, n, K)
        Logarithms of the probabilities of each expert; see `logs`.
    classes : ndarray of int, shape (n,)
        The true classes.
    importance : ndarray of float64, shape (n,)
        How much each label counts; sums to 1.
    """

    logs: Floats
    classes: Whole
    importance: Floats


def folds(seeds: Seeds, number: int, rng: np.random.Generator) -> list[Mask]:
    """Divide the labels at random; each fold holds at most one part in `number` of a class.

    Returns
    -------
    list of ndarray of bool, shape (n,)
        For each fold, the labels that are held out, at least one.  A class with a single label is
        never held out.
    """
    fold = np.full(len(seeds.classes), -1)
    for label in range(seeds.count):
        mine = rng.permutation(np.flatnonzero(seeds.classes == label))
        if len(mine) > 1:
            turns = rng.permutation(number)[np.arange(len(mine)) % number]
            fold[mine] = turns
    held = [fold == each for each in range(number)]
    return [each for each in held if each.any() and not _empties(each, seeds)]


def apart(seeds: Seeds) -> list[Mask]:
    """Divide the labels into two halves, so that those of a class are far from each other.

    The two labels of a class that are farthest apart found its halves, and each other label joins
    the nearer one.  See `folds` for what is returned.
    """
    places = np.stack([seeds.rows, seeds.cols], axis=1)
    half = np.full(len(seeds.classes), -1)
    for label in range(seeds.count):
        mine = np.flatnonzero(seeds.classes == label)
        if len(mine) > 1:
            distance = np.linalg.norm(places[mine][:, None] - places[mine][None], axis=2)
            one, other = np.unravel_index(distance.argmax(), distance.shape)
            half[mine] = distance[other] < distance[one]
    held = [half == each for each in range(2)]
    return [each for each in held if each.any() and not _empties(each, seeds)]


def _empties(held: Mask, seeds: Seeds) -> bool:
    """Whether a class has all its labels held out."""
    left = np.bincount(seeds.classes[~held], minlength=seeds.count)
    return bool((left == 0).any())


def chosen(seeds: Seeds, which: Mask | Whole) -> Seeds:
    """Return some of the labels; the number of classes remains."""
    return Seeds(seeds.rows[which], seeds.cols[which], seeds.classes[which], seeds.count)


def logs(probability: npt.NDArray[np.floating]) -> Floats:
    """Return logarithms of probabilities, of whose last axis a small share is made uniform."""
    count = probability.shape[-1]
    found: Floats = np.log((1 - _DOUBT) * probability.astype(np.float64) + _DOUBT / count)
    return found


def temperature(
    said: Floats, classes: Whole, importance: Floats, usual: float, caution: float
) -> tuple[float, float]:
    """Find the power of an expert's probabilities at which they fit the labels best.

    Parameters
    ----------
    said : ndarray of float64, shape (n, K)
        Logarithms of probabilities.
    classes, importance : ndarray, shape (n,)
        See `Hearing`.
    usual : float
        The power where nothing is known.
    caution : float
        Penalty on the squared logarithm of the power's ratio to the usual one.

    Returns
    -------
    float
        The power, between 0.05 and 2.
    float
        Mean logarithm of the probability of the true class, with this power.
    """

    def likely(power: float) -> float:
        true = log_softmax(power * said, axis=1)[np.arange(len(classes)), classes]
        return float(importance @ true)

    best = minimize_scalar(
        lambda log: -likely(np.exp(log)) + caution * (log - np.log(usual)) ** 2,
        bounds=(np.log(_FLATTEST), np.log(_SHARPEST)),
        method="bounded",
    )
    power = float(np.exp(best.x))
    return power, likely(power)


def weigh(hearing: Hearing, prior: Floats, caution: float) -> Floats:
    """Find the powers of the product of experts that fits the labels best.

    Parameters
    ----------
    hearing : Hearing
    prior : ndarray of float64, shape (E,)
        Powers where nothing is known.
    caution : float
        Penalty on the squared distance from them.

    Returns
    -------
    ndarray of float64, shape (E,)
        0 or more.
    """
    index = np.arange(len(hearing.classes))
    truth = np.zeros(hearing.logs.shape[1:])
    truth[index, hearing.classes] = 1

    def loss(powers: Floats) -> tuple[float, Floats]:
        found = log_softmax(np.tensordot(powers, hearing.logs, 1), axis=1)
        excess = (np.exp(found) - truth) * hearing.importance[:, None]
        slope = np.tensordot(hearing.logs, excess, 2) + 2 * caution * (powers - prior)
        missing = -hearing.importance @ found[index, hearing.classes]
        return float(missing + caution * ((powers - prior) ** 2).sum()), slope

    bounds = [(0, None)] * len(prior)
    best: Floats = minimize(loss, prior, jac=True, method="L-BFGS-B", bounds=bounds).x
    return best


def pool(said: Sequence[Floats], powers: Floats) -> Floats:
    """Return the product of experts, (n, K): probabilities that sum to 1 over the classes."""
    total = np.zeros_like(said[0])
    for each, power in zip(said, powers, strict=True):
        total += power * each
    found: Floats = softmax(total, axis=1)
    return found

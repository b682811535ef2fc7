"""Metrics of masks: Dice, IoU, and Dice at the best threshold.

Three rules hold everywhere:

- A mask is ``probability > threshold``, strictly, so that 0.5 corresponds to SAM's ``logit > 0``.
- Only pixels of `evaluated` count; values elsewhere have no effect.
- Two empty masks agree perfectly (1.0); an empty and a non-empty one not at all (0.0).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hsizoo.errors import ProtocolError
from hsizoo.protocols.arrays import Mask, Probability, check_masks, check_probability

__all__ = [
    "THRESHOLD_GRID",
    "best_dice",
    "dice",
    "dice_at",
    "iou",
]


def _threshold_grid() -> npt.NDArray[np.float64]:
    logits = np.arange(-92, 93) / 10
    # Rounded to float32, so that thresholding a float32 map gives the same result whether NumPy
    # compares in float32 (Python scalar) or in float64 (array).
    grid = (1 / (1 + np.exp(-logits))).astype(np.float32).astype(np.float64)
    grid.flags.writeable = False
    return grid


THRESHOLD_GRID: npt.NDArray[np.float64] = _threshold_grid()
"""Thresholds for Dice-over-threshold curves, shape (185,), increasing, read-only.

Evenly spaced in logit, from -9.2 to 9.2 in steps of 0.1 (about 0.0001 to 0.9999), because
similarities such as 1 − θ/π concentrate in 0.9–1, where a uniform grid would have few thresholds.
Contains exactly 0.5; every value is representable in float32.
"""


def dice(prediction: Mask, target: Mask, evaluated: Mask | None = None) -> float:
    """Return the Dice coefficient ``2 TP / (2 TP + FP + FN)``, also called F1 score.

    Parameters
    ----------
    prediction, target : ndarray of bool, shape (H, W)
    evaluated : ndarray of bool, shape (H, W), optional
        Pixels that count.  Default: all.

    Returns
    -------
    float
        In [0, 1]; 1.0 if both masks are empty, 0.0 if exactly one is.

    Raises
    ------
    ProtocolError
        If an array is not two-dimensional bool, or the shapes differ.

    Examples
    --------
    >>> dice(np.array([[True, True, False]]), np.array([[False, True, False]]))
    0.6666666666666666
    """
    intersection, predicted, true = _overlap(prediction, target, evaluated)
    return 2 * intersection / (predicted + true) if predicted + true else 1.0


def iou(prediction: Mask, target: Mask, evaluated: Mask | None = None) -> float:
    """Return intersection over union ``TP / (TP + FP + FN)``, also called Jaccard index.

    Parameters
    ----------
    prediction, target : ndarray of bool, shape (H, W)
    evaluated : ndarray of bool, shape (H, W), optional
        Pixels that count.  Default: all.

    Returns
    -------
    float
        In [0, 1]; 1.0 if both masks are empty, 0.0 if exactly one is.

    Raises
    ------
    ProtocolError
        If an array is not two-dimensional bool, or the shapes differ.

    Examples
    --------
    >>> iou(np.array([[True, True, False]]), np.array([[False, True, False]]))
    0.5
    """
    intersection, predicted, true = _overlap(prediction, target, evaluated)
    union = predicted + true - intersection
    return intersection / union if union else 1.0


def best_dice(
    probability: Probability, target: Mask, evaluated: Mask | None = None
) -> tuple[float, float]:
    """Return the highest Dice of this map over all thresholds, and that threshold.

    The maximum is exact, over all float32 thresholds, in O(n log n).  The threshold is chosen with
    knowledge of the truth, so the value is an upper bound, not an attainable score.

    Parameters
    ----------
    probability : ndarray of float32 or float64, shape (H, W)
        Foreground probability in [0, 1], finite.
    target : ndarray of bool, shape (H, W)
    evaluated : ndarray of bool, shape (H, W), optional
        Pixels that count.  Default: all.

    Returns
    -------
    dice : float
        In [0, 1], equal to ``dice(probability > threshold, target, evaluated)``.
    threshold : float
        Representable in float32.  If several masks reach the maximum, the highest threshold, which
        gives the smallest mask, is returned.  Pixels of equal probability are never separated.
        Slightly below 0 if the best mask includes pixels of probability 0; 1.0 (an empty mask,
        Dice 1.0) if no target pixel is evaluated.

    Raises
    ------
    ProtocolError
        If a shape or type is wrong, or a probability is NaN, infinite or outside [0, 1].

    Examples
    --------
    >>> probability = np.array([[0.9, 0.6, 0.6, 0.1]], dtype=np.float32)
    >>> value, threshold = best_dice(probability, np.array([[True, True, False, False]]))
    >>> value, (probability > threshold).tolist()
    (0.8, [[True, True, True, False]])
    """
    inside, outside = _sorted_probabilities(probability, target, evaluated)
    if not inside.size:
        return 1.0, 1.0
    # The least probable pixel of the best mask is a target pixel: removing background pixels only
    # increases Dice.  So only thresholds just below target pixels can be best.
    thresholds = np.unique(_just_below(inside))[::-1]
    values = _dice_above(inside, outside, thresholds)
    best = int(np.argmax(values))  # the first maximum, hence the highest threshold
    return float(values[best]), float(thresholds[best])


def dice_at(
    probability: Probability,
    target: Mask,
    thresholds: npt.ArrayLike,
    evaluated: Mask | None = None,
) -> npt.NDArray[np.float64]:
    """Return the Dice of ``probability > t`` for many thresholds ``t`` at the cost of one sort.

    Parameters
    ----------
    probability : ndarray of float32 or float64, shape (H, W)
        Foreground probability in [0, 1], finite.
    target : ndarray of bool, shape (H, W)
    thresholds : array_like of float, shape (T,)
        In any order, without NaN.  Compared in float64.
    evaluated : ndarray of bool, shape (H, W), optional
        Pixels that count.  Default: all.

    Returns
    -------
    ndarray of float64, shape (T,)
        Equal to ``[dice(probability > t, target, evaluated) for t in thresholds]``.

    Raises
    ------
    ProtocolError
        If a shape or type is wrong, a threshold is NaN, or a probability is NaN, infinite or
        outside [0, 1].

    Examples
    --------
    >>> dice_at(np.array([[0.9, 0.4]]), np.array([[True, False]]), [0.5, 0.2]).round(3).tolist()
    [1.0, 0.667]
    """
    cuts = np.asarray(thresholds, dtype=np.float64)
    if cuts.ndim != 1 or np.isnan(cuts).any():
        raise ProtocolError(
            f"thresholds must be a one-dimensional array without NaN; got {thresholds!r}"
        )
    return _dice_above(*_sorted_probabilities(probability, target, evaluated), cuts)


def _overlap(prediction: Mask, target: Mask, evaluated: Mask | None) -> tuple[int, int, int]:
    """Return the number of pixels in both masks, in the prediction, and in the target."""
    check_masks(prediction=prediction, target=target, evaluated=evaluated)
    if evaluated is not None:
        prediction, target = prediction & evaluated, target & evaluated
    intersection, predicted, true = map(np.count_nonzero, (prediction & target, prediction, target))
    return int(intersection), int(predicted), int(true)


def _sorted_probabilities(
    probability: Probability, target: Mask, evaluated: Mask | None
) -> tuple[Probability, Probability]:
    """Return the evaluated probabilities of target and of background pixels, each sorted."""
    check_masks(target=target, evaluated=evaluated)
    check_probability(probability, target.shape)
    if evaluated is None:
        return np.sort(probability[target]), np.sort(probability[~target])
    return np.sort(probability[target & evaluated]), np.sort(probability[~target & evaluated])


def _dice_above(
    inside: Probability, outside: Probability, thresholds: Probability
) -> npt.NDArray[np.float64]:
    """Return the Dice at each strict threshold, given sorted probabilities of both classes."""
    hits = inside.size - np.searchsorted(inside, thresholds, side="right")
    false_alarms = outside.size - np.searchsorted(outside, thresholds, side="right")
    total = hits + false_alarms + inside.size
    empty = total == 0
    return np.where(empty, 1.0, 2 * hits / np.where(empty, 1, total))


def _just_below(probability: Probability) -> npt.NDArray[np.float32]:
    """Return, for each p in [0, 1], the highest float32 t with ``p > t``.

    Two probabilities with the same t cannot be separated by a float32 threshold, in any precision.
    """
    rounded = probability.astype(np.float32)
    below = np.where(rounded < probability, rounded, np.nextafter(rounded, np.float32(-1)))
    # The next float below 0 is subnormal, and equals 0 if a library flushes subnormals to zero.
    below[below < 0] = -np.finfo(np.float32).tiny
    return below

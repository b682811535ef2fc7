"""Accuracy scores of a classification, from its confusion matrix.

Row i, column j counts test pixels of class i predicted as j.  A class without test pixels has no
recall or precision and is left out of the means; its column is kept, since pixels of other classes
may be predicted as this class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hsizoo.errors import ProtocolError

__all__ = ["confusion_matrix", "scores"]

Counts = npt.NDArray[np.int64]


def confusion_matrix(
    truth: npt.NDArray[np.integer], called: npt.NDArray[np.integer], classes: int
) -> Counts:
    """Count pairs of true and predicted class.

    Parameters
    ----------
    truth, called : ndarray of int, shape (n,)
        True and predicted classes, from 0 to `classes` - 1.
    classes : int
        Number of classes.

    Returns
    -------
    ndarray of int64, shape (classes, classes)
        Rows are true classes.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    pairs = truth.astype(np.int64) * classes + called
    counts: Counts = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    return counts


def scores(confusion: npt.ArrayLike) -> dict[str, Any]:
    """Compute all scores of a confusion matrix.

    Returns
    -------
    dict
        ``oa``, ``aa`` and ``macro_precision`` in [0, 1]; ``kappa`` from -1 to 1, None if truth and
        predictions are all of one class, where it is undefined; and the lists ``recall`` and
        ``precision``, one value per class: None for a class without test pixels, precision 0 for
        one that is never predicted.

    Raises
    ------
    ProtocolError
        If the matrix is not square, or all counts are 0.

    Examples
    --------
    >>> found = scores([[3, 1], [0, 4]])
    >>> found["oa"], found["aa"], found["kappa"]
    (0.875, 0.875, 0.75)
    """
    counts = np.asarray(confusion, dtype=np.int64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ProtocolError(f"a confusion matrix must be square; got shape {counts.shape}")
    total = int(counts.sum())
    if total == 0:
        raise ProtocolError("the confusion matrix has no test pixel")
    right, true, called = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    recall = [float(r / t) if t else None for r, t in zip(right, true, strict=True)]
    precision = [
        (float(r / c) if c else 0.0) if t else None
        for r, c, t in zip(right, called, true, strict=True)
    ]
    agreement = float(right.sum() / total)
    # Exact integers, since products of counts may exceed 2**53.
    by_chance = sum(int(t) * int(c) for t, c in zip(true, called, strict=True)) / total**2
    return {
        "oa": agreement,
        "aa": _mean(recall),
        "macro_precision": _mean(precision),
        "kappa": (agreement - by_chance) / (1 - by_chance) if by_chance < 1 else None,
        "recall": recall,
        "precision": precision,
    }


def _mean(values: list[float | None]) -> float:
    return float(np.mean([value for value in values if value is not None]))

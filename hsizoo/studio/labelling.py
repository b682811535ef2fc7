"""A map of classes from the labels of a session, its uncertainty, and where to label next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

from hsizoo.cube import LabelMap
from hsizoo.errors import DataError
from hsizoo.mapping import classify

if TYPE_CHECKING:
    from hsizoo.cube import HyperCube
    from hsizoo.session import SessionState

__all__ = ["Classified", "classified", "labels_in", "labels_of", "uncertainty_of", "where_next"]

_NEXT: Final = 5  # places
_AROUND: Final = 5  # pixels on a side, so that a single odd pixel is no place to label
_APART: Final = 12  # of them fit along the longer side


@dataclass(frozen=True, eq=False)
class Classified:
    """A map of classes.

    Parameters
    ----------
    classifier : str
    labels : ndarray of int32, shape (H, W)
        Number n is object n of the session; 0 has no data.
    uncertainty : ndarray of float32, shape (H, W)
        Entropy of the classes' probabilities, from 0, sure, to 1, all equally probable.
    class_names : dict of int to str
    labelled : int
        Number of labels that were used.
    places : list of (row, col)
        Where to label next, the most uncertain first.
    """

    classifier: str
    labels: npt.NDArray[np.int32]
    uncertainty: npt.NDArray[np.float32]
    class_names: dict[int, str]
    labelled: int
    places: list[tuple[int, int]]


def labels_in(state: SessionState) -> dict[int, tuple[str, bytes, bytes]]:
    """Return what `labels_of` depends on, to be compared: name, clicks and painted pixels."""
    found = {}
    for number, each in enumerate(state.objects, start=1):
        clicks, painted = each.clicks.points[each.clicks.positive], each.painted.added
        if len(clicks) or len(painted):
            found[number] = (each.name, clicks.tobytes(), painted.tobytes())
    return found


def labels_of(state: SessionState, shape: tuple[int, int]) -> LabelMap:
    """Return the labels that a session has: positive clicks and painted pixels of its objects.

    Raises
    ------
    DataError
        If fewer than two objects have any, or a pixel is labelled as two of them.
    """
    labels = np.zeros(shape, dtype=np.int32)
    names: dict[int, str] = {}
    for number, each in enumerate(state.objects, start=1):
        places = np.concatenate([each.clicks.points[each.clicks.positive], each.painted.added])
        if not len(places):
            continue
        rows, cols = places.astype(np.intp).T
        taken = labels[rows, cols]
        if len(twice := np.flatnonzero(taken)):
            row, col = places[twice[0]].tolist()
            raise DataError(
                f"the pixel (row={row}, col={col}) is labelled {names[int(taken[twice[0]])]} "
                f"and {each.name}; take one of the two labels back"
            )
        labels[rows, cols] = number
        names[number] = each.name
    if len(names) < 2:
        raise DataError(
            "a classifier learns from two objects or more, each with clicks or painted pixels; "
            f"{len(names)} object(s) have any"
        )
    return LabelMap(labels, names, ignore=[0])


def classified(
    classifier: str, cube: HyperCube, state: SessionState, device: str = "auto"
) -> Classified:
    """Classify an image from the labels of a session.

    Raises
    ------
    HsizooError
        As for `labels_of` and `hsizoo.classify`.
    """
    known = labels_of(state, cube.shape[:2])
    found = classify(classifier, cube, known, device=device)
    unsure = uncertainty_of(found.probabilities, cube.valid)
    return Classified(
        classifier,
        found.labels,
        unsure,
        dict(found.class_names),
        int((known.labels > 0).sum()),
        where_next(unsure, known.labels > 0),
    )


def uncertainty_of(
    probabilities: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """Return the entropy of probabilities (K, H, W) over that of K equal ones; 0 without data."""
    total = np.zeros(valid.shape, dtype=np.float32)
    whole = probabilities.sum(axis=0)
    whole[whole <= 0] = 1
    for each in probabilities:
        share = each / whole
        some = share > 0
        total[some] -= share[some] * np.log(share[some])
    total /= np.log(max(2, len(probabilities)))
    unsure: npt.NDArray[np.float32] = np.where(valid, total, 0).clip(0, 1).astype(np.float32)
    return unsure


def where_next(
    uncertainty: npt.NDArray[np.float32], labelled: npt.NDArray[np.bool_], most: int = _NEXT
) -> list[tuple[int, int]]:
    """Choose places where a label would tell most.

    They are the most uncertain ones, on the mean of 5 × 5 pixels, apart from each other and from
    what is labelled.
    """
    height, width = uncertainty.shape
    left = uniform_filter(uncertainty.astype(np.float32), _AROUND, mode="nearest")
    apart = max(1, max(height, width) // _APART // 2)
    for row, col in np.argwhere(labelled).tolist():
        left[max(0, row - 1) : row + 2, max(0, col - 1) : col + 2] = 0
    places: list[tuple[int, int]] = []
    while len(places) < most:
        row, col = divmod(int(left.argmax()), width)
        if left[row, col] <= 0:
            break
        places.append((row, col))
        left[max(0, row - apart) : row + apart + 1, max(0, col - apart) : col + apart + 1] = 0
    return places

"""Observations from stored records: the figures of each class of each scene.

Records are read one after the other, and only once: of a million, each of which takes some 20 kB as
objects, only the figures are kept, in arrays.
"""

from __future__ import annotations

import itertools
import statistics
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from hsizoo.errors import ProtocolError
from hsizoo.interfaces import Observation, Record
from hsizoo.protocols.interactive.curve_metrics import Floats, curve_aucs, nocs
from hsizoo.protocols.mask_metrics import THRESHOLD_GRID

__all__ = ["Observed", "observe", "observe_curves", "seconds", "tuned_scores"]

_FIGURES = (
    "dice@0.5 1c", "dice@max 1c", "dice@0.5 5c", "dice@max 5c", "dice@0.5 end", "iou@0.5 5c",
    "auc", "noc85", "nof85",
)  # fmt: skip
_TUNED = "dice@tuned 1c"
_BLOCK = 1000  # grids that become an array at a time


class Observed(Sequence[list[Observation]]):
    """The observations of each record, made when they are asked for."""

    def __init__(self) -> None:
        self._labels: list[Any] = []
        self._categories: list[Any] = []
        self._starts = array("Q", [0])  # of the observations of each record
        self._names: list[str] = []
        self._values = np.zeros((0, 0))

    def add(self, samples: Iterable[tuple[Any, Any]]) -> None:
        """Append a record: label and category of each of its samples."""
        for label, category in samples:
            self._labels.append(label)
            self._categories.append(category)
        self._starts.append(len(self._labels))

    def set_values(self, names: Iterable[str], values: Floats) -> None:
        """Append columns, shape (observations, names)."""
        self._values = np.hstack([self._values, values]) if self._names else values
        self._names += names

    @property
    def names(self) -> list[str]:
        """The columns."""
        return list(self._names)

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, at: int) -> list[Observation]: ...
    @overload
    def __getitem__(self, at: slice) -> list[list[Observation]]: ...
    def __getitem__(self, at: int | slice) -> list[Observation] | list[list[Observation]]:
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        place = range(len(self))[at]
        start, end = self._starts[place], self._starts[place + 1]
        return [
            Observation(
                label=label, category=category, values=dict(zip(self._names, mine, strict=True))
            )
            for label, category, mine in zip(
                self._labels[start:end],
                self._categories[start:end],
                self._values[start:end].tolist(),
                strict=True,
            )
        ]


def observe(records: Sequence[Record]) -> Observed:
    """Return the observations of one row; see `hsizoo.Protocol.observe`."""
    found, tuned, curves = Observed(), _Tuned(1), _Curves()
    for record in records:
        samples = record["result"]["samples"]
        found.add((each["label"], each["class"]) for each in samples)
        for sample in samples:
            curves.add(sample)
        tuned.add(record)
    found.set_values(_FIGURES, curves.figures())
    scores = tuned.scores()
    if scores is not None:
        found.set_values([_TUNED], scores[:, None])
    return found


def observe_curves(records: Iterable[Record], *keys: str) -> list[Observed]:
    """Return per-click metrics of each class of each scene, with columns "1", "2", ….

    Returns
    -------
    list of Observed
        One for each of `keys`.
    """
    found = [(Observed(), array("d"), array("Q")) for _ in keys]
    for record in records:
        samples = record["result"]["samples"]
        for key, (observed, values, counts) in zip(keys, found, strict=True):
            observed.add((each["label"], each["class"]) for each in samples)
            for each in samples:
                values.extend(each[key])
                counts.append(len(each[key]))
    for observed, values, counts in found:
        clicks = max(counts, default=0)
        table = np.full((len(counts), clicks), np.nan)
        table[np.arange(clicks) < np.array(counts, dtype=np.int64)[:, None]] = values
        observed.set_values([str(click) for click in range(1, clicks + 1)], table)
    return [observed for observed, _, _ in found]


class _Curves:
    """Collects the curves of samples, and makes figures of all of them at once."""

    def __init__(self) -> None:
        self._values = array("d"), array("d"), array("d")
        self._clicks = array("q")

    def add(self, sample: Mapping[str, Any]) -> None:
        """Take in a sample."""
        for values, key in zip(self._values, ("dice", "dice_max", "iou"), strict=True):
            values.extend(sample[key])
        self._clicks.append(len(sample["dice"]))

    def figures(self) -> Floats:
        """Return all figures but the tuned one, (samples, figures); NaN for clicks not made."""
        clicks = np.frombuffer(self._clicks, dtype=np.int64)
        starts = np.cumsum(clicks) - clicks
        found = np.full((len(clicks), len(_FIGURES)), np.nan)
        for count in np.unique(clicks).tolist():
            mine = np.flatnonzero(clicks == count)
            places = starts[mine][:, None] + np.arange(count)
            dice, best, iou = (np.frombuffer(each)[places] for each in self._values)
            if not (count and np.isfinite(dice).all() and np.isfinite(iou).all()):
                raise ProtocolError("a record has no finite value for each click")
            for column, (curve, click) in enumerate(
                [(dice, 1), (best, 1), (dice, 5), (best, 5), (dice, count), (iou, 5)]
            ):
                if click <= count:
                    found[mine, column] = curve[:, click - 1]
            reached = iou >= 0.85
            found[mine, 6] = curve_aucs(dice)
            found[mine, 7] = nocs(reached, count)
            found[mine, 8] = ~reached.any(axis=1)
        return found


def tuned_scores(records: Iterable[Record], click: int) -> list[list[float]] | None:
    """Return the Dice of each sample at a threshold tuned on other subjects.

    The threshold for a subject is the one of `THRESHOLD_GRID` with the highest mean Dice over all
    samples of the *other* subjects (ties: the lowest).  With a single subject, classes are used
    instead of subjects; with a single class there is no held-out threshold and the result is None.

    Returns
    -------
    list of list of float, or None
        One list per record, with one value per sample.
    """
    tuned, counts = _Tuned(click), []
    for record in records:
        tuned.add(record)
        counts.append(len(record["result"]["samples"]))
    scores = tuned.scores()
    if scores is None:
        return None
    left = iter(scores.tolist())
    return [list(itertools.islice(left, count)) for count in counts]


class _Tuned:
    """Collects what `tuned_scores` needs: 740 bytes of a sample."""

    def __init__(self, click: int) -> None:
        self._click = str(click)
        self._is_known = True
        self._subjects: dict[Any, int] = {}
        self._labels: dict[Any, int] = {}
        self._groups = array("q"), array("q")  # numbers of subject and label of each sample
        self._waiting: list[list[float]] = []
        # Integers (millionths, as stored), so that sums and differences are exact.  With rounding
        # errors, a subject's own samples could decide between tied thresholds.
        self._grids = array("i")

    def add(self, record: Record) -> None:
        """Take in the samples of a record."""
        for sample in record["result"]["samples"] if self._is_known else ():
            grid = sample["dice_grid"].get(self._click)
            if grid is None:
                self._is_known = False
                return
            known = (self._subjects, record["subject"]), (self._labels, sample["label"])
            for numbers, (names, name) in zip(self._groups, known, strict=True):
                numbers.append(names.setdefault(name, len(names)))
            self._waiting.append(grid)
            if len(self._waiting) == _BLOCK:
                self._settle()

    def _settle(self) -> None:
        if self._waiting:
            grids = np.rint(1e6 * np.array(self._waiting)).astype(np.int32)
            assert grids.shape[1] == len(THRESHOLD_GRID)
            self._grids.frombytes(grids.tobytes())
            self._waiting = []

    def scores(self) -> npt.NDArray[np.float64] | None:
        """Return the value of each sample; None if there is no held-out threshold."""
        self._settle()
        by_subject = len(self._subjects) > 1
        groups = len(self._subjects if by_subject else self._labels)
        if not self._is_known or groups < 2:
            return None
        numbers = np.frombuffer(self._groups[0 if by_subject else 1], dtype=np.int64)
        grids = np.frombuffer(self._grids, dtype=np.int32).reshape(-1, len(THRESHOLD_GRID))
        total = grids.sum(axis=0, dtype=np.int64)
        order = np.argsort(numbers, kind="stable")
        ends = np.cumsum(np.bincount(numbers, minlength=groups))
        scores = np.empty(len(grids))
        for first in range(0, groups, _BLOCK):
            last = min(first + _BLOCK, groups)
            begin = ends[first - 1] if first else 0
            mine = order[begin : ends[last - 1]]
            starts = np.concatenate([[0], ends[first : last - 1] - begin])
            own = np.add.reduceat(grids[mine], starts, axis=0, dtype=np.int64)
            chosen = np.argmax(total - own, axis=1)
            scores[mine] = grids[mine, chosen[numbers[mine] - first]] / 1e6
        return scores


def seconds(record: Record) -> dict[str, float | None]:
    """Return the seconds to open the image, and the median per further click on one object.

    The first click is left out if there are others, since it may warm up caches; so are clicks
    that no sample made.
    """
    result = record["result"]
    clicks = list(zip(result["seconds"]["predict"], result["objects"], strict=True))
    per_object = [spent / objects for spent, objects in clicks[len(clicks) > 1 :] if objects]
    return {
        "s/open": result["seconds"]["open"],
        "s/click": statistics.median(per_object) if per_object else None,
    }

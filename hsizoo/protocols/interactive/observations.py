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

from hsizoo.interfaces import Observation, Record
from hsizoo.protocols.interactive.curve_metrics import curve_auc, failed, noc
from hsizoo.protocols.mask_metrics import THRESHOLD_GRID

__all__ = ["Observed", "observe", "observe_curves", "seconds", "tuned_scores"]

_FIGURES = (
    "dice@0.5 1c", "dice@max 1c", "dice@0.5 5c", "dice@max 5c", "dice@0.5 end", "iou@0.5 5c",
    "auc", "noc85", "nof85",
)  # fmt: skip
_TUNED = "dice@tuned 1c"
_CLICKS = tuple(str(click) for click in range(1, 1001))  # the most that a run may have
_BLOCK = 1000  # grids that become an array at a time


class Observed(Sequence[list[Observation]]):
    """The observations of each record, made when they are asked for.

    Parameters
    ----------
    names : sequence of str
        Columns, in the order in which `add` gets their values.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._labels: list[Any] = []
        self._categories: list[Any] = []
        self._values = array("d")
        self._starts = array("Q", [0])  # of the observations of each record
        self._firsts = array("Q", [0])  # of the values of each observation
        self._more: dict[str, Sequence[float]] = {}

    def add(self, samples: Iterable[tuple[Any, Any, Sequence[float]]]) -> None:
        """Append a record: label, category and values of each of its samples."""
        for label, category, values in samples:
            self._labels.append(label)
            self._categories.append(category)
            self._values.extend(values)
            self._firsts.append(len(self._values))
        self._starts.append(len(self._labels))

    def add_column(self, name: str, values: Sequence[float]) -> None:
        """Append a column with a value for each observation."""
        self._more[name] = values

    @property
    def names(self) -> list[str]:
        """The columns in which an observation has a value."""
        edges = zip(self._firsts, self._firsts[1:], strict=False)
        most = max((end - start for start, end in edges), default=0)
        return [*self._names[:most], *self._more]

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
        return [self._observation(n) for n in range(self._starts[place], self._starts[place + 1])]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def _observation(self, number: int) -> Observation:
        mine = self._values[self._firsts[number] : self._firsts[number + 1]]
        values = dict(zip(self._names, mine, strict=False))
        values |= {name: column[number] for name, column in self._more.items()}
        return Observation(
            label=self._labels[number], category=self._categories[number], values=values
        )


def observe(records: Sequence[Record]) -> Observed:
    """Return the observations of one row; see `hsizoo.Protocol.observe`."""
    found, tuned = Observed(_FIGURES), _Tuned(1)
    for record in records:
        samples = record["result"]["samples"]
        found.add((each["label"], each["class"], _figures(each)) for each in samples)
        tuned.add(record)
    scores = tuned.scores()
    if scores is not None:
        found.add_column(_TUNED, array("d", scores))
    return found


def observe_curves(records: Iterable[Record], *keys: str) -> list[Observed]:
    """Return per-click metrics of each class of each scene, with columns "1", "2", ….

    Returns
    -------
    list of Observed
        One for each of `keys`.
    """
    found = [Observed(_CLICKS) for _ in keys]
    for record in records:
        for key, mine in zip(keys, found, strict=True):
            samples = record["result"]["samples"]
            mine.add((each["label"], each["class"], each[key]) for each in samples)
    return found


def _figures(sample: Mapping[str, Any]) -> tuple[float, ...]:
    """All figures of a sample except the tuned one; NaN if there are too few clicks."""
    clicks = len(sample["dice"])

    def after(key: str, click: int) -> float:
        return float(sample[key][click - 1]) if click <= clicks else float("nan")

    return (
        after("dice", 1),
        after("dice_max", 1),
        after("dice", 5),
        after("dice_max", 5),
        after("dice", clicks),
        after("iou", 5),
        float(curve_auc(sample["dice"])),
        float(noc(sample["iou"], 0.85, clicks)),
        float(failed(sample["iou"], 0.85)),
    )


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

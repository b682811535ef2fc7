"""Pseudo-labelers that are wrong in one way each."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from hsizoo.testing import plain
from hsizoo.testing.broken import marks

__all__: list[str] = []

breaks = partial(marks.breaks, kind="pseudo-labeler")
good = marks.good("pseudo-labeler")

# --- good ones ------------------------------------------------------------------------------------


@good
class NearestSeed(plain.Labeler):
    """Label of the nearest seed."""


@good
class OtherUnassigned(plain.Labeler):
    """Uses another number for "no label"."""

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        made = super().label(cube, seeds, rng=rng)
        return replace(made, labels=np.where(made.labels == -1, 99, made.labels), unassigned=99)


@good
class SeedsOnly(plain.Labeler):
    """Assigns nothing."""

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        made = super().label(cube, seeds, rng=rng)
        known = seeds.evaluated
        return replace(
            made, labels=np.where(known, seeds.labels, -1), confidence=known.astype(np.float32)
        )


# --- shape and values -----------------------------------------------------------------------------


@breaks("answers")
class SureOfItself(plain.Labeler):
    """Has a confidence of more than 1."""

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        made = super().label(cube, seeds, rng=rng)
        return replace(made, confidence=made.confidence * 1.3)


@breaks("answers")
class UnsureOfNan(plain.Labeler):
    """Has NaN where the spectrum is not finite."""

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        made = super().label(cube, seeds, rng=rng)
        return replace(made, confidence=np.where(cube.valid, made.confidence, np.nan))


@breaks("answers")
class Indices(plain.Labeler):
    """Returns the place of a label instead of its number."""

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        made = super().label(cube, seeds, rng=rng)
        places = np.searchsorted(sorted(seeds.targets), made.labels)
        return replace(made, labels=np.where(made.labels == -1, -1, places))


@breaks("answers")
class Fractions(plain.Labeler):
    """Returns labels as float."""

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        made = super().label(cube, seeds, rng=rng)
        return replace(made, labels=made.labels.astype(float))


@breaks("answers")
class LabelsOnly(plain.Labeler):
    """Returns an array."""

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        return super().label(cube, seeds, rng=rng).labels


@breaks("answers")
class ColumnsBeforeRows(plain.Labeler):
    """Returns (W, H)."""

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        made = super().label(cube, seeds, rng=rng)
        return replace(made, labels=made.labels.T, confidence=made.confidence.T)


@breaks("seeds")
class ForgetsSeeds(plain.Labeler):
    """Gives a seed no label."""

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        made = super().label(cube, seeds, rng=rng)
        labels = made.labels.copy()
        labels[tuple(np.argwhere(seeds.evaluated)[0])] = -1
        return replace(made, labels=labels)


@breaks("confidence")
class ConfidentOfNothing(plain.Labeler):
    """Has a confidence where it assigns nothing."""

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        made = super().label(cube, seeds, rng=rng)
        return replace(made, confidence=np.maximum(made.confidence, np.float32(0.1)))


@breaks("confidence")
class UnsureOfSeeds(plain.Labeler):
    """Is less sure of the seeds."""

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        made = super().label(cube, seeds, rng=rng)
        return replace(made, confidence=made.confidence * np.float32(0.9))


@breaks("label-names")
class Exchanged(plain.Labeler):
    """Exchanges numbers of labels, but for the seeds."""

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        made = super().label(cube, seeds, rng=rng)
        numbers = sorted(seeds.targets)
        following = dict(zip(numbers, [*numbers[1:], numbers[0]], strict=True)) | {-1: -1}
        labels = np.vectorize(following.get)(made.labels)
        return replace(made, labels=np.where(seeds.evaluated, made.labels, labels))


@breaks("axes")
class LabelsUpsideDown(plain.Labeler):
    """Turns its labels upside down, but for the seeds."""

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        made = super().label(cube, seeds, rng=rng)
        labels = np.where(seeds.evaluated, seeds.labels, made.labels[::-1])
        confidence = np.where(labels == -1, 0, 0.5)
        confidence[seeds.evaluated] = 1
        return replace(made, labels=labels, confidence=confidence)


@breaks("steps")
class ArraysInHistory(plain.Labeler):
    """Keeps arrays in its history."""

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        made = super().label(cube, seeds, rng=rng)
        return replace(made, history=[{"labels": made.labels[:2]}])


# --- what is shared -------------------------------------------------------------------------------


@breaks("chance")
class GlobalNoise(plain.Labeler):
    """Draws from NumPy's global generator."""

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        made = super().label(cube, seeds, rng=rng)
        factor = 0.9 + 0.1 * np.random.random()  # noqa: NPY002
        confidence = np.where(seeds.evaluated, 1, made.confidence * factor)
        return replace(made, confidence=confidence)


@breaks("history")
class LessEachTime(plain.Labeler):
    """Becomes less sure with every image that it has not seen."""

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        made = super().label(cube, seeds, rng=rng)
        self.seen = {*getattr(self, "seen", ()), cube.digest}
        share = np.where(seeds.evaluated, 1, made.confidence * 0.9 ** len(self.seen))
        return replace(made, confidence=share.astype(np.float32))


@breaks("fresh-process")
class LabelsOfTheFirst(plain.Labeler):
    """Keeps the labels of a process's first image in the class, by its shape."""

    known: ClassVar[dict[Any, Any]] = {}

    def label(self, cube: Any, seeds: Any, *, rng: Any) -> Any:
        made = super().label(cube, seeds, rng=rng)
        sure = self.known.setdefault(cube.shape, float(made.confidence.mean()))
        share = np.where(seeds.evaluated, 1, made.confidence * min(sure, 1.0))
        return replace(made, confidence=share.astype(np.float32))

"""Datasets that are wrong in one way each."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any, ClassVar

import numpy as np

from hsizoo.cube import HyperCube, LabelMap, Scene
from hsizoo.interfaces import SceneInfo
from hsizoo.testing import plain
from hsizoo.testing.broken import marks

__all__: list[str] = []

breaks = partial(marks.breaks, kind="dataset")
good = marks.good("dataset")


@good
class ThreeScenes(plain.Dataset):
    """Three scenes of two subjects."""


@breaks("answers")
class Pairs(plain.Dataset):
    """Loads a pair of arrays."""

    def scene(self, index: int) -> Any:
        made = super().scene(index)
        return made.cube, made.label_map


@breaks("card")
class NoLicence(plain.Dataset):
    """Says nothing about its licence."""

    card = replace(plain.Dataset.card, licence="")


@breaks("names")
class SameNames(plain.Dataset):
    """Calls two scenes the same."""

    def scenes(self) -> Any:
        return [SceneInfo(f"s{n // 2}", each.subject, each.split)
                for n, each in enumerate(super().scenes())]  # fmt: skip


@breaks("splits")
class DividedSubject(plain.Dataset):
    """Has scenes of one subject in training and test."""

    def scenes(self) -> Any:
        return [replace(each, subject="one") for each in super().scenes()]


@breaks("order")
class AnyOrder(plain.Dataset):
    """Lists its scenes in another order each time."""

    calls: ClassVar[Any] = count()

    def scenes(self) -> Any:
        return super().scenes()[:: 1 if next(self.calls) % 2 else -1]


@breaks("agreement")
class OtherName(plain.Dataset):
    """Loads scenes of other names than it lists."""

    def scene(self, index: int) -> Any:
        return replace(super().scene(index), name=f"scene {index}")


@breaks("agreement")
class OtherSubject(plain.Dataset):
    """Loads scenes without their subject."""

    def scene(self, index: int) -> Any:
        return replace(super().scene(index), subject="")


@breaks("agreement")
class OtherSplit(plain.Dataset):
    """Loads scenes without their split."""

    def scene(self, index: int) -> Any:
        return replace(super().scene(index), split="")


@breaks("labels")
class NothingToEvaluate(plain.Dataset):
    """Ignores all labels."""

    def scene(self, index: int) -> Any:
        made = super().scene(index)
        nothing = LabelMap(np.zeros_like(made.label_map.labels), {1: "water"}, ignore=[0])
        return replace(made, label_map=nothing)


@breaks("labels")
class TrainingOfOtherShape(plain.Dataset):
    """Has a training map with rows and columns exchanged."""

    def training_map(self, index: int) -> Any:
        return super().scene(index).evaluated.T


_buffer = np.empty((24, 37, 6), dtype=np.float32)


@breaks("earlier-scenes")
class OneBufferForAll(plain.Dataset):
    """Reads all scenes into the same array."""

    def scene(self, index: int) -> Any:
        made = super().scene(index)
        _buffer[:] = made.cube.data
        cube = HyperCube(_buffer, made.cube.wavelengths, made.cube.name)
        return Scene(cube, made.label_map, made.name, made.subject, made.split)


@breaks("deterministic")
class NewEachTime(plain.Dataset):
    """Draws its cubes without a seed."""

    def scene(self, index: int) -> Any:
        made = super().scene(index)
        factor = 1 + 0.1 * np.random.default_rng().random()
        return replace(made, cube=HyperCube(made.cube.data * factor, made.cube.wavelengths))


@breaks("digests")
class OtherWavelengths(plain.Dataset):
    """Has other wavelengths in each instance."""

    made: ClassVar[Any] = count()

    def __init__(self) -> None:
        self.shift = next(self.made)

    def scene(self, index: int) -> Any:
        made = super().scene(index)
        assert made.cube.wavelengths is not None
        nm = made.cube.wavelengths + self.shift
        return replace(made, cube=HyperCube(made.cube.data, nm))


@breaks("quiet")
class SaysWhatItReads(plain.Dataset):
    """Prints what it reads."""

    def scene(self, index: int) -> Any:
        print(f"reading scene {index}")  # noqa: T201
        return super().scene(index)

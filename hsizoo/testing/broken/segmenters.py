"""Interactive segmenters that are wrong in one way each."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import numpy as np

from hsizoo.clicks import Clicks
from hsizoo.errors import DataError
from hsizoo.testing import plain
from hsizoo.testing.broken import marks
from hsizoo.testing.plain import finite, units

__all__: list[str] = []

breaks = partial(marks.breaks, kind="segmenter")
good = marks.good("segmenter")

# --- good ones ------------------------------------------------------------------------------------


@good
class NearAndAlike(plain.Segmenter):
    """What is similar and near to a positive click."""


@good
class Refuses(plain.Segmenter):
    """Refuses small images and few bands in words."""

    min_bands = 2

    def open(self, cube: Any) -> Any:
        if min(cube.shape[:2]) < 3:
            raise DataError(f"{cube.name} has {cube.shape[:2]} pixels; at least 3 × 3 are needed")
        return super().open(cube)


@good
class CachesClicks(plain.Segmenter):
    """Keeps the maps of clicks in the state of their image."""

    def open(self, cube: Any) -> Any:
        return super().open(cube), {}

    def predict(self, state: Any, prompts: Any) -> Any:
        spectra, kept = state
        return np.stack(
            [
                kept.setdefault(each, super(CachesClicks, self).one(spectra, each))
                for each in prompts
            ]
        )

    def predict_boxes(self, state: Any, boxes: Any) -> Any:
        return super().predict_boxes(state[0], boxes)


@good
class Constant(plain.Segmenter):
    """Answers that it does not know."""

    def one(self, state: Any, clicks: Any) -> Any:
        return np.full(state.shape[:2], 0.5, dtype=np.float32)


# --- shape and values -----------------------------------------------------------------------------


@breaks("answers")
class Logits(plain.Segmenter):
    """Returns logits."""

    def one(self, state: Any, clicks: Any) -> Any:
        return 8 * super().one(state, clicks) - 4


@breaks("answers")
class MapsOfColumns(plain.Segmenter):
    """Returns (N, W, H)."""

    def predict(self, state: Any, prompts: Any) -> Any:
        return super().predict(state, prompts).transpose(0, 2, 1)


@breaks("answers")
class ObjectsLast(plain.Segmenter):
    """Returns (H, W, N)."""

    def predict(self, state: Any, prompts: Any) -> Any:
        return np.moveaxis(super().predict(state, prompts), 0, 2)


@breaks("answers")
class NotANumberWhereInvalid(plain.Segmenter):
    """Leaves NaN where the spectrum is not finite."""

    def open(self, cube: Any) -> Any:
        return units(np.where(cube.valid[..., None], cube.data, np.nan)), cube.valid

    def predict(self, state: Any, prompts: Any) -> Any:
        found = super().predict(np.nan_to_num(state[0]), prompts)
        return np.where(state[1], found, np.nan)

    def predict_boxes(self, state: Any, boxes: Any) -> Any:
        return super().predict_boxes(state[0], boxes)


@breaks("clicks")
class PositiveOnly(plain.Segmenter):
    """Cannot do without a positive click."""

    def one(self, state: Any, clicks: Any) -> Any:
        first = clicks.points[clicks.positive][0]
        return super().one(state, clicks) * float(len(first) > 0)


@breaks("clicks")
class FiveClicks(plain.Segmenter):
    """Has room for five clicks."""

    def one(self, state: Any, clicks: Any) -> Any:
        room = np.zeros((5, 2))
        room[: len(clicks)] = clicks.points
        return super().one(state, clicks)


@breaks("clicks")
class Neighbours(plain.Segmenter):
    """Looks at the neighbours of a click, which the border does not have."""

    def one(self, state: Any, clicks: Any) -> Any:
        if min(state.shape[:2]) > 5:
            _ = [state[row + 1, col + 1] for row, col, _ in clicks]
        return super().one(state, clicks)


# --- objects and states ---------------------------------------------------------------------------


@breaks("objects")
class LargestOfAll(plain.Segmenter):
    """Divides by the largest value of all maps."""

    def predict(self, state: Any, prompts: Any) -> Any:
        found = super().predict(state, prompts) * np.linspace(0.8, 1, len(prompts))[:, None, None]
        return (found / max(found.max(), 1e-6)).astype(np.float32)


@breaks("objects")
class CollectsClicks(plain.Segmenter):
    """Takes the clicks of an earlier object for those of the same."""

    def open(self, cube: Any) -> Any:
        self.collected: list[Any] = []
        return super().open(cube)

    def predict(self, state: Any, prompts: Any) -> Any:
        found = []
        for clicks in prompts:
            self.collected.append(clicks.points[clicks.positive])
            points = np.concatenate(self.collected[-2:])
            found.append(self.one(state, Clicks(points)))
        return np.stack(found)


@breaks("objects")
class CachedByNumber(CachesClicks):
    """Keeps maps by the number of clicks."""

    def predict(self, state: Any, prompts: Any) -> Any:
        spectra, kept = state
        found = []
        for clicks in prompts:
            if len(clicks) == 1:  # the first one is never remembered
                found.append(self.one(spectra, clicks))
            else:
                found.append(kept.setdefault(len(clicks), self.one(spectra, clicks)))
        return np.stack(found)


@breaks("states")
class CurrentCube(plain.Segmenter):
    """Has a hidden current image."""

    def open(self, cube: Any) -> Any:
        self.current = super().open(cube)
        return self.current[:, :, :1]

    def predict(self, state: Any, prompts: Any) -> Any:
        return super().predict(self.current, prompts)


@breaks("results-kept")
class Buffer(plain.Segmenter):
    """Returns the same array again and again."""

    def __init__(self) -> None:
        self.buffers: dict[Any, Any] = {}

    def predict(self, state: Any, prompts: Any) -> Any:
        found = super().predict(state, prompts)
        buffer = self.buffers.setdefault(found.shape, found)
        buffer[:] = found
        return buffer


@breaks("click-place")
class ColumnsAsRows(plain.Segmenter):
    """Takes clicks as (x, y)."""

    def near(self, state: Any, points: Any) -> Any:
        limits = np.array(state.shape[:2]) - 1
        return super().near(state, np.minimum(points[:, ::-1], limits))


@breaks("click-place")
class UpsideDown(plain.Segmenter):
    """Turns its maps upside down."""

    def predict(self, state: Any, prompts: Any) -> Any:
        return super().predict(state, prompts)[:, ::-1]


@breaks("click-place")
class Background(plain.Segmenter):
    """Returns the probability of the background."""

    def predict(self, state: Any, prompts: Any) -> Any:
        return 1 - super().predict(state, prompts)


@breaks("click-place")
class Scrambled(plain.Segmenter):
    """Reads rows as columns; on square images it looks right."""

    def predict(self, state: Any, prompts: Any) -> Any:
        found = super().predict(state, prompts)
        return np.ascontiguousarray(found.transpose(0, 2, 1)).reshape(found.shape)


@breaks("boxes")
class BoxesAsCorners(plain.Segmenter):
    """Takes boxes as (x, y, x, y)."""

    def predict_boxes(self, state: Any, boxes: Any) -> Any:
        return super().predict_boxes(state, boxes[:, [1, 0, 3, 2]])


@breaks("describe")
class DescribesArrays(plain.Segmenter):
    """Describes an image by an array."""

    def describe(self, state: Any) -> Any:
        return {"mean": state.mean(axis=(0, 1))}


# --- what is shared -------------------------------------------------------------------------------


@breaks("deterministic")
class Dithers(plain.Segmenter):
    """Dithers by a generator without a seed."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng()

    def one(self, state: Any, clicks: Any) -> Any:
        return super().one(state, clicks) * self.rng.uniform(0.9, 1, state.shape[:2])


@breaks("history")
class RunningMean(plain.Segmenter):
    """Subtracts the mean of all images so far."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def open(self, cube: Any) -> Any:
        spectra = finite(cube)
        self.seen.append(spectra.mean(axis=(0, 1)))
        self.seen = [each for each in self.seen if len(each) == cube.bands]
        return units(spectra - 0.5 * np.mean(self.seen, axis=0))


@breaks("fresh-process")
class FirstOfTheProcess(plain.Segmenter):
    """Measures the light on the first image of a process, for all others of the same bands."""

    light: ClassVar[dict[int, Any]] = {}

    def open(self, cube: Any) -> Any:
        spectra = finite(cube)
        mean = self.light.setdefault(cube.bands, spectra.mean(axis=(0, 1)))
        return units(spectra - 0.5 * mean)


@breaks("read-only")
class FillsHoles(plain.Segmenter):
    """Fills the pixels without a finite spectrum, in the cube that it is lent."""

    def open(self, cube: Any) -> Any:
        cube.data.base[~np.isfinite(cube.data)] = 0
        return units(np.nan_to_num(cube.data))


@breaks("wavelengths")
class SearchesWavelengths(plain.Segmenter):
    """Looks for bands around 650 nm, which few cubes have."""

    def open(self, cube: Any) -> Any:
        if cube.wavelengths is not None and cube.bands > 5:
            np.flatnonzero(np.abs(cube.wavelengths - 650) < 60)[0]
        return super().open(cube)

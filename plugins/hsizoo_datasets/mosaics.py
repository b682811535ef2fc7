"""Mosaics: endless RGB scenes of textured shapes, for learning promptable segmentation.

Shapes overlap as in dead-leaves images (Lee, Mumford & Huang, IJCV 2001); they have parts, texture
and shading, and the light has shadows and highlights.  The two settings share only the composition:
the held-out one has other shapes, textures and light, so that it tests generalisation beyond the
first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hsizoo import DatasetCard, HyperCube, LabelMap, Scene, SceneDataset, SceneInfo
from hsizoo.errors import OptionError
from hsizoo_datasets.drawing import SHAPES, TEXTURES, Draw, noise

__all__ = ["Mosaic", "Mosaics", "Setting", "compose_mosaic"]

Floats = npt.NDArray[np.float32]
Setting = Literal["train", "held-out"]

_SHAPES: Final = {
    "train": ("ellipse", "superellipse", "blob", "polygon", "tube", "ring"),
    "held-out": ("crescent", "gear", "cloud", "leaf"),
}
_TEXTURES: Final = {
    "train": ("flat", "flat", "noise", "noise", "stripes", "checks", "speckle", "ramp"),
    "held-out": ("flat", "wood", "dots", "ripples"),
}
_LAYOUTS: Final = ("objects", "objects", "leaves", "cells", "fields")
_LEAST_SHARE = 0.004  # minimum share of the image that a target covers


@dataclass(eq=False)
class Mosaic:
    """One mosaic scene.

    Parameters
    ----------
    rgb : ndarray of float32, shape (H, W, 3)
        Values in [0, 1].
    labels : ndarray of int, shape (H, W)
        0 is the background; every other label is one visible object or part.
    parents : dict of int to int
        Label of the object that a part lies on, by label of the part.
    materials : dict of int to int
        Material of an object, by label; objects of one material look alike.
    """

    rgb: Floats
    labels: npt.NDArray[np.int32]
    parents: dict[int, int] = field(default_factory=dict)
    materials: dict[int, int] = field(default_factory=dict)

    def targets(self) -> list[int]:
        """Return the labels that cover enough of the image to be segmented."""
        areas = np.bincount(self.labels.ravel())
        least = max(12, _LEAST_SHARE * self.labels.size)
        return [label for label in range(1, len(areas)) if areas[label] >= least]


def compose_mosaic(rng: np.random.Generator, side: int, setting: Setting = "train") -> Mosaic:
    """Compose a scene of ``side`` × ``side`` pixels.

    Parameters
    ----------
    rng : Generator
    side : int
    setting : {"train", "held-out"}, default "train"
    """
    return _Composer(rng, side, setting).compose()


class _Composer:
    """Builds one scene."""

    def __init__(self, rng: np.random.Generator, side: int, setting: Setting) -> None:
        self.draw = Draw(rng, side)
        self.rng = rng
        self.side = side
        self.setting = setting
        self.palette = self._palette()
        self.rgb = np.empty((side, side, 3), np.float32)
        self.labels = np.zeros((side, side), np.int32)
        self.parents: dict[int, int] = {}
        self.materials: dict[int, int] = {}
        self.count = 0

    def compose(self) -> Mosaic:
        """Draw a background, the objects, and the light."""
        everywhere = np.ones((self.side, self.side), bool)
        self._paint(everywhere, 0.0)
        layout = self.rng.choice(_LAYOUTS)
        getattr(self, f"_{layout}")()
        self._light()
        return Mosaic(self.rgb, self.labels, self.parents, self.materials)

    # Layouts.

    def _objects(self) -> None:
        for _ in range(self.rng.integers(2, 10)):
            self._object(np.exp(self.rng.uniform(np.log(0.1), np.log(0.7))))

    def _leaves(self) -> None:
        for size in sorted(0.9 * self.rng.power(0.6, self.rng.integers(12, 30)) + 0.08)[::-1]:
            self._object(min(size, 0.9))

    def _cells(self) -> None:
        """Fill the image with large smooth regions, like organs, and add a few objects."""
        self._regions(self.rng.integers(3, 9), warp=self.rng.uniform(0.05, 0.35), repeat=0.0)
        for _ in range(self.rng.integers(0, 5)):
            self._object(np.exp(self.rng.uniform(np.log(0.08), np.log(0.3))))

    def _fields(self) -> None:
        """Fill the image with many regions of few materials, like fields seen from above."""
        self._regions(self.rng.integers(8, 25), warp=self.rng.uniform(0, 0.04), repeat=0.6)
        for _ in range(self.rng.integers(0, 3)):
            self._object(np.exp(self.rng.uniform(np.log(0.05), np.log(0.2))))

    def _regions(self, number: int, warp: float, repeat: float) -> None:
        """Draw a warped Voronoi partition; `repeat` is the probability of reusing a material."""
        row, col = self.draw.row, self.draw.col
        if warp:
            row = row + warp * noise(self.rng, self.side, 2.2)
            col = col + warp * noise(self.rng, self.side, 2.2)
        stretch = np.exp(self.rng.normal(0, 0.4))
        turn = self.rng.uniform(0, np.pi)
        along = np.cos(turn) * row + np.sin(turn) * col
        across = (np.cos(turn) * col - np.sin(turn) * row) * stretch
        seeds = self.rng.uniform(-1.3, 1.3, (number, 2)).astype(np.float32)
        far = [(along - a) ** 2 + (across - b * stretch) ** 2 for a, b in seeds]
        nearest = np.argmin(far, axis=0)
        used: list[tuple[int, Callable[[], Floats]]] = []
        for region in range(number):
            mask = nearest == region
            if mask.any():
                if used and self.rng.random() < repeat:
                    material = used[self.rng.integers(len(used))]
                else:
                    material = (self.count + 1, self._material())
                    used.append(material)
                self._add(mask, 0.15, material=material)

    # Objects.

    def _object(self, size: float) -> None:
        """Draw a shape at a random place, sometimes with parts."""
        shape = str(self.rng.choice(_SHAPES[self.setting]))
        inside = SHAPES[shape](self.draw, *self.draw.frame(size))
        mask = inside < 1
        if mask.sum() < 12:
            return
        shading = self.rng.uniform(0, 0.6) if self.rng.random() < 0.5 else 0.0
        if self.rng.random() < 0.3:
            self._shadow(mask)
        label = self._add(mask, shading, inside)
        if size > 0.2 and self.rng.random() < 0.3:
            for _ in range(self.rng.integers(1, 4)):
                self._part(mask, label, size)

    def _part(self, mask: npt.NDArray[np.bool_], parent: int, size: float) -> None:
        rows, cols = np.nonzero(mask)
        at = self.rng.integers(len(rows))
        centre = (self.draw.row[rows[at], 0], self.draw.col[0, cols[at]])
        shape = str(self.rng.choice(_SHAPES[self.setting]))
        frame = self.draw.frame(size * self.rng.uniform(0.15, 0.5), centre)
        part = (SHAPES[shape](self.draw, *frame) < 1) & mask
        if part.sum() >= 12:
            self.parents[self._add(part, 0.0)] = parent

    def _add(
        self,
        mask: npt.NDArray[np.bool_],
        shading: float,
        inside: Floats | None = None,
        material: tuple[int, Callable[[], Floats]] | None = None,
    ) -> int:
        self.count += 1
        self.labels[mask] = self.count
        self.materials[self.count] = material[0] if material else self.count
        self._paint(mask, shading, inside, material[1] if material else None)
        return self.count

    def _paint(
        self,
        mask: npt.NDArray[np.bool_],
        shading: float,
        inside: Floats | None = None,
        material: Callable[[], Floats] | None = None,
    ) -> None:
        colour = (material or self._material())()[mask]
        if shading and inside is not None:  # darker towards the rim
            colour = colour * (1 - shading * inside[mask, None] ** 2)
        elif shading:  # a linear gradient
            slope = self.rng.normal(0, shading, 2)
            ramp = slope[0] * self.draw.row + slope[1] * self.draw.col
            colour = colour * (1 + ramp[mask, None])
        self.rgb[mask] = colour

    # Colours.

    def _palette(self) -> Callable[[], Floats]:
        """Return a sampler of scene colours: arbitrary, or all near one colour."""
        rng = self.rng
        if rng.random() < 0.5:
            return lambda: rng.uniform(0.05, 0.95, 3).astype(np.float32)
        base = rng.uniform(0.2, 0.8, 3)
        spread = rng.uniform(0.06, 0.25)
        return lambda: (base + rng.normal(0, spread, 3)).clip(0.02, 0.98).astype(np.float32)

    def _material(self) -> Callable[[], Floats]:
        """Return a textured colour: a function that renders it on the whole image."""
        rng = self.rng
        colour = self.palette()
        texture = str(rng.choice(_TEXTURES[self.setting]))
        if texture == "flat":
            return lambda: np.broadcast_to(colour, (self.side, self.side, 3))
        pattern = TEXTURES[texture](self.draw)[..., None]
        strength = rng.uniform(0.02, 0.25)
        if rng.random() < 0.6:  # light and dark of one colour
            return lambda: colour * (1 + 2 * strength * pattern)
        towards = rng.normal(0, 1, 3).astype(np.float32)
        towards *= strength / np.linalg.norm(towards)
        return lambda: colour + pattern * towards * 2

    # Light.

    def _shadow(self, mask: npt.NDArray[np.bool_]) -> None:
        reach = max(1, int(self.side * self.rng.uniform(0.01, 0.06)))
        moved = ndimage.shift(
            mask.astype(np.float32), self.rng.integers(-reach, reach + 1, 2), order=0
        )
        soft = ndimage.uniform_filter(moved, max(1, reach // 2))
        self.rgb *= 1 - self.rng.uniform(0.15, 0.5) * soft[..., None]

    def _light(self) -> None:
        """Apply uneven light, highlights, blur and sensor noise."""
        rng, draw, rgb = self.rng, self.draw, self.rgb
        if self.setting == "held-out":  # two coloured lamps
            for _ in range(2):
                centre = rng.uniform(-1.2, 1.2, 2)
                lamp = np.exp(-((draw.row - centre[0]) ** 2 + (draw.col - centre[1]) ** 2) / 1.5)
                rgb *= 1 + (lamp[..., None] * rng.uniform(-0.35, 0.35, 3)).astype(np.float32)
        elif rng.random() < 0.7:
            rgb *= 1 + rng.uniform(0, 0.35) * noise(rng, self.side, 3.0)[..., None]
        for _ in range(rng.integers(0, 4) if rng.random() < 0.4 else 0):
            inside = SHAPES["ellipse"](draw, *draw.frame(rng.uniform(0.02, 0.1)))
            rgb += (np.exp(-(np.minimum(inside, 5) ** 2)) * rng.uniform(0.2, 0.8))[..., None]
        if rng.random() < 0.6:
            width = rng.uniform(0.3, 1.2) * self.side / 128
            rgb = ndimage.gaussian_filter(rgb, (width, width, 0), truncate=2)
        grain = rng.uniform(0, 0.05)
        rgb = rgb + grain * rng.standard_normal(rgb.shape, np.float32)
        if rng.random() < 0.1:
            rgb = np.repeat(rgb.mean(axis=2, keepdims=True), 3, axis=2)
        self.rgb = np.clip(rgb, 0, 1).astype(np.float32)


class Mosaics(SceneDataset):
    """Overlapping textured shapes, for promptable segmentation of RGB images.

    Every visible object is a class of its scene.  ``sam2.1-nano`` was trained on the setting
    ``train``; ``held-out`` has other shapes, textures and light.

    Parameters
    ----------
    side : int, default 256
        Side length in pixels, 32 or more.
    number : int, default 40
        Number of scenes.
    setting : {"train", "held-out"}, default "held-out"
        Set of shapes, textures and light.
    seed : int, default 0
        Random seed of the scenes.

    Examples
    --------
    >>> scene = Mosaics(side=48, number=3).scene(1)
    >>> scene.cube.shape, scene.name
    ((48, 48, 3), 'm0001')
    """

    card = DatasetCard(
        title="Mosaics",
        source="Computed: shapes as in dead-leaves images (Lee, Mumford & Huang, IJCV 2001)",
        licence="Apache-2.0, like hsizoo",
        citation="hsizoo, with the options and the seed",
        size="by default 40 scenes, 256 × 256 × 3; nothing to download",
        how_to_get="comes with hsizoo; computed on demand",
        notes=(
            "RGB, not hyperspectral: it tests how well a model follows clicks on an image.  "
            "Objects of less than 0.4 % of the image are not targets.  Values are bit-identical on "
            "one machine; another processor may round differently."
        ),
    )

    def __init__(
        self,
        *,
        side: int = 256,
        number: int = 40,
        setting: Setting = "held-out",
        seed: int = 0,
    ) -> None:
        if side < 32 or number < 1 or seed < 0:
            raise OptionError(
                f"side={side}, number={number}, seed={seed}: side must be 32 or more, number 1 or "
                "more, seed 0 or more"
            )
        self._side, self._number, self._setting, self._seed = side, number, setting, seed

    def scenes(self) -> list[SceneInfo]:
        """List the scenes; each is a subject of its own, in the test split."""
        return [SceneInfo(f"m{n:04}", f"m{n:04}", "test") for n in range(self._number)]

    def scene(self, index: int) -> Scene:
        """Compute scene number `index`, independently of earlier calls."""
        info = self.scenes()[index]
        # Seed sequences of pretraining start with 0 (benchmarks/pretrain_nano.py), these with 1.
        mosaic = compose_mosaic(
            np.random.default_rng([1, self._seed, index]), self._side, self._setting
        )
        targets = mosaic.targets()
        names = {0: "background"} | {n: f"object {n}" for n in np.unique(mosaic.labels) if n}
        return Scene(
            HyperCube(mosaic.rgb, name=f"mosaics/{info.name}", rgb_bands=(0, 1, 2)),
            LabelMap(mosaic.labels, {int(n): text for n, text in names.items()}, targets=targets),
            name=info.name,
            subject=info.subject,
            split=info.split,
        )

"""Landscapes: simulated land seen from above, whose classes lie in one piece or in many.

Networks that learn from the phantom alone see organs, each in one piece.  Here a class may be a
dozen fields, patches that grow over each other, roofs in a town, or a few targets of some pixels.
Spectra are smooth random curves with absorption bands, some pairs of materials nearly alike; a
pixel at a border is a mixture, and brightness and composition vary within a class.

Nothing here is fitted to a real scene.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hsizoo import DatasetCard, HyperCube, LabelMap, Scene, SceneDataset, SceneInfo
from hsizoo.errors import OptionError
from hsizoo_datasets.drawing import SHAPES, Draw, noise
from hsizoo_datasets.phantom import Phantom

__all__ = ["Landscapes"]

_FINER: Final = 2  # a pixel is the mean of 2 × 2 points, hence mixtures at borders
_SMALLEST: Final = 8  # pixels of a class, or it is no target
_FIRST_NM: Final = (400.0, 600.0)
_LAST_NM: Final = (900.0, 2450.0)
_OUTLINES: Final = ("ellipse", "superellipse", "blob", "polygon")
_NONE: Final = 0

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Plan:
    """What was drawn of a scene before it is rendered.

    Parameters
    ----------
    labels : ndarray of int, shape (2 H, 2 W)
        Material of each point, from 0.
    targets : tuple of int
        Materials that are classes; the others are background.
    has_gaps : bool
        Whether some of the labels are unknown, as in most real scenes.
    """

    labels: Labels
    targets: tuple[int, ...]
    has_gaps: bool


class Landscapes(SceneDataset):
    """Simulated land seen from above, to train networks on classes in many pieces.

    Each scene is a subject of its own, and has its own materials, range of wavelengths and noise.

    Parameters
    ----------
    side : int, default 112
        Side length in pixels, 32 or more.
    bands : int, default 60
        Number of evenly spaced bands, 3 or more.
    train_scenes, val_scenes, test_scenes : int, default 24, 4 and 8
        Number of scenes per split, numbered in this order.
    phantom : bool, default false
        Whether to add the training subjects of `Phantom`, unchanged, to the training split.
    seed : int, default 0
        Random seed of the scenes.

    Examples
    --------
    >>> dataset = Landscapes(side=48, bands=20, train_scenes=2)
    >>> dataset.scenes()[1].name, dataset.scene(1).cube.shape
    ('l001', (48, 48, 20))
    """

    card = DatasetCard(
        title="Landscapes",
        source="Computed: Voronoi fields, noise, and shapes as in hsizoo's mosaics",
        licence="Apache-2.0, like hsizoo",
        citation="hsizoo, with the options and the seed",
        size="by default 36 scenes, 112 × 112 × 60; nothing to download",
        how_to_get="comes with hsizoo; computed on demand",
        notes=(
            "A simulation, made for training: results on it say little of real land.  Spectra are "
            "random curves.  Label 0 is unlabeled and ignored.  Values are bit-identical on one "
            "machine; another processor may round differently."
        ),
    )

    def __init__(
        self,
        *,
        side: int = 112,
        bands: int = 60,
        train_scenes: int = 24,
        val_scenes: int = 4,
        test_scenes: int = 8,
        phantom: bool = False,
        seed: int = 0,
    ) -> None:
        for name, value, least in (
            ("side", side, 32), ("bands", bands, 3), ("train_scenes", train_scenes, 0),
            ("val_scenes", val_scenes, 0), ("test_scenes", test_scenes, 0), ("seed", seed, 0),
        ):  # fmt: skip
            if value < least:
                raise OptionError(f"{name}={value} must be {least} or more")
        if not train_scenes + val_scenes + test_scenes:
            raise OptionError(
                "train_scenes, val_scenes and test_scenes are all 0; one must be 1 or more"
            )
        self._side, self._bands, self._seed = side, bands, seed
        self._splits = ["train"] * train_scenes + ["val"] * val_scenes + ["test"] * test_scenes
        self._phantom = Phantom(val_subjects=0, test_subjects=0) if phantom else None

    def scenes(self) -> list[SceneInfo]:
        """List the scenes, without computing them, and those of the phantom."""
        own = [SceneInfo(f"l{n:03}", f"l{n:03}", split) for n, split in enumerate(self._splits)]
        return own + [
            SceneInfo(f"phantom-{info.name}", f"phantom-{info.subject}", info.split)
            for info in (self._phantom.scenes() if self._phantom else [])
        ]

    def scene(self, index: int) -> Scene:
        """Compute scene number `index`, independently of earlier calls."""
        infos = self.scenes()
        if not 0 <= index < len(infos):
            raise IndexError(f"scene {index} of {len(infos)}")
        info = infos[index]
        if index >= len(self._splits):
            assert self._phantom is not None
            whole = self._phantom.scene(index - len(self._splits))
            return Scene(whole.cube, whole.label_map, info.name, info.subject, info.split)
        rng = np.random.default_rng([2, self._seed, index])  # mosaics' sequences start with 0 or 1
        plan = _draw_plan(rng, self._side)
        nm = np.linspace(rng.uniform(*_FIRST_NM), rng.uniform(*_LAST_NM), self._bands)
        cube = HyperCube(_render(rng, plan, nm), wavelengths=nm, name=f"landscapes/{info.name}")
        labels, targets = _truth(rng, plan)
        names = {_NONE: "unlabeled"} | {
            int(each): f"material {each}" for each in np.unique(labels) if each != _NONE
        }
        return Scene(
            cube,
            LabelMap(labels, names, ignore=[_NONE], targets=targets),
            name=info.name,
            subject=info.subject,
            split=info.split,
        )


# Where the materials are.


def _draw_plan(rng: np.random.Generator, side: int) -> _Plan:
    while True:
        layout = _LAYOUTS[rng.integers(len(_LAYOUTS))]
        plan = layout(Draw(rng, side * _FINER))
        areas = np.bincount(plan.labels.ravel(), minlength=1 + max(plan.targets))
        targets = tuple(n for n in plan.targets if areas[n] >= _SMALLEST * _FINER**2)
        if targets:
            return _Plan(plan.labels, targets, plan.has_gaps)


def _fields(draw: Draw) -> _Plan:
    """Fields of few materials, each in one field or several."""
    rng = draw.rng
    warp = rng.uniform(0, 0.15)
    row = draw.row + np.float32(warp) * noise(rng, draw.side, 2.2)
    col = draw.col + np.float32(warp) * noise(rng, draw.side, 2.2)
    number = int(rng.integers(6, 40))
    seeds, stretch = rng.uniform(-1.2, 1.2, (number, 2)).astype(np.float32), rng.uniform(0.5, 2)
    far = [(row - a) ** 2 + np.float32(stretch) * (col - b) ** 2 for a, b in seeds]
    materials = int(rng.integers(3, 12))
    owner = rng.integers(materials, size=number)
    return _Plan(owner[np.argmin(far, axis=0)], tuple(range(materials)), rng.random() < 0.6)


def _patches(draw: Draw) -> _Plan:
    """Patches that grow over each other, such as trees, soil and water."""
    labels = _grown(draw, int(draw.rng.integers(3, 7)))
    return _Plan(labels, tuple(range(labels.max() + 1)), draw.rng.random() < 0.2)


def _town(draw: Draw) -> _Plan:
    """Roads and roofs of several kinds on patches of land."""
    rng = draw.rng
    labels = _grown(draw, int(rng.integers(1, 4)))
    ground = int(labels.max()) + 1
    turn = rng.uniform(0, np.pi)
    along = np.float32(np.cos(turn)) * draw.row + np.float32(np.sin(turn)) * draw.col
    across = np.float32(np.cos(turn)) * draw.col - np.float32(np.sin(turn)) * draw.row
    for line in (along, across):
        bent = line + np.float32(rng.uniform(0, 0.08)) * noise(rng, draw.side, 2.2)
        for place in rng.uniform(-1, 1, rng.integers(1, 4)):
            labels[np.abs(bent - np.float32(place)) < rng.uniform(0.015, 0.05)] = ground
    roofs = int(rng.integers(1, 5))
    for _ in range(rng.integers(10, 50)):
        size = rng.uniform(0.025, 0.12)
        labels[_shape(draw, size, ("superellipse",))] = ground + 1 + rng.integers(roofs)
    return _Plan(labels, tuple(range(ground + 1 + roofs)), rng.random() < 0.5)


def _targets(draw: Draw) -> _Plan:
    """One or two materials in a few pieces of some pixels each; the rest is background."""
    rng = draw.rng
    labels = _grown(draw, int(rng.integers(2, 5)))
    first, number = int(labels.max()) + 1, int(rng.integers(1, 3))
    for material in range(first, first + number):
        size = rng.uniform(0.015, 0.07)
        for _ in range(rng.integers(1, 12)):
            labels[_shape(draw, size * rng.uniform(0.7, 1.4), _OUTLINES)] = material
    return _Plan(labels, tuple(range(first, first + number)), has_gaps=False)


_LAYOUTS: Final[tuple[Callable[[Draw], _Plan], ...]] = (_fields, _patches, _town, _targets)


def _grown(draw: Draw, materials: int) -> Labels:
    """Give each point to the material whose noise is largest there."""
    rng = draw.rng
    steepness = rng.uniform(1.0, 3.0)
    heights = [
        noise(rng, draw.side, steepness) + np.float32(rng.normal(0, 0.5)) for _ in range(materials)
    ]
    labels: Labels = np.argmax(heights, axis=0).astype(np.int64)
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape)


def _shape(draw: Draw, size: float, outlines: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    inside = SHAPES[str(draw.rng.choice(outlines))](draw, *draw.frame(size))
    return inside < 1


def _truth(rng: np.random.Generator, plan: _Plan) -> tuple[Labels, list[int]]:
    """Return the label map, in which 0 is unlabeled, and the target classes."""
    counts = _shares(plan.labels)
    labels = counts.argmax(axis=0) + 1
    if plan.has_gaps:
        pure = counts.max(axis=0) == 1
        labels[~pure] = _NONE
        gaps = noise(rng, max(labels.shape), 2.2)[: labels.shape[0], : labels.shape[1]]
        labels[gaps > rng.uniform(0.3, 1.5)] = _NONE
    areas = np.bincount(labels.ravel(), minlength=len(counts) + 1)
    targets = [n + 1 for n in plan.targets if areas[n + 1] >= _SMALLEST]
    if not targets:  # gaps took what there was
        return _truth(rng, _Plan(plan.labels, plan.targets, has_gaps=False))
    return labels, targets


def _shares(labels: Labels) -> Floats:
    """Share of each material in each pixel, (materials, H, W)."""
    side = labels.shape[0] // _FINER
    points = labels.reshape(side, _FINER, side, _FINER)
    number = labels.max() + 1
    return np.stack(
        [(points == material).mean(axis=(1, 3), dtype=np.float32) for material in range(number)]
    )


# What the sensor sees.


def _render(rng: np.random.Generator, plan: _Plan, nm: npt.NDArray[np.float64]) -> Floats:
    """Return the cube (H, W, B)."""
    shares = _shares(plan.labels)
    blur = rng.uniform(0, 0.8)
    shares = ndimage.gaussian_filter(shares, (0, blur, blur))
    side = shares.shape[1]
    spectra = _spectra(rng, len(shares), nm)
    cube = np.tensordot(shares, spectra, axes=(0, 0))
    for share, spectrum in zip(shares, spectra, strict=True):
        # Within a class, composition varies smoothly and from pixel to pixel.
        towards = _curve(rng, nm) * spectrum.mean() * rng.uniform(0.02, 0.15)
        amount = 0.6 * noise(rng, side, 1.8) + 0.4 * noise(rng, side, 0.6)
        cube += (share * amount)[..., None] * towards
    light = np.exp(
        rng.uniform(0, 0.2) * noise(rng, side, 2.2) + rng.uniform(0, 0.12) * noise(rng, side, 0.6)
    )
    sun = 1 + 0.5 * _curve(rng, nm)
    cube = cube * light[..., None] * sun
    grain = cube.mean() * np.exp(rng.uniform(np.log(0.002), np.log(0.03)))
    noisy = cube + grain * rng.standard_normal(cube.shape, np.float32)
    return np.maximum(noisy, 0).astype(np.float32)


def _spectra(rng: np.random.Generator, number: int, nm: npt.NDArray[np.float64]) -> Floats:
    """Draw spectra (number, B); about a third are nearly like an earlier one."""
    found: list[npt.NDArray[np.float64]] = []
    for _ in range(number):
        if found and rng.random() < 0.35:
            like = found[rng.integers(len(found))]
            spectrum = like * (1 + rng.uniform(0.05, 0.25) * _curve(rng, nm))
            spectrum *= rng.uniform(0.85, 1.15)
        else:
            spectrum = np.exp(rng.normal(-1.3, 0.5)) * np.exp(0.8 * _curve(rng, nm))
        found.append(spectrum)
    return np.stack(found).astype(np.float32)


def _curve(rng: np.random.Generator, nm: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Draw a curve of the wavelength with values about -1 to 1: slopes, steps and bumps."""
    at = (nm - 400) / 2100
    curve = rng.normal(0, 0.5) * (2 * at - 1)
    for _ in range(rng.integers(2, 6)):
        width, centre = np.exp(rng.uniform(np.log(0.02), np.log(0.3))), rng.uniform(-0.05, 1)
        kind = np.tanh if rng.random() < 0.3 else lambda x: np.exp(-(x**2))
        curve += rng.normal(0, 0.5) * kind((at - centre) / width)
    return np.asarray(np.clip(curve, -1.5, 1.5))

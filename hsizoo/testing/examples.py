"""The scenes that checks are made on: small, never square, and with all that files may hold.

Three materials (3, 7 and 12, so numbers have gaps) lie in tiles, each in several pieces, beside
pixels without a label.  The first pixels in reading order are not those of the lowest label, so
classes in another order than the ascending one are noticed.  Some pixels hold NaN or infinity.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.clicks import Clicks
from hsizoo.cube import HyperCube, LabelMap, Scene
from hsizoo.protocols.classification import only_at

__all__ = ["BANDS", "NAMES", "SHOTS", "Example", "cube_of", "example", "pixels_of"]

BANDS: Final = 31
SHOTS: Final = 5  # labels per class
NAMES: Final = {3: "water", 7: "soil", 12: "leaf"}
_TILES: Final = np.array([[7, 12, 3, 0, 12], [3, 7, 0, 12, 7], [12, 3, 7, 3, 0], [0, 12, 3, 7, 12]])
_HOLES: Final = (((2, 3), np.nan), ((11, 30), np.inf), ((19, 8), -np.inf), ((20, 9), np.nan))


@dataclass(frozen=True)
class Example:
    """A scene with what the kinds of components are given besides.

    Parameters
    ----------
    scene : Scene
    seeds : LabelMap
        A few labelled pixels per class; all others are ignored.
    prompts : tuple of Clicks
        Of several objects, two of which are the same one.
    references : ndarray of float32, shape (3, B)
        Spectra of the pixels at `places`.
    places : ndarray of int, shape (3, 2)
        A valid pixel of each class.
    """

    scene: Scene
    seeds: LabelMap
    prompts: tuple[Clicks, ...]
    references: npt.NDArray[np.float32]
    places: npt.NDArray[np.intp]

    @property
    def cube(self) -> HyperCube:
        """The scene's cube."""
        return self.scene.cube

    def digests(self) -> dict[str, str]:
        """SHA-256 of the bytes of every array that a component is lent, computed anew."""
        cube, labels = self.cube, self.scene.label_map
        arrays: dict[str, Any] = {
            "cube": cube.data,
            "wavelengths": cube.wavelengths,
            "mask of valid pixels": cube.valid,
            "label map": labels.labels,
            "seeds": self.seeds.labels,
            "references": self.references,
            **{f"clicks of object {n}": each.points for n, each in enumerate(self.prompts)},
            **{f"signs of clicks {n}": each.positive for n, each in enumerate(self.prompts)},
        }
        return {
            what: hashlib.sha256(np.ascontiguousarray(each).tobytes()).hexdigest()
            for what, each in arrays.items()
            if each is not None
        }


def pixels_of(example: Example, label: int) -> npt.NDArray[np.intp]:
    """Evaluated pixels of a class, (n, 2)."""
    return np.argwhere(example.scene.target(label))


def example(
    seed: int = 0, height: int = 24, width: int = 37, bands: int = BANDS, *, shots: int = SHOTS
) -> Example:
    """Make an example.

    Parameters
    ----------
    seed : int, default 0
        Another one has other spectra, and its tiles elsewhere.
    height, width, bands : int
    shots : int, default 5
        Labelled pixels per class.
    """
    labels = _labels(seed, height, width)
    cube = cube_of(seed, labels, bands)
    scene = Scene(cube, LabelMap(labels, NAMES, ignore=[0]), "scene")
    where = {label: np.argwhere(scene.target(label)) for label in NAMES}
    where = {label: found for label, found in where.items() if len(found)}
    shown = np.zeros(labels.shape, dtype=bool)
    for found in where.values():
        chosen = found[np.linspace(0, len(found) - 1, min(shots, len(found))).astype(int)]
        shown[tuple(chosen.T)] = True
    seeds = only_at(shown, scene.label_map.labels, NAMES)
    places = np.stack([found[(2 * len(found)) // 3] for found in where.values()])
    references = cube.data[tuple(places.T)].copy()
    inner = [_inside(found, height, width) for found in where.values()]
    return Example(scene, seeds, _prompts(inner), references, places)


def _inside(pixels: npt.NDArray[np.intp], height: int, width: int) -> npt.NDArray[np.intp]:
    """Those that do not lie at the border, if there are any."""
    rows, cols = pixels.T
    inner = pixels[(rows > 1) & (rows < height - 2) & (cols > 1) & (cols < width - 2)]
    return inner if len(inner) else pixels


def _labels(seed: int, height: int, width: int) -> npt.NDArray[np.int32]:
    tiles = _TILES if seed % 2 == 0 else np.flipud(_TILES)
    rows = np.arange(height) * tiles.shape[0] // height
    cols = np.arange(width) * tiles.shape[1] // width
    labels: npt.NDArray[np.int32] = tiles[rows[:, None], cols].astype(np.int32)
    if not (labels > 0).any():
        labels[0, 0] = 7
    return labels


def cube_of(seed: int, labels: npt.NDArray[np.int32], bands: int) -> HyperCube:
    """Make a cube: each label has a smooth spectrum of its own, with gain and noise."""
    rng = np.random.default_rng([seed, 77])
    x = np.linspace(0, 1, bands)
    spectra = np.empty((4, bands))
    for place, spectrum in enumerate(spectra):
        waves = (
            rng.uniform(0.3, 1) * np.sin(np.pi * (k + 0.7) * x + rng.uniform(0, 6))
            for k in range(4)
        )
        spectrum[:] = 0.35 + 0.15 * place + 0.12 * sum(waves)
    which = np.searchsorted([0, *NAMES], labels)
    data = np.maximum(spectra, 0.02)[which] * rng.uniform(0.95, 1.05, (*labels.shape, 1))
    data += 0.004 * rng.standard_normal(data.shape)
    for hole, value in _HOLES:
        if labels.shape[0] > 20 and labels.shape[1] > 30:
            data[hole][: 1 + bands // 2] = value
    # All have the same name: what is kept by name is noticed.
    return HyperCube(data, np.linspace(450, 950, bands), "cube")


def _prompts(where: list[npt.NDArray[np.intp]]) -> tuple[Clicks, ...]:
    """One object per class, the first one twice, with clicks elsewhere; with negative clicks."""
    found = []
    for number, own in enumerate([*where, where[0]]):
        other = where[(number + 1) % len(where)]
        early = number < len(where)
        points = [own[len(own) // (5 if early else 2)], own[-1 if early else 0]]
        if len(where) > 1:
            points.append(other[len(other) // 2])
        found.append(Clicks(points, [True, True, False][: len(points)]))
    return tuple(found)

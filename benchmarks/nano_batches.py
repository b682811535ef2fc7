"""Training data of SAM 2.1 nano: the settings of `pretrain_nano.py`, and endless batches."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from hsizoo_datasets.mosaics import Mosaic, compose_mosaic
from hsizoo_datasets.phantom import Phantom
from nano_photos import crop_photo, photo_folder
from scipy import ndimage
from torch.utils.data import Dataset

__all__ = ["PHANTOM_SEED", "Batches", "Settings"]

PHANTOM_SEED = 7000
"""Seed of the first phantoms; benchmarks only use smaller seeds."""

_PHANTOMS, _PHANTOM_SIDE = 400, 160


@dataclass(frozen=True)
class Settings:
    """Settings that determine the result."""

    seed: int = 0
    small_side: int = 128
    small_steps: int = 9000
    large_side: int = 256
    large_steps: int = 1500
    images: int = 8
    large_images: int = 6
    objects: int = 4  # per image
    phantoms: float = 0.25  # share of images
    photos: float = 0.0  # share of images
    clicks: int = 6  # of the last round, at most
    start: str = ""  # weights to start from; none: random ones
    lr: float = 6e-4
    warmup: int = 200
    weight_decay: float = 0.05
    average: float = 0.998  # of weights, per step
    clip: float = 1.0

    @property
    def steps(self) -> int:
        """Total number of steps."""
        return self.small_steps + self.large_steps

    def shape(self, step: int) -> tuple[int, int]:
        """Number of images of a step, and their side."""
        if step < self.small_steps:
            return self.images, self.small_side
        return self.large_images, self.large_side

    def rate(self, step: int) -> float:
        """Learning rate: constant on small images after warm-up, cosine decay on large ones."""
        if step < self.small_steps:
            return self.lr * min(1.0, (step + 1) / self.warmup)
        done = (step - self.small_steps) / max(1, self.large_steps)
        return float(self.lr * 0.5 * (1 + np.cos(np.pi * done)))


class Batches(Dataset[dict[str, torch.Tensor]]):
    """Batches that depend only on the seed and their number `step`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        number, side = self.settings.shape(step)
        images, masks, firsts = [], [], []
        attempt = 0
        while len(images) < number:
            rng = np.random.default_rng([0, self.settings.seed, step, len(images), attempt])
            kind = rng.random() - self.settings.phantoms
            if kind < 0:
                mosaic = _phantom(rng, side)
            elif kind < self.settings.photos:
                mosaic = crop_photo(rng, side, photo_folder())
            else:
                mosaic = compose_mosaic(rng, side)
            targets = _targets(rng, mosaic, self.settings.objects)
            attempt += 1
            if targets is not None:
                attempt = 0
                image = _stretch(mosaic.rgb)
                images.append(torch.from_numpy(image).permute(2, 0, 1))
                masks.append(torch.from_numpy(targets))
                firsts.append(torch.from_numpy(_first_clicks(rng, targets)))
        return {
            "images": torch.stack(images),
            "masks": torch.cat(masks),
            "clicks": torch.cat(firsts),
        }


def _stretch(rgb: np.ndarray) -> np.ndarray:
    """Stretch each band from its 1st to its 99th percentile, as for pseudo-RGB images."""
    low, high = np.percentile(rgb[::2, ::2], (1, 99), axis=(0, 1))
    return ((rgb - low) / np.maximum(high - low, 1e-3)).clip(0, 1).astype(np.float32)


@functools.lru_cache(maxsize=_PHANTOMS)
def _phantom_scene(number: int) -> tuple[np.ndarray, np.ndarray]:
    dataset = Phantom(
        height=_PHANTOM_SIDE,
        width=_PHANTOM_SIDE,
        bands=31,
        seed=PHANTOM_SEED + number // 10,
        train_subjects=5,
        val_subjects=0,
        test_subjects=0,
    )
    scene = dataset.scene(number % 10)
    return np.asarray(scene.cube.data, np.float16), np.asarray(scene.label_map.labels, np.int32)


def _phantom(rng: np.random.Generator, side: int) -> Mosaic:
    """Crop a phantom scene and take three of its bands."""
    cube, labels = _phantom_scene(int(rng.integers(_PHANTOMS)))
    bands = rng.choice(31, 3, replace=False) if rng.random() < 0.6 else np.array([8, 3, 0])
    piece = int(rng.integers(int(0.5 * _PHANTOM_SIDE), _PHANTOM_SIDE + 1))
    row, col = rng.integers(0, _PHANTOM_SIDE - piece + 1, 2)
    at = (np.arange(side) * piece / side).astype(int)
    rgb = cube[row + at[:, None], col + at[None, :]][..., bands].astype(np.float32)
    found = labels[row + at[:, None], col + at[None, :]]
    parts, count = np.zeros_like(found), 0
    for label in np.unique(found):
        if label:
            pieces, number = ndimage.label(found == label)
            parts[pieces > 0] = pieces[pieces > 0] + count
            count += number
    turn = int(rng.integers(4))
    rgb, parts = np.rot90(rgb, turn), np.rot90(parts, turn)
    return Mosaic(np.ascontiguousarray(rgb), np.ascontiguousarray(parts))


def _targets(rng: np.random.Generator, mosaic: Mosaic, number: int) -> np.ndarray | None:
    """Masks (number, side, side) of objects, objects with their parts, or all of one material.

    None if the image has nothing to segment.
    """
    candidates = mosaic.targets()
    if not candidates:
        return None
    chosen = rng.permutation(candidates)[:number]
    chosen = np.concatenate([chosen, rng.choice(candidates, number - len(chosen))])
    masks = []
    for label in chosen:
        wanted = [label]
        children = [part for part, parent in mosaic.parents.items() if parent == label]
        material = mosaic.materials.get(label)
        alike = [other for other, made in mosaic.materials.items() if made == material]
        draw = rng.random()
        if children and draw < 0.6:
            wanted += children
        elif len(alike) > 1 and draw < 0.3:
            wanted = alike
        masks.append(np.isin(mosaic.labels, wanted))
    return np.stack(masks)


def _first_clicks(rng: np.random.Generator, masks: np.ndarray) -> np.ndarray:
    """Draw (x, y) of a first click in each mask, mostly inside rather than at the rim."""
    clicks = np.empty((len(masks), 2), np.float32)
    reach = max(3, masks.shape[-1] // 12)
    for mask, click in zip(masks, clicks, strict=True):
        rows, cols = np.nonzero(mask)
        some = rng.integers(len(rows), size=1 if rng.random() < 0.3 else 12)
        inside = ndimage.uniform_filter(mask.astype(np.float32), reach, mode="constant")
        best = some[np.argmax(inside[rows[some], cols[some]])]
        click[:] = cols[best], rows[best]
    return clicks

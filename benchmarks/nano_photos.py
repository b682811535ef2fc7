"""Photographs with object masks, for `pretrain_nano.py` and for testing what it made.

A folder with ``index.json`` (a list of objects with ``name`` and ``licence``) and, for each name,
``NAME.jpg`` (RGB) and ``NAME.png`` (label map, 0 none).  It is ``real_rgb`` in the folder that
HSIZOO_DATA names.  A fixed tenth of each source is never trained on.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Literal

import numpy as np
from hsizoo_datasets.mosaics import Mosaic
from PIL import Image

__all__ = ["SHARES", "crop_photo", "divided", "index_digest", "load_photo", "photo_folder"]

SHARES = {"nuclei": 0.35, "aerial": 0.4, "coco": 0.25}
"""Share of each source in training.  The everyday ones are few, and differ most."""

_HELD_OUT = 0.1
_SPLIT_SEED = 0


def photo_folder() -> Path:
    """Return the folder of the photographs.

    Raises
    ------
    SystemExit
        If there is none.
    """
    folder = Path(os.environ.get("HSIZOO_DATA", "")) / "real_rgb"
    if not (folder / "index.json").is_file():
        raise SystemExit(f"{folder / 'index.json'} is missing: set HSIZOO_DATA to the folder above")
    return folder


def index_digest(folder: Path) -> str:
    """Return the SHA-256 of the index of a folder."""
    return hashlib.sha256((folder / "index.json").read_bytes()).hexdigest()


@functools.cache
def divided(folder: Path, part: Literal["train", "held-out"]) -> dict[str, list[str]]:
    """Return the names of one part by source: what stands before the first hyphen of a name.

    Crops of one photograph (``aerial-1001-0``, ``aerial-1001-1``) stay together.
    """
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    photos: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name in sorted(entry["name"] for entry in index):
        source, photo = name.split("-")[:2]
        photos[source][photo].append(name)
    found = {}
    for number, (source, groups) in enumerate(sorted(photos.items())):
        order = np.random.default_rng([_SPLIT_SEED, number]).permutation(sorted(groups))
        held = max(1, round(_HELD_OUT * len(order)))
        chosen = order[:held] if part == "held-out" else order[held:]
        found[source] = sorted(name for photo in chosen for name in groups[photo])
    return found


def load_photo(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Read an image (H, W, 3), uint8, and its label map (H, W), int32."""
    with Image.open(folder / f"{name}.jpg") as image, Image.open(folder / f"{name}.png") as labels:
        return np.asarray(image.convert("RGB")), np.asarray(labels).astype(np.int32)


def crop_photo(rng: np.random.Generator, side: int, folder: Path) -> Mosaic:
    """Crop a training photograph, and alter its colours and sharpness.

    Hyperspectral scenes are shown in colours of any bands and often have few pixels, so channels
    are exchanged or mixed, and some images are made coarse.
    """
    names = divided(folder, "train")
    sources = [source for source in SHARES if source in names]
    shares = np.array([SHARES[source] for source in sources])
    source = sources[rng.choice(len(sources), p=shares / shares.sum())]
    image, labels = load_photo(folder, names[source][rng.integers(len(names[source]))])
    piece = int(rng.uniform(0.4, 1) * min(labels.shape))
    row, col = (int(rng.integers(0, size - piece + 1)) for size in labels.shape)
    box = (col, row, col + piece, row + piece)
    coarse = round(side * rng.uniform(0.25, 0.7)) if rng.random() < 0.4 else side
    shown, found = Image.fromarray(image).crop(box), Image.fromarray(labels).crop(box)
    for size in dict.fromkeys((coarse, side)):
        shown = shown.resize((size, size), Image.Resampling.BILINEAR)
        found = found.resize((size, size), Image.Resampling.NEAREST)
    rgb = _recoloured(rng, np.asarray(shown, np.float32) / 255)
    parts = np.unique(np.asarray(found), return_inverse=True)[1].reshape(side, side)
    if np.asarray(found).min() > 0:
        parts += 1  # an image without background
    turn, mirror = int(rng.integers(4)), slice(None, None, -1 if rng.random() < 0.5 else 1)
    rgb, parts = np.rot90(rgb, turn)[:, mirror], np.rot90(parts, turn)[:, mirror]
    alike = dict.fromkeys(range(1, parts.max() + 1), 1) if source == "nuclei" else {}
    return Mosaic(
        np.ascontiguousarray(rgb), np.ascontiguousarray(parts.astype(np.int32)), {}, alike
    )


def _recoloured(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
    draw = rng.random()
    if draw < 0.3:
        return rgb[..., rng.permutation(3)]
    if draw < 0.6:
        mixed = rgb @ (np.eye(3) + rng.normal(0, 0.5, (3, 3))).astype(np.float32)
        return mixed + 0.02 * rng.standard_normal(rgb.shape, np.float32)
    if draw < 0.7:
        return np.repeat(rgb @ np.full((3, 1), 1 / 3, np.float32), 3, axis=2)
    return rgb

"""Tiny dataset in the layout of HeiPorSPECTRAL, for tests without a terabyte of data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from hsizoo.io.tivita import write_spec_cube
from hsizoo_datasets.heipor_labels import LABELS, OVERLAP, UNLABELED

__all__ = ["ORGANS", "draw", "write_fixture"]

_SHAPE: Final = (18, 24, 100)
ORGANS: Final = {
    "P086": (("spleen", "liver"), ("stomach",)),
    "P087": (("colon",), ("spleen", "kidney")),
    "P088": (("liver",), ("lung", "heart")),
}
"""Organs of each image of each subject."""


def draw(
    organs: tuple[str, ...], seed: int, shape: tuple[int, int, int] = _SHAPE
) -> tuple[npt.NDArray[np.float32], dict[str, npt.NDArray[np.bool_]]]:
    """Make reflectance (H, W, B) and a mask per organ, without any symmetry."""
    rng = np.random.default_rng(seed)
    height, width, bands = shape
    rows, cols = np.mgrid[:height, :width]
    light = 0.6 + 0.3 * rows / height + 0.1 * cols / width
    position = np.linspace(0, 1, bands)

    def spectrum(number: int) -> npt.NDArray[np.float64]:
        own = np.random.default_rng(number)  # the same for an organ in every image
        bends = own.uniform(0.1, 1, 5)
        return np.interp(position, np.linspace(0, 1, len(bends)), bends)

    cube = light[:, :, None] * spectrum(len(LABELS))
    masks = {}
    for number, organ in enumerate(organs):
        row, col = height * (0.3 + 0.35 * number), width * (0.25 + 0.4 * number)
        inside = ((rows - row) / (height / 4.5)) ** 2 + ((cols - col) / (width / 6)) ** 2 < 1
        cube[inside] = light[inside][:, None] * spectrum(LABELS.index(organ))
        masks[organ] = inside
    noisy = cube + rng.normal(0, 0.01, shape)
    return noisy.astype(np.float32), masks


def write_fixture(folder: Path, *, shape: tuple[int, int, int] = _SHAPE) -> Path:
    """Write ``HeiPorSPECTRAL`` into a folder: three subjects with two images each.

    Parameters
    ----------
    folder : Path
    shape : (int, int, int), optional
        Rows, columns, bands of each cube.

    Returns
    -------
    Path
        The folder HeiPorSPECTRAL.
    """
    root = Path(folder) / "HeiPorSPECTRAL"
    data = root / "data"
    data.mkdir(parents=True, exist_ok=True)
    mapping = {name: label for label, name in enumerate(LABELS)}
    mapping |= {"overlap": OVERLAP, "unlabeled": UNLABELED}
    settings = {
        "shape": list(shape),
        "label_mapping": mapping,
        "last_valid_label_index": len(LABELS) - 1,
    }
    (data / "dataset_settings.json").write_text(json.dumps(settings, indent=2))
    for number, (subject, images) in enumerate(ORGANS.items()):
        for view, organs in enumerate(images):
            time = f"2021_04_{15 + number:02}_09_{22 + view:02}_02"
            image = data / "subjects" / subject / time
            cube, masks = draw(organs, 10 * number + view, shape)
            _write_image(image, time, cube, masks)
    return root


def _write_image(
    image: Path,
    time: str,
    cube: npt.NDArray[np.float32],
    masks: dict[str, npt.NDArray[np.bool_]],
) -> None:
    annotations = image / "annotations"
    annotations.mkdir(parents=True, exist_ok=True)
    write_spec_cube(image / f"{time}_SpecCube.dat", cube)
    about = {organ: {"situs": 1, "angle": 0, "repetition": 1} for organ in masks}
    (annotations / f"{time}_meta.json").write_text(json.dumps({"label_meta": about}))
    for organ, mask in masks.items():
        stem = f"{time}#polygon#annotator1#{organ}"
        Image.fromarray(mask).save(annotations / f"{stem}#binary.png")
        rows, cols = np.nonzero(mask)
        corners = [
            (cols.min(), rows.min()), (cols.max(), rows.min()),
            (cols.max(), rows.max()), (cols.min(), rows.max()),
        ]  # fmt: skip
        text = "".join(f"{col},{row}\n" for col, row in corners)
        (annotations / f"{stem}#coordinates.csv").write_text(f"column,row\n{text}")

"""Tiny images in the layouts of the HSI Human Brain Database, for tests without the data."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["IMAGES", "draw", "write_fixture"]

_SIZE: Final = (9, 11)
IMAGES: Final = {"004-02": 826, "008-01": 826, "008-02": 826, "012-01": 93}
"""Number of bands of each image; 93 bands use the second layout."""

_AXES: Final = {"bil": (0, 2, 1), "bsq": (2, 0, 1)}


def draw(
    name: str,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint16], tuple[npt.NDArray[np.uint16], ...]]:
    """Make an image.

    Parameters
    ----------
    name : str
        One of `IMAGES`.

    Returns
    -------
    reflectance : array, shape (H, W, B)
        From 0 to 1, before rounding to counts.
    labels : array of uint16, shape (H, W)
        From 0 to 4, without any symmetry.
    counts : raw, white and dark, arrays of uint16
        Camera counts; white and dark have one row, or all rows in the second layout.
    """
    bands = IMAGES[name]
    rng = np.random.default_rng(sum(map(ord, name)))
    height, width = _SIZE
    labels = np.zeros(_SIZE, dtype=np.uint16)
    labels[1:4, 1:5], labels[5:8, 2:4], labels[2:6, 6:8], labels[7:, 7:] = 1, 2, 3, 4
    position = np.linspace(0, 1, bands)
    spectra = np.array(
        [
            np.interp(position, np.linspace(0, 1, 5), np.random.default_rng(k).uniform(0.1, 0.9, 5))
            for k in range(5)
        ]
    )
    reflectance = np.clip(spectra[labels] + rng.normal(0, 0.01, (*_SIZE, bands)), 0, 1)
    lines = height if bands == 93 else 1
    dark = rng.integers(90, 110, (lines, width, bands))
    white = dark + rng.integers(3000, 4000, (lines, width, bands))
    raw = np.rint(dark + reflectance * (white - dark))
    counts = tuple(each.astype(np.uint16) for each in (raw, white, dark))
    return reflectance, labels, counts


def write_fixture(folder: Path) -> Path:
    """Write the images `IMAGES` into a subfolder, and return that subfolder."""
    root = Path(folder) / "HSI_Human_Brain_Database"
    for name, bands in IMAGES.items():
        image = root / name
        image.mkdir(parents=True, exist_ok=True)
        _, labels, counts = draw(name)
        for stem, values in zip(("raw", "whiteReference", "darkReference"), counts, strict=True):
            if bands == 93:
                _write(image, stem, values, "bsq", ".dat", np.linspace(440, 900, bands))
            else:
                _write(image, stem, values, "bil", "", None)
        _write(image, "gtMap", labels[:, :, None], "bil", ".dat" if bands == 93 else "", None)
        header = image / "gtMap.hdr"
        header.write_bytes(header.read_bytes().replace(b"\n", b"\r"))
    return root


def _write(
    folder: Path,
    stem: str,
    values: npt.NDArray[np.uint16],
    interleave: str,
    ending: str,
    nm: npt.NDArray[np.float64] | None,
) -> None:
    """Write an ENVI image, wavelengths first in the header, as in the second layout."""
    height, width, bands = values.shape
    lines = ["ENVI", "description = {HSI Human Brain Database - tiny, drawn by hsizoo}"]
    if nm is not None:
        text = ",\n".join(f" {value:.6f}" for value in nm)
        lines += ["wavelength units = Nanometers", f"wavelength = {{\n{text}}}"]
    lines += [
        f"samples = {width}",
        f"lines = {height}",
        f"bands = {bands}",
        "header offset = 0",
        "file type = ENVI Standard",
        "data type = 12",
        f"interleave = {interleave}",
        "byte order = 0",
    ]
    (folder / f"{stem}.hdr").write_text("\n".join(lines) + "\n")
    ordered = values.transpose(_AXES[interleave]).astype("<u2")
    (folder / f"{stem}{ending}").write_bytes(ordered.tobytes())

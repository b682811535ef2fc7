"""Small real scenes in one .npz file each: Salinas-A, Samson, and a degraded Pavia University.

Each file holds ``cube`` (H, W, B), ``gt`` (H, W) with 0 for unlabeled pixels, and ``class_names``
(one per class, from label 1 on), and no pickle.  The content is checked against the SHA-256 of the
two arrays, so that results always refer to the same pixels.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from hsizoo import DatasetCard
from hsizoo.errors import DataError, MissingRequirement
from hsizoo.io import Settings, open_raster, read_labels
from hsizoo_datasets.one_scene import OneScene
from hsizoo_datasets.places import find

__all__ = ["PaviaMini", "SalinasA", "Samson"]

_HWB: Final = Settings(layout="hwb")
_LAYOUT: Final = (
    "It is an .npz file with the arrays cube (rows, columns, bands), gt (rows, columns; 0 is "
    "unlabeled) and class_names."
)
_SALINAS_A_LABELS: Final = (0, 1, 10, 11, 12, 13, 14)  # in the collection's own file


class _SmallScene(OneScene):
    """Scene in one file with known content."""

    file: ClassVar[str]
    sha256: ClassVar[str]

    def place(self) -> Path:
        """Return the file."""
        return find(self.file, self._data_dir, f"{_LAYOUT}  {self.card.how_to_get}.")

    def _read(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.integer]]:
        path = self.place()
        return self._checked(
            str(path), open_raster(path, "cube", _HWB).values, read_labels(path)[0]
        )

    def _checked(
        self, path: str, values: npt.NDArray[Any], labels: npt.NDArray[np.integer]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.integer]]:
        """Return cube and labels after checking their content."""
        if values.shape != self.shape or labels.shape != self.shape[:2]:
            raise DataError(
                f"{path}: expected a cube of {self.shape} and labels of {self.shape[:2]}; "
                f"found {values.shape} and {labels.shape}"
            )
        content = values.astype("<f4").tobytes() + labels.astype(np.uint8).tobytes()
        sha = hashlib.sha256(content).hexdigest()
        if sha != self.sha256:
            raise DataError(
                f"{path} does not hold the expected values: SHA-256 of the cube as little-endian "
                f"float32 followed by gt as uint8 is {sha}, expected {self.sha256}"
            )
        return values, labels


class SalinasA(_SmallScene):
    """Salinas-A, a part of the Salinas scene (AVIRIS): 83 × 86 pixels, 204 bands, 6 classes.

    Parameters
    ----------
    data_dir : str, optional
        Folder of ``salinas_a.npz``, or of ``SalinasA_corrected.mat`` and ``SalinasA_gt.mat``.
        Default: the folders of the environment variable ``HSIZOO_DATA``, then ``HSIZOO_HOME/data``.
    """

    card = DatasetCard(
        title="Salinas-A (AVIRIS, 204 corrected bands)",
        source="Salinas Valley, California; collected by the Grupo de Inteligencia Computacional, "
        "EHU: https://www.ehu.eus/ccwintco/index.php/Hyperspectral_Remote_Sensing_Scenes",
        licence="No licence stated by the EHU collection",
        citation="the EHU collection, at the address under source",
        size="one scene, 83 × 86 × 204, 5348 labelled pixels in 6 classes, 1.5 MB",
        how_to_get="Download SalinasA_corrected.mat and SalinasA_gt.mat of the EHU collection, "
        "which are read directly, or make salinas_a.npz from them, with the classes 1, 10, 11, 12, "
        "13, 14 renumbered 1 to 6",
        notes="Label 0 is unlabeled and ignored.  Values are scaled radiance, some below 0.  The "
        "file has no wavelengths.  The classes are easy to separate.",
    )
    name = "salinas-a"
    file = "salinas_a.npz"
    shape = (83, 86, 204)
    classes = (
        "Brocoli_green_weeds_1",
        "Corn_senesced_green_weeds",
        "Lettuce_romaine_4wk",
        "Lettuce_romaine_5wk",
        "Lettuce_romaine_6wk",
        "Lettuce_romaine_7wk",
    )
    rgb_bands = (43, 21, 11)  # as in DeepHyperX, for AVIRIS
    origins: ClassVar = {"salinas-a": "salinas"}  # a part of that scene
    sha256 = "f2616accdcec8ca2ac1e0a35d649783683618bfbdf44b0758b9e5e7775801473"

    def place(self) -> Path:
        """Return the file, or that of the collection's cube if its labels are there too."""
        try:
            return super().place()
        except MissingRequirement as missing:
            try:
                return self._collected()[0]
            except MissingRequirement:
                raise missing from None

    def _collected(self) -> tuple[Path, Path]:
        """Return the collection's own files of cube and labels."""
        cube, truth = (
            find(f"SalinasA_{part}.mat", self._data_dir, "") for part in ("corrected", "gt")
        )
        return cube, truth

    def _read(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.integer]]:
        if self.place().name == self.file:
            return super()._read()
        cube, truth = self._collected()
        labels = read_labels(truth)[0]
        if not np.isin(labels, _SALINAS_A_LABELS).all():
            raise DataError(f"{truth}: expected the labels {_SALINAS_A_LABELS}")
        renumbered = np.searchsorted(_SALINAS_A_LABELS, labels)
        return self._checked(str(cube), open_raster(cube, "cube", _HWB).values, renumbered)


class Samson(_SmallScene):
    """Samson, a coast with rock, trees and water: 95 × 95 pixels, 156 bands, 3 classes.

    Each pixel is labelled with the material whose abundance exceeds one half.

    Parameters
    ----------
    data_dir : str, optional
        Folder of ``samson.npz``.  Default: the folders of the environment variable
        ``HSIZOO_DATA``, then ``HSIZOO_HOME/data``.
    """

    card = DatasetCard(
        title="Samson (156 bands)",
        source="the unmixing scene Samson #1, with the abundances of F. Zhu et al.",
        licence="No licence stated",
        citation="F. Zhu, Y. Wang, B. Fan et al., Spectral Unmixing via "
        "Data-Guided Sparsity, IEEE Trans. Image Process. 23(12), 2014",
        size="one scene, 95 × 95 × 156, 8730 labelled pixels in 3 classes, 1.8 MB",
        how_to_get="Make samson.npz from the public Samson cube and abundances: gt is 1 + the "
        "index of the material (rock, tree, water) whose abundance is above 0.5, else 0",
        notes="Label 0 (mixed pixels) is ignored.  Values are reflectance scaled to 0 to 1.  "
        "INFERRED: 156 bands evenly spaced from 401 to 889 nm, as in descriptions of the scene.",
    )
    name = "samson"
    file = "samson.npz"
    shape = (95, 95, 156)
    classes = ("Rock", "Tree", "Water")
    origins: ClassVar = {"samson": "samson"}
    sha256 = "c5e2e6ca673cc1e38f0b2a415add9fa067ed619c98c5dc248536a4c7d1a264ff"
    range_nm = (401.0, 889.0)


class PaviaMini(_SmallScene):
    """Pavia University degraded 4.4 times and rotated by 10°: 80 × 50 pixels, 103 bands, 9 classes.

    Parameters
    ----------
    data_dir : str, optional
        Folder of ``paviau_mini.npz``.  Default: the folders of the environment variable
        ``HSIZOO_DATA``, then ``HSIZOO_HOME/data``.
    """

    card = DatasetCard(
        title="Pavia University, degraded (ROSIS, 103 bands)",
        source="Pavia University by ROSIS (P. Gamba, University of Pavia), in the degraded "
        "version of a registration dataset under a BSD-style licence",
        licence="No licence stated for the original scene",
        citation="the Pavia University scene, credit P. Gamba, University of Pavia",
        size="one scene, 80 × 50 × 103, 639 labelled pixels in 9 classes, 1.4 MB",
        how_to_get="paviau_mini.npz is the degraded cube with the ground truth of the full scene "
        "registered to its grid",
        notes="Label 0 is unlabeled and ignored.  Classes are small, 9 to 252 pixels, and "
        "scattered.  Values are reflectance, 0.01 to 0.65.",
    )
    name = "pavia-mini"
    file = "paviau_mini.npz"
    shape = (80, 50, 103)
    classes = (
        "Asphalt",
        "Meadows",
        "Gravel",
        "Trees",
        "Painted metal sheets",
        "Bare Soil",
        "Bitumen",
        "Self-Blocking Bricks",
        "Shadows",
    )
    rgb_bands = (55, 41, 12)  # as in DeepHyperX, for Pavia University
    origins: ClassVar = {"pavia-mini": "pavia-university"}
    sha256 = "26a0496777d95d8d1ebba951fd0549331fc4c35fea057f9f48c89d01ca3d7f72"
    range_nm = (430.0, 860.0)

"""Small real scenes in one .npz file each: fields, a coast, a town, a reserve and small targets.

Each file holds ``cube`` (H, W, B), ``gt`` (H, W) with 0 for unlabeled pixels, and ``class_names``
(one per class, from label 1 or 0 on), and no pickle.  The content is checked against the SHA-256 of
the two arrays, so that results always refer to the same pixels.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from hsizoo import DatasetCard, HyperCube, LabelMap, Scene, SceneDataset, SceneInfo
from hsizoo.errors import DataError, MissingRequirement
from hsizoo.io import Settings, open_raster, read_labels
from hsizoo_datasets.one_scene import OneScene
from hsizoo_datasets.places import find

__all__ = ["Abu", "JasperRidge", "PaviaMini", "SalinasA", "Samson"]

_HWB: Final = Settings(layout="hwb")
_LAYOUT: Final = (
    "It is an .npz file with the arrays cube (rows, columns, bands), gt (rows, columns; 0 is "
    "unlabeled) and class_names."
)
_SALINAS_A_LABELS: Final = (0, 1, 10, 11, 12, 13, 14)  # in the collection's own file


def _read_file(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[np.integer]]:
    """Return cube and labels of an .npz file."""
    return open_raster(path, "cube", _HWB).values, read_labels(path)[0]


def _check(
    path: str,
    values: npt.NDArray[Any],
    labels: npt.NDArray[np.integer],
    shape: tuple[int, int, int],
    sha256: str,
) -> None:
    """Raise `DataError` unless cube and labels have this shape and digest."""
    if values.shape != shape or labels.shape != shape[:2]:
        raise DataError(
            f"{path}: expected a cube of {shape} and labels of {shape[:2]}; "
            f"found {values.shape} and {labels.shape}"
        )
    content = values.astype("<f4").tobytes() + labels.astype(np.uint8).tobytes()
    sha = hashlib.sha256(content).hexdigest()
    if sha != sha256:
        raise DataError(
            f"{path} does not hold the expected values: SHA-256 of the cube as little-endian "
            f"float32 followed by gt as uint8 is {sha}, expected {sha256}"
        )


class _SmallScene(OneScene):
    """Scene in one file with known content."""

    file: ClassVar[str]
    sha256: ClassVar[str]

    def place(self) -> Path:
        """Return the file."""
        return find(self.file, self._data_dir, f"{_LAYOUT}  {self.card.how_to_get}.")

    def _read(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.integer]]:
        path = self.place()
        values, labels = _read_file(path)
        _check(str(path), values, labels, self.shape, self.sha256)
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
        values = open_raster(cube, "cube", _HWB).values
        _check(str(cube), values, renumbered, self.shape, self.sha256)
        return values, renumbered


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


class JasperRidge(_SmallScene):
    """Jasper Ridge, a reserve with a lake and roads: 100 × 100 pixels, 198 bands, 4 classes.

    Each pixel is labelled with the material whose abundance exceeds one half.

    Parameters
    ----------
    data_dir : str, optional
        Folder of ``jasper_ridge.npz``.  Default: the folders of the environment variable
        ``HSIZOO_DATA``, then ``HSIZOO_HOME/data``.
    """

    card = DatasetCard(
        title="Jasper Ridge (AVIRIS, 198 bands)",
        source="the unmixing scene Jasper Ridge, with the abundances of F. Zhu et al.",
        licence="No licence stated",
        citation="F. Zhu, Y. Wang, B. Fan et al., Spectral Unmixing via "
        "Data-Guided Sparsity, IEEE Trans. Image Process. 23(12), 2014",
        size="one scene, 100 × 100 × 198, 9639 labelled pixels in 4 classes, 2.9 MB",
        how_to_get="Make jasper_ridge.npz from the public cube of 198 bands and its abundances: gt "
        "is 1 + the index of the material (tree, water, soil, road) whose abundance is above 0.5, "
        "else 0",
        notes="Label 0 (mixed pixels) is ignored.  The classes lie in many pieces.  Values are "
        "reflectance times 10000.  INFERRED: bands 4 to 107, 113 to 153 and 167 to 219 of 224 "
        "evenly spaced from 380 to 2500 nm, as in descriptions of the scene.",
    )
    name = "jasper-ridge"
    file = "jasper_ridge.npz"
    shape = (100, 100, 198)
    classes = ("Tree", "Water", "Soil", "Road")
    origins: ClassVar = {"jasper-ridge": "jasper-ridge"}
    sha256 = "84910c81ee2e3c79a51fa970a60b444face5631045cfa34b491e73919708d011"

    def _wavelengths(self) -> npt.NDArray[np.float64]:
        return np.linspace(380.0, 2500.0, 224)[np.r_[3:107, 112:153, 166:219]]


_ABU: Final = {
    "airport-1": (
        (100, 100, 205),
        "20ce81e1a77ed9b3d4f776c9f8e31e41ea0485224fbe82bd1c1787a671204771",
    ),
    "airport-3": (
        (100, 100, 205),
        "1471ea59a661ea478f3191ac0f37923ca1657d2ff6444a7cae8ede78954ae280",
    ),
    "beach-1": (
        (150, 150, 188),
        "81e7ae6c9525dc36ede85d83f509665f9fb3b0b6c8fd357858f67e5851705e92",
    ),
    "beach-3": (
        (100, 100, 188),
        "9a7244fff74666cc99d5f5a35fdd1d2840c226df08cd6e43d063f6c56667567f",
    ),
    "urban-1": (
        (100, 100, 204),
        "dafd06339b86ce22ba9dcdccc21e0e401d4f51fcbab4c6938082b460fd702435",
    ),
    "urban-4": (
        (100, 100, 205),
        "812ca38f43664ffacf630b344b6f98ff805fdd95ecdf35c4c38bb76da71d09b6",
    ),
}


class Abu(SceneDataset):
    """Six scenes of airports, beaches and towns (AVIRIS) with small targets to find.

    Each scene has one target class, of 11 to 272 pixels in several pieces.  Everything else is
    background and is evaluated.

    Parameters
    ----------
    data_dir : str, optional
        Folder of ``abu_airport_1.npz`` and the others.  Default: the folders of the environment
        variable ``HSIZOO_DATA``, then ``HSIZOO_HOME/data``.
    """

    card = DatasetCard(
        title="ABU: airport, beach and urban scenes with small targets (AVIRIS)",
        source="six of the thirteen scenes of X. Kang et al., in public copies",
        licence="No licence stated; for measuring only",
        citation="X. Kang, X. Zhang, S. Li et al., Hyperspectral Anomaly Detection With Attribute "
        "and Edge-Preserving Filters, IEEE Trans. Geosci. Remote Sens. 55(10), 2017",
        size="six scenes, 100 × 100 to 150 × 150 pixels, 188 to 205 bands, 17 MB",
        how_to_get="Make abu_airport_1.npz, abu_airport_3.npz, abu_beach_1.npz, abu_beach_3.npz, "
        "abu_urban_1.npz and abu_urban_4.npz from the public scenes: gt is 1 at targets, else 0",
        notes="Label 0 is the background, which is evaluated.  Values are radiance, some slightly "
        "below 0.  The files have no wavelengths.",
    )

    def __init__(self, *, data_dir: str | None = None) -> None:
        self._data_dir = data_dir

    def scenes(self) -> list[SceneInfo]:
        """List the scenes; they have no split."""
        return [SceneInfo(f"abu-{name}", f"abu-{name}") for name in _ABU]

    def place(self) -> Path:
        """Return the folder of the files, if all are there."""
        return [self._file(name) for name in _ABU][-1].parent

    def scene(self, index: int) -> Scene:
        """Read a scene."""
        infos = self.scenes()
        if not 0 <= index < len(infos):
            raise IndexError(f"scene {index} of {len(infos)}")
        name, (shape, sha256) = list(_ABU.items())[index]
        path = self._file(name)
        values, labels = _read_file(path)
        _check(str(path), values, labels, shape, sha256)
        whole = infos[index].name
        truth = LabelMap(labels, {0: "Background", 1: "Target"}, targets=[1])
        return Scene(HyperCube(values, None, whole), truth, whole, whole)

    def _file(self, name: str) -> Path:
        file = f"abu_{name.replace('-', '_')}.npz"
        return find(file, self._data_dir, f"{_LAYOUT}  {self.card.how_to_get}.")

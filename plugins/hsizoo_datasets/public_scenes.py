"""Well-known public scenes of farmland, towns and swamps, read from their ``.mat`` files.

They are collected by the Grupo de Inteligencia Computacional of the EHU.  The files are downloaded
to ``HSIZOO_HOME/data`` at first use and checked by SHA-256, see `hsizoo_datasets.published`; those
in the user's own folders are used as they are.  MATLAB versions 5 to 7.3 are detected by content,
and shapes and labels are checked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from hsizoo import DatasetCard, PublishedFile, data_folders, locate_data
from hsizoo.errors import DataError
from hsizoo.io import Settings, open_raster, read_labels, to_cube
from hsizoo_datasets.one_scene import OneScene
from hsizoo_datasets.published import (
    BOTSWANA,
    KSC,
    LICENCE,
    PAVIA_CENTRE,
    PAVIA_UNIVERSITY,
    SALINAS,
)

__all__ = ["Botswana", "Ksc", "PaviaCentre", "PaviaUniversity", "Salinas"]

_COLLECTION: Final = (
    "https://www.ehu.eus/ccwintco/index.php/Hyperspectral_Remote_Sensing_Scenes, collected by the "
    "Grupo de Inteligencia Computacional, EHU"
)


class _PublicScene(OneScene):
    """Scene in two files, cube and labels; pseudo-RGB bands as in DeepHyperX."""

    files: ClassVar[tuple[PublishedFile, PublishedFile]]

    def _read(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.integer]]:
        cube_path, labels_path = (
            locate_data(file, self._data_dir, dataset=self.name) for file in self.files
        )
        values = to_cube(open_raster(cube_path, "cube", Settings(layout="hwb"))).data
        if values.shape != self.shape:
            raise DataError(f"{cube_path}: expected a cube of {self.shape}, found {values.shape}")
        return values, self._labels(labels_path)

    def place(self) -> Path:
        """Return the file of the cube, or where it is downloaded to."""
        cube, labels = self.files
        if self._data_dir is not None:
            locate_data(labels, self._data_dir, dataset=self.name)
            return locate_data(cube, self._data_dir, dataset=self.name)
        paths = [folder / cube.name for folder in data_folders()]
        return next((path for path in paths if path.is_file()), paths[-1])

    def _labels(self, path: Path) -> npt.NDArray[np.int32]:
        labels = read_labels(path)[0]
        if labels.shape != self.shape[:2]:
            raise DataError(f"{path}: expected labels of {self.shape[:2]}, found {labels.shape}")
        found, expected = np.unique(labels).tolist(), list(range(len(self.classes) + 1))
        if found != expected:
            raise DataError(f"{path}: expected the labels 0 to {expected[-1]}, found {found}")
        return labels


def _card(title: str, size: str, notes: str) -> DatasetCard:
    return DatasetCard(
        title=title,
        source=_COLLECTION,
        licence=LICENCE,
        citation="the EHU collection, at the address under source",
        size=size,
        how_to_get="hsizoo downloads the two .mat files at first use; to use your own copies, set "
        "their folder with data_dir=FOLDER or HSIZOO_DATA",
        notes=f"Label 0 is unlabeled and ignored.  {notes}",
    )


class PaviaUniversity(_PublicScene):
    """University of Pavia, recorded by ROSIS: 610 × 340 pixels, 103 bands, 9 classes.

    Parameters
    ----------
    data_dir : str, optional
        Folder of ``PaviaU.mat`` and ``PaviaU_gt.mat``.  Default: the folders of the
        environment variable ``HSIZOO_DATA``, then ``HSIZOO_HOME/data``, to which they are
        downloaded.
    """

    card = _card(
        "Pavia University (ROSIS)",
        "one scene, 610 × 340 × 103, 42776 labelled pixels in 9 classes",
        "Credit: P. Gamba, University of Pavia.  INFERRED: bands evenly spaced from 430 to 860 nm.",
    )
    name = "pavia-university"
    origins: ClassVar = {"pavia-university": "pavia-university"}
    files = PAVIA_UNIVERSITY
    shape = (610, 340, 103)
    classes = (
        "Asphalt", "Meadows", "Gravel", "Trees", "Painted metal sheets", "Bare Soil", "Bitumen",
        "Self-Blocking Bricks", "Shadows",
    )  # fmt: skip
    rgb_bands = (55, 41, 12)
    range_nm = (430.0, 860.0)


class PaviaCentre(_PublicScene):
    """Centre of Pavia, recorded by ROSIS: 1096 × 715 pixels, 102 bands, 9 classes.

    Parameters
    ----------
    data_dir : str, optional
        Folder of ``Pavia.mat`` and ``Pavia_gt.mat``.  Default: the folders of the
        environment variable ``HSIZOO_DATA``, then ``HSIZOO_HOME/data``, to which they are
        downloaded.
    """

    card = _card(
        "Pavia Centre (ROSIS)",
        "one scene, 1096 × 715 × 102, 9 classes",
        "Credit: P. Gamba, University of Pavia.  INFERRED: bands evenly spaced from 430 to 860 nm.",
    )
    name = "pavia-centre"
    files = PAVIA_CENTRE
    shape = (1096, 715, 102)
    classes = (
        "Water", "Trees", "Asphalt", "Self-Blocking Bricks", "Bitumen", "Tiles", "Shadows",
        "Meadows", "Bare Soil",
    )  # fmt: skip
    rgb_bands = (55, 41, 12)
    range_nm = (430.0, 860.0)


class Salinas(_PublicScene):
    """Farmland in the Salinas Valley, from AVIRIS: 512 × 217 pixels, 204 bands, 16 classes.

    Parameters
    ----------
    data_dir : str, optional
        Folder of ``Salinas_corrected.mat`` and ``Salinas_gt.mat``.  Default: the folders of the
        environment variable ``HSIZOO_DATA``, then ``HSIZOO_HOME/data``, to which they are
        downloaded.
    """

    card = _card(
        "Salinas (AVIRIS, 204 corrected bands)",
        "one scene, 512 × 217 × 204, 16 classes",
        "Values are scaled radiance.  The file has no wavelengths.",
    )
    name = "salinas"
    origins: ClassVar = {"salinas": "salinas"}
    files = SALINAS
    shape = (512, 217, 204)
    classes = (
        "Brocoli_green_weeds_1", "Brocoli_green_weeds_2", "Fallow", "Fallow_rough_plow",
        "Fallow_smooth", "Stubble", "Celery", "Grapes_untrained", "Soil_vinyard_develop",
        "Corn_senesced_green_weeds", "Lettuce_romaine_4wk", "Lettuce_romaine_5wk",
        "Lettuce_romaine_6wk", "Lettuce_romaine_7wk", "Vinyard_untrained",
        "Vinyard_vertical_trellis",
    )  # fmt: skip
    rgb_bands = (43, 21, 11)


class Ksc(_PublicScene):
    """Swamps at the Kennedy Space Center, from AVIRIS: 512 × 614 pixels, 176 bands, 13 classes.

    Parameters
    ----------
    data_dir : str, optional
        Folder of ``KSC.mat`` and ``KSC_gt.mat``.  Default: the folders of the
        environment variable ``HSIZOO_DATA``, then ``HSIZOO_HOME/data``, to which they are
        downloaded.
    """

    card = _card(
        "Kennedy Space Center (AVIRIS, 176 bands)",
        "one scene, 512 × 614 × 176, 13 classes",
        "Some pixels are far brighter than the rest.  The file has no wavelengths.",
    )
    name = "ksc"
    files = KSC
    shape = (512, 614, 176)
    classes = (
        "Scrub", "Willow swamp", "Cabbage palm hammock", "Cabbage palm/oak hammock", "Slash pine",
        "Oak/broadleaf hammock", "Hardwood swamp", "Graminoid marsh", "Spartina marsh",
        "Cattail marsh", "Salt marsh", "Mud flats", "Water",
    )  # fmt: skip
    rgb_bands = (43, 21, 11)


class Botswana(_PublicScene):
    """Okavango delta, recorded by Hyperion: 1476 × 256 pixels, 145 bands, 14 classes.

    Parameters
    ----------
    data_dir : str, optional
        Folder of ``Botswana.mat`` and ``Botswana_gt.mat``.  Default: the folders of the
        environment variable ``HSIZOO_DATA``, then ``HSIZOO_HOME/data``, to which they are
        downloaded.
    """

    card = _card(
        "Botswana (Hyperion, 145 bands)",
        "one scene, 1476 × 256 × 145, 14 classes",
        "The file has no wavelengths.",
    )
    name = "botswana"
    files = BOTSWANA
    shape = (1476, 256, 145)
    classes = (
        "Water", "Hippo grass", "Floodplain grasses 1", "Floodplain grasses 2", "Reeds",
        "Riparian", "Firescar", "Island interior", "Acacia woodlands", "Acacia shrublands",
        "Acacia grasslands", "Short mopane", "Mixed mopane", "Exposed soils",
    )  # fmt: skip
    rgb_bands = (75, 33, 15)

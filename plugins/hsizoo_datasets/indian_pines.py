"""Indian Pines, the AVIRIS scene that ships with TensorLy."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from hsizoo import DatasetCard, HyperCube, LabelMap, Scene, SceneDataset, SceneInfo
from hsizoo.errors import DataError, MissingRequirement
from hsizoo.io import Settings, open_raster, read_labels
from hsizoo_datasets.places import find

__all__ = ["IndianPines"]

_NAME: Final = "indian-pines"
_CUBE: Final = "Indian_pines_corrected.npy"
_LABELS: Final = "Indian_pines_gt.npy"
_SHA256: Final = {
    _CUBE: "8f038e4d81569e38ebfc72a15c9984c150de42580ab260be10a13442e912e451",
    _LABELS: "44610d21625b311b05b8e0c4ba9a6cc755c2fbb9df48e4d89419024aa6ad3f9d",
}

_MAT: Final = ("Indian_pines_corrected.mat", "Indian_pines_gt.mat")
_CONTENT: Final = "2baa82a3dfa231f6f2650453dae871030029d3b5a8239dbe6cfd937fef79e873"
_SHAPE: Final = (145, 145, 200)

_TRAINING: Final = "indian_pines_disjoint_train.npz"
_TRAINING_CONTENT: Final = "c4d9626b314c3b0ac9bf3d451952e50f236e501095252ae9b16739c1fe7b6230"

_CLASSES: Final = (
    "Unlabeled",
    "Alfalfa",
    "Corn-notill",
    "Corn-mintill",
    "Corn",
    "Grass-pasture",
    "Grass-trees",
    "Grass-pasture-mowed",
    "Hay-windrowed",
    "Oats",
    "Soybean-notill",
    "Soybean-mintill",
    "Soybean-clean",
    "Wheat",
    "Woods",
    "Buildings-Grass-Trees-Drives",
    "Stone-Steel-Towers",
)

_RGB_BANDS: Final = (43, 21, 11)  # as in DeepHyperX, for AVIRIS: 802, 597 and 508 nm

# Centres in nm of the 220 bands of the uncorrected scene 92AV3C, valid from 30 May 1992 to
# 11 January 1993 (the flight: 12 June 1992), from 92AV3C.spc, the calibration file of the scene, as
# copied in the test data of SPy.  They step back at bands 32, 95 and 158, where one of the four
# spectrometers of AVIRIS hands over to the next.
# fmt: off
_NM_220: Final = (
    400.02, 409.82, 419.62, 429.43, 439.25, 449.07, 458.90, 468.73, 478.57, 488.41, 498.26,
    508.12, 517.98, 527.85, 537.72, 547.60, 557.49, 567.38, 577.28, 587.18, 597.09, 607.01,
    616.93, 626.85, 636.78, 646.72, 656.67, 666.61, 676.57, 686.53, 696.50, 686.91, 696.55,
    706.19, 715.83, 725.47, 735.11, 744.74, 754.38, 764.01, 773.64, 783.27, 792.91, 802.53,
    812.16, 821.79, 831.41, 841.04, 850.66, 860.28, 869.91, 879.53, 889.14, 898.76, 908.38,
    917.99, 927.61, 937.22, 946.83, 956.45, 966.06, 975.66, 985.27, 994.88, 1004.48, 1014.09,
    1023.69, 1033.29, 1042.89, 1052.49, 1062.09, 1071.69, 1081.29, 1090.88, 1100.48, 1110.07,
    1119.66, 1129.25, 1138.84, 1148.43, 1158.02, 1167.61, 1177.19, 1186.77, 1196.36, 1205.94,
    1215.52, 1225.10, 1234.68, 1244.26, 1253.83, 1263.41, 1272.98, 1282.55, 1273.00, 1282.96,
    1292.93, 1302.89, 1312.85, 1322.81, 1332.77, 1342.73, 1352.68, 1362.64, 1372.59, 1382.54,
    1392.49, 1402.44, 1412.39, 1422.34, 1432.28, 1442.23, 1452.17, 1462.11, 1472.05, 1481.99,
    1491.92, 1501.86, 1511.79, 1521.73, 1531.66, 1541.59, 1551.52, 1561.44, 1571.37, 1581.30,
    1591.22, 1601.14, 1611.06, 1620.98, 1630.90, 1640.81, 1650.73, 1660.64, 1670.56, 1680.47,
    1690.38, 1700.28, 1710.19, 1720.10, 1730.00, 1739.90, 1749.81, 1759.71, 1769.60, 1779.50,
    1789.40, 1799.29, 1809.19, 1819.08, 1828.97, 1838.86, 1848.75, 1858.63, 1868.52, 1878.40,
    1888.28, 1883.24, 1893.25, 1903.26, 1913.26, 1923.27, 1933.27, 1943.27, 1953.26, 1963.25,
    1973.24, 1983.23, 1993.22, 2003.20, 2013.18, 2023.16, 2033.13, 2043.10, 2053.07, 2063.04,
    2073.00, 2082.97, 2092.92, 2102.88, 2112.83, 2122.78, 2132.73, 2142.68, 2152.62, 2162.56,
    2172.50, 2182.43, 2192.37, 2202.30, 2212.22, 2222.15, 2232.07, 2241.99, 2251.90, 2261.82,
    2271.73, 2281.64, 2291.54, 2301.45, 2311.35, 2321.25, 2331.14, 2341.03, 2350.92, 2360.81,
    2370.70, 2380.58, 2390.46, 2400.33, 2410.21, 2420.08, 2429.95, 2439.81, 2449.68, 2459.54,
    2469.40, 2479.25, 2489.11, 2498.96,
)
# fmt: on
# Bands of the 220, counted from 1, that the corrected scene lacks: water vapour and noise.
_REMOVED: Final = (*range(104, 109), *range(150, 164), 220)


class IndianPines(SceneDataset):
    """Farmland in Indiana, recorded by AVIRIS: 145 × 145 pixels, 200 bands, 16 classes.

    The real scene, read from the files that ship with the package ``tensorly``; nothing is
    downloaded.  The content of all files is checked by SHA-256.

    Parameters
    ----------
    data_dir : str, optional
        Folder of ``Indian_pines_corrected.mat`` and ``Indian_pines_gt.mat`` of the EHU collection,
        to be read instead of those of ``tensorly``.  INFERRED: both hold the same numbers; an error
        is raised if they do not.
    """

    origins: ClassVar = {_NAME: _NAME}
    later_options: ClassVar = frozenset({"data_dir"})

    card = DatasetCard(
        title="Indian Pines (AVIRIS 92AV3C, 200 corrected bands)",
        source=(
            "M. F. Baumgardner, L. L. Biehl, D. A. Landgrebe, 220 Band AVIRIS Hyperspectral Image "
            "Data Set: June 12, 1992 Indian Pine Test Site 3, Purdue University Research "
            "Repository, 2015, doi:10.4231/R7RX991C; corrected and collected by the Grupo de "
            "Inteligencia Computacional, EHU; shipped by TensorLy"
        ),
        licence=(
            "No licence stated by the EHU collection; TensorLy redistributes the files in its "
            "BSD-3-Clause package"
        ),
        citation="Baumgardner, Biehl, Landgrebe (2015), doi:10.4231/R7RX991C",
        size="one scene, 145 × 145 × 200, 10249 labelled pixels in 16 classes, 8 MB, no download",
        how_to_get="pip install tensorly",
        notes=(
            "Label 0 is unlabeled and ignored.  Classes are uneven: 20 pixels of Oats, 2455 of "
            "Soybean-mintill.  Values are scaled radiance, 955 to 9604, not reflectance.  "
            "Wavelengths are those of 92AV3C.spc without bands 104-108, 150-163 and 220; they "
            "overlap between spectrometers, so they are not monotonic.  The pseudo-RGB bands are "
            "the customary ones; the first is near infrared."
        ),
    )

    def __init__(self, *, data_dir: str | None = None) -> None:
        self._data_dir = data_dir

    def scenes(self) -> list[SceneInfo]:
        """Return the single scene; it has no split."""
        return [SceneInfo(_NAME, subject=_NAME)]

    def place(self) -> Path:
        """Return the folder of the embedded files, or the file of the cube in ``data_dir``."""
        return _folder() if self._data_dir is None else self._collected()[0]

    def scene(self, index: int) -> Scene:
        """Read the scene; `index` must be 0."""
        if index != 0:
            raise IndexError(f"scene {index} of 1")
        values, truth = self._arrays()
        cube = HyperCube(
            values,
            wavelengths=np.delete(_NM_220, np.array(_REMOVED) - 1),
            name=_NAME,
            rgb_bands=_RGB_BANDS,
        )
        labels = LabelMap(truth, dict(enumerate(_CLASSES)), ignore=[0])
        return Scene(cube, labels, name=_NAME, subject=_NAME)

    def training_map(self, index: int) -> npt.NDArray[np.bool_]:
        """Mask of the training pixels in the spatially disjoint map, regardless of their labels.

        M. E. Paoletti et al., ISPRS Journal of Photogrammetry and Remote Sensing 158 (2019) 279.
        5689 pixels; 3 % of them are unlabeled or of another class in the labels used here.  It
        leaves 2 pixels of Grass-pasture-mowed for testing.
        """
        how = "It is the disjoint training map of github.com/mhaut/HSI-datasets, as array 'train'."
        path = find(_TRAINING, self._data_dir, how)
        with np.load(path, allow_pickle=False) as file:
            train = file["train"].astype(np.uint8)
        if (found := hashlib.sha256(train.tobytes()).hexdigest()) != _TRAINING_CONTENT:
            raise DataError(
                f"{path} is not the expected map: SHA-256 of the array as uint8 is {found}, "
                f"expected {_TRAINING_CONTENT}"
            )
        return train > 0

    def _arrays(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        if self._data_dir is None:
            folder = _folder()
            return _read(folder / _CUBE), _read(folder / _LABELS)
        paths = self._collected()
        values, labels = (
            open_raster(paths[0], "cube", Settings(layout="hwb")).values,
            read_labels(paths[1])[0],
        )
        _check_content(f"{paths[0]} and {paths[1].name}", values, labels)
        return values, labels

    def _collected(self) -> list[Path]:
        """Return the collection's files of cube and labels."""
        how = f"It is a file of the EHU collection; without data_dir, {self.card.how_to_get}."
        return [find(name, self._data_dir, how) for name in _MAT]


def _check_content(where: str, values: npt.NDArray[Any], labels: npt.NDArray[Any]) -> None:
    """Raise `DataError` unless the arrays hold the values of the scene, in any dtype."""
    if values.shape != _SHAPE or labels.shape != _SHAPE[:2]:
        raise DataError(
            f"{where}: expected a cube of {_SHAPE} and labels of {_SHAPE[:2]}; "
            f"found {values.shape} and {labels.shape}"
        )
    content = values.astype("<f4").tobytes() + labels.astype(np.uint8).tobytes()
    if (found := hashlib.sha256(content).hexdigest()) != _CONTENT:
        raise DataError(
            f"{where} do not hold the expected scene: SHA-256 of the cube as little-endian float32 "
            f"followed by the labels as uint8 is {found}, expected {_CONTENT}; use them as your "
            "own data: --dataset FOLDER/"
        )


def _folder() -> Path:
    """Data folder of TensorLy, found without importing TensorLy, which takes seconds."""
    spec = importlib.util.find_spec("tensorly")
    if spec is None or spec.origin is None:
        raise MissingRequirement(
            "Indian Pines ships with the package tensorly, which is not installed; "
            "install it: pip install tensorly"
        )
    return Path(spec.origin).parent / "datasets" / "data"


def _read(path: Path) -> npt.NDArray[np.integer]:
    """Load an array after checking the SHA-256 of its file."""
    if not path.is_file():
        raise MissingRequirement(
            f"tensorly is installed but its file {path} is missing; "
            "restore it: pip install --force-reinstall tensorly"
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != _SHA256[path.name]:
        raise DataError(
            f"{path} is not the expected file: expected SHA-256 {_SHA256[path.name]}, "
            f"found {found}; restore it: pip install --force-reinstall tensorly"
        )
    array: npt.NDArray[np.integer] = np.load(path, allow_pickle=False)
    return array

"""HSI Human Brain Database: brains during surgery, recorded with a push-broom camera."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from hsizoo import (
    DatasetCard,
    HyperCube,
    LabelMap,
    Scene,
    SceneDataset,
    SceneInfo,
    data_folders,
)
from hsizoo.errors import DataError, MissingRequirement, OptionError
from hsizoo.io import Raster, Settings, open_raster, read_labels
from hsizoo.io.limits import check_memory
from hsizoo_datasets.places import VARIABLE

__all__ = ["CLASSES", "Hib"]

CLASSES: Final = {
    0: "not labeled",
    1: "normal tissue",
    2: "tumor tissue",
    3: "hypervascularized tissue",
    4: "background",
}
_BACKGROUND: Final = 4
_NAMES: Final = ("", "HSI_Human_Brain_Database_IEEE_Access", "HSI_Human_Brain_Database")
_RGB_NM: Final = (709.7, 540.2, 479.8)  # bands 425, 192 and 109 of 826, as other users of the data
_ROWS_AT_ONCE: Final = 16
# First and last centre in nm by number of bands, for headers without wavelengths.
_RANGES: Final = {826: (400.482, 1000.727), 93: (440.0, 900.0)}


class Hib(SceneDataset):
    """HSI Human Brain Database as downloaded: brains in vivo, 826 or 93 bands.

    Each image is a folder, such as ``004-02``, with ``raw``, ``whiteReference``, ``darkReference``
    and ``gtMap``, in ENVI.  Reflectance is (raw − dark) / (white − dark), clipped to [0, 1], and 0
    where white is not above dark.  The patient is the number before the hyphen.

    Parameters
    ----------
    data_dir : str, optional
        The folder of the images, or its parent.  Default: below the folders of the
        environment variable ``HSIZOO_DATA``, then ``HSIZOO_HOME/data``.
    drop_first, drop_last : int, default 0
        Number of bands to drop at either end, where noise exceeds the signal.  INFERRED: the paper
        does not state which bands it uses.
    average : int, default 1
        Number of neighbouring bands to average into one; a remainder at the end is dropped.
        INFERRED.
    background : {"target", "background", "ignore"}, default "target"
        Treatment of class 4: ``target``, segmented like the others; ``background``, evaluated but
        not segmented; ``ignore``, not evaluated.  INFERRED: the paper's numbers fit three classes
        as well as four.
    """

    card = DatasetCard(
        title="HSI Human Brain Database (HELICoiD, in vivo)",
        source="https://hsibraindatabase.iuma.ulpgc.es; H. Fabelo et al., IEEE Access 7 (2019), "
        "doi:10.1109/ACCESS.2019.2904788; R. Leon et al., npj Precis. Oncol. 7, 119 (2023), "
        "doi:10.1038/s41698-023-00475-9",
        licence="see hsibraindatabase.iuma.ulpgc.es; the data are not redistributed by hsizoo",
        citation="H. Fabelo et al., In-Vivo Hyperspectral Human Brain Image Database for Brain "
        "Cancer Detection, IEEE Access 7, 39098-39116 (2019)",
        size="36 images of 22 patients (826 bands), or 61 images of 34 patients; 250 to 750 rows "
        "and columns",
        how_to_get="Request the data at https://hsibraindatabase.iuma.ulpgc.es and unpack them; to "
        "try the layout without them: hsizoo data fixture hib FOLDER",
        notes="Label 0 is unlabeled and ignored; at most 16 % of an image is labeled.  Both "
        "layouts are supported: 826 bands with one-line references, and 93 bands with full-size "
        "ones.  There is no split; train with --folds.",
    )

    def __init__(
        self,
        *,
        data_dir: str | None = None,
        drop_first: int = 0,
        drop_last: int = 0,
        average: int = 1,
        background: Literal["target", "background", "ignore"] = "target",
    ) -> None:
        for name, value, least in (
            ("drop_first", drop_first, 0),
            ("drop_last", drop_last, 0),
            ("average", average, 1),
        ):
            if value < least:
                raise OptionError(f"{name}={value} must be {least} or more")
        self._data_dir = data_dir
        self._drop = (drop_first, drop_last)
        self._average = average
        self._background = background

    @cached_property
    def _images(self) -> list[Path]:
        looked = data_folders(self._data_dir)
        for root in (folder / name for folder in looked for name in _NAMES):
            if found := sorted(path.parent for path in root.glob("*/gtMap.hdr")):
                return found
        raise MissingRequirement(
            f"no image (a folder with raw.hdr, gtMap.hdr and others) found in "
            f"{' or '.join(map(str, looked))}.  {self.card.how_to_get}.  Set the folder with the "
            f"option data_dir=FOLDER or the environment variable {VARIABLE}"
        )

    @classmethod
    def recognise(cls, folder: Path) -> Path | None:
        """Return the folder if images with references of white and dark lie in or below it."""
        for root in (folder / name for name in _NAMES):
            for truth in root.glob("*/gtMap.hdr"):
                if all((truth.parent / f"{n}.hdr").is_file() for n in ("raw", "whiteReference")):
                    return folder
        return None

    def scenes(self) -> list[SceneInfo]:
        """List one scene per image; its subject is the patient."""
        return [SceneInfo(path.name, path.name.partition("-")[0]) for path in self._images]

    def place(self) -> Path:
        """Return the folder of the images."""
        return self._images[0].parent

    def scene(self, index: int) -> Scene:
        """Read and calibrate an image."""
        infos = self.scenes()
        if not 0 <= index < len(infos):
            raise IndexError(f"scene {index} of {len(infos)}")
        folder, info = self._images[index], infos[index]
        labels = read_labels(_file(folder, "gtMap"), nodata=0)[0]
        ignore = [0, _BACKGROUND] if self._background == "ignore" else [0]
        targets = {1, 2, 3} | ({_BACKGROUND} if self._background == "target" else set())
        try:
            truth = LabelMap(labels, CLASSES, ignore, targets)
        except DataError as error:
            raise DataError(f"{folder / 'gtMap.hdr'}: {error}") from None
        return Scene(self._cube(folder), truth, info.name, info.subject)

    def _cube(self, folder: Path) -> HyperCube:
        raw, white, dark = (
            open_raster(_file(folder, name), "cube", Settings(references=False))  # done below
            for name in ("raw", "whiteReference", "darkReference")
        )
        height, width, count = raw.values.shape
        for reference in (white, dark):
            if reference.values.shape not in ((1, width, count), (height, width, count)):
                raise DataError(
                    f"{reference.path} has shape {reference.values.shape} (rows, columns, bands); "
                    f"expected {(1, width, count)} or {(height, width, count)} to match {raw.path}"
                )
        first, last = self._drop
        bands = (count - first - last) // self._average
        if bands < 1:
            raise OptionError(
                f"{folder.name} has {count} bands; drop_first={first}, drop_last={last}, "
                f"average={self._average} leave none"
            )
        used = slice(first, first + bands * self._average)
        check_memory(raw.path, (height, width, bands), 4)
        data = np.empty((height, width, bands), dtype=np.float32)
        for start in range(0, height, _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            values = _reflectance(*(_part(each, rows, used) for each in (raw, white, dark)))
            grouped = values.reshape(*values.shape[:2], bands, self._average)
            data[rows] = grouped.mean(axis=3)
        nm = _centres(raw, count)
        if nm is not None:
            nm = nm[used].reshape(bands, self._average).mean(axis=1)
        return HyperCube(data, nm, folder.name, _rgb_bands(nm))

    @classmethod
    def write_fixture(cls, folder: Path) -> Path:
        """Write tiny images in both layouts; see `hsizoo_datasets.hib_fixture`."""
        from hsizoo_datasets.hib_fixture import write_fixture

        return write_fixture(folder)


def _file(folder: Path, name: str) -> Path:
    path = folder / f"{name}.hdr"
    if not path.is_file():
        raise MissingRequirement(f"{path} is missing; the download is incomplete")
    return path


def _part(raster: Raster, rows: slice, bands: slice) -> npt.NDArray[np.float64]:
    """Return some rows of an image; a one-line reference is used for all rows."""
    part = raster.values[rows] if len(raster.values) > 1 else raster.values
    return part[:, :, bands].astype(np.float64)


def _reflectance(
    raw: npt.NDArray[np.float64], white: npt.NDArray[np.float64], dark: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    light = np.broadcast_to(white - dark, raw.shape)
    lit = light > 0
    return np.clip(np.divide(raw - dark, light, out=np.zeros_like(raw), where=lit), 0, 1)


def _centres(raw: Raster, count: int) -> npt.NDArray[np.float64] | None:
    """Wavelengths from the header, or else from the number of bands."""
    if raw.wavelengths is not None:
        return np.array(raw.wavelengths)
    return np.linspace(*_RANGES[count], count) if count in _RANGES else None


def _rgb_bands(nm: npt.NDArray[np.float64] | None) -> list[int] | None:
    if nm is None:
        return None
    nearest = [int(np.abs(nm - colour).argmin()) for colour in _RGB_NM]
    return nearest if len(set(nearest)) == len(nearest) else None

"""HeiPorSPECTRAL: organs of living pigs, recorded with the Tivita camera."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from hsizoo import DatasetCard, HyperCube, LabelMap, Scene, SceneDataset, SceneInfo
from hsizoo.documents import read_json
from hsizoo.errors import DataError, MissingRequirement
from hsizoo.io import open_raster, read_labels, to_cube
from hsizoo_datasets.heipor_labels import LABELS, OVERLAP, UNLABELED
from hsizoo_datasets.places import find_folder

__all__ = ["LABELS", "OVERLAP", "UNLABELED", "Heipor"]

_FOLDERS: Final = ("HeiPorSPECTRAL", "HeiPorSPECTRAL_example")
_ANNOTATORS: Final = ("1", "2", "3")
# Middle of the bands that the camera software averages for red, green and blue.
_RGB_BANDS: Final = (30, 12, 8)


class Heipor(SceneDataset):
    """HeiPorSPECTRAL as downloaded: 5756 cubes of 11 pigs, 480 × 640 × 100, 20 organs.

    Cubes are the camera's ``*_SpecCube.dat`` files (reflectance); masks are the polygons of the
    annotators, one PNG per organ.  Each pig is a subject; there is no official split, so train with
    ``--folds``.

    Parameters
    ----------
    data_dir : str, optional
        The folder HeiPorSPECTRAL, or its parent.  Default: below the folders of the
        environment variable ``HSIZOO_DATA``, then ``HSIZOO_HOME/data``.
    annotator : {"1", "2", "3", "majority"}, default "1"
        Annotator whose polygons are the ground truth; images without annotations by them are left
        out.  ``majority``: more than half of the annotators of the image.  INFERRED: the paper does
        not state it; annotator 1 is the one in the dataset's own tables.
    unlabeled : {"background", "ignore"}, default "background"
        Treatment of pixels outside all polygons.  INFERRED: the paper's Dice of an all-foreground
        mask, 0.117, is only possible if they count as background.
    overlap : {"ignore", "background"}, default "ignore"
        Treatment of pixels inside polygons of several organs.  INFERRED: their truth is ambiguous.
    source : {"cube", "l1"}, default "cube"
        ``cube``: the camera's reflectance.  ``l1``: the dataset's own L1-normalised float16 copy
        in ``intermediates``, at most half as large.
    """

    card = DatasetCard(
        title="HeiPorSPECTRAL",
        source="https://heiporspectral.org, doi:10.5281/zenodo.7737674",
        licence="see heiporspectral.org; the data are not redistributed by hsizoo",
        citation="A. Studier-Fischer et al., HeiPorSPECTRAL - the Heidelberg Porcine HyperSPECTRAL "
        "Imaging Dataset of 20 Physiological Organs, Sci. Data 10, 414 (2023), "
        "doi:10.1038/s41597-023-02315-8",
        size="5756 cubes of 480 × 640 × 100, 11 pigs, 20 organs; 844 GiB to download, 1.8 TiB "
        "unpacked",
        how_to_get="Download the archive from https://heiporspectral.org (a small example: "
        "https://heiporspectral.org/example.zip) and unpack it; to try the layout without it: "
        "hsizoo data fixture heipor FOLDER",
        notes="Most images have polygons of one organ; everything else is unlabeled (255), which "
        "counts as background by default.  Reflectance may exceed 1.  Band k is assumed to lie at "
        "500 + 5 k nm, as in the camera software; others space 500 to 1000 nm evenly.  Pseudo-RGB "
        "uses the middle of the bands that the camera software averages; sam2.1-…:rgb=tivita "
        "averages them.  There is no split; train with --folds.",
    )

    def __init__(
        self,
        *,
        data_dir: str | None = None,
        annotator: Literal["1", "2", "3", "majority"] = "1",
        unlabeled: Literal["background", "ignore"] = "background",
        overlap: Literal["ignore", "background"] = "ignore",
        source: Literal["cube", "l1"] = "cube",
    ) -> None:
        self._data_dir = data_dir
        self._annotator = annotator
        self._source = source
        ignored = {UNLABELED: unlabeled, OVERLAP: overlap}
        self._ignore = [label for label, what in ignored.items() if what == "ignore"]

    @cached_property
    def _root(self) -> Path:
        return find_folder(_FOLDERS, "data/subjects", self._data_dir, f"{self.card.how_to_get}.")

    @cached_property
    def _images(self) -> list[Path]:
        """Folders of the annotated images, sorted by subject and time."""
        wanted = _ANNOTATORS if self._annotator == "majority" else (self._annotator,)
        found = []
        for folder in sorted((self._root / "data" / "subjects").glob("*/*/")):
            names = [path.name for path in (folder / "annotations").glob("*#binary.png")]
            if any(f"#polygon#annotator{who}#" in name for name in names for who in wanted):
                found.append(folder)
        if not found:
            raise DataError(
                f"{self._root} has no image with a polygon of annotator {self._annotator}; "
                "expected data/subjects/SUBJECT/TIME/annotations/TIME#polygon#annotator…#binary.png"
            )
        return found

    def scenes(self) -> list[SceneInfo]:
        """List one scene per annotated image, named like ``P086#2021_04_15_09_22_02``."""
        return [SceneInfo(_name(folder), folder.parent.name) for folder in self._images]

    def place(self) -> Path:
        """Return the folder HeiPorSPECTRAL."""
        return self._root

    def bytes_read(self, index: int) -> int | None:
        """Return the size of an image and its polygons."""
        folder = self._images[index]
        files = [self._cube_file(folder), *(folder / "annotations").glob("*#binary.png")]
        return sum(path.stat().st_size for path in files if path.is_file())

    def scene(self, index: int) -> Scene:
        """Read an image and its polygons."""
        images = self._images
        if not 0 <= index < len(images):
            raise IndexError(f"scene {index} of {len(images)}")
        folder = images[index]
        name, subject = _name(folder), folder.parent.name
        return Scene(self._cube(folder, name), self._labels(folder), name, subject)

    def _cube_file(self, folder: Path) -> Path:
        if self._source == "l1":
            place = self._root / "intermediates" / "preprocessing" / "L1"
            return place / f"{_name(folder)}.blosc"
        return folder / f"{folder.name}_SpecCube.dat"

    def _cube(self, folder: Path, name: str) -> HyperCube:
        cube = self._cube_file(folder)
        if self._source == "l1":
            from hsizoo.io.tivita import band_centres
            from hsizoo_datasets.blosc_files import read_blosc

            values = read_blosc(cube)
            if values.ndim != 3:
                raise DataError(f"{cube} has shape {values.shape}, expected (rows, columns, bands)")
            return HyperCube(values, band_centres(values.shape[2]), name, _rgb(values.shape[2]))
        if not cube.is_file():
            raise MissingRequirement(f"{cube} is missing; the download is incomplete")
        read = to_cube(open_raster(cube, "cube"))
        return HyperCube(read.data, read.wavelengths, name, _rgb(read.bands))

    @cached_property
    def _mapping(self) -> dict[str, int]:
        """Label of each organ name, from the dataset, since label numbers differ by project."""
        path = self._root / "data" / "dataset_settings.json"
        if not path.is_file():
            return {name: label for label, name in enumerate(LABELS)}
        try:
            found = read_json(path)["label_mapping"]
            mapping = {str(name): int(label) for name, label in found.items()}
        except DataError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path} has no readable label_mapping: {error!r}") from error
        return {n: label for n, label in mapping.items() if label not in (OVERLAP, UNLABELED)}

    def _labels(self, folder: Path) -> LabelMap:
        masks = self._masks(folder)
        shape = next(iter(masks.values())).shape
        labels = np.full(shape, UNLABELED)
        count = np.zeros(shape, dtype=int)
        for label, mask in masks.items():
            labels[mask] = label
            count += mask
        labels[count > 1] = OVERLAP
        names = {label: name for name, label in self._mapping.items()}
        targets = set(names)
        names |= {OVERLAP: "overlap", UNLABELED: "unlabeled"}
        return LabelMap(labels, names, self._ignore, targets)

    def _masks(self, folder: Path) -> dict[int, npt.NDArray[np.bool_]]:
        """Return one mask per organ, by the chosen annotator or the majority."""
        votes: dict[int, npt.NDArray[np.int64]] = {}
        voters: set[str] = set()
        for path in sorted((folder / "annotations").glob("*#binary.png")):
            parts = path.name.split("#")
            if len(parts) != 5 or parts[1] != "polygon":
                continue
            who, organ = parts[2].removeprefix("annotator"), parts[3]
            if self._annotator not in (who, "majority"):
                continue
            if organ not in self._mapping:
                raise DataError(
                    f"{path}: unknown organ {organ!r}; expected one of {', '.join(self._mapping)}"
                )
            label = self._mapping[organ]
            mask = (read_labels(path)[0] > 0).astype(np.int64)
            if votes and mask.shape != next(iter(votes.values())).shape:
                raise DataError(f"{path} has shape {mask.shape}, unlike the masks next to it")
            votes[label] = votes.get(label, np.int64(0)) + mask
            voters.add(who)
        return {label: mask * 2 > len(voters) for label, mask in votes.items()}

    @classmethod
    def recognise(cls, folder: Path) -> Path | None:
        """Return the folder, or the one below it, that has images of subjects in ``data``."""
        for root in (folder, *(folder / name for name in _FOLDERS)):
            if next((root / "data" / "subjects").glob("*/*/*_SpecCube.dat"), None) is not None:
                return root
        return None

    @classmethod
    def write_fixture(cls, folder: Path) -> Path:
        """Write a tiny dataset of the same layout; see `hsizoo_datasets.heipor_fixture`."""
        from hsizoo_datasets.heipor_fixture import write_fixture

        return write_fixture(folder)


def _name(folder: Path) -> str:
    return f"{folder.parent.name}#{folder.name}"


def _rgb(bands: int) -> tuple[int, int, int] | None:
    return _RGB_BANDS if bands > max(_RGB_BANDS) else None

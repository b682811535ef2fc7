"""The labels to learn from: a mask, a table of pixels, polygons, or an array."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.arrays import from_any
from hsizoo.cube import NO_LABEL, HyperCube, LabelMap
from hsizoo.errors import DataError
from hsizoo.mapping.points import Points, read_points
from hsizoo.protocols.classification import only_at

if TYPE_CHECKING:
    from hsizoo.io.settings import Settings
    from hsizoo.session.source import Source

__all__ = ["TABLES", "UNLABELLED", "TrainingLabels", "read_training_labels"]

TABLES: Final = (".csv", ".tsv", ".txt")

UNLABELLED: Final = 0
_LARGEST: Final = 65535  # that a map can hold
_NEUTRAL: Final = {
    "", "0", "background", "class 0", "none", "unclassified", "undefined", "unknown", "unlabeled",
    "unlabelled",
}  # fmt: skip
"""Names of the label 0 that do not stand for a class."""


@dataclass(frozen=True, eq=False)
class TrainingLabels:
    """Labels for `PixelClassifier.fit`.

    Parameters
    ----------
    label_map : LabelMap
        Labels at the labelled pixels with a valid spectrum; all others are ignored.
    remarks : tuple of str
        Notes for the user.
    """

    label_map: LabelMap
    remarks: tuple[str, ...] = ()


def read_training_labels(
    labels: str | os.PathLike[str] | LabelMap | npt.ArrayLike, source: Source, settings: Settings
) -> TrainingLabels:
    """Read or convert the labels of an image.

    Parameters
    ----------
    labels : path, LabelMap or array_like of int, shape (H, W)
        A path leads to a table of pixels (`TABLES`), or to a mask of any format, polygons
        included.  Label 0 is unlabelled, whatever its name.
    source : Source
        The image.
    settings : Settings
        How to read a mask.

    Raises
    ------
    DataError
        If they do not fit the image, or there are fewer than two classes.
    MissingRequirement
    """
    cube, remarks = source.cube, list[str]()
    if isinstance(labels, str | os.PathLike):
        what = str(labels)
        values, names, remarks = _read(Path(labels), source, settings)
    elif isinstance(labels, LabelMap):
        what = "the label map"
        names = dict(labels.class_names)
        values = np.where(np.isin(labels.labels, sorted(labels.targets)), labels.labels, UNLABELLED)
        if UNLABELLED in labels.targets:
            raise DataError("the label map has the class 0, which is unlabelled; number it from 1")
    else:
        what, names = "the labels", {}
        array = from_any(labels, "the labels").values
        known = np.unique(array).tolist() if array.dtype.kind in "iu" else []
        values = LabelMap(labels, {int(n): str(n) for n in known}).labels
    if values.shape != cube.shape[:2]:
        raise DataError(
            f"{what}: {values.shape[0]} rows and {values.shape[1]} columns of labels, but "
            f"{cube.name} has {cube.shape[0]} rows and {cube.shape[1]} columns"
        )
    values = np.where(values == NO_LABEL, UNLABELLED, values)
    if values.min() < 0 or values.max() > _LARGEST:
        raise DataError(
            f"{what}: labels must be from 0 (unlabelled) to {_LARGEST}; found {values.min()} to "
            f"{values.max()}"
        )
    if names.get(UNLABELLED, "").strip().lower() not in _NEUTRAL:
        remarks.append(f"{what}: label 0 ({names[UNLABELLED]}) is taken as unlabelled")
    chosen, lost = _usable(values, names, cube, what)
    if lost:
        remarks.append(f"{what}: {lost} labelled pixel(s) without data are left out")
    return TrainingLabels(chosen, tuple(remarks))


def _usable(
    values: npt.NDArray[Any], names: Mapping[int, str], cube: HyperCube, what: str
) -> tuple[LabelMap, int]:
    """Return the labels at pixels with data, and the number of labels at others."""
    given = values != UNLABELLED
    shown = given & cube.valid
    classes = np.unique(values[given]).tolist()
    names = {label: names.get(label, "").strip() or f"class {label}" for label in classes}
    if len(classes) < 2:
        found = f"only {names[classes[0]]}" if classes else "none"
        raise DataError(
            f"{what}: a classifier learns from two classes or more; found {found}.  Label 0 is "
            "unlabelled"
        )
    missing = sorted(set(classes) - set(np.unique(values[shown]).tolist()))
    if missing:
        raise DataError(
            f"{what}: no labelled pixel of {', '.join(names[label] for label in missing)} has "
            f"data in {cube.name}; label one that has, or remove the class"
        )
    return only_at(shown, values, names), int(given.sum() - shown.sum())


def _read(
    path: Path, source: Source, settings: Settings
) -> tuple[npt.NDArray[np.int32], dict[int, str], list[str]]:
    """Read labels (H, W), names and remarks of a file."""
    from hsizoo.io.formats import DRAWN, format_of
    from hsizoo.io.raster import to_labels
    from hsizoo.io.reading import open_labels

    if path.suffix.lower() in TABLES:
        points = read_points(path)
        remarks = [f"{path}: {remark}" for remark in points.remarks]
        return _placed(points, source.cube, path), points.class_names, remarks
    if source.raster is None and format_of(path) in DRAWN:
        raise DataError(
            f"{path}: polygons need the image as a file, for its size and place; pass its path"
        )
    raster = open_labels(path, settings, like=source.raster)
    remarks = [f"{path}: {remark}" for remark in raster.remarks]
    return to_labels(raster), dict(raster.class_names), remarks


def _placed(points: Points, cube: HyperCube, path: Path) -> npt.NDArray[np.int32]:
    """Return the labels (H, W) of a table.

    Raises
    ------
    DataError
        If a pixel is outside the image, has no data, or has two classes.
    """
    height, width, _ = cube.shape
    labels = np.full((height, width), UNLABELLED, dtype=np.int32)
    lines: dict[tuple[int, int], int] = {}
    names = points.class_names
    for point in points.points:
        at = point.row, point.col
        where = f"{path}, line {point.line}: the pixel (row={point.row}, col={point.col})"
        if not (0 <= point.row < height and 0 <= point.col < width):
            raise DataError(
                f"{where} is outside {cube.name}, which has the rows 0 to {height - 1} and the "
                f"columns 0 to {width - 1}"
            )
        if not cube.valid[at]:
            raise DataError(f"{where} has no data in {cube.name}; choose another pixel")
        if labels[at] not in (UNLABELLED, point.label):
            one, two = (names.get(int(n), f"class {n}") for n in (labels[at], point.label))
            raise DataError(f"{where} is {two}, but {one} in line {lines[at]}; keep one")
        labels[at] = point.label
        lines.setdefault(at, point.line)
    return labels

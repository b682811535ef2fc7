"""Masks as COCO annotations: one JSON file for many images, with polygons or run lengths.

Run lengths are decoded here: pycocotools, which does it too, is a compiled package of its own for
what are twenty lines.  Its polygons would also be drawn by another rule than all others here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.documents import read_json
from hsizoo.errors import DataError, listed
from hsizoo.io.drawing import Outline, areas_of, draw
from hsizoo.io.limits import LONGEST_JSON, check_memory, need
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings

__all__ = ["decode_counts", "decode_runs", "images_of", "read", "survey", "trailing"]

_PARTS: Final = ("images", "annotations", "categories")
_LONGEST_RUN: Final = 7  # characters of 5 bits


@dataclass(frozen=True)
class _Document:
    path: Path
    images: Mapping[PurePosixPath, Mapping[str, Any]]
    annotations: Mapping[Any, Sequence[Mapping[str, Any]]]
    categories: Mapping[int, str]
    first: int  # added to the numbers of categories, so that none is 0


def read(path: Path, settings: Settings, like: Raster, classes: Mapping[int, str]) -> Raster:
    """Draw the annotations of the image that has the cube's name."""
    document = _open(path)
    name = _image_of(document, like.path)
    image = document.images[name]
    height, width = like.values.shape[:2]
    stated = image.get("height", height), image.get("width", width)
    if stated != (height, width):
        raise DataError(
            f"{path}: the image {name} has {stated} (rows, columns), but {like.path} has "
            f"{(height, width)}; correct one of them"
        )
    check_memory(path, (height, width), 16)
    labels = np.zeros((height, width), dtype=np.int32)
    several = np.zeros((height, width), dtype=bool)
    empty, crowds, repaired = [], 0, []
    for row in document.annotations.get(image["id"], ()):
        feature = f"annotation {row.get('id', '?')}"
        label = _label(document, row, feature)
        mask, mended = _mask_of(path, feature, row.get("segmentation"), (height, width))
        if mask is None:
            empty.append(feature)
            continue
        repaired += [feature] * mended
        crowds += bool(row.get("iscrowd"))
        several |= mask & (labels != 0) & (labels != label)
        labels[mask] = label
    remarks = [f"{path.name} calls the image {name}"]
    if document.first:
        remarks.append("labels are the numbers of the categories plus 1, since one of them is 0")
    if empty:
        remarks.append(
            f"{len(empty)} annotations without a segmentation are left out: {listed(empty)}"
        )
    if repaired:
        remarks.append(f"polygons that crossed themselves were repaired: {listed(repaired)}")
    if crowds:
        remarks.append(f"{crowds} crowd regions (iscrowd) count as their category")
    if several.any():
        remarks.append(
            f"{int(several.sum())} pixels lie in objects of several categories; the later one wins"
        )
    names = {number + document.first: text for number, text in document.categories.items()}
    return Raster(path=path, values=labels, class_names=names, remarks=tuple(remarks))


def survey(path: Path, settings: Settings) -> tuple[str, tuple[str, ...]]:
    """Describe a file without its cubes: the number of images and of objects of each category."""
    document = _open(path)
    counts = Counter(
        document.categories.get(row["category_id"], "unknown category")
        for rows in document.annotations.values()
        for row in rows
    )
    shown = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
    return f"{len(document.images)} images, {sum(counts.values())} objects; {shown}", ()


def images_of(path: Path) -> list[PurePosixPath]:
    """List the images that a file annotates, by ``file_name``.

    Raises
    ------
    DataError
        If it is not a file of COCO annotations.
    """
    return list(_open(path).images)


def trailing(image: PurePosixPath, cube: PurePath) -> int:
    """Count the last parts that two paths have in common, without endings; 0 if names differ.

    Examples
    --------
    >>> trailing(PurePosixPath("day1/a.png"), PurePath("images/day1/a.hdr"))
    2
    """
    if image.stem != cube.stem:
        return 0
    same = 1
    for one, other in zip(reversed(image.parts[:-1]), reversed(cube.parts[:-1]), strict=False):
        if one != other:
            break
        same += 1
    return same


def _open(path: Path) -> _Document:
    about = path.stat()
    return _parse(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=2)  # one file annotates many cubes, which are read one by one
def _parse(path: Path, size: int, modified: int) -> _Document:
    document = read_json(path, longest=LONGEST_JSON)
    for part in _PARTS:
        rows = document.get(part) if isinstance(document, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise DataError(
                f"{path} is not a file of COCO annotations: its {part} must be a list of objects"
            )
    images: dict[PurePosixPath, Mapping[str, Any]] = {}
    for row in document["images"]:
        name = row.get("file_name")
        if not isinstance(name, str) or not name or not isinstance(row.get("id"), int | str):
            raise DataError(f"{path}: an image has no file_name or no id: {row!r:.100}")
        key = PurePosixPath(name.replace("\\", "/"))
        if key in images:
            raise DataError(f"{path} has two images of the name {name}; remove one")
        images[key] = row
    categories: dict[int, str] = {}
    for row in document["categories"]:
        number, name = row.get("id"), row.get("name")
        if not isinstance(number, int) or not 0 <= number < 2**31 - 1 or not isinstance(name, str):
            raise DataError(f"{path}: a category has no name or no id from 0: {row!r:.100}")
        if categories.setdefault(number, name) != name:
            raise DataError(f"{path} has two categories of the id {number}; number them anew")
    annotations: dict[Any, list[Mapping[str, Any]]] = {row["id"]: [] for row in images.values()}
    for row in document["annotations"]:
        image = row.get("image_id")
        if not isinstance(image, int | str) or image not in annotations:
            raise DataError(
                f"{path}: annotation {row.get('id', '?')} belongs to the image {image!r:.50}, "
                "which is not there; correct or remove it"
            )
        if not isinstance(row.get("category_id"), int):
            raise DataError(f"{path}: annotation {row.get('id', '?')} has no category_id")
        annotations[image].append(row)
    return _Document(path, images, annotations, categories, int(0 in categories))


def _image_of(document: _Document, cube: Path) -> PurePosixPath:
    """Return the image that has the cube's name, and the most folders in common."""
    common = {image: trailing(image, cube) for image in document.images}
    most = max(common.values(), default=0)
    found = [image for image, count in common.items() if count == most]
    if most == 0:
        raise DataError(
            f"{document.path} has no image of the name {cube.stem}; its images are called "
            f"{listed(document.images) or 'nothing: there are none'}"
        )
    if len(found) > 1:
        raise DataError(
            f"{document.path} has several images that may be {cube}: "
            f"{listed(found)}; add the folder to their file_name"
        )
    return found[0]


def _label(document: _Document, row: Mapping[str, Any], feature: str) -> int:
    number = int(row["category_id"])
    if number not in document.categories:
        raise DataError(
            f"{document.path}: {feature} is of category {number}, which is not there; known: "
            f"{', '.join(map(str, sorted(document.categories)))}"
        )
    return number + document.first


def _mask_of(
    path: Path, feature: str, segmentation: Any, shape: tuple[int, int]
) -> tuple[npt.NDArray[np.bool_] | None, bool]:
    """Return the pixels of an annotation, or None, and whether a polygon was repaired."""
    if not segmentation:
        return None, False
    try:
        if isinstance(segmentation, dict):
            counts = segmentation.get("counts")
            runs = decode_counts(counts) if isinstance(counts, str) else counts
            return decode_runs(runs, segmentation.get("size"), shape), False
        polygons = [_ring(flat) for flat in segmentation]
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{path}: the segmentation of {feature} cannot be used: {error}; correct or remove it"
        ) from None
    shapely = need("shapely", "geo", path)
    outlines, mended = [], False
    for ring in polygons:
        areas, repaired = areas_of(path, feature, shapely.Polygon(ring))
        mended |= repaired
        outlines.append(Outline(areas, 1))
    return draw(path, outlines, shape)[0] == 1, mended


def _ring(flat: Any) -> npt.NDArray[np.float64]:
    numbers = np.array(flat, dtype=np.float64)
    if numbers.ndim != 1 or len(numbers) < 6 or len(numbers) % 2:
        raise ValueError("a polygon must be [x1, y1, x2, y2, x3, y3, …]")
    return numbers.reshape(-1, 2)


def decode_runs(counts: Any, size: Any, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Decode run lengths: pixels outside and inside in turn, column by column.

    Parameters
    ----------
    counts : list of int
    size : list of two int
        Height and width, as the file states them.
    shape : (int, int)
        Height and width of the cube.

    Returns
    -------
    array of bool, shape (H, W)

    Raises
    ------
    ValueError
        If the sizes differ, or the runs do not fill the image.

    Examples
    --------
    >>> decode_runs([1, 2, 1], [2, 2], (2, 2)).astype(int)
    array([[0, 1],
           [1, 0]])
    """
    if not isinstance(size, list) or tuple(size) != shape:
        raise ValueError(f"its size is {size!r:.50}, but the cube has {list(shape)}")
    if not isinstance(counts, list) or not all(
        isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in counts
    ):
        raise ValueError("its counts must be whole numbers from 0")
    if (total := sum(counts)) != shape[0] * shape[1]:
        raise ValueError(f"its counts add up to {total}, not to {shape[0]} × {shape[1]} pixels")
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape(shape[::-1]).T


def decode_counts(text: str) -> list[int]:
    """Decode the compressed run lengths of COCO.

    Each number is written in groups of 5 bits, the lowest first, as characters from ``0`` on; bit 6
    says that more follow, and the highest bit of the last group is the sign.  From the fourth on,
    numbers are differences to the one two before.

    Raises
    ------
    ValueError
        If the text is not such a sequence.

    Examples
    --------
    >>> decode_counts("52203")
    [5, 2, 2, 2, 5]
    """
    groups = [ord(character) - 48 for character in text]
    if not groups or min(groups) < 0 or max(groups) > 63 or groups[-1] & 32:
        raise ValueError("its counts are not compressed run lengths")
    ends = [0, *(place + 1 for place, group in enumerate(groups) if not group & 32)]
    counts: list[int] = []
    for start, end in pairwise(ends):
        if end - start > _LONGEST_RUN:
            raise ValueError("its counts are not compressed run lengths: a number is too long")
        number = sum((group & 31) << 5 * place for place, group in enumerate(groups[start:end]))
        if groups[end - 1] & 16:
            number -= 1 << 5 * (end - start)
        counts.append(number + counts[-2] if len(counts) > 2 else number)
    return counts

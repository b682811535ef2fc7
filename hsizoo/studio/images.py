"""The images that the page may open: a file, the cubes of a folder, the scenes of a dataset."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsizoo.cube import HyperCube, LabelMap, Scene
from hsizoo.errors import DataError, HsizooError, OptionError
from hsizoo.io.collection import Collection, Member
from hsizoo.io.formats import is_store
from hsizoo.io.manifest import refuse_for_folder
from hsizoo.io.raster import to_labels
from hsizoo.io.reading import open_labels
from hsizoo.session.inputs import read_member
from hsizoo.session.source import Source, read_source, settings_of

if TYPE_CHECKING:
    from hsizoo.interfaces import SceneDataset
    from hsizoo.io.settings import Settings

__all__ = ["Image", "Read", "images_of"]


@dataclass(frozen=True, eq=False)
class Read:
    """An image that was read.

    Parameters
    ----------
    source : Source
    labels : LabelMap, optional
    remarks : tuple of str
        Notes for the user on the labels.
    """

    source: Source
    labels: LabelMap | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Image:
    """An image that is read when it is opened.

    Parameters
    ----------
    name : str
        Unique among the images.
    read : callable
    """

    name: str
    read: Callable[[], Read]


def images_of(
    source: str | os.PathLike[str] | HyperCube | Scene | None = None,
    *,
    dataset: str | SceneDataset | None = None,
    labels: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> list[Image]:
    """List the images that may be opened; no cube is read.

    Parameters
    ----------
    source : path, HyperCube or Scene, optional
        A file, a folder of cubes with or without masks, or a cube in memory.
    dataset : str or SceneDataset, optional
        Instead of `source`.
    labels : path, optional
        The mask of a single file.
    settings : mapping, optional
        How to read a single file, with the keys of ``hsizoo.toml``.

    Raises
    ------
    OptionError
        If there is neither a source nor a dataset, or both, or an option does not fit.
    DataError
        If there is no such file, or no cube in the folder.
    """
    if source is None and dataset is None:
        raise OptionError("there is nothing to open: give a file, a folder or a dataset")
    if source is not None and dataset is not None:
        raise OptionError(
            "there is a file or folder, and a dataset, to open: give only one of them"
        )
    chosen = settings_of(settings or {})
    if labels is not None and not isinstance(source, str | os.PathLike):
        raise OptionError("labels belong to a single file")
    if dataset is not None:
        return _of_dataset(dataset)
    if isinstance(source, HyperCube | Scene):
        name = source.name
        return [Image(name, partial(_read_memory, source))]
    assert source is not None
    path = Path(source).expanduser()
    if path.is_dir() and not is_store(path):
        refuse_for_folder(chosen, path)
        if labels is not None:
            raise OptionError(f"{path} is a folder: its masks are found by their names")
        return _of_folder(path)
    if not path.exists():
        raise DataError(f"there is no file or folder {path}")
    return [Image(path.name, partial(_read_file, path, labels, chosen))]


def _of_dataset(dataset: str | SceneDataset) -> list[Image]:
    from hsizoo.zoo.factory import load_dataset

    built = load_dataset(dataset) if isinstance(dataset, str) else dataset
    scenes = built.scenes()
    return [Image(info.name, partial(_read_scene, built, n)) for n, info in enumerate(scenes)]


def _of_folder(path: Path) -> list[Image]:
    collection = Collection(path)
    members, _ = collection.gathered
    if not members:
        raise DataError(f"there is no cube in {path}; see: hsizoo data check {path}")
    return [Image(each.name, partial(_read_found, collection, each)) for each in members]


def _read_memory(source: HyperCube | Scene) -> Read:
    labels = source.label_map if isinstance(source, Scene) else None
    return Read(read_source(source, settings_of()), labels)


def _read_scene(dataset: SceneDataset, number: int) -> Read:
    return _read_memory(dataset.scene(number))


def _read_found(collection: Collection, member: Member) -> Read:
    """Read a cube of a folder; labels that cannot be read do not keep it from being shown."""
    source = read_member(collection, member)
    if not member.masks:
        return Read(source)
    try:
        labels = collection.label_map(member, source.raster)
        collection.check_size(member, labels, source.cube.shape[:2])
    except HsizooError as error:
        return Read(source, None, (f"the labels are not shown: {error}",))
    return Read(source, labels, labels.remarks)


def _read_file(path: Path, labels: str | os.PathLike[str] | None, settings: Settings) -> Read:
    source = read_source(path, settings)
    if labels is None:
        return Read(source)
    raster = open_labels(labels, settings, like=source.raster)
    values = to_labels(raster).clip(0)
    if values.shape != source.cube.shape[:2]:
        raise DataError(
            f"{labels} has {values.shape} rows and columns, but {path} has {source.cube.shape[:2]}"
        )
    numbers = [int(each) for each in np.unique(values) if each]
    names = {number: raster.class_names.get(number, f"class {number}") for number in numbers}
    return Read(source, LabelMap(values, names, ignore=[0]), raster.remarks)

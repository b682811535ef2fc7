"""`classify`: from a few labelled pixels to a `ClassMap`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hsizoo.errors import OptionError
from hsizoo.io import class_colours, write_mask, write_probabilities
from hsizoo.io.writing import lost_place, system_errors
from hsizoo.mapping.learning import Learnt, check_inductive, learn
from hsizoo.mapping.outputs import LEGEND, Outputs
from hsizoo.mapping.picture import map_png
from hsizoo.mapping.training_labels import UNLABELLED, read_training_labels
from hsizoo.report.csv_text import to_csv
from hsizoo.session.source import Source, read_source, settings_of

if TYPE_CHECKING:
    from hsizoo.cube import HyperCube, LabelMap, Scene
    from hsizoo.interfaces import PixelClassifier

__all__ = ["ClassMap", "classify"]

_NO_CLASS = "unlabelled"


@dataclass(frozen=True, eq=False)
class ClassMap:
    """The classes of an image; `classify` makes it.

    Parameters
    ----------
    labels : ndarray of int32, shape (H, W)
        Number of the class at each pixel; 0 where the pixel has no data or no class is probable
        enough.
    probabilities : ndarray of float32, shape (K, H, W)
        Probability of each class, in [0, 1], in the order of `class_names`; 0 without data.
    class_names : mapping of int to str
        Numbers and names of the K classes, in ascending order.
    remarks : tuple of str
        Notes for the user on how image and labels were read.
    """

    labels: npt.NDArray[np.int32]
    probabilities: npt.NDArray[np.float32]
    class_names: Mapping[int, str]
    remarks: tuple[str, ...]
    _source: Source
    _learnt: Learnt
    _least: float

    def __repr__(self) -> str:
        height, width = self.labels.shape
        return f"ClassMap({height} × {width}, {len(self.class_names)} classes)"

    @property
    def without_data(self) -> int:
        """Number of pixels without data."""
        return int((~self._source.cube.valid).sum())

    @property
    def unsure(self) -> int:
        """Number of pixels with data where no class is probable enough."""
        return int((self.labels == UNLABELLED).sum()) - self.without_data

    @cached_property
    def legend(self) -> tuple[Mapping[str, Any], ...]:
        """Number, name, colour (``#rrggbb``), pixels and share of each class, and of label 0."""
        numbers = [UNLABELLED, *self.class_names]
        counts = np.bincount(self.labels.ravel(), minlength=max(numbers) + 1)
        colours = class_colours(max(numbers) + 1)
        return tuple(
            {
                "number": number,
                "name": self.class_names.get(number, _NO_CLASS),
                "colour": "#" + bytes(colours[number]).hex(),
                "pixels": int(counts[number]),
                "share": round(float(counts[number] / self.labels.size), 6),
            }
            for number in numbers
        )

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        probabilities: str | os.PathLike[str] | None = None,
        picture: bool = False,
        force: bool = False,
    ) -> tuple[Path, ...]:
        """Write the map and, beside it, its legend as ``NAME.legend.csv``.

        Parameters
        ----------
        path : path
            The extension gives the format, as for `hsizoo.io.write_mask`: ``.png``, ``.hdr``,
            ``.tif`` or ``.npz``.  The georeference of the image is kept in the same format.
        probabilities : path, optional
            Write the probabilities too, as ``.npz``, ``.tif``, ``.hdr`` or ``.npy``.
        picture : bool, default False
            Draw the map with its legend as ``NAME.picture.png``; needs matplotlib.
        force : bool, default False
            Replace files that exist.  Without it, only an earlier map with its legend is
            replaced; the image itself never is.

        Returns
        -------
        tuple of Path
            The written files.

        Raises
        ------
        DataError
            If a file exists that is not such a map, would overwrite the image, or cannot be
            written.
        MissingRequirement
            If a format or the picture needs a package that is not installed.
        """
        wanted = Outputs.at(
            Path(path), None if probabilities is None else Path(probabilities), picture=picture
        )
        return self.write(wanted, force=force)

    def write(self, files: Outputs, *, force: bool = False) -> tuple[Path, ...]:
        """Write the given files; see `save`."""
        files.check(self._source.files, force=force)
        raster = self._source.raster
        names = {UNLABELLED: _NO_CLASS, **self.class_names}
        drawn = b""
        if files.picture is not None:  # first, as it fails without matplotlib
            drawn = map_png(self.labels, names, f"{self._source.cube.name}: {self._learnt.label}")
        written = [write_mask(files.map, self.labels, class_names=names, like=raster)]
        written.append(_write(files.legend, to_csv(LEGEND, self.legend).encode()))
        if files.probabilities is not None:
            written.append(
                write_probabilities(
                    files.probabilities, self.probabilities, self.class_names, like=raster
                )
            )
        if files.picture is not None:
            written.append(_write(files.picture, drawn))
        return tuple(written)

    def lost(self, path: str | os.PathLike[str]) -> str:
        """Return a remark if a map written to `path` loses the image's georeference, else ""."""
        return lost_place(path, self._source.raster)

    def apply_to(
        self,
        cube: HyperCube | Scene | str | os.PathLike[str] | npt.ArrayLike,
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> ClassMap:
        """Classify another image with what was learnt.

        Parameters
        ----------
        cube : HyperCube, Scene, path or array_like
            Must have the same bands: as many, and with wavelengths that differ by at most 1 nm if
            both have any.
        settings : mapping, optional
            How to read a file.  Default: as the first image.

        Returns
        -------
        ClassMap

        Raises
        ------
        OptionError
            If the classifier can classify only the image that it learnt from.
        DataError
            If the file cannot be read, or its bands are others.
        """
        check_inductive(self._learnt.classifier, self._learnt.label)
        chosen = self._learnt.settings if settings is None else settings_of(settings)
        source = read_source(cube, chosen)
        self._learnt.check_bands(source.cube)
        remark = self._learnt.compare_values(source.cube)
        remarks = [f"{source.cube.name}: {remark}"] if remark else []
        return _make(self._learnt, source, self._least, (*source.remarks, *remarks))


def classify(
    classifier: str | PixelClassifier,
    cube: HyperCube | Scene | str | os.PathLike[str] | npt.ArrayLike,
    labels: str | os.PathLike[str] | LabelMap | npt.ArrayLike,
    *,
    seed: int = 0,
    device: str = "auto",
    settings: Mapping[str, Any] | None = None,
    min_probability: float = 0.0,
) -> ClassMap:
    """Classify every pixel of an image from a few labelled ones.

    Parameters
    ----------
    classifier : str or PixelClassifier
        A name, such as ``svm``, ``ipg-plus`` or ``ipg+cnn2d``, or an object.
    cube : HyperCube, Scene, path or array_like
        The image.
    labels : path, LabelMap or array_like of int, shape (H, W)
        The labelled pixels, at least one of each of two classes or more; all are used.  A path
        leads to a CSV file with the header ``row,col,class``, to polygons (``.geojson``, ``.gpkg``,
        ``.shp``), or to a mask of any format.  Label 0 is unlabelled, whatever its name.
    seed : int, default 0
        The same seed gives the same map.
    device : str, default "auto"
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    settings : mapping, optional
        How to read the files, with the keys of ``hsizoo.toml``: ``{"nodata": -9999}``.
    min_probability : float, default 0
        Pixels whose most probable class is less probable get the label 0; in [0, 1).

    Returns
    -------
    ClassMap

    Raises
    ------
    NameLookupError, OptionError
        If there is no such classifier, or an argument is invalid.
    DataError
        If a file cannot be read, or the labels do not fit the image.
    MissingRequirement
        If a package is not installed.

    Examples
    --------
    >>> found = hsizoo.classify("svm", "scene.hdr", "labels.csv")         # doctest: +SKIP
    >>> found.labels, found.probabilities, found.class_names              # doctest: +SKIP
    >>> found.save("map.tif", probabilities="probabilities.npz")          # doctest: +SKIP
    >>> found.apply_to("other.hdr").save("other_map.tif")                 # doctest: +SKIP
    """
    if seed < 0:
        raise OptionError(f"seed must be at least 0; got {seed}")
    if not 0 <= min_probability < 1:
        raise OptionError(f"min_probability must be in [0, 1); got {min_probability}")
    chosen = settings_of(settings or {})
    source = read_source(cube, chosen)
    known = read_training_labels(labels, source, chosen)
    learnt = learn(
        classifier, source.cube, known.label_map, seed=seed, device=device, settings=chosen
    )
    return _make(learnt, source, min_probability, (*source.remarks, *known.remarks))


def _make(learnt: Learnt, source: Source, least: float, remarks: tuple[str, ...]) -> ClassMap:
    """Classify an image."""
    maps = learnt.probabilities(source.cube)
    numbers = np.array(list(learnt.class_names), dtype=np.int32)
    labels = numbers[maps.argmax(axis=0)]
    labels[~source.cube.valid | (maps.max(axis=0) < least)] = UNLABELLED
    for array in (labels, maps):
        array.flags.writeable = False
    names = MappingProxyType(dict(learnt.class_names))
    return ClassMap(labels, maps, names, remarks, source, learnt, least)


def _write(path: Path, content: bytes) -> Path:
    with system_errors(path):
        path.write_bytes(content)
    return path

"""The core data types: `HyperCube`, `LabelMap`, `Scene`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.arrays import Foreign, axes_by_name, from_any, strips
from hsizoo.errors import DataError
from hsizoo.wavelengths import checked_nanometres, to_nanometres

__all__ = ["NO_LABEL", "HyperCube", "LabelMap", "Scene"]

NO_LABEL: Final = -1
"""Label of pixels without data in a label map; always ignored."""


@dataclass(frozen=True, eq=False)
class HyperCube:
    """A hyperspectral image.

    Parameters
    ----------
    data : array_like, shape (H, W, B)
        Reflectance or radiance, any real number type; kept as read-only float32.  A float32 array
        or memory map is not copied.  Non-finite values are allowed: such pixels are not `valid`,
        and neither are those that a masked array masks.  PyTorch tensors and xarray's ``DataArray``
        will do; the axes of the latter are ordered by their names, and its wavelengths are used.
    wavelengths : array_like, shape (B,), optional
        Centre wavelength of each band in nanometre, finite and positive, in any order.
    name : str, optional
        Name of the cube in messages and file names.
    rgb_bands : (int, int, int), optional
        Band indices of a pseudo-RGB image, red first.
    remarks : iterable of str, optional
        Notes for the user on how the cube was read.

    Raises
    ------
    DataError
        If the shape, the number type, the wavelengths or the band indices are invalid; the message
        gives the values.

    Examples
    --------
    >>> cube = HyperCube(np.ones((2, 3, 4)), wavelengths=[500, 600, 700, 800])
    >>> cube.shape, cube.data.dtype.name
    ((2, 3, 4), 'float32')
    """

    data: npt.NDArray[np.float32]
    wavelengths: npt.NDArray[np.float64] | None
    name: str
    rgb_bands: tuple[int, int, int] | None
    remarks: tuple[str, ...]

    def __init__(
        self,
        data: npt.ArrayLike,
        wavelengths: npt.ArrayLike | None = None,
        name: str = "cube",
        rgb_bands: Iterable[int] | None = None,
        remarks: Iterable[str] = (),
    ) -> None:
        given = from_any(data, f"{name}: a cube")
        array, notes = _in_order(given), [*remarks, *given.remarks]
        if wavelengths is None and given.wavelengths is not None and array.ndim == 3:
            wavelengths, note = to_nanometres(given.wavelengths, given.unit, array.shape[2])
            notes += [note] * bool(note)
        if array.ndim != 3 or 0 in array.shape:
            raise DataError(
                f"{name}: a cube must be (rows, columns, bands), none of them 0; "
                f"got shape {array.shape}"
            )
        if not (np.issubdtype(array.dtype, np.integer) or np.issubdtype(array.dtype, np.floating)):
            raise DataError(f"{name}: a cube must hold real numbers; got {array.dtype}")
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf: not `valid`
            if isinstance(array, np.ma.MaskedArray):
                array = np.ma.filled(array.astype(np.float32), np.nan)
            array = array.astype(np.float32, copy=False).view()
        array.flags.writeable = False
        nm = None
        if wavelengths is not None:
            nm = checked_nanometres(wavelengths, array.shape[2], str(name))
        object.__setattr__(self, "data", array)
        object.__setattr__(self, "name", str(name))
        object.__setattr__(self, "wavelengths", nm)
        object.__setattr__(self, "rgb_bands", _check_rgb_bands(rgb_bands, array, name))
        object.__setattr__(self, "remarks", tuple(map(str, notes)))

    def __repr__(self) -> str:
        return f"HyperCube({self.name!r}, {' × '.join(map(str, self.shape))})"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, B)."""
        height, width, bands = self.data.shape
        return height, width, bands

    @property
    def bands(self) -> int:
        """Number of bands."""
        return int(self.data.shape[2])

    @cached_property
    def valid(self) -> npt.NDArray[np.bool_]:
        """Where all bands are finite, (H, W) bool.

        Pixels that are not valid never enter statistics, cannot be clicked, are not evaluated,
        and get the lowest score.
        """
        valid = np.empty(self.data.shape[:2], dtype=bool)
        for rows in strips(self.data):
            np.isfinite(self.data[rows]).all(axis=2, out=valid[rows])
        valid.flags.writeable = False
        return valid

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the values, the shape and the wavelengths, as 64 hexadecimal digits."""
        sha = hashlib.sha256(repr(self.shape).encode())
        for rows in strips(self.data):
            sha.update(np.ascontiguousarray(self.data[rows]).data)
        if self.wavelengths is not None:
            sha.update(self.wavelengths.tobytes())
        return sha.hexdigest()


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Class label of each pixel, and which labels are evaluated.

    Parameters
    ----------
    labels : array_like of int, shape (H, W)
        Class number of each pixel.  Pixels that a masked array masks get the label -1.
    class_names : mapping of int to str
        Name of each label that occurs, whether a target or not.
    ignore : iterable of int, optional
        Labels of pixels excluded from all metrics (Indian Pines: 0, unlabelled).  The label -1
        (`NO_LABEL`), for pixels without data, is always ignored where it has no name.
    targets : iterable of int, optional
        Labels that are segmented one by one.  Default: all named labels not in `ignore`.  A label
        that is neither a target nor ignored counts as background (HeiPorSPECTRAL: 255).

    Raises
    ------
    DataError
        If the map is not two-dimensional and integer, a label that occurs has no name and is not
        ignored, or a target is unnamed or ignored.

    Examples
    --------
    >>> field = LabelMap([[0, 1], [2, 2]], {1: "corn", 2: "wheat"}, ignore=[0])
    >>> sorted(field.targets)
    [1, 2]
    """

    labels: npt.NDArray[np.int32]
    class_names: Mapping[int, str]
    ignore: frozenset[int]
    targets: frozenset[int]
    remarks: tuple[str, ...]

    def __init__(
        self,
        labels: npt.ArrayLike,
        class_names: Mapping[int, str],
        ignore: Iterable[int] = (),
        targets: Iterable[int] | None = None,
        remarks: Iterable[str] = (),
    ) -> None:
        array = _in_order(from_any(labels, "a label map"))
        if array.ndim != 2 or 0 in array.shape or not np.issubdtype(array.dtype, np.integer):
            raise DataError(
                "a label map must be a two-dimensional array of whole numbers; "
                f"got shape {array.shape} of {array.dtype}"
            )
        if isinstance(array, np.ma.MaskedArray):
            array = np.where(np.ma.getmaskarray(array), NO_LABEL, array.data.astype(np.int64))
        limits = np.iinfo(np.int32)
        if array.min() < limits.min or array.max() > limits.max:
            raise DataError(
                f"labels must fit into 32 bits; got {array.min()} to {array.max()} in the map"
            )
        array = array.astype(np.int32)
        array.flags.writeable = False
        names = {int(label): str(text) for label, text in class_names.items()}
        ignored = frozenset(int(label) for label in ignore)
        if NO_LABEL not in names and (array == NO_LABEL).any():
            ignored |= {NO_LABEL}
        chosen = frozenset(names) - ignored if targets is None else frozenset(map(int, targets))
        unnamed = sorted(set(np.unique(array).tolist()) - set(names) - ignored)
        if unnamed:
            raise DataError(
                f"labels {unnamed} occur in the map but have no name and are not ignored; "
                f"named: {sorted(names)}, ignored: {sorted(ignored)}"
            )
        if wrong := sorted(chosen - set(names) | chosen & ignored):
            raise DataError(f"target labels {wrong} are ignored or have no name")
        object.__setattr__(self, "labels", array)
        object.__setattr__(self, "class_names", MappingProxyType(dict(sorted(names.items()))))
        object.__setattr__(self, "ignore", ignored)
        object.__setattr__(self, "targets", chosen)
        object.__setattr__(self, "remarks", tuple(map(str, remarks)))

    def __repr__(self) -> str:
        height, width = self.labels.shape
        return f"LabelMap({height} × {width}, {len(self.targets)} target classes)"

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickling, which a read-only mapping does not."""
        given = self.labels, dict(self.class_names), self.ignore, self.targets, self.remarks
        return LabelMap, given

    @cached_property
    def evaluated(self) -> npt.NDArray[np.bool_]:
        """Where the label is not ignored, (H, W) bool."""
        return np.isin(self.labels, sorted(self.ignore), invert=True)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of labels, names, ignored labels and targets, as 64 hexadecimal digits."""
        about = (
            self.labels.shape,
            tuple(self.class_names.items()),
            *map(sorted, (self.ignore, self.targets)),
        )
        return hashlib.sha256(repr(about).encode() + self.labels.tobytes()).hexdigest()


@dataclass(frozen=True, eq=False)
class Scene:
    """One image of a dataset with its ground truth.

    Parameters
    ----------
    cube : HyperCube
    label_map : LabelMap
        Must have the cube's height and width.
    name : str
        Unique within its dataset.
    subject : str, optional
        The patient, animal or site in the image.  Scenes of one subject are never split across
        training and test.  Default: `name`.
    split : str, optional
        ``"train"``, ``"val"``, ``"test"``, or empty where the dataset has no split.
    training_map : ndarray of bool, shape (H, W), optional
        The dataset's own training pixels; set only for protocols that ask for them.

    Raises
    ------
    DataError
        If cube, label map and training map differ in height or width.
    """

    cube: HyperCube
    label_map: LabelMap
    name: str
    subject: str = ""
    split: str = ""
    training_map: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.cube, HyperCube) and isinstance(self.label_map, LabelMap)):
            raise DataError(
                f"scene {self.name!r} takes a hsizoo.HyperCube and a hsizoo.LabelMap; "
                f"got {type(self.cube).__name__} and {type(self.label_map).__name__}"
            )
        if self.cube.data.shape[:2] != self.label_map.labels.shape:
            raise DataError(
                f"scene {self.name!r}: the cube has {self.cube.data.shape[:2]} (rows, columns) "
                f"but the label map has {self.label_map.labels.shape}"
            )
        if self.training_map is not None and (
            self.training_map.shape != self.label_map.labels.shape
            or self.training_map.dtype != np.bool_
        ):
            raise DataError(
                f"scene {self.name!r}: the training map must be bool of shape "
                f"{self.label_map.labels.shape}; got {self.training_map.dtype} of shape "
                f"{self.training_map.shape}"
            )
        if not self.subject:
            object.__setattr__(self, "subject", self.name)

    @cached_property
    def evaluated(self) -> npt.NDArray[np.bool_]:
        """Pixels included in metrics, (H, W) bool: label not ignored and spectrum finite."""
        return self.label_map.evaluated & self.cube.valid

    def target(self, label: int) -> npt.NDArray[np.bool_]:
        """Evaluated pixels of one class, (H, W) bool."""
        chosen: npt.NDArray[np.bool_] = self.label_map.labels == label
        return chosen & self.evaluated


def _in_order(given: Foreign) -> npt.NDArray[Any]:
    """Return the array with its axes as rows, columns, bands, if the object names them."""
    order = axes_by_name(given.names) if given.names else None
    return given.values if order is None else given.values.transpose(order)


def _check_rgb_bands(
    rgb_bands: Iterable[int] | None, data: npt.NDArray[np.float32], name: str
) -> tuple[int, int, int] | None:
    if rgb_bands is None:
        return None
    bands = tuple(int(band) for band in rgb_bands)
    if len(bands) != 3 or not all(0 <= band < data.shape[2] for band in bands):
        raise DataError(
            f"{name}: rgb_bands must be three band indices from 0 to {data.shape[2] - 1}; "
            f"got {bands}"
        )
    return bands

"""Base class of datasets with a single scene and unlabeled pixels."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from hsizoo import HyperCube, LabelMap, Scene, SceneDataset, SceneInfo

__all__ = ["OneScene"]


class OneScene(SceneDataset):
    """Dataset of one scene, whose label 0 is unlabeled and ignored.

    A subclass sets the attributes and implements `_read`.

    Parameters
    ----------
    data_dir : str, optional
        Folder of the scene files.

    Attributes
    ----------
    name : str
        Name of dataset, scene and subject.
    shape : (int, int, int)
        Rows, columns, bands.
    classes : tuple of str
        Names of the labels from 1 on.
    rgb_bands : (int, int, int) or None
        Pseudo-RGB bands, red first.
    range_nm : (float, float) or None
        Wavelengths of the first and last band, if the bands are evenly spaced.
    """

    name: ClassVar[str]
    shape: ClassVar[tuple[int, int, int]]
    classes: ClassVar[tuple[str, ...]]
    rgb_bands: ClassVar[tuple[int, int, int] | None] = None
    range_nm: ClassVar[tuple[float, float] | None] = None

    def __init__(self, *, data_dir: str | None = None) -> None:
        self._data_dir = data_dir

    @abstractmethod
    def _read(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.integer]]:
        """Return the cube, of shape `shape`, and the labels, both validated."""

    def _wavelengths(self) -> npt.NDArray[np.float64] | None:
        """Return the wavelengths (B,) in nm; None if they are not known."""
        return None if self.range_nm is None else np.linspace(*self.range_nm, self.shape[2])

    def scenes(self) -> list[SceneInfo]:
        """Return the single scene; it has no split."""
        return [SceneInfo(self.name, subject=self.name)]

    def scene(self, index: int) -> Scene:
        """Read the scene; `index` must be 0."""
        if index != 0:
            raise IndexError(f"scene {index} of 1")
        values, labels = self._read()
        cube = HyperCube(values, self._wavelengths(), self.name, self.rgb_bands)
        names = {0: "Unlabeled"} | dict(enumerate(self.classes, start=1))
        return Scene(cube, LabelMap(labels, names, ignore=[0]), self.name, self.name)

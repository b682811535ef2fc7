"""`SceneDataset`: a source of scenes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hsizoo.interfaces.component import Component

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from hsizoo.cube import Scene

__all__ = ["DatasetCard", "SceneDataset", "SceneInfo"]


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """Facts that a user needs before using a dataset.

    Parameters
    ----------
    title, source, licence, citation : str
        Full name; place of publication; terms of the *data*; publication to cite.
    size : str
        Number of scenes, pixels, bands and bytes to download, as text.
    how_to_get : str
        The command or the steps to obtain it.
    notes : str, optional
        Pitfalls: ignored labels, duplicated classes, known errors.
    """

    title: str
    source: str
    licence: str
    citation: str
    size: str
    how_to_get: str
    notes: str = ""


@dataclass(frozen=True)
class SceneInfo:
    """Facts about a scene that are known without loading it."""

    name: str
    subject: str
    split: str = ""


class SceneDataset(Component):
    """An ordered collection of scenes with a card.

    Attributes
    ----------
    card : DatasetCard
    version : str
        To be raised when a scene of the same name yields other pixels or labels.  Set on the class,
        or on the instance if its files may change.  Stored cells are about a version; where scenes
        change one by one, see `scene_version` and `scene_files`.
    origins : mapping of str to str
        Common name of each subject that also occurs in other datasets, as for a whole scene and
        its part, or a scene in a collection.  Weights trained on one of them are marked as "seen"
        on the others.  Subjects not listed occur in this dataset only.

    Examples
    --------
    >>> for info in dataset.scenes():                            # doctest: +SKIP
    ...     print(info.name, info.subject, info.split)
    """

    card: DatasetCard
    version: str = "1"
    origins: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def scenes(self) -> list[SceneInfo]:
        """List name, subject and split of each scene, in order, without reading any cube.

        Names are unique.  All scenes of a subject have the same split.
        """

    @abstractmethod
    def scene(self, index: int) -> Scene:
        """Load scene number `index` (from 0), with the name, subject and split of `scenes`.

        Raises
        ------
        DataError
            If the files are missing or unusable; the message says how to get them.
        """

    def scene_version(self, index: int) -> str:
        """Return the version of one scene, part of the keys of its cells; `version`, as here.

        Override it where scenes may change one by one: with another version of one scene, the
        stored cells of all others are used again.
        """
        return self.version

    def scene_files(self, index: int) -> list[Path]:
        """List the files that a scene is read from, if users may replace them; none, as here.

        The content of these files is part of the scene's version, for cells and for trainings; what
        is computed while they change has failed.  Datasets of published files need not list them.
        """
        return []

    def place(self) -> Path | None:
        """Return where the scenes are read from, or downloaded to, without doing either.

        Returns
        -------
        Path or None
            None, as here, if the scenes are computed.

        Raises
        ------
        MissingRequirement, DataError
            If the files are missing; the message says how to get them.
        """
        return None

    def bytes_read(self, index: int) -> int | None:
        """Return how many bytes of files `scene` reads, without reading them.

        ``hsizoo bench --dry-run`` tells them.

        Returns
        -------
        int or None
            None if it is not known.  Here: 0 if the scenes are computed, the size of `place` if
            that is a file, else None.
        """
        place = self.place()
        if place is None:
            return 0
        return place.stat().st_size if place.is_file() else None

    def training_map(self, index: int) -> npt.NDArray[np.bool_] | None:
        """Return the dataset's own training pixels, (H, W) bool, or None if it has none.

        With ``--draw official``, classifiers are tested on the other pixels.
        """
        return None

    @classmethod
    def recognise(cls, folder: Path) -> Path | None:
        """Tell whether a folder holds this dataset in its own layout.

        Called by ``hsizoo data check``, which then names the dataset.  Only names of files are
        looked at.

        Parameters
        ----------
        folder : Path

        Returns
        -------
        Path or None
            The folder to pass as ``data_dir``; None, as here, if the dataset is not recognised.
        """
        return None

    @classmethod
    def write_fixture(cls, folder: Path) -> Path | None:
        """Write a tiny folder tree in the dataset's layout, with random values, for trials.

        Called by ``hsizoo data fixture``.

        Parameters
        ----------
        folder : Path
            Folder below which the tree is written.

        Returns
        -------
        Path or None
            The folder to pass as ``data_dir``; None, as here, if the dataset offers no fixture.
        """
        return None

    def __len__(self) -> int:
        return len(self.scenes())

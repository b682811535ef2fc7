"""`SceneDataset`: where scenes come from."""

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
    """What a user needs to know before using a dataset.

    Parameters
    ----------
    title, source, licence, citation : str
        Full name; where it was published; terms of the *data*; what to cite.
    size : str
        Scenes, pixels, bands, bytes to download, in words.
    how_to_get : str
        The command or the steps that bring it here.
    notes : str, optional
        Traps: ignored labels, duplicated classes, known errors.
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
    """What is known of a scene without loading it."""

    name: str
    subject: str
    split: str = ""


class SceneDataset(Component):
    """An ordered collection of scenes with a card.

    Attributes
    ----------
    card : DatasetCard
    version : str
        Raise it when the same index yields other pixels or labels.  One of a class, or of an object
        whose files may change.
    origins : mapping of str to str
        What each subject that other datasets have too is called among all of them: whole scene and
        part, the same scene in a collection.  Weights that were trained on one of them are marked
        as "seen" on the others.  A subject that is not named here is this dataset's own.

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
        """Name, subject and split of each scene, in order, without reading any cube.

        Names are unique.  A subject's scenes all have the same split.
        """

    @abstractmethod
    def scene(self, index: int) -> Scene:
        """Load scene number `index` (from 0), with the name, subject and split of `scenes`.

        Raises
        ------
        DataError
            If the files are missing or unusable; the message says how to get them.
        """

    def training_map(self, index: int) -> npt.NDArray[np.bool_] | None:
        """Where the dataset's own training pixels are, (H, W) bool; None if it names none.

        Classifiers are tested outside of it with ``--draw official``.
        """
        return None

    @classmethod
    def write_fixture(cls, folder: Path) -> Path | None:
        """Write a tiny tree in the dataset's layout, of drawn values, to try it without the data.

        ``hsizoo data fixture`` calls it.

        Parameters
        ----------
        folder : Path
            Where the tree is written, below this folder.

        Returns
        -------
        Path or None
            The folder to pass as ``data_dir``; None, as here, if the dataset offers no fixture.
        """
        return None

    def __len__(self) -> int:
        return len(self.scenes())

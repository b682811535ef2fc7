"""`SceneDataset`: where scenes come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
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


class SceneDataset(ABC):
    """An ordered collection of scenes with a card.

    Attributes
    ----------
    card : DatasetCard
    version : str
        Raise it when the same index yields other pixels or labels.

    Examples
    --------
    >>> for info in dataset.scenes():                            # doctest: +SKIP
    ...     print(info.name, info.subject, info.split)
    """

    card: ClassVar[DatasetCard]
    version: ClassVar[str] = "1"

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

    def __len__(self) -> int:
        return len(self.scenes())

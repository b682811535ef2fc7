"""What a dataset lists, and what it loads, checked against each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hsizoo.errors import ContractError, listed
from hsizoo.interfaces import SceneDataset, SceneInfo

if TYPE_CHECKING:
    from hsizoo.cube import Scene

__all__ = ["load_listed", "scene_infos"]


def scene_infos(dataset: SceneDataset) -> list[SceneInfo]:
    """List the scenes of a dataset; see `SceneDataset.scenes`.

    Raises
    ------
    ContractError
        If two scenes have the same name: one would be counted twice, and the other never.
    """
    infos = list(dataset.scenes())
    count = Counter(info.name for info in infos)
    if twice := [name for name, times in count.items() if times > 1]:
        raise ContractError(
            f"{type(dataset).__name__} lists {len(infos)} scenes with {len(count)} names: "
            f"{listed(map(repr, twice))} more than once.  Names of scenes must be unique, since "
            "results are kept by them"
        )
    return infos


def load_listed(dataset: SceneDataset, index: int, infos: Sequence[SceneInfo]) -> Scene:
    """Load a scene, if it is the one that the dataset lists at this place.

    Parameters
    ----------
    dataset : SceneDataset
    index : int
    infos : sequence of SceneInfo
        What the dataset lists.

    Raises
    ------
    ContractError
        If name, subject or split is another one: scenes of one subject could come into training
        and test.
    """
    scene, info = dataset.scene(index), infos[index]
    for what in ("name", "subject", "split"):
        told, found = getattr(info, what), getattr(scene, what)
        if told != found:
            raise ContractError(
                f"{type(dataset).__name__} lists scene {index} ({info.name!r}) with the {what} "
                f"{told!r}, but loads it with the {what} {found!r}; scenes() and scene() must agree"
            )
    return scene

"""Interface between IPG and a segmenter, and a generic engine for any segmenter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch

import hsizoo
from hsizoo.errors import DataError
from hsizoo_ipg.groups import Groups
from hsizoo_ipg.voting import Ballot

__all__ = ["Engine", "GenericEngine"]

_CACHE_BYTES = 2**23  # for similarity maps per group; there are many groups


class Engine(ABC):
    """A segmenter opened on the groups of one cube.

    Parameters
    ----------
    segmenter : InteractiveSegmenter
    cube : HyperCube
    groups : Groups
    """

    def __init__(self, segmenter: Any, cube: hsizoo.HyperCube, groups: Groups) -> None:
        self.segmenter = segmenter
        self.cube = cube
        self.groups = groups

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Device on which votes are counted."""

    @abstractmethod
    def vote(self, prompts: Sequence[hsizoo.Clicks], ballot: Ballot) -> None:
        """Segment each class on each group, and add the masks to the ballot."""

    def features(self, kind: str) -> torch.Tensor:
        """Return features (D, H, W) of the segmenter for comparing pixels.

        Raises
        ------
        DataError
            If the segmenter has no features of this kind.
        """
        raise DataError(
            f"features={kind} needs SAM or SAM 2.1; {type(self.segmenter).__name__} has no such "
            "features: use features=components or features=spectrum"
        )


class GenericEngine(Engine):
    """Engine for any interactive segmenter; groups are cubes of three bands, no training."""

    def __init__(self, segmenter: Any, cube: hsizoo.HyperCube, groups: Groups) -> None:
        super().__init__(segmenter, cube, groups)
        if segmenter.min_bands > 3:
            raise DataError(
                f"{type(segmenter).__name__} needs {segmenter.min_bands} bands; IPG provides "
                "three at a time: use another segmenter, or another scorer for it"
            )
        if hasattr(segmenter, "cache_bytes"):
            segmenter.cache_bytes = _CACHE_BYTES
        self._states = [segmenter.open(groups.cube(number)) for number in range(len(groups))]

    @property
    def device(self) -> torch.device:
        """The CPU, as a segmenter may return NumPy arrays."""
        return torch.device("cpu")

    def vote(self, prompts: Sequence[hsizoo.Clicks], ballot: Ballot) -> None:
        """See `Engine.vote`."""
        for state in self._states:
            masks = torch.as_tensor(self.segmenter.predict(state, prompts)).to(self.device)
            for number, mask in enumerate(masks):
                ballot.add(number, mask[None])

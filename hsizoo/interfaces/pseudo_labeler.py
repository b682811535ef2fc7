"""`PseudoLabeler`: extends a few labelled pixels to many."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hsizoo.interfaces.component import Component

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hsizoo.cube import HyperCube, LabelMap

__all__ = ["PseudoLabeler", "PseudoLabels"]


@dataclass(frozen=True, eq=False)
class PseudoLabels:
    """Result of a pseudo-labeler.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
        Class number where a pseudo label was assigned, `unassigned` elsewhere.  Seeds keep their
        own labels.
    confidence : ndarray of float32, shape (H, W)
        In [0, 1]; 0 where nothing was assigned, 1 at the seeds.
    history : sequence of mapping, optional
        One mapping of plain values per iteration (coverage, time, …).  If it has ``pixels``, flat
        indices of the new labels, and ``labels``, the protocol adds how many of them are right.
    unassigned : int, default -1
        Number that means "no label".
    """

    labels: npt.NDArray[np.int32]
    confidence: npt.NDArray[np.float32]
    history: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    unassigned: int = -1


class PseudoLabeler(Component):
    """Extends a few labelled pixels of one cube to more of its pixels."""

    @abstractmethod
    def label(self, cube: HyperCube, seeds: LabelMap, *, rng: np.random.Generator) -> PseudoLabels:
        """Assign pseudo labels.

        Parameters
        ----------
        cube : HyperCube
        seeds : LabelMap
            The labelled pixels; all others carry an ignored label.
        rng : numpy.random.Generator
            The only source of randomness.

        Returns
        -------
        PseudoLabels
            For the pixels of the cube; never contradicts a seed.
        """

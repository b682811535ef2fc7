"""The robot of SAMSA 2.0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from hsizoo.protocols.interactive.robots.base import Click, Robot, check_choice

if TYPE_CHECKING:
    import numpy as np

    from hsizoo.protocols.arrays import Mask, Probability

__all__ = ["PaperRobot"]


@dataclass(frozen=True, kw_only=True)
class PaperRobot(Robot):
    """The robot of SAMSA 2.0: clicks the centre, then the least confident pixels of the object.

    All clicks are positive, so wrongly included pixels are never corrected.  The session ends when
    all target pixels have been clicked.

    Parameters
    ----------
    first : {"edt", "centroid"}, default "edt"
        Definition of the "center" of the largest connected component.  ``edt``: its pixel farthest
        from all pixels outside it, including those beyond the image border.  ``centroid``: its mean
        position, rounded to whole pixels (halves up), then moved to the nearest pixel of the
        component.  INFERRED: the paper does not say.
    connectivity : {"8", "4"}, default "8"
        Connectivity of pixels: "8" connects pixels that touch only at a corner.  INFERRED.
    jitter : float, default 0
        See `Robot`.

    References
    ----------
    SAMSA 2.0, §3.1 "Evaluation Protocol" and its pseudo-code.
    """

    name: ClassVar[str] = "paper"
    version: ClassVar[str] = "1"

    first: Literal["edt", "centroid"] = "edt"
    connectivity: Literal["8", "4"] = "8"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self, "first", ("edt", "centroid"))
        check_choice(self, "connectivity", ("8", "4"))

    def _first(self, target: Mask, evaluated: Mask, rng: np.random.Generator) -> tuple[int, int]:
        from hsizoo.protocols.interactive.robots.geometry import (
            depth_of,
            first_maximum,
            largest_component,
            pixel_nearest_to_centroid,
        )

        component = largest_component(target, self.connectivity)
        if self.first == "centroid":
            return pixel_nearest_to_centroid(component)
        return first_maximum(depth_of(component))

    def _next(
        self,
        target: Mask,
        evaluated: Mask,
        probability: Probability,
        unclicked: Mask,
        rng: np.random.Generator,
    ) -> Click | None:
        import numpy as np

        from hsizoo.protocols.interactive.robots.geometry import first_maximum

        candidates = target & unclicked
        if not candidates.any():
            return None
        return (*first_maximum(np.where(candidates, -probability, -np.inf)), True)

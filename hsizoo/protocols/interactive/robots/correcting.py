"""Robots that click on errors of the prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from hsizoo.protocols.interactive.robots.base import Click, Robot, check_choice, store_float

if TYPE_CHECKING:
    import numpy as np

    from hsizoo.protocols.arrays import Mask, Probability

__all__ = ["LargestComponentRobot", "RandomRobot", "RitmRobot"]


@dataclass(frozen=True, kw_only=True)
class RitmRobot(Robot):
    """The robot of RITM and of later work on interactive segmentation.

    Clicks the pixel deepest inside the errors: positive if the missed area is deeper, negative if
    the wrongly included area is at least as deep.  Errors are not split into components.  The
    first click follows the same rule from an empty mask.  Once all wrong pixels have been clicked,
    the session ends (RITM itself would then click the top left pixel).

    Parameters
    ----------
    threshold : float, default 0.49
        The mask is ``probability > threshold``; RITM evaluates at 0.49, not 0.5.
    jitter : float, default 0
        See `Robot`.

    References
    ----------
    Sofiiuk et al., "Reviving Iterative Training with Mask Guidance for Interactive Segmentation",
    arXiv:2102.06583; ``isegm/inference/clicker.py`` of
    https://github.com/SamsungLabs/ritm_interactive_segmentation at b9b4460.
    """

    name: ClassVar[str] = "ritm"
    version: ClassVar[str] = "1"

    threshold: float = 0.49

    def __post_init__(self) -> None:
        super().__post_init__()
        store_float(self, "threshold", highest=1)

    def _first(self, target: Mask, evaluated: Mask, rng: np.random.Generator) -> tuple[int, int]:
        from hsizoo.protocols.interactive.robots.geometry import depth_of, first_maximum

        return first_maximum(depth_of(target))

    def _next(
        self,
        target: Mask,
        evaluated: Mask,
        probability: Probability,
        unclicked: Mask,
        rng: np.random.Generator,
    ) -> Click | None:
        from hsizoo.protocols.interactive.robots.geometry import depth_of, errors_of, first_maximum

        missed, excess = errors_of(target, evaluated, probability, self.threshold)
        missed_depth, excess_depth = depth_of(missed) * unclicked, depth_of(excess) * unclicked
        positive = bool(missed_depth.max() > excess_depth.max())  # a tie is negative, as in RITM
        depth = missed_depth if positive else excess_depth
        return (*first_maximum(depth), positive) if depth.any() else None


@dataclass(frozen=True, kw_only=True)
class LargestComponentRobot(Robot):
    """Robot that clicks the centre of the largest connected error.

    Components of missed and of wrongly included pixels are compared by their number of pixels; a
    tie goes to missed pixels, then to the first component in row-major order.  The click is the
    component's unclicked pixel farthest from all pixels outside it, including those beyond the
    image border.  Components whose pixels have all been clicked are skipped.  The first click is
    the centre of the target's largest component.

    Parameters
    ----------
    threshold : float, default 0.5
        The mask is ``probability > threshold``.
    connectivity : {"8", "4"}, default "8"
        Connectivity of pixels: "8" connects pixels that touch only at a corner.
    jitter : float, default 0
        See `Robot`.

    Notes
    -----
    This follows the CVPR 2025 challenge on interactive 3D segmentation (``CVPR25_iter_eval.py`` of
    https://github.com/JunMa11/CVPR-MedSegFMCompetition), with two differences.  There, missed and
    wrongly included pixels that touch form one component, whose centre decides the sign; and ties
    between equally deep pixels are broken at random, with seed 42.
    """

    name: ClassVar[str] = "largest-component"
    version: ClassVar[str] = "1"

    threshold: float = 0.5
    connectivity: Literal["8", "4"] = "8"

    def __post_init__(self) -> None:
        super().__post_init__()
        store_float(self, "threshold", highest=1)
        check_choice(self, "connectivity", ("8", "4"))

    def _first(self, target: Mask, evaluated: Mask, rng: np.random.Generator) -> tuple[int, int]:
        from hsizoo.protocols.interactive.robots.geometry import (
            depth_of,
            first_maximum,
            largest_component,
        )

        return first_maximum(depth_of(largest_component(target, self.connectivity)))

    def _next(
        self,
        target: Mask,
        evaluated: Mask,
        probability: Probability,
        unclicked: Mask,
        rng: np.random.Generator,
    ) -> Click | None:
        import numpy as np

        from hsizoo.protocols.interactive.robots.geometry import (
            depth_of,
            errors_of,
            first_maximum,
            largest_component,
        )

        missed, excess = (
            largest_component(error, self.connectivity, unclicked)
            for error in errors_of(target, evaluated, probability, self.threshold)
        )
        positive = bool(np.count_nonzero(missed) >= np.count_nonzero(excess))
        component = missed if positive else excess
        if not component.any():
            return None
        return (*first_maximum(depth_of(component) * unclicked), positive)


@dataclass(frozen=True, kw_only=True)
class RandomRobot(Robot):
    """Robot that clicks a random pixel of the target, then random wrong pixels, uniformly.

    A baseline for measuring the benefit of a careful choice of clicks.

    Parameters
    ----------
    threshold : float, default 0.5
        The mask is ``probability > threshold``.
    jitter : float, default 0
        See `Robot`.
    """

    name: ClassVar[str] = "random"
    version: ClassVar[str] = "1"

    threshold: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        store_float(self, "threshold", highest=1)

    def _first(self, target: Mask, evaluated: Mask, rng: np.random.Generator) -> tuple[int, int]:
        from hsizoo.protocols.interactive.robots.geometry import draw

        return draw(target, rng)

    def _next(
        self,
        target: Mask,
        evaluated: Mask,
        probability: Probability,
        unclicked: Mask,
        rng: np.random.Generator,
    ) -> Click | None:
        from hsizoo.protocols.interactive.robots.geometry import draw, errors_of

        missed, excess = errors_of(target, evaluated, probability, self.threshold)
        wrong = (missed | excess) & unclicked
        if not wrong.any():
            return None
        row, col = draw(wrong, rng)
        return row, col, bool(target[row, col])

"""Robots: simulated users who know the truth and click where a mask needs it.

A robot sees the object, what the model makes of it, and the clicks so far; never the model or the
cube.  Robots are frozen dataclasses: ``dataclasses.asdict`` is the configuration that goes into
the record of a run, next to `Robot.name` and `Robot.version`.

===================== ========================================= ====================
name                  next click                                sign
===================== ========================================= ====================
``paper``             least probable pixel of the object        positive
``ritm``              deepest pixel of all errors               positive or negative
``largest-component`` centre of the largest connected error     positive or negative
``random``            any wrong pixel                           positive or negative
===================== ========================================= ====================

Positions are ``(row, col)``.  Wherever several pixels are equally good, the first in row-major
order is taken.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hsizoo.clicks import Clicks
from hsizoo.errors import ProtocolError
from hsizoo.protocol._checks import Mask, Probability, check_masks, check_probability

__all__ = [
    "ROBOTS",
    "LargestComponentRobot",
    "PaperRobot",
    "RandomRobot",
    "RitmRobot",
    "Robot",
]

_Click = tuple[int, int, bool]

_JITTER_DRAWS = 10  # after so many misses the hand is steadied: the intended pixel is clicked


@dataclass(frozen=True, kw_only=True)
class Robot(ABC):
    """A simulated user.

    Subclasses implement `_first` and `_next`; validation and jitter are done here.

    Parameters
    ----------
    jitter : float, default 0
        Standard deviation, in pixels per axis, of a Gaussian that displaces every click.  The
        displacement is rounded to whole pixels and clipped to the image.  The intended sign is
        kept even where the click then misses the object: that is what a slip is.

    Attributes
    ----------
    name : str
        What users type.
    version : str
        Raised whenever the same input gives another click.

    Raises
    ------
    ProtocolError
        If `jitter` is negative or not finite.

    Examples
    --------
    >>> target = np.zeros((5, 7), dtype=bool)
    >>> target[1:4, 1:6] = True
    >>> evaluated, rng = np.ones_like(target), np.random.default_rng(0)
    >>> robot = RitmRobot()
    >>> robot.first_click(target, evaluated, rng)
    (2, 2, True)
    >>> everything = np.ones((5, 7), dtype=np.float32)  # a prediction that needs a negative click
    >>> robot.next_click(target, evaluated, everything, Clicks([(2, 2)]), rng)
    (0, 0, False)
    """

    name: ClassVar[str]
    version: ClassVar[str]

    jitter: float = 0.0

    def __post_init__(self) -> None:
        _store_float(self, "jitter", highest=math.inf)

    def first_click(
        self,
        target: Mask,
        evaluated: Mask,
        rng: np.random.Generator,
        *,
        clickable: Mask | None = None,
    ) -> _Click:
        """Return the click that opens a session.

        Parameters
        ----------
        target : ndarray of bool, shape (H, W)
            The object, at least one pixel.
        evaluated : ndarray of bool, shape (H, W)
            Pixels whose truth is known; contains `target`.
        rng : numpy.random.Generator
            Source of chance; left untouched by a robot that takes none.
        clickable : ndarray of bool, shape (H, W), optional
            Pixels that may be clicked at all (those with a usable spectrum); contains `evaluated`.
            Default: all.

        Returns
        -------
        row, col : int
            A pixel of the target; with jitter, any clickable pixel.
        positive : bool
            True.

        Raises
        ------
        ProtocolError
            If a mask has the wrong type or shape, is not contained where it should be, or the
            target is empty.
        """
        _check_scene(target, evaluated, clickable)
        row, col = self._first(target, evaluated, rng)
        free = np.ones(target.shape, dtype=bool) if clickable is None else clickable
        return (*self._slip(row, col, free, rng), True)

    def next_click(
        self,
        target: Mask,
        evaluated: Mask,
        probability: Probability,
        clicks: Clicks,
        rng: np.random.Generator,
        *,
        clickable: Mask | None = None,
    ) -> _Click | None:
        """Return the click that follows a prediction.

        Parameters
        ----------
        target : ndarray of bool, shape (H, W)
            The object, at least one pixel.
        evaluated : ndarray of bool, shape (H, W)
            Pixels whose truth is known; contains `target`.
        probability : ndarray of float32 or float64, shape (H, W)
            The model's foreground probability after `clicks`, in [0, 1], finite everywhere.
        clicks : Clicks
            All clicks so far.
        rng : numpy.random.Generator
            Source of chance; left untouched by a robot that takes none.
        clickable : ndarray of bool, shape (H, W), optional
            Pixels that may be clicked at all (those with a usable spectrum); contains `evaluated`.
            Default: all.

        Returns
        -------
        (row, col, positive) : (int, int, bool), or None
            An evaluated pixel that was not clicked yet; with jitter, any clickable one.  None if
            nothing is left to click.

        Raises
        ------
        ProtocolError
            If an array has the wrong type or shape, a mask is not contained where it should be,
            the target is empty, or a probability is NaN, infinite or outside [0, 1].
        ClickError
            If a click lies outside the image.
        """
        _check_scene(target, evaluated, clickable)
        check_probability(probability, target.shape)
        clicks.check_inside(*target.shape)
        unclicked = np.ones(target.shape, dtype=bool)
        unclicked[clicks.points[:, 0], clicks.points[:, 1]] = False
        intended = self._next(target, evaluated, probability, unclicked, rng)
        if intended is None:
            return None
        row, col, positive = intended
        free = unclicked if clickable is None else unclicked & clickable
        return (*self._slip(row, col, free, rng), positive)

    @abstractmethod
    def _first(self, target: Mask, evaluated: Mask, rng: np.random.Generator) -> tuple[int, int]:
        """Return the target pixel to begin with; all arguments are valid."""

    @abstractmethod
    def _next(
        self,
        target: Mask,
        evaluated: Mask,
        probability: Probability,
        unclicked: Mask,
        rng: np.random.Generator,
    ) -> _Click | None:
        """Return an evaluated, unclicked pixel and its sign, or None; all arguments are valid."""

    def _slip(self, row: int, col: int, free: Mask, rng: np.random.Generator) -> tuple[int, int]:
        """Return where a click at (row, col) lands, always on a pixel of `free`."""
        if self.jitter == 0:  # no draw: a steady hand leaves the generator as it was
            return row, col
        corner = np.array(free.shape) - 1
        for _ in range(_JITTER_DRAWS):
            landed = np.rint(rng.normal((row, col), self.jitter))
            landed_row, landed_col = np.clip(landed, 0, corner).astype(int).tolist()
            if free[landed_row, landed_col]:
                return landed_row, landed_col
        return row, col


@dataclass(frozen=True, kw_only=True)
class PaperRobot(Robot):
    """The user of SAMSA 2.0: centre first, then the least confident pixel of the object.

    All clicks are positive, so what the model wrongly takes in is never corrected.  The session
    ends when every target pixel was clicked.

    Parameters
    ----------
    first : {"edt", "centroid"}, default "edt"
        What "center" of the largest connected component means.  ``edt``: its pixel farthest from
        all pixels outside it, beyond the image border included.  ``centroid``: its mean position,
        rounded to whole pixels (halves up), then moved to the nearest pixel of the component.
        INFERRED: the paper does not say.
    connectivity : {"8", "4"}, default "8"
        Whether pixels that touch only at a corner are connected.  INFERRED.
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
        _check_choice(self, "first", ("edt", "centroid"))
        _check_choice(self, "connectivity", ("8", "4"))

    def _first(self, target: Mask, evaluated: Mask, rng: np.random.Generator) -> tuple[int, int]:
        component = _largest_component(target, self.connectivity)
        if self.first == "centroid":
            return _pixel_nearest_to_centroid(component)
        return _first_maximum(_depth(component))

    def _next(
        self,
        target: Mask,
        evaluated: Mask,
        probability: Probability,
        unclicked: Mask,
        rng: np.random.Generator,
    ) -> _Click | None:
        candidates = target & unclicked
        if not candidates.any():
            return None
        return (*_first_maximum(np.where(candidates, -probability, -np.inf)), True)


@dataclass(frozen=True, kw_only=True)
class RitmRobot(Robot):
    """The user of RITM and of the interactive-segmentation literature since.

    Clicks the pixel deepest inside the errors: positive where the missed area is deeper,
    negative where the wrongly included area is at least as deep.  Errors are not split into
    components.  The first click follows the same rule from an empty mask.  Once everything wrong
    was clicked the session ends (RITM itself would then click the top left pixel).

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
        _store_float(self, "threshold", highest=1)

    def _first(self, target: Mask, evaluated: Mask, rng: np.random.Generator) -> tuple[int, int]:
        return _first_maximum(_depth(target))

    def _next(
        self,
        target: Mask,
        evaluated: Mask,
        probability: Probability,
        unclicked: Mask,
        rng: np.random.Generator,
    ) -> _Click | None:
        missed, excess = _errors(target, evaluated, probability, self.threshold)
        missed_depth, excess_depth = _depth(missed) * unclicked, _depth(excess) * unclicked
        positive = bool(missed_depth.max() > excess_depth.max())  # a tie is negative, as in RITM
        depth = missed_depth if positive else excess_depth
        return (*_first_maximum(depth), positive) if depth.any() else None


@dataclass(frozen=True, kw_only=True)
class LargestComponentRobot(Robot):
    """A user who looks for the largest patch of error and clicks its centre.

    The components of missed and of wrongly included pixels are compared by their number of
    pixels; a tie goes to the missed ones, then to the component met first in row-major order.
    The click is the component's unclicked pixel farthest from all pixels outside it, beyond the
    image border included.  Components whose pixels were all clicked are passed over.  The first
    click is the centre of the target's largest component.

    Parameters
    ----------
    threshold : float, default 0.5
        The mask is ``probability > threshold``.
    connectivity : {"8", "4"}, default "8"
        Whether pixels that touch only at a corner are connected.
    jitter : float, default 0
        See `Robot`.

    Notes
    -----
    This is the practice of the CVPR 2025 challenge on interactive 3D segmentation
    (``CVPR25_iter_eval.py`` of https://github.com/JunMa11/CVPR-MedSegFMCompetition), apart from
    two things.  There, missed and wrongly included pixels that touch form one component, whose
    centre decides the sign; and one of several equally deep pixels is drawn with random seed 42.
    """

    name: ClassVar[str] = "largest-component"
    version: ClassVar[str] = "1"

    threshold: float = 0.5
    connectivity: Literal["8", "4"] = "8"

    def __post_init__(self) -> None:
        super().__post_init__()
        _store_float(self, "threshold", highest=1)
        _check_choice(self, "connectivity", ("8", "4"))

    def _first(self, target: Mask, evaluated: Mask, rng: np.random.Generator) -> tuple[int, int]:
        return _first_maximum(_depth(_largest_component(target, self.connectivity)))

    def _next(
        self,
        target: Mask,
        evaluated: Mask,
        probability: Probability,
        unclicked: Mask,
        rng: np.random.Generator,
    ) -> _Click | None:
        missed, excess = (
            _largest_component(error, self.connectivity, unclicked)
            for error in _errors(target, evaluated, probability, self.threshold)
        )
        positive = bool(np.count_nonzero(missed) >= np.count_nonzero(excess))
        component = missed if positive else excess
        if not component.any():
            return None
        return (*_first_maximum(_depth(component) * unclicked), positive)


@dataclass(frozen=True, kw_only=True)
class RandomRobot(Robot):
    """A user without judgement: any pixel of the target, then any wrong pixel, all equally likely.

    A baseline: what a careful choice of clicks gains is the distance from this robot.

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
        _store_float(self, "threshold", highest=1)

    def _first(self, target: Mask, evaluated: Mask, rng: np.random.Generator) -> tuple[int, int]:
        return _draw(target, rng)

    def _next(
        self,
        target: Mask,
        evaluated: Mask,
        probability: Probability,
        unclicked: Mask,
        rng: np.random.Generator,
    ) -> _Click | None:
        missed, excess = _errors(target, evaluated, probability, self.threshold)
        wrong = (missed | excess) & unclicked
        if not wrong.any():
            return None
        row, col = _draw(wrong, rng)
        return row, col, bool(target[row, col])


ROBOTS: Mapping[str, type[Robot]] = MappingProxyType(
    {robot.name: robot for robot in (PaperRobot, RitmRobot, LargestComponentRobot, RandomRobot)}
)
"""The robots by name."""


def _errors(
    target: Mask, evaluated: Mask, probability: Probability, threshold: float
) -> tuple[Mask, Mask]:
    """Return the evaluated pixels that the mask misses, and those that it wrongly includes."""
    mask = probability > threshold
    return target & ~mask & evaluated, ~target & mask & evaluated


def _depth(mask: Mask) -> npt.NDArray[np.float32]:
    """Return each mask pixel's exact Euclidean distance to the nearest pixel outside the mask.

    Beyond the image border is outside, as if the mask were padded by one pixel.  Distances are
    rounded to float32, like those of ``cv2.distanceTransform(mask, DIST_L2, 0)`` that RITM
    compares.

    Returns
    -------
    ndarray of float32, shape (H, W)
        In pixels; at least 1 in the mask, 0 elsewhere.
    """
    depth = np.zeros(mask.shape, dtype=np.float32)
    if not mask.any():
        return depth
    # The bounding box suffices: its padding is outside the mask, and nothing beyond the padding is
    # nearer to a mask pixel.
    box = _bounding_box(mask)
    depth[box] = ndimage.distance_transform_edt(np.pad(mask[box], 1))[1:-1, 1:-1]
    return depth


def _bounding_box(mask: Mask) -> tuple[slice, slice]:
    rows, cols = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)


def _largest_component(mask: Mask, connectivity: str, unclicked: Mask | None = None) -> Mask:
    """Return the largest component that has a pixel of `unclicked`; empty if there is none.

    Of equally large components the one whose first pixel in row-major order comes first.
    """
    neighbours = ndimage.generate_binary_structure(2, {"4": 1, "8": 2}[connectivity])
    labels, _ = ndimage.label(mask, neighbours)
    left = mask if unclicked is None else mask & unclicked
    sizes = np.bincount(labels.ravel())
    sizes[np.bincount(labels[left], minlength=len(sizes)) == 0] = 0  # background, or no pixel left
    if not sizes.any():
        return np.zeros_like(mask)
    # Looked up rather than taken from the order of labels, which SciPy does not promise.
    first = labels.flat[np.argmax((sizes == sizes.max())[labels])]
    return np.asarray(labels == first)


def _pixel_nearest_to_centroid(component: Mask) -> tuple[int, int]:
    positions = np.argwhere(component)  # row-major
    count = len(positions)
    # floor(mean + 1/2) in whole numbers: halves go up wherever in the image the component lies.
    centroid = (2 * positions.sum(axis=0) + count) // (2 * count)
    squared_distance = ((positions - centroid) ** 2).sum(axis=1)
    row, col = positions[np.argmin(squared_distance)].tolist()
    return row, col


def _first_maximum(values: npt.NDArray[np.floating[Any]]) -> tuple[int, int]:
    row, col = np.unravel_index(np.argmax(values), values.shape)
    return int(row), int(col)


def _draw(mask: Mask, rng: np.random.Generator) -> tuple[int, int]:
    """Return one pixel of a mask, all equally likely."""
    row, col = np.unravel_index(rng.choice(np.flatnonzero(mask)), mask.shape)
    return int(row), int(col)


def _store_float(robot: Robot, field: str, *, highest: float) -> None:
    """Check a number of a robot's configuration, and make it a float: 1 and 1.0 are one record."""
    value = getattr(robot, field)
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not (0 <= number <= highest and math.isfinite(number)):
        limit = f"from 0 to {highest:g}" if math.isfinite(highest) else "of pixels, 0 or more"
        raise ProtocolError(
            f"robot {robot.name!r}: {field} must be a finite number {limit}; got {value!r}"
        )
    object.__setattr__(robot, field, number)


def _check_choice(robot: Robot, field: str, choices: tuple[str, ...]) -> None:
    value = getattr(robot, field)
    if value not in choices:
        raise ProtocolError(
            f"robot {robot.name!r}: {field} must be {' or '.join(map(repr, choices))}; "
            f"got {value!r}"
        )


def _check_scene(target: Mask, evaluated: Mask, clickable: Mask | None) -> None:
    """Raise unless all are bool images of one shape and ∅ ≠ target ⊆ evaluated ⊆ clickable."""
    check_masks(target=target, evaluated=evaluated, clickable=clickable)
    if not target.any():
        raise ProtocolError("the target is empty: there is nothing to click; skip this class")
    if stray := np.count_nonzero(target & ~evaluated):
        raise ProtocolError(f"{stray} target pixels are not evaluated; pass target & evaluated")
    if clickable is not None and (stray := np.count_nonzero(evaluated & ~clickable)):
        raise ProtocolError(
            f"{stray} evaluated pixels are not clickable; pass evaluated & clickable"
        )

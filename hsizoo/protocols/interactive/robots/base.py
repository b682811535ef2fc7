"""`Robot`: base class of all simulated users.

Robots are checked before a run starts, so this module imports neither NumPy nor SciPy at the top.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from numbers import Real
from typing import TYPE_CHECKING, ClassVar

from hsizoo.errors import ProtocolError
from hsizoo.zoo.names import Name

if TYPE_CHECKING:
    import numpy as np

    from hsizoo.clicks import Clicks
    from hsizoo.protocols.arrays import Mask, Probability

__all__ = ["Click", "Robot", "check_choice", "store_float"]

Click = tuple[int, int, bool]
"""Row, column, and whether the click is positive."""

_JITTER_DRAWS = 10  # after this many failed draws the intended pixel is clicked


@dataclass(frozen=True, kw_only=True)
class Robot(ABC):
    """A simulated user.

    Subclasses implement `_first` and `_next`; this class handles validation and jitter.

    Parameters
    ----------
    jitter : float, default 0
        Standard deviation, in pixels per axis, of a Gaussian that displaces every click.  The
        displaced position is rounded to whole pixels and clipped to the image.  The intended sign
        is kept even if the click then misses the object, as for a user's slip.

    Attributes
    ----------
    name : str
        Name that users type.
    version : str
        Increased whenever the same input gives a different click.

    Raises
    ------
    ProtocolError
        If `jitter` is negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from hsizoo.clicks import Clicks
    >>> from hsizoo.protocols.interactive.robots import RitmRobot
    >>> target = np.zeros((5, 7), dtype=bool)
    >>> target[1:4, 1:6] = True
    >>> evaluated, rng = np.ones_like(target), np.random.default_rng(0)
    >>> robot = RitmRobot()
    >>> robot.first_click(target, evaluated, rng)
    (2, 2, True)
    >>> everything = np.ones((5, 7), dtype=np.float32)  # a prediction that needs a negative click
    >>> robot.next_click(target, evaluated, everything, Clicks([(2, 2)]), rng)
    (0, 0, False)
    >>> str(RitmRobot(jitter=2))
    'ritm:jitter=2'
    """

    name: ClassVar[str]
    version: ClassVar[str]

    jitter: float = 0.0

    def __post_init__(self) -> None:
        store_float(self, "jitter", highest=math.inf)

    def __str__(self) -> str:
        """Return the shortest text from which `make_robot` builds this robot."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        options = {
            key: str(value).removesuffix(".0")
            for key, (value, default) in values.items()
            if value != default
        }
        return str(Name(self.name, options=options))

    def first_click(
        self,
        target: Mask,
        evaluated: Mask,
        rng: np.random.Generator,
        *,
        clickable: Mask | None = None,
    ) -> Click:
        """Return the first click.

        Parameters
        ----------
        target : ndarray of bool, shape (H, W)
            Mask of the object, with at least one pixel.
        evaluated : ndarray of bool, shape (H, W)
            Pixels with known truth; a superset of `target`.
        rng : numpy.random.Generator
            Source of random numbers; unchanged if the robot draws none.
        clickable : ndarray of bool, shape (H, W), optional
            Pixels that may be clicked (those with a valid spectrum); a superset of `evaluated`.
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
            If a mask has the wrong type or shape, a superset relation is violated, or the target is
            empty.
        """
        import numpy as np

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
    ) -> Click | None:
        """Return the click after a prediction.

        Parameters
        ----------
        target : ndarray of bool, shape (H, W)
            Mask of the object, with at least one pixel.
        evaluated : ndarray of bool, shape (H, W)
            Pixels with known truth; a superset of `target`.
        probability : ndarray of float32 or float64, shape (H, W)
            The model's foreground probability after `clicks`, in [0, 1], finite everywhere.
        clicks : Clicks
            All clicks so far.
        rng : numpy.random.Generator
            Source of random numbers; unchanged if the robot draws none.
        clickable : ndarray of bool, shape (H, W), optional
            Pixels that may be clicked (those with a valid spectrum); a superset of `evaluated`.
            Default: all.

        Returns
        -------
        (row, col, positive) : (int, int, bool), or None
            An evaluated pixel that has not been clicked yet; with jitter, any clickable one.  None
            if nothing is left to click.

        Raises
        ------
        ProtocolError
            If an array has the wrong type or shape, a superset relation is violated, the target is
            empty, or a probability is NaN, infinite or outside [0, 1].
        ClickError
            If a click is outside the image.
        """
        import numpy as np

        from hsizoo.protocols.arrays import check_probability

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
        """Return the target pixel to click first; all arguments are valid."""

    @abstractmethod
    def _next(
        self,
        target: Mask,
        evaluated: Mask,
        probability: Probability,
        unclicked: Mask,
        rng: np.random.Generator,
    ) -> Click | None:
        """Return an evaluated, unclicked pixel and its sign, or None; all arguments are valid."""

    def _slip(self, row: int, col: int, free: Mask, rng: np.random.Generator) -> tuple[int, int]:
        """Return where a click at (row, col) lands, always on a pixel of `free`."""
        if self.jitter == 0:  # leaves the rng unchanged
            return row, col
        import numpy as np

        corner = np.array(free.shape) - 1
        for _ in range(_JITTER_DRAWS):
            landed = np.rint(rng.normal((row, col), self.jitter))
            landed_row, landed_col = np.clip(landed, 0, corner).astype(int).tolist()
            if free[landed_row, landed_col]:
                return landed_row, landed_col
        return row, col


def store_float(robot: Robot, field: str, *, highest: float) -> None:
    """Check a number in a robot's configuration and store it as a float, so that 1 equals 1.0."""
    value = getattr(robot, field)
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not (0 <= number <= highest and math.isfinite(number)):
        limit = f"from 0 to {highest:g}" if math.isfinite(highest) else "of pixels, 0 or more"
        raise ProtocolError(
            f"robot {robot.name!r}: {field} must be a finite number {limit}; got {value!r}"
        )
    object.__setattr__(robot, field, number)


def check_choice(robot: Robot, field: str, choices: tuple[str, ...]) -> None:
    """Check a choice in a robot's configuration."""
    value = getattr(robot, field)
    if value not in choices:
        raise ProtocolError(
            f"robot {robot.name!r}: {field} must be {' or '.join(map(repr, choices))}; "
            f"got {value!r}"
        )


def _check_scene(target: Mask, evaluated: Mask, clickable: Mask | None) -> None:
    """Raise unless all are bool masks of the same shape and ∅ ≠ target ⊆ evaluated ⊆ clickable."""
    import numpy as np

    from hsizoo.protocols.arrays import check_masks

    check_masks(target=target, evaluated=evaluated, clickable=clickable)
    if not target.any():
        raise ProtocolError("the target is empty: there is nothing to click; skip this class")
    if stray := np.count_nonzero(target & ~evaluated):
        raise ProtocolError(f"{stray} target pixels are not evaluated; pass target & evaluated")
    if clickable is not None and (stray := np.count_nonzero(evaluated & ~clickable)):
        raise ProtocolError(
            f"{stray} evaluated pixels are not clickable; pass evaluated & clickable"
        )

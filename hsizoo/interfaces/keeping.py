"""`keep_mask`: a protocol offers its masks, so that reports can show them.

Masks are ignored unless a run keeps them, so a protocol may always offer them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["keep_mask", "keeping"]

Keeper = Callable[[str, str, Any], None]

_keeper: ContextVar[Keeper | None] = ContextVar("keeper", default=None)


def keep_mask(label: Hashable, mask: npt.NDArray[np.bool_], step: str = "") -> None:
    """Offer the mask that a component made for one observation of the cell.

    Parameters
    ----------
    label : hashable
        Label of the `hsizoo.Observation`.
    mask : ndarray of bool, shape (H, W)
    step : str, optional
        When it was made, in words: ``after 1 click``.  Steps are shown in the order of offering.

    Examples
    --------
    >>> import numpy as np
    >>> keep_mask(1, np.zeros((4, 5), dtype=bool))
    """
    keeper = _keeper.get()
    if keeper is not None:
        keeper(str(label), step, mask)


@contextlib.contextmanager
def keeping(keeper: Keeper) -> Iterator[None]:
    """Give the masks offered in this context to `keeper`.

    Parameters
    ----------
    keeper : callable
        Called with the label as text, the step and the mask.

    Examples
    --------
    >>> with keeping(lambda label, step, mask: print(label, step, mask)):
    ...     keep_mask(1, [[True]], "after 1 click")
    1 after 1 click [[True]]
    """
    token = _keeper.set(keeper)
    try:
        yield
    finally:
        _keeper.reset(token)

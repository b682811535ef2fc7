"""`tell_progress`: how a component says how far it is, without knowing who hears it.

Nobody hears it unless a run listens, so a component may always call it.  Each phase of a long
work, such as the labelling and then the training of ``lp+cnn2d``, counts on its own from 0.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar

__all__ = ["listening", "tell_progress"]

Listener = Callable[[int, int], None]

_PAUSE = 0.1  # seconds between two calls of a listener, so that telling every step costs nothing

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def tell_progress(done: int, total: int) -> None:
    """Tell whoever listens that `done` of `total` steps are done.

    A component may call it at any time, at every step of a loop: it costs about as much as a
    function call, does nothing where nobody listens, and never raises an exception.  A thread that
    the component starts is not heard.

    Parameters
    ----------
    done : int
        Steps done, 0 to `total`.
    total : int
        Steps of this phase of the work; another number begins another phase.

    Examples
    --------
    >>> for step in range(100):
    ...     tell_progress(step + 1, 100)
    """
    listener = _listener.get()
    if listener is not None:
        with contextlib.suppress(Exception):  # a display that fails must not end the work
            listener(done, total)


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hear of progress in this context, and in nothing that it is nested in.

    Parameters
    ----------
    listener : callable
        Called with (steps done, steps in all), ten times a second at most; the first and the last
        step of each phase are never left out.

    Examples
    --------
    >>> with listening(lambda done, total: print(done, "of", total)):
    ...     tell_progress(3, 3)
    3 of 3
    """
    heard: tuple[float, int] = (-_PAUSE, 0)

    def now_and_then(done: int, total: int) -> None:
        nonlocal heard
        now = time.monotonic()
        if now - heard[0] >= _PAUSE or done >= total or total != heard[1]:
            heard = now, total
            listener(int(done), int(total))

    token = _listener.set(now_and_then)
    try:
        yield
    finally:
        _listener.reset(token)

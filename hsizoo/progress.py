"""`tell_progress`: progress reports from a component, independent of how they are displayed.

Reports are ignored unless a run listens, so a component may always call it.  Each phase of a long
task, such as the labelling and then the training of ``lp+cnn2d``, counts from 0.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar

__all__ = ["listening", "tell_progress"]

Listener = Callable[[int, int], None]

_PAUSE = 0.1  # seconds between two calls of a listener, so that reporting every step is cheap

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def tell_progress(done: int, total: int) -> None:
    """Report that `done` of `total` steps are done.

    A component may call it at any time, even at every step of a loop: it costs about as much as a
    function call, does nothing without a listener, and never raises an exception.  Reports from
    threads that the component starts are ignored.

    Parameters
    ----------
    done : int
        Steps done, 0 to `total`.
    total : int
        Number of steps of this phase; another number starts another phase.

    Examples
    --------
    >>> for step in range(100):
    ...     tell_progress(step + 1, 100)
    """
    listener = _listener.get()
    if listener is not None:
        with contextlib.suppress(Exception):  # a failing display must not stop the work
            listener(done, total)


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send progress reported in this context to `listener`, in place of any outer listener.

    Parameters
    ----------
    listener : callable
        Called with (steps done, total steps), at most ten times a second; the first and the last
        step of each phase are always reported.

    Examples
    --------
    >>> with listening(lambda done, total: print(done, "of", total)):
    ...     tell_progress(3, 3)
    3 of 3
    """
    last: tuple[float, int] = (-_PAUSE, 0)

    def throttled(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last[0] >= _PAUSE or done >= total or total != last[1]:
            last = now, total
            listener(int(done), int(total))

    token = _listener.set(throttled)
    try:
        yield
    finally:
        _listener.reset(token)

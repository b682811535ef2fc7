"""Ctrl-C during a training: what is under way is finished first, so that it can be saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interrupts"]


class Interrupts:
    """Delays the first Ctrl-C, as a context manager; a second one stops at once.

    A step that is interrupted may have changed a part of the weights.  Instead, `wanted` becomes
    true, and the training stops when the step is done.  Python's own handler of SIGINT is replaced,
    no other; in threads other than the main one nothing is changed.

    Parameters
    ----------
    delayed : callable
        Called when Ctrl-C is delayed, to say so.
    """

    def __init__(self, delayed: Callable[[], None]) -> None:
        self.wanted = False
        self._delayed = delayed
        self._at_once = False
        self._replaced = False

    def __enter__(self) -> Interrupts:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._replaced = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._replaced:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        second, self.wanted = self.wanted, True
        if second or self._at_once:
            raise KeyboardInterrupt
        self._delayed()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within this, Ctrl-C raises `KeyboardInterrupt`: what is under way changes nothing."""
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False

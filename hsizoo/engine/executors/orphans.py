"""A worker process ends as soon as its driver is gone, even in the middle of a cell."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import wait

__all__ = ["end_with_parent"]

_PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>


def end_with_parent(*, by_signal: bool) -> None:
    """End this process, which `multiprocessing` started, when its parent ends for any reason.

    Parameters
    ----------
    by_signal : bool
        Whether Linux may send the signal too, which also reaches code that never lets go of the
        interpreter.  It is sent at the end of the *thread* that started this process, so that must
        be one that lasts: the main thread.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if by_signal and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # Also notices a parent that ended before the signal was asked for.
    threading.Thread(target=_wait_for_end, args=(parent.sentinel,), daemon=True).start()


def _wait_for_end(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)

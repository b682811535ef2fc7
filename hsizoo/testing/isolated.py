"""Make the checks of a component in a process of its own, whatever it does to that process."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
from collections.abc import Iterator
from typing import IO, Any, Final

from hsizoo.errors import OptionError
from hsizoo.testing.process import end, start
from hsizoo.testing.running import Outcome
from hsizoo.zoo.spec import Kind

__all__ = ["check_isolated"]

_START: Final = "spec"
_MEND: Final = "Look into the class and what it imports; run the check with --here to debug it."


def check_isolated(
    name: str, kind: Kind, *, slow: bool = False, device: str = "cpu", seconds: float = 600.0
) -> Iterator[Outcome]:
    """Make all checks of a component in a process of its own.

    A component that ends its process, crashes it or never ends fails the check that was being made;
    those after it are not made.

    Parameters
    ----------
    name : str
        Full name of a component, with options if need be.
    kind : str
    slow, device
        See `hsizoo.testing.run_checks`.
    seconds : float, default 600
        Time that a check may take.

    Yields
    ------
    Outcome

    Raises
    ------
    OptionError
        If `seconds` is not above 0.
    """
    if not 0 < seconds < 1e7:
        raise OptionError(f"seconds={seconds}: expected a number above 0")
    process = start("check_all", {"name": name, "kind": kind, "slow": slow, "device": device})
    assert process.stdout is not None
    lines: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
    waiting: dict[str, str] = {_START: "The spec names a class that can be imported."}
    now, why, is_over = _START, "", False
    try:
        while True:
            try:
                line = lines.get(timeout=seconds)
            except queue.Empty:
                why = f"it has not ended after {seconds:g} s"
                break
            if not line:
                is_over = True
                break
            told: dict[str, Any] = json.loads(line)
            if "checks" in told:
                waiting = dict(told["checks"])
            elif "began" in told:
                now = told["began"]
            else:
                outcome = Outcome(**told["outcome"])
                waiting.pop(outcome.check, None)
                yield outcome
    finally:
        if is_over:  # it closed its stdout, and ends by itself if it can
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
        status = end(process)
    if not waiting:
        return
    if not why:
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        why = f"the process {how}"
    yield Outcome(now, waiting.pop(now, ""), "failed", why, _MEND)
    for each, sentence in waiting.items():
        yield Outcome(each, sentence, "not made", f"{now}: {why}")


def _read(stream: IO[bytes], lines: queue.Queue[bytes]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(b"")

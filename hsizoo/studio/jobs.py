"""Work that goes on while the page is used, with its progress."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hsizoo.errors import HsizooError, OptionError
from hsizoo.progress import listening

__all__ = ["Job", "Jobs", "message_of"]

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Job:
    """One piece of work.

    Parameters
    ----------
    name : str
        What is done, for the user.
    number : int
        Later ones have higher numbers.
    """

    name: str
    number: int = 0
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    total: int = 0
    seconds: float | None = None
    error: str = ""

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.seconds is None

    def to_json(self) -> dict[str, Any]:
        """Return plain values; ``total`` is 0 if the number of steps is not known."""
        spent = time.monotonic() - self.began if self.seconds is None else self.seconds
        return {
            "name": self.name, "running": self.running, "done": self.done, "total": self.total,
            "seconds": round(spent, 3), "error": self.error, "number": self.number,
            "ago": round(time.monotonic() - self.began - spent, 3),
        }  # fmt: skip


class Jobs:
    """At most one piece of work of each kind at a time, each in a thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._threads: list[threading.Thread] = []
        self._started = 0

    def start(self, kind: str, name: str, work: Callable[[], None]) -> Job:
        """Begin something.

        Raises
        ------
        OptionError
            If something of that kind goes on.
        """
        with self._lock:
            earlier = self._jobs.get(kind)
            if earlier is not None and earlier.running:
                raise OptionError(f"{earlier.name} is not finished; wait for it")
            self._started += 1
            job = self._jobs[kind] = Job(name, self._started)
            thread = threading.Thread(target=self._run, args=(job, work), daemon=True)
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()
        return job

    def is_running(self, kind: str) -> bool:
        """Whether something of a kind goes on."""
        job = self._jobs.get(kind)
        return job is not None and job.running

    def to_json(self) -> dict[str, Any]:
        """Return the newest job of each kind."""
        return {kind: job.to_json() for kind, job in list(self._jobs.items())}

    def wait(self, seconds: float | None = None) -> None:
        """Wait until all is done."""
        for thread in list(self._threads):
            thread.join(seconds)

    @staticmethod
    def _run(job: Job, work: Callable[[], None]) -> None:
        def told(done: int, total: int) -> None:
            job.done, job.total = done, total

        try:
            with listening(told):
                work()
        except HsizooError as error:
            job.error = message_of(error)
        except Exception:  # noqa: BLE001 (a thread that dies silently would be waited for)
            _log.exception("%s failed", job.name)
            job.error = f"{job.name} failed; the terminal shows the details"
        finally:
            job.seconds = time.monotonic() - job.began


def message_of(error: HsizooError) -> str:
    """Return what an error says, with what can be done from the page."""
    return str(error).replace(
        "allow_untrained=True (--allow-untrained)",
        "start hsizoo studio with --allow-untrained (in a notebook: allow_untrained=True)",
    )

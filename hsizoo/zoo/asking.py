"""Ask the plugins of other distributions what they offer, each in a process of its own.

What a plugin answered is kept in ``HSIZOO_HOME/plugins``, so that it is asked once: until its
distribution, one of its modules, or what is installed beside it changes.  Asking takes a few tenths
of a second; reading what it answered, less than a millisecond.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from hsizoo.documents import check_seal, read_file, sealed
from hsizoo.errors import OptionError
from hsizoo.weights.places import home
from hsizoo.zoo.distributions import Found, Point
from hsizoo.zoo.probe import from_plain
from hsizoo.zoo.spec import PLUGIN_API, ComponentSpec

__all__ = ["Answer", "ask"]

_AT_ONCE: Final = 8  # processes
_SECONDS: Final = 20.0
_VARIABLE: Final = "HSIZOO_PLUGIN_SECONDS"
_CODE: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from hsizoo.zoo.probe import answer; answer(*sys.argv[2:])"
)


@dataclass(frozen=True)
class Answer:
    """What a plugin offers, or its failure; and a remark on what else it did."""

    components: list[ComponentSpec] = field(default_factory=list)
    failure: str = ""
    traceback: str = ""
    remark: str = ""


def ask(found: Found, points: Sequence[Point], *, again: bool = False) -> dict[Point, Answer]:
    """Ask plugins what they offer.

    Parameters
    ----------
    found : Found
        Everything that was discovered.
    points : sequence of Point
        Plugins to ask.
    again : bool, default False
        Ask even those whose answer is known.

    Raises
    ------
    OptionError
        If ``HSIZOO_PLUGIN_SECONDS`` is not a number of seconds.
    """
    seconds = _seconds()
    state = _state_of(found)
    keys = {point: _key(point, state) for point in points}
    answers = {} if again else {p: a for p in points if (a := _recall(p, keys[p])) is not None}
    new = [point for point in points if point not in answers]
    for start in range(0, len(new), _AT_ONCE):
        answers |= _ask_at_once(new[start : start + _AT_ONCE], keys, seconds)
    return answers


def _seconds() -> float:
    text = os.environ.get(_VARIABLE, "")
    try:
        seconds = float(text) if text else _SECONDS
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise OptionError(f"{_VARIABLE} is {text!r}; expected a number of seconds above 0")
    return seconds


def _ask_at_once(
    points: Sequence[Point], keys: dict[Point, str], seconds: float
) -> dict[Point, Answer]:
    answers = {}
    with tempfile.TemporaryDirectory(prefix="hsizoo-", ignore_cleanup_errors=True) as folder:
        started: dict[Point, subprocess.Popen[bytes]] = {}
        try:
            for number, point in enumerate(points):
                place = Path(folder, str(number))
                try:
                    started[point] = _start(point, place)
                except OSError as error:
                    answers[point] = Answer(failure=f"no process can be started for it: {error}")
            end = time.monotonic() + seconds
            for number, point in enumerate(points):
                if point in started:
                    status = _wait(started[point], end)
                    place = Path(folder, str(number))
                    answers[point] = _heard(point, keys[point], place, status, seconds)
        finally:
            for process in started.values():
                _end(process)
    return answers


def _start(point: Point, place: Path) -> subprocess.Popen[bytes]:
    """Start the process that asks a plugin; out of reach of a Ctrl-C that is meant for this one."""
    path = json.dumps([os.path.abspath(each) for each in sys.path])  # noqa: PTH100
    # -B: files written beside the plugin would look like a change of what is installed.
    command = [sys.executable, "-B", "-P", "-c", _CODE, path, point.name, point.value, str(place)]
    nothing = subprocess.DEVNULL
    return subprocess.Popen(
        command,
        stdin=nothing,
        stdout=nothing,
        stderr=nothing,
        start_new_session=True,
        env={**os.environ, "HSIZOO_NO_PLUGINS": "1"},  # it may itself want a list of components
    )


def _wait(process: subprocess.Popen[bytes], end: float) -> int | None:
    """Return the exit status, or None where time is up."""
    try:
        return process.wait(max(end - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        return None


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)  # and what it has started
            else:
                process.kill()
        process.wait()


def _heard(point: Point, key: str, place: Path, status: int | None, seconds: float) -> Answer:
    """Read what a process wrote, and keep it."""
    if status is None:
        why = f"it does not say what it offers within {seconds:g} s ({_VARIABLE} sets the limit)"
    else:
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        why = f"its process {how} before it said what it offers"
    try:
        told = json.loads(read_file(place))
        answer = _answer(told)
    except Exception:  # noqa: BLE001 (the plugin can do anything to its process)
        answer = Answer(failure=why)
        told = {**asdict(answer), "files": []}
    _keep(point, {**told, "key": key})
    return answer


def _answer(told: Any) -> Answer:
    specs = [from_plain(each) for each in told["components"]]
    return Answer(specs, *(str(told[key]) for key in ("failure", "traceback", "remark")))


def _state_of(found: Found) -> list[object]:
    """What answers depend on besides the plugin: the folders change with what pip installs."""
    own = [point.version for point in found.points if point.is_own]
    times = []
    for folder in found.folders:
        with suppress(OSError):
            times.append((folder, Path(folder).stat().st_mtime_ns))
    return [PLUGIN_API, sys.version, own[:1], times]


def _key(point: Point, state: list[object]) -> str:
    """Digest of what an answer depends on."""
    digests = [hashlib.sha256(content).hexdigest() for content in point.metadata]
    return _digest([*state, point.name, point.value, point.dist, point.version, *digests])


def _digest(data: object) -> str:
    return hashlib.sha256(json.dumps(data).encode()).hexdigest()


def _place(point: Point) -> Path:
    """File that keeps what a plugin answered last."""
    identity = [sys.prefix, point.place, point.dist, point.name, point.value]
    return home() / "plugins" / f"{_digest(identity)[:32]}.json"


def _recall(point: Point, key: str) -> Answer | None:
    """What a plugin answered, unless something that it depends on has changed since."""
    try:
        content = read_file(place := _place(point))
        told = check_seal(json.loads(content), content, place)
        if told["key"] != key:
            return None
        for path, size, time_ns in told["files"]:
            about = Path(path).stat()
            if (about.st_size, about.st_mtime_ns) != (size, time_ns):
                return None
        return _answer(told)
    except Exception:  # noqa: BLE001 (not there, damaged, or written by another version)
        return None


def _keep(point: Point, told: dict[str, Any]) -> None:
    """Keep an answer; where HSIZOO_HOME cannot be written, the plugin is asked every time."""
    place = _place(point)
    temporary = place.with_suffix(f".{os.getpid()}.part")
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(sealed(json.dumps(told)), encoding="utf-8")
        temporary.replace(place)

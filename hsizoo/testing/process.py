"""Python processes of their own, in which a component is as new as in a run of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from hsizoo.testing.using import Answer
from hsizoo.zoo.probe import from_plain, to_plain
from hsizoo.zoo.registry import Lent, registry

__all__ = [
    "Fresh",
    "PluginImport",
    "answer_freshly",
    "end",
    "import_plugin",
    "lend_again",
    "setting",
    "start",
]

_SECONDS: Final = 600.0
_TAIL: Final = 2000  # characters of what a process wrote before it failed
_CODE: Final = (
    "import json, sys; given = json.load(sys.stdin); sys.path[:] = given['path']; "
    "from hsizoo.testing import children; getattr(children, given['what'])(given)"
)
_PLUGIN: Final = """
import json, os, sys, time
given = json.load(sys.stdin)
sys.path[:] = given["path"]
import importlib.metadata, pluggy, hsizoo, hsizoo.errors, hsizoo.zoo.loading
before = set(sys.modules)
began, wall = time.process_time(), time.perf_counter()
if given["name"]:
    hsizoo.zoo.loading.load_specs(given["name"], given["module"])
else:
    importlib.import_module(given["module"])
seconds = min(time.process_time() - began, time.perf_counter() - wall)
told = {"seconds": seconds, "modules": sorted(set(sys.modules) - before)}
open(given["out"], "w").write(json.dumps(told))
"""


@dataclass(frozen=True)
class Fresh:
    """What a component answered in a process of its own."""

    answer: Answer = field(default_factory=dict)
    error: str = ""
    printed: str = ""


@dataclass(frozen=True)
class PluginImport:
    """What importing a plugin did: seconds of computing, modules imported, text printed."""

    seconds: float
    modules: Sequence[str]
    printed: str
    error: str = ""


def setting() -> dict[str, Any]:
    """What another process needs to find the same components."""
    return {
        "path": [os.path.abspath(each) for each in sys.path],  # noqa: PTH100
        "lent": [
            {
                "dist": each.dist,
                "version": each.version,
                "module": each.module,
                "specs": [to_plain(spec) for spec in each.specs],
            }
            for each in registry().lent
        ],
    }


def lend_again(given: Mapping[str, Any]) -> None:
    """Register the components that `setting` told of."""
    for each in given["lent"]:
        specs = tuple(from_plain(spec) for spec in each["specs"])
        registry().lend(Lent(each["dist"], each["version"], specs, each["module"]))


def answer_freshly(
    name: str, kind: str, device: str, seed: int, example: Mapping[str, Any]
) -> Fresh:
    """Use a component in a new process.

    Parameters
    ----------
    name, kind, device : str
    seed : int
        Of the random numbers that it is given.
    example : mapping
        What `Subject.example` is called with.
    """
    with tempfile.TemporaryDirectory(prefix="hsizoo-") as folder:
        place = Path(folder, "answer.npz")
        given = {"what": "answer", "name": name, "kind": kind, "device": device, "seed": seed,
                 "example": dict(example), "out": str(place), **setting()}  # fmt: skip
        status, printed, errors = _run(_CODE, given)
        if not place.exists():
            return Fresh(error=_last_words(status, errors), printed=printed)
        with np.load(place) as found:
            names = json.loads(str(found["names"]))
            answer = {name: found[f"array_{number}"] for number, name in enumerate(names)}
        return Fresh(answer, printed=printed)


def import_plugin(name: str, module: str) -> PluginImport:
    """Import a plugin in a new process, as commands do.

    Parameters
    ----------
    name, module : str
        Of its entry point; without a name, the module is imported and nothing else.
    """
    with tempfile.TemporaryDirectory(prefix="hsizoo-") as folder:
        place = Path(folder, "told.json")
        given = {"path": setting()["path"], "name": name, "module": module, "out": str(place)}
        status, printed, errors = _run(_PLUGIN, given)
        if not place.exists():
            return PluginImport(0.0, (), printed, _last_words(status, errors))
        told = json.loads(place.read_text())
        return PluginImport(told["seconds"], told["modules"], printed)


def start(what: str, given: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    """Start a process that calls a function of `hsizoo.testing.children`; its stdout is a pipe."""
    whole = {"what": what, **given, **setting()}
    process = subprocess.Popen(
        [sys.executable, "-B", "-W", "ignore", "-P", "-c", _CODE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=_environment(whole["path"]),
    )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it has ended already, which is noticed
        process.stdin.write(json.dumps(whole).encode())
        process.stdin.close()
    return process


def end(process: subprocess.Popen[bytes]) -> int:
    """End a process and what it has started; return its exit status."""
    if process.poll() is None:
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
    return process.wait()


def _environment(path: Sequence[str]) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def _run(code: str, given: Mapping[str, Any]) -> tuple[int | None, str, str]:
    """Run code; return its exit status, None where it did not end, and what it wrote."""
    command = [sys.executable, "-B", "-W", "ignore", "-P", "-c", code]
    try:
        done = subprocess.run(
            command, input=json.dumps(given).encode(), capture_output=True, check=False,
            timeout=_SECONDS, env=_environment(given["path"]),
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        return None, _text(error.stdout), _text(error.stderr)
    return done.returncode, _text(done.stdout), _text(done.stderr)


def _text(content: bytes | None) -> str:
    return (content or b"").decode(errors="replace")


def _last_words(status: int | None, errors: str) -> str:
    if status is None:
        return f"it has not ended after {_SECONDS:g} s"
    lines = [line for line in errors[-_TAIL:].strip().splitlines() if line.strip()]
    return lines[-1] if lines else f"the process ended with status {status}"

"""Ask one plugin for its components, in a process that is there for nothing else.

`hsizoo.zoo.asking` starts the process.  Whatever the plugin does to it (prints, replaces built-ins,
exits, never ends) is over with it.  The answer is a file of JSON.
"""

from __future__ import annotations

import builtins
import importlib
import io
import json
import os
import signal
import sys
import sysconfig
import time
import traceback
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from hsizoo.weights.published import PublishedFile
from hsizoo.zoo.loading import load_specs
from hsizoo.zoo.spec import ComponentSpec
from hsizoo.zoo.texts import clean, one_line

__all__ = ["answer", "from_plain", "to_plain"]

_MEMORY: Final = 4 * 2**30  # bytes: a plugin that takes more ends before the machine does
_LONGEST_TRACEBACK: Final = 20_000  # characters
_MOST_FILES: Final = 200
_LEADING: Final = (
    str(Path(__file__).parents[1]) + os.sep,
    str(Path(importlib.__file__).parent) + os.sep,
    "<frozen importlib",
)
_HEAVY: Final = ("numpy", "torch")
_LONG: Final = 0.2  # seconds of the processor that a discovery may take without a word


def answer(name: str, value: str, place: str) -> None:
    """Write what a plugin offers to a file, and end the process.

    Parameters
    ----------
    name, value : str
        Of the plugin's entry point.
    place : str
        File to write.
    """
    leave, write, replace = os._exit, Path(f"{place}.part").write_bytes, Path.replace
    _limit_memory()
    sys.stdout = sys.stderr = printed = _Printed()
    modules, before = set(sys.modules), _state()
    installed = tuple(sysconfig.get_path(each) for each in ("stdlib", "purelib", "platlib"))
    found: dict[str, Any] = {"components": [], "failure": "", "traceback": "", "remark": ""}
    began = time.process_time()
    try:
        found["components"] = [to_plain(spec) for spec in load_specs(name, value)]
    except BaseException as error:  # noqa: BLE001 (the process is there for this)
        found["failure"] = one_line(error)
        found["traceback"] = _trace(error)
    seconds, after = time.process_time() - began, _state()
    did = ["writes to the terminal"] if printed.was_used else []
    did += [f"changes {what}" for what in before if before[what] != after[what]]
    added = {key: module for key, module in sys.modules.items() if key not in modules}
    did += [f"imports {heavy}, which every command waits for" for heavy in _HEAVY if heavy in added]
    did += [f"takes {1000 * seconds:.0f} ms"] if seconds > _LONG else []
    found["remark"] = f"its discovery {', '.join(did)}" if did else ""
    found["files"] = _files(added, value.partition(":")[0].partition(".")[0].strip(), installed)
    write(json.dumps(found).encode())
    replace(Path(f"{place}.part"), place)
    leave(0)  # without what the plugin wants to be done at exit


def from_plain(plain: Mapping[str, Any]) -> ComponentSpec:
    """Make a spec of what `to_plain` returned.

    Raises
    ------
    SpecError, TypeError, KeyError
        If something else wrote it.
    """
    files = [{**file, "mirrors": tuple(file["mirrors"])} for file in plain["files"]]
    return ComponentSpec(**{**plain, "files": tuple(PublishedFile(**file) for file in files)})


def to_plain(spec: ComponentSpec) -> dict[str, Any]:
    """Return the fields of a spec as JSON; of a subclass, what they are when asked once."""
    once = ComponentSpec(**{each.name: getattr(spec, each.name) for each in fields(ComponentSpec)})
    plain = {each.name: getattr(once, each.name) for each in fields(once)}
    return {**plain, "options": dict(once.options), "files": [asdict(file) for file in once.files]}


class _Printed(io.TextIOBase):
    """Notices that something was written, and keeps none of it."""

    was_used = False

    def write(self, text: str) -> int:
        self.was_used = True
        return len(text)


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _MEMORY if most == resource.RLIM_INFINITY else min(most, _MEMORY)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


def _state() -> dict[str, object]:
    """What a plugin shares with everything else in a process, by its name in a remark."""
    try:
        folder = os.getcwd()  # noqa: PTH109
    except OSError:
        folder = ""
    return {
        "the working folder": folder,
        "environment variables": dict(os.environ),
        "sys.path": list(sys.path),
        "the filters of warnings": list(warnings.filters),
        "handlers of signals": {each: signal.getsignal(each) for each in signal.valid_signals()},
        "built-in functions": {key: id(each) for key, each in vars(builtins).items()},
    }


def _trace(error: BaseException) -> str:
    """The traceback of an error, without the frames that lead to the plugin."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_LEADING):
        frames = frames.tb_next
    # The module itself is no frame if it is not there, or is no Python.
    limit = 0 if frames is None and isinstance(error, SyntaxError) else None
    try:
        whole = "".join(
            traceback.format_exception(
                type(error), error, frames or error.__traceback__, limit=limit
            )
        )
    except BaseException:  # noqa: BLE001 (whatever a plugin's error does)
        return ""
    return clean(whole[-_LONGEST_TRACEBACK:], _LONGEST_TRACEBACK, lines=True)


def _files(
    added: Mapping[str, Any], package: str, installed: tuple[str, ...]
) -> list[tuple[str, int, int]]:
    """The plugin's own modules, with size and time: it is asked again when one changes."""
    found: list[tuple[str, int, int]] = []
    for name, module in added.items():
        with suppress(BaseException):  # a module can be anything
            path = module.__file__
            is_own = name.partition(".")[0] == package or not path.startswith(installed)
            if is_own and len(found) < _MOST_FILES:
                about = Path(path).stat()
                found.append((path, about.st_size, about.st_mtime_ns))
    return found

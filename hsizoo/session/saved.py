"""Saved sessions: JSON with the user's choices and the identity of cube and component."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hsizoo.clicks import Clicks
from hsizoo.documents import parse_json, read_file, shorten
from hsizoo.errors import ClickError, DataError
from hsizoo.io.settings import Settings
from hsizoo.session.painted import Painted
from hsizoo.session.state import SessionObject, check_name, checked_threshold

if TYPE_CHECKING:
    from hsizoo.cube import HyperCube
    from hsizoo.session.source import Source
    from hsizoo.session.state import SessionState
    from hsizoo.session.tools import Tool

__all__ = [
    "Kept",
    "cube_beside",
    "differences",
    "find_cube",
    "read_kept",
    "to_json",
    "write_whole",
]

_ONE, _SEVERAL = "hsizoo clicks 1", "hsizoo session 1"
_PAINTED = "hsizoo session 2"  # has pixels that older versions would pass over


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Content of a saved session."""

    component: str
    digest: str
    by_name: bool
    file: str  # empty if the cube was not read from a file
    cube_name: str
    settings: Mapping[str, Any]
    cube_digest: str
    threshold: float
    objects: tuple[SessionObject, ...]


def read_kept(path: Path) -> Kept:
    """Read a saved session, of any format.

    Raises
    ------
    DataError
        If the file cannot be read or is not a saved session.
    ClickError
        If it holds invalid clicks.
    """
    content = read_file(path)
    try:
        about = parse_json(content, "its content")
    except DataError as error:
        raise DataError(f"{path} is not a session saved by hsizoo: {error}") from error
    try:
        written = about.get("format", _ONE)
        if written not in (_ONE, _SEVERAL, _PAINTED):
            if str(written).startswith("hsizoo "):
                raise DataError(
                    f"{path} was saved by a newer hsizoo, as {written!r}; update hsizoo"
                )
            raise ValueError(f"format {written!r}")
        if written == _ONE:  # this format predates object names
            rows = [{"name": about.get("object", "object"), "clicks": about["clicks"]}]
        else:
            rows = about["objects"]
        objects: dict[str, SessionObject] = {}
        for row in rows:
            check_name(name := row["name"], objects)
            painted = Painted.from_json(row.get("painted", {}))
            objects[name] = SessionObject(name, Clicks.from_json(row["clicks"]), painted)
        # Sessions saved before there were more settings than these have them at the top.
        settings = {key: about[key] for key in ("variable", "layout") if about.get(key)}
        settings |= about.get("settings", {})
        Settings.of(settings)  # raises if one is invalid
        return Kept(
            component=_text(about, "component"),
            digest=_text(about, "component sha256"),
            by_name="component sha256" not in about or about["component sha256"] is not None,
            file=_text(about, "file"),
            cube_name=_text(about, "cube"),
            settings=settings,
            cube_digest=_text(about, "cube sha256"),
            threshold=checked_threshold(about.get("threshold", 0.5)),
            objects=tuple(objects.values()),
        )
    except ClickError as error:
        raise ClickError(f"{path}: {shorten(error)}") from error
    except DataError:
        raise
    except KeyError as error:
        raise DataError(f"{path} is not a session saved by hsizoo: it has no {error}") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} is not a session saved by hsizoo: {shorten(repr(error))}"
        ) from error


def _text(about: dict[str, Any], key: str) -> str:
    """Return a string; empty if it is missing."""
    value = about.get(key)
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{key} {value!r}")
    return value or ""


def differences(path: Path, kept: Kept, cube: HyperCube, tool: Tool) -> tuple[str, ...]:
    """Describe how a replay differs from the saved session."""
    found = []
    if kept.cube_digest != cube.digest:
        name = kept.file or kept.cube_name
        found.append(f"{path} was made on another cube{f' ({name})' if name else ''}")
    if kept.digest and tool.digest:
        if kept.digest != tool.digest and kept.component == tool.label:
            found.append(
                f"{path} was made with another version of {kept.component}, other options or "
                "other weights"
            )
        elif kept.digest != tool.digest:
            found.append(f"{path} was made with {kept.component}")
    elif kept.component != tool.label:
        found.append(f"{path} was made with {kept.component or 'an unnamed component'}")
    return tuple(found)


def find_cube(path: Path, name: str, folders: Iterable[Path] = ()) -> Path | None:
    """Look for the cube of a saved session beside it, in the working folder and in `folders`."""
    if not name or Path(name).name != name:  # never follow a path in the file
        return None
    places = (folder / name for folder in (path.parent, Path(), *folders))
    return next((place for place in places if place.exists()), None)


def cube_beside(path: Path, name: str) -> Path:
    """Return the path of a saved session's cube, beside it or in the working folder."""
    if (found := find_cube(path, name)) is not None:
        return found
    raise DataError(
        f"the cube of {path} ({name}) is neither beside it nor in {Path.cwd()}; pass it: "
        "Session.replay(path, cube)"
        if name
        else f"the cube of {path} was not read from a file; pass it: Session.replay(path, cube)"
    )


def to_json(state: SessionState, source: Source, tool: Tool) -> str:
    """Return JSON that `read_kept` reads, in the oldest format that can hold it."""
    painted = any(each.painted for each in state.objects)
    alone = len(state.objects) == 1 and not painted
    about: dict[str, Any] = {
        "format": _PAINTED if painted else _ONE if alone else _SEVERAL,
        "hsizoo": version("hsizoo"),
        "component": state.component,
        "component sha256": tool.digest or None,
        **source.about,
        "shape": list(source.cube.shape),
        "cube sha256": source.cube.digest,
        "threshold": state.threshold,
    }
    if alone:
        (one,) = state.objects
        about |= {"object": one.name, "clicks": one.clicks.to_json()}
    else:
        about |= {"objects": [_plain(each) for each in state.objects]}
    return json.dumps(about, indent=1) + "\n"


def _plain(one: SessionObject) -> dict[str, Any]:
    about: dict[str, Any] = {"name": one.name, "clicks": one.clicks.to_json()}
    return about | ({"painted": one.painted.to_json()} if one.painted else {})


def write_whole(target: Path, text: str) -> None:
    """Write a file atomically: completely, or not at all."""
    part = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)

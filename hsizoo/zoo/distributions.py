"""Find the entry points of plugins, whatever the metadata of other distributions look like.

`importlib.metadata.entry_points` reads the metadata of every distribution, and fails for all of
them if one is not UTF-8.  It also takes a distribution called ``HSIZOO`` for hsizoo.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Final, NamedTuple

from hsizoo.zoo.texts import clean

__all__ = ["FIRST_PARTY", "Found", "Point", "find_points", "normalise", "own_version"]

FIRST_PARTY: Final = "hsizoo"

_MOST: Final = 50  # entry points of one distribution
_LONGEST: Final = 200  # characters
_TARGET: Final = r"\w+(\.\w+)*(\s*:\s*\w+(\.\w+)*)?\s*(\[.*\])?"
_NAME: Final = r"[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?"
_HEADER: Final = r"(?im)^(name|version):(.*)$"


@dataclass(frozen=True)
class Point:
    """An entry point of a plugin.

    `dist` is normalised, unless it is no name of a distribution; `place` is the folder of its
    metadata.  `fault` says why it cannot be loaded, and `mend` what to do about it; they are empty
    for a good one.
    """

    name: str
    value: str
    dist: str
    version: str
    place: str
    is_own: bool = False
    metadata: tuple[bytes, ...] = ()
    fault: str = ""
    mend: str = ""


@dataclass(frozen=True)
class Found:
    """All entry points, hsizoo's own first, and the folders that packages are installed in."""

    points: tuple[Point, ...]
    folders: tuple[str, ...]


def normalise(dist: str) -> str:
    """Normalise a distribution name as PEP 503 does."""
    return re.sub(r"[-_.]+", "-", dist).lower()


def find_points(group: str) -> Found:
    """Find the entry points of a group; a damaged one has a fault.

    Parameters
    ----------
    group : str
        Entry-point group.
    """
    named: list[_Candidate] = []
    others: dict[str, list[Point]] = {}
    folders: dict[str, None] = {}
    for dist in distributions():
        place = Path(str(getattr(dist, "_path", "?")))
        folders[str(place.parent)] = None
        content = _read(dist, "entry_points.txt")
        if group.encode() not in content:
            continue
        lines = list(_lines(content.decode(errors="replace"), group))
        if not lines:
            continue
        name, version = _name_and_version(dist, place)
        key = normalise(name)
        if key == FIRST_PARTY:
            named.append(_Candidate(name, version, place, lines))
        elif key not in others:  # as importlib does: the first on the path is meant
            others[key] = _points(dist, lines, key, version, place)
    own, impostors = _choose(named)
    found = [*impostors, *(point for points in others.values() for point in points)]
    return Found((*sorted(own, key=_order), *sorted(found, key=_order)), tuple(sorted(folders)))


def own_version(group: str) -> str:
    """Version of hsizoo, whatever else calls itself so; empty if hsizoo is not installed."""
    return next((point.version for point in find_points(group).points if point.is_own), "")


def _order(point: Point) -> tuple[str, str, str]:
    return point.dist, point.name, point.value


def _read(dist: Distribution, name: str) -> bytes:
    """Content of a metadata file; empty if it cannot be read."""
    try:
        return (dist.read_text(name) or "").encode()
    except UnicodeDecodeError as error:
        # torch reads all of them when it is imported, and would fail.
        os.environ.setdefault("TORCH_DEVICE_BACKEND_AUTOLOAD", "0")
        return error.object
    except Exception:  # noqa: BLE001 (a damaged archive may raise anything)
        return b""


def _lines(text: str, group: str) -> Iterator[str]:
    """Lines of a group in ``entry_points.txt``."""
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[] ")
        elif line and line[0] not in "#;" and section == group:
            yield line


def _name_and_version(dist: Distribution, place: Path) -> tuple[str, str]:
    """From the metadata, or else from the name of their folder (``name-1.0.dist-info``)."""
    stem = place.name.rpartition(".")[0].partition("-")
    text = (_read(dist, "METADATA") or _read(dist, "PKG-INFO")).decode(errors="replace")
    head = text.partition("\n\n")[0]
    told = {key.lower(): value.strip() for key, value in reversed(re.findall(_HEADER, head))}
    name, version = told.get("name") or stem[0].replace("_", "-"), told.get("version") or stem[2]
    return clean(name, _LONGEST), clean(version, 64) or "?"


class _Candidate(NamedTuple):
    """A distribution that has hsizoo's name, in any spelling."""

    name: str
    version: str
    place: Path
    lines: list[str]

    def offers(self, *beginnings: str) -> list[bool]:
        """Whether the modules of its entry points begin so."""
        values = (line.partition("=")[2].strip() for line in self.lines)
        return [value.startswith(beginnings) for value in values]


def _choose(named: list[_Candidate]) -> tuple[list[Point], list[Point]]:
    """The entry points of hsizoo, and of distributions that would be taken for it."""
    right = [each for each in named if each.name == FIRST_PARTY]
    # Metadata of an old checkout may lack the modules inside of hsizoo.
    own = next((each for each in right if any(each.offers("hsizoo."))), None) or next(
        (each for each in right if all(each.offers("hsizoo_"))), None
    )
    points, impostors = [], []
    for each in named:
        if each is own:
            points = [
                _point(line, FIRST_PARTY, each.version, each.place, is_own=True)
                for line in each.lines
            ]
        elif not points or each.name != FIRST_PARTY:  # a second copy further on is not looked at
            fault = f"its distribution calls itself {each.name!r}, which is hsizoo's name"
            mend = f"delete {each.place}, which pip takes for hsizoo"
            impostors.append(
                _point(each.lines[0], each.name, each.version, each.place, fault=fault, mend=mend)
            )
    return points, impostors


def _points(
    dist: Distribution, lines: list[str], key: str, version: str, place: Path
) -> list[Point]:
    if not re.fullmatch(_NAME, key):
        fault = f"{key!r} is not the name of a distribution; its metadata are in {place}"
        return [_point(lines[0], key or "?", version, place, fault=fault, mend=f"delete {place}")]
    if len(lines) > _MOST:
        fault = f"it has {len(lines)} entry points; expected at most {_MOST}"
        return [_point(lines[0], key, version, place, fault=fault)]
    metadata = tuple(_read(dist, name) for name in ("METADATA", "RECORD", "entry_points.txt"))
    return [_point(line, key, version, place, metadata=metadata) for line in lines]


def _point(line: str, dist: str, version: str, place: Path, **more: Any) -> Point:
    name, equals, value = (part.strip() for part in line.partition("="))
    is_right = equals and name and len(value) <= _LONGEST and re.fullmatch(_TARGET, value)
    if not is_right and "fault" not in more:
        more["fault"] = (
            f"its entry_points.txt has the line {clean(line, _LONGEST)!r}; "
            "expected 'name = package.module'"
        )
    shown = clean(name, _LONGEST), clean(value, _LONGEST)
    return Point(*shown, dist, version, str(place), **more)

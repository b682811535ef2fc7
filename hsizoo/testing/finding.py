"""From what a user types to the components that are checked."""

from __future__ import annotations

import importlib.metadata
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hsizoo.documents import user_path
from hsizoo.errors import DataError, NameLookupError, PluginError, did_you_mean
from hsizoo.zoo.asking import ask
from hsizoo.zoo.distributions import Found, Point
from hsizoo.zoo.hooks import ENTRY_POINT_GROUP
from hsizoo.zoo.names import parse_name
from hsizoo.zoo.registry import FIRST_PARTY, Lent, normalise, registry
from hsizoo.zoo.spec import KINDS, Kind

__all__ = ["Checked", "find_checked"]

_PROJECT: Final = "pyproject.toml"


@dataclass(frozen=True)
class Checked:
    """A component to check: its full name, with the options that were given, and its kind."""

    name: str
    kind: Kind


def find_checked(text: str) -> list[Checked]:
    """Find the components that a name, a distribution or a folder stands for.

    Parameters
    ----------
    text : str
        Name of a component, with options if need be; name of a distribution, for all its
        components; or path of a folder with the pyproject.toml of a plugin, which need not be
        installed: its components are registered in this process.

    Raises
    ------
    NameLookupError
        If nothing has that name.
    DataError, PluginError
        If the folder is no plugin, or its plugin fails.
    """
    if text.startswith((".", "/", "~")) or Path(text, _PROJECT).is_file():
        return _of_folder(user_path(text))
    entries = registry().entries()
    dist = normalise(text)
    of_dist = [Checked(each.full_name, each.spec.kind) for each in entries if each.dist == dist]
    try:
        name = parse_name(text)
        own = normalise(name.dist)
        named = [each for each in entries if each.spec.name == name.base and own in ("", each.dist)]
        if not name.dist and any(each.dist == FIRST_PARTY for each in named):
            named = [each for each in named if each.dist == FIRST_PARTY]
    except NameLookupError:
        if not of_dist:
            raise
        named = []
    if named:
        _, colon, options = text.partition(":")
        return [Checked(f"{each.full_name}{colon}{options}", each.spec.kind) for each in named]
    if of_dist:
        return of_dist
    _check_distribution(dist)
    known = [*(each.spec.name for each in entries), *(each.dist for each in entries)]
    raise NameLookupError(
        f"no component or distribution is named {text!r}.{did_you_mean(text, known)} "
        "`hsizoo list` shows all names; a folder begins with ./"
    )


def _check_distribution(dist: str) -> None:
    """Say why a distribution, rather than a component, has no components.

    Raises
    ------
    PluginError
        If it is installed and its plugin fails, or it announces none.
    NameLookupError
        If it has the name of a plugin and is not installed.
    """
    for plugin in registry().plugins:
        if plugin.dist == dist and plugin.status != "ok":
            raise PluginError(
                f"the plugin {plugin.name!r} ({plugin.module}) of {dist} {plugin.version} was not "
                f"loaded: {plugin.detail}.  `hsizoo plugins -v` says more"
            )
    try:
        version = importlib.metadata.version(dist)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        if dist.startswith(f"{FIRST_PARTY}-"):
            raise NameLookupError(
                f"{dist!r} is not installed.  In its folder: pip install -e '.[test]'.  "
                "`hsizoo check ./FOLDER` checks a plugin that is not installed"
            ) from None
        return
    if dist != FIRST_PARTY:
        raise PluginError(
            f"{dist} {version} is installed and offers no component.  A plugin has "
            f'[project.entry-points."{ENTRY_POINT_GROUP}"] in its pyproject.toml, with a line such '
            'as mine = "my_package.plugin"; install it again after a change there'
        )


def _of_folder(folder: Path) -> list[Checked]:
    """Register what the plugin in a folder offers, as if it were installed."""
    project = _project(folder)
    name, version = str(project["name"]), str(project.get("version", "0"))
    points = project["entry-points"][ENTRY_POINT_GROUP]
    for place in (folder, folder / "src"):
        if place.is_dir() and str(place.resolve()) not in sys.path:
            sys.path.insert(0, str(place.resolve()))
    dist = normalise(name)
    found = []
    for key, module in sorted(points.items()):
        point = Point(key, str(module), dist, version, str(folder.resolve()))
        answer = ask(Found((point,), ()), [point], again=True)[point]
        if answer.failure:
            is_inside = str(folder.resolve()) in answer.traceback
            raise PluginError(
                f"the plugin {key!r} ({module}) of {folder} fails: {answer.failure}"
                + (f"\n{answer.traceback}" if is_inside else "")
            )
        registry().lend(Lent(dist, version, tuple(answer.components), str(module)))
        found += [Checked(f"{dist}/{each.name}", each.kind) for each in answer.components]
    if not found:
        raise DataError(f"the plugin of {folder} offers no component")
    return sorted(found, key=lambda each: (KINDS.index(each.kind), each.name))


def _project(folder: Path) -> dict[str, Any]:
    """The table ``project`` of a plugin's pyproject.toml."""
    path = folder / _PROJECT
    if not path.is_file():
        raise DataError(
            f"{folder} has no {_PROJECT}; expected the folder of a plugin, with "
            f'[project.entry-points."{ENTRY_POINT_GROUP}"] in it'
        )
    try:
        project: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        points = project["entry-points"][ENTRY_POINT_GROUP]
        project["name"], points.items()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} announces no plugin: it needs [project] with a name, and "
            f'[project.entry-points."{ENTRY_POINT_GROUP}"] with a line such as '
            'mine = "my_package.plugin"'
        ) from error
    return project

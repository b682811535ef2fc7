"""The registry: discovers plugins, tolerates broken ones, and looks up names.

>>> from hsizoo.zoo.registry import list_components
>>> [entry.spec.name for entry in list_components(kind="dataset")]      # doctest: +SKIP
['indian-pines', 'phantom']

This module imports nothing heavy; a component's module is imported when the component is built
(`hsizoo.zoo.factory`).  hsizoo's own plugins are imported here; those of other distributions in
processes of their own (`hsizoo.zoo.asking`), so that none of them can do harm to a command.

Environment
-----------
HSIZOO_NO_PLUGINS=1
    Load only the components that hsizoo itself ships.
HSIZOO_STRICT_PLUGINS=1
    Import all plugins here, and raise `PluginError` for the first that fails, instead of listing it
    as failed.  For authors of plugins.
HSIZOO_PLUGIN_SECONDS=20
    Time that a new plugin has to say what it offers.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hsizoo.errors import NameLookupError, PluginError, SpecError, did_you_mean
from hsizoo.zoo.distributions import FIRST_PARTY, Point, find_points, normalise
from hsizoo.zoo.hooks import ENTRY_POINT_GROUP
from hsizoo.zoo.loading import load_specs
from hsizoo.zoo.modules import find_module
from hsizoo.zoo.names import Name
from hsizoo.zoo.spec import KINDS, ComponentSpec, Kind
from hsizoo.zoo.texts import one_line

if TYPE_CHECKING:
    from hsizoo.zoo.asking import Answer

__all__ = [
    "FIRST_PARTY",
    "Entry",
    "Lent",
    "PluginRecord",
    "Registry",
    "list_components",
    "normalise",
    "registry",
    "reset",
]

_MOST_NAMED = 3  # of the names that a plugin shares with others


@dataclass(frozen=True)
class Entry:
    """A registered component and the distribution it comes from."""

    spec: ComponentSpec
    dist: str
    dist_version: str

    @property
    def full_name(self) -> str:
        """``dist/name``, which is never ambiguous within a kind."""
        return f"{self.dist}/{self.spec.name}"

    @property
    def missing(self) -> tuple[str, ...]:
        """Required packages of the spec that are not installed."""
        return tuple(name for name in self.spec.requires if find_module(name) is None)

    @property
    def packaged(self) -> Path | None:
        """Path of the weights shipped with the plugin, or None; imports nothing."""
        package, _, place = self.spec.packaged.partition(":")
        found = find_module(package) if place else None
        for folder in (found and found.submodule_search_locations) or ():
            path = Path(folder, *place.split("/"))
            if path.exists():
                return path
        return None


@dataclass
class PluginRecord:
    """An entry point and the result of loading it: a row of ``hsizoo plugins``.

    ``status`` is "ok", "failed" (none of its components is registered) or "disabled"; `detail` is
    a one-line reason or remark, `mend` what to do about it where that is not obvious, `traceback`
    the full traceback of a failure.
    """

    name: str
    dist: str
    version: str
    module: str
    status: Literal["ok", "failed", "disabled"] = "ok"
    detail: str = ""
    components: list[str] = field(default_factory=list)
    mend: str = ""
    traceback: str = ""


@dataclass(frozen=True)
class Lent:
    """Components that are registered for a while, without a distribution on the disk.

    Parameters
    ----------
    dist, version : str
        What they are said to come from.
    specs : tuple of ComponentSpec
    module : str, default ""
        The plugin's module, if there is one.
    """

    dist: str
    version: str
    specs: tuple[ComponentSpec, ...]
    module: str = ""


class Registry:
    """All plugins and components of one environment.

    Parameters
    ----------
    group : str
        Entry-point group to discover.
    third_party : bool, default True
        Whether to load plugins of other distributions.
    strict : bool, default False
        Import all plugins in this process, and raise `PluginError` when one fails.
    again : bool, default False
        Ask plugins of other distributions even if their answer is known.

    Attributes
    ----------
    plugins : list of PluginRecord
        One per entry point, hsizoo's own first, then by distribution and name.
    lent : list of Lent
        What was registered by `lend`, in order.
    """

    def __init__(
        self,
        group: str = ENTRY_POINT_GROUP,
        *,
        third_party: bool = True,
        strict: bool = False,
        again: bool = False,
    ) -> None:
        self.plugins: list[PluginRecord] = []
        self.lent: list[Lent] = []
        self._entries: dict[tuple[Kind, str], list[Entry]] = {}
        found = find_points(group)
        foreign = [point for point in found.points if not (point.is_own or point.fault)]
        answers: dict[Point, Answer] = {}
        if foreign and third_party and not strict:
            from hsizoo.zoo.asking import ask

            answers = ask(found, foreign, again=again)
        for point in found.points:
            record = PluginRecord(point.name, point.dist, point.version, point.value)
            record.mend = point.mend
            self.plugins.append(record)
            if not (point.is_own or third_party):
                record.status, record.detail = "disabled", "HSIZOO_NO_PLUGINS is set"
                continue
            answer = answers.get(point)
            try:
                self._add(_specs(point, answer), record)
            # SystemExit too: a module that calls sys.exit() must not end `hsizoo list`.
            except (Exception, SystemExit) as error:
                if strict:
                    raise PluginError(
                        f"plugin {record.name!r} of {record.dist} {record.version} failed: "
                        f"{one_line(error)}"
                    ) from error
                record.status, record.detail = "failed", one_line(error)
                record.traceback = answer.traceback if answer else traceback.format_exc()
            if answer and answer.remark:
                record.detail = "; ".join(filter(None, (record.detail, answer.remark)))

    def lend(self, lent: Lent) -> None:
        """Register components that no installed plugin offers, until the registry is discarded.

        They take the place of all that an installed distribution of that name offers.

        Raises
        ------
        SpecError
            If two of them have the same kind and name.
        """
        dist = normalise(lent.dist)
        if dist not in {normalise(each.dist) for each in self.lent}:
            kept = {
                key: [entry for entry in same if entry.dist != dist]
                for key, same in self._entries.items()
            }
            self._entries = {key: same for key, same in kept.items() if same}
            self.plugins = [record for record in self.plugins if record.dist != dist]
        record = PluginRecord(lent.dist, dist, lent.version, lent.module)
        self._add(list(lent.specs), record)
        self.plugins.append(record)
        self.lent.append(lent)

    def snapshot(self) -> tuple[Any, ...]:
        """Return what is registered now, for `restore`."""
        entries = {key: list(same) for key, same in self._entries.items()}
        return entries, list(self.plugins), list(self.lent)

    def restore(self, before: tuple[Any, ...]) -> None:
        """Undo every `lend` since a snapshot was taken."""
        self._entries, self.plugins, self.lent = before

    def _add(self, specs: list[ComponentSpec], record: PluginRecord) -> None:
        """Register the specs of a plugin."""
        entries = [Entry(spec, record.dist, record.version) for spec in specs]
        seen = {(e.spec.kind, e.full_name) for same in self._entries.values() for e in same}
        for entry in entries:
            if (entry.spec.kind, entry.full_name) in seen:
                raise SpecError(
                    f"{entry.dist} already has a {entry.spec.kind} named {entry.spec.name!r}"
                )
            seen.add((entry.spec.kind, entry.full_name))
        remarks = []
        for entry in entries:
            name = entry.spec.name
            # Names are compared across kinds: `name` may select a scorer or a segmenter.
            same = [e.full_name for kind in KINDS for e in self._entries.get((kind, name), [])]
            others = [other for other in same if other != entry.full_name]
            if others:
                remarks.append(f"{name!r} is also {', '.join(others)}: use {entry.full_name!r}")
            self._entries.setdefault((entry.spec.kind, name), []).append(entry)
            record.components.append(name)
        if len(remarks) > _MOST_NAMED:
            remarks[_MOST_NAMED:] = [f"{len(remarks) - _MOST_NAMED} more names are taken"]
        record.detail = "; ".join(remarks) if entries else "no components"

    def entries(self, kind: Kind | None = None) -> list[Entry]:
        """Return all components, or those of one kind, sorted by kind and name."""
        found = [
            entry
            for (entry_kind, _), same in self._entries.items()
            for entry in same
            if kind in (None, entry_kind)
        ]
        return sorted(
            found, key=lambda e: (e.spec.kind, e.spec.name, e.dist != FIRST_PARTY, e.dist)
        )

    def find(self, name: Name, kinds: tuple[Kind, ...]) -> Entry:
        """Return the component with a name.

        Parameters
        ----------
        name : Name
        kinds : tuple of str
            Accepted kinds, the preferred one first.

        Raises
        ------
        NameLookupError
            If there is none (the message suggests the closest known name), or several
            distributions have one.  hsizoo's own component always takes precedence.
        """
        offers = {
            kind: [
                entry
                for entry in self._entries.get((kind, name.base), [])
                if name.dist in ("", entry.dist) or normalise(name.dist) == entry.dist
            ]
            for kind in kinds
        }
        # hsizoo's own components take precedence whatever their kind: a third-party segmenter
        # called `sa` must not replace hsizoo's scorer `sa`.
        for same in offers.values():
            own = [entry for entry in same if entry.dist == FIRST_PARTY]
            if own:
                return own[0]
        for same in offers.values():
            if len(same) > 1:
                who = " and ".join(f"{entry.dist} {entry.dist_version}" for entry in same)
                names = " or ".join(repr(entry.full_name) for entry in same)
                raise NameLookupError(f"{name.base!r} is provided by {who}: use {names}.")
            if same:
                return same[0]
        raise NameLookupError(self._not_found(name, kinds))

    def _not_found(self, name: Name, kinds: tuple[Kind, ...]) -> str:
        what = f"{name.dist}/{name.base}" if name.dist else name.base
        other = [e for e in self.entries() if name.base in (e.spec.name, e.full_name)]
        other = [e for e in other if not name.dist or e.dist == normalise(name.dist)]
        if other:
            lists = " and ".join(f"`hsizoo list --kind {each}`" for each in kinds)
            return (
                f"{what!r} is a {other[0].spec.kind}, not a {_either(kinds)}. {lists} "
                f"{'shows' if len(kinds) == 1 else 'show'} what fits."
            )
        known = [entry for entry in self.entries() if entry.spec.kind in kinds]
        hint = did_you_mean(what, [e.full_name if name.dist else e.spec.name for e in known])
        failed = [record for record in self.plugins if record.status == "failed"]
        text = f"no {_either(kinds)} is named {what!r}.{hint}"
        if failed:
            text += f" {len(failed)} plugin(s) failed to load: see `hsizoo plugins`."
        if not hint:
            text += " `hsizoo list` shows all names."
        return text


def _either(kinds: Sequence[str]) -> str:
    *others, last = kinds
    return f"{', '.join(others)} or {last}" if others else last


def list_components(kind: Kind | None = None) -> list[Entry]:
    """Return all registered components, or those of one kind, without importing them."""
    return registry().entries(kind)


_registry: Registry | None = None
_again = False
_lock = threading.Lock()


def registry() -> Registry:
    """Return the registry of this process, filled on first use."""
    global _registry
    with _lock:
        if _registry is None:
            _registry = Registry(
                third_party=not _flag("HSIZOO_NO_PLUGINS"),
                strict=_flag("HSIZOO_STRICT_PLUGINS"),
                again=_again,
            )
        return _registry


def reset(*, again: bool = False) -> None:
    """Discard the registry, so that the next use discovers plugins again (tests, notebooks).

    Parameters
    ----------
    again : bool, default False
        Ask even those plugins whose answer is known.
    """
    global _registry, _again
    with _lock:
        _registry, _again = None, again


def _specs(point: Point, answer: Answer | None) -> list[ComponentSpec]:
    """The specs of a plugin; raise if it fails."""
    if point.fault:
        raise PluginError(point.fault)
    if answer is None:
        return load_specs(point.name, point.value)
    if answer.failure:
        raise PluginError(answer.failure)
    return answer.components


def _flag(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() not in ("", "0", "false", "no")

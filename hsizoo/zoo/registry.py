"""The registry: discovers plugins, tolerates broken ones, and looks up names.

>>> from hsizoo.zoo.registry import list_components
>>> [entry.spec.name for entry in list_components(kind="dataset")]      # doctest: +SKIP
['indian-pines', 'phantom']

This module imports nothing heavy; a component's module is imported when the component is built
(`hsizoo.zoo.factory`).

Environment
-----------
HSIZOO_NO_PLUGINS=1
    Load only the components that hsizoo itself ships.
HSIZOO_STRICT_PLUGINS=1
    Raise `PluginError` for the first plugin that fails, instead of listing it as failed.
"""

from __future__ import annotations

import os
import re
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import pluggy

from hsizoo.errors import (
    HsizooError,
    NameLookupError,
    PluginError,
    SpecError,
    did_you_mean,
)
from hsizoo.zoo import hooks as hookspecs
from hsizoo.zoo.names import Name
from hsizoo.zoo.spec import PLUGIN_API, ComponentSpec, Kind

__all__ = ["Entry", "PluginRecord", "Registry", "list_components", "registry", "reset"]

FIRST_PARTY = "hsizoo"


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
        return tuple(name for name in self.spec.requires if _is_missing(name))

    @property
    def packaged(self) -> Path | None:
        """Path of the weights shipped with the plugin, or None; imports nothing."""
        package, _, place = self.spec.packaged.partition(":")
        try:
            found = find_spec(package) if place else None
        except (ImportError, ValueError):  # a parent package is missing or partly initialised
            return None
        for folder in (found and found.submodule_search_locations) or ():
            path = Path(folder, *place.split("/"))
            if path.exists():
                return path
        return None


@dataclass
class PluginRecord:
    """An entry point and the result of loading it: a row of ``hsizoo plugins``.

    ``status`` is "ok", "failed" (none of its components is registered) or "disabled"; `detail` is
    a one-line reason or remark, `traceback` the full traceback of a failure.
    """

    name: str
    dist: str
    version: str
    module: str
    status: Literal["ok", "failed", "disabled"] = "ok"
    detail: str = ""
    components: list[str] = field(default_factory=list)
    traceback: str = ""


class Registry:
    """All plugins and components of one environment.

    Parameters
    ----------
    group : str
        Entry-point group to discover.
    third_party : bool, default True
        Whether to load plugins of other distributions.
    strict : bool, default False
        Raise `PluginError` when a plugin fails.

    Attributes
    ----------
    plugins : list of PluginRecord
        One per entry point, hsizoo's own first, then by distribution and name.
    """

    def __init__(
        self,
        group: str = hookspecs.ENTRY_POINT_GROUP,
        *,
        third_party: bool = True,
        strict: bool = False,
    ) -> None:
        self.plugins: list[PluginRecord] = []
        self._entries: dict[tuple[Kind, str], list[Entry]] = {}
        self._manager = pluggy.PluginManager("hsizoo")
        self._manager.add_hookspecs(hookspecs)
        for point in sorted(entry_points(group=group), key=_first_party_first):
            dist, version = (point.dist.name, point.dist.version) if point.dist else ("?", "?")
            record = PluginRecord(point.name, normalise(dist), version, point.value)
            self.plugins.append(record)
            if record.dist != FIRST_PARTY and not third_party:
                record.status, record.detail = "disabled", "HSIZOO_NO_PLUGINS is set"
                continue
            try:
                self._add(self._load(point, len(self.plugins)), record)
            # SystemExit too: a module that calls sys.exit() must not end `hsizoo list`.
            except (Exception, SystemExit) as error:
                if strict:
                    raise PluginError(
                        f"plugin {record.name!r} of {record.dist} {version} failed: "
                        f"{one_line(error)}"
                    ) from error
                record.status, record.detail = "failed", one_line(error)
                record.traceback = traceback.format_exc()

    def _load(self, point: EntryPoint, number: int) -> list[ComponentSpec]:
        """Import a plugin and return all its specs; raise if any of them fails."""
        plugin = point.load()
        needs = getattr(plugin, "HSIZOO_API", PLUGIN_API)
        if not isinstance(needs, int) or needs > PLUGIN_API:
            raise PluginError(
                f"needs hsizoo plugin API {needs}, but this hsizoo has {PLUGIN_API}; upgrade hsizoo"
            )
        # The number makes names unique: pluggy silently drops a second plugin of the same name.
        name = f"{number}:{point.name}"
        others = self._manager.get_plugins()
        self._manager.register(plugin, name=name)
        try:
            if not self._manager.get_hookcallers(plugin):
                raise PluginError(
                    f"{point.value} has no hsizoo_components() marked with @hsizoo.hookimpl"
                )
            hook = self._manager.subset_hook_caller("hsizoo_components", others)
            # Generators raise late: register nothing before all specs have been collected.
            specs = [spec for batch in hook() for spec in batch]
        finally:
            self._manager.unregister(plugin)
        for spec in specs:
            if not isinstance(spec, ComponentSpec):
                raise SpecError(f"hsizoo_components() yielded {spec!r}; expected a ComponentSpec")
        return specs

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
            others = [e.full_name for e in self.entries() if e.spec.name == name]
            others = [other for other in others if other != entry.full_name]
            if others:
                remarks.append(f"{name!r} is also {', '.join(others)}: use {entry.full_name!r}")
            self._entries.setdefault((entry.spec.kind, name), []).append(entry)
            record.components.append(name)
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
            return (
                f"{what!r} is a {other[0].spec.kind}, not a {_either(kinds)}. `hsizoo list --kind "
                f"{kinds[0]}` shows what fits."
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
_lock = threading.Lock()


def registry() -> Registry:
    """Return the registry of this process, filled on first use."""
    global _registry
    with _lock:
        if _registry is None:
            _registry = Registry(
                third_party=not _flag("HSIZOO_NO_PLUGINS"), strict=_flag("HSIZOO_STRICT_PLUGINS")
            )
        return _registry


def reset() -> None:
    """Discard the registry, so that the next use discovers plugins again (tests, notebooks)."""
    global _registry
    with _lock:
        _registry = None


def _first_party_first(point: EntryPoint) -> tuple[bool, str, str, str]:
    dist = normalise(point.dist.name) if point.dist else "?"
    return dist != FIRST_PARTY, dist, point.name, point.value


def normalise(dist: str) -> str:
    """Normalise a distribution name as PEP 503 does."""
    return re.sub(r"[-_.]+", "-", dist).lower()


def _is_missing(module: str) -> bool:
    try:
        return find_spec(module) is None
    except (ImportError, ValueError):  # a parent package is missing or partly initialised
        return True


def _flag(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() not in ("", "0", "false", "no")


def one_line(error: BaseException) -> str:
    """Format an error as ``ErrorType: message`` on one line; hsizoo's own without the type."""
    text = " ".join(str(error).split())
    if isinstance(error, HsizooError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__

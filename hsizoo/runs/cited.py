"""What the components and data of a table ask for: their papers, and options that are inferred."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hsizoo.errors import HsizooError
from hsizoo.zoo.factory import import_target, options_of
from hsizoo.zoo.names import parse_name
from hsizoo.zoo.registry import Entry, registry
from hsizoo.zoo.spec import KINDS

__all__ = ["citations", "inferred_options"]

_INFERRED = "INFERRED"


def citations(
    components: Mapping[str, Mapping[str, Any]],
    datasets: Mapping[str, Mapping[str, Any]],
    protocol: str,
) -> Iterator[tuple[str, str]]:
    """Yield the name of each component, dataset and protocol, and how it wants to be cited.

    Parameters
    ----------
    components, datasets : mapping
        Identities by name.
    protocol : str
        Full name of the protocol.
    """
    for part in _walk(components.values()):
        if (entry := _entry(str(part["component"]))) is not None:
            yield entry.spec.name, entry.spec.paper
    for name, identity in datasets.items():
        entry = _entry(str(identity.get("component", "")))
        if entry is None:
            yield name, f"not installed here: see {identity.get('component')}"
            continue
        yield entry.spec.name, entry.spec.paper
        try:
            card = getattr(import_target(entry), "card", None)
        except HsizooError:
            card = None
        yield entry.spec.name, str(getattr(card, "citation", "") or "")
    if (entry := _entry(protocol)) is not None:
        yield entry.spec.name, entry.spec.paper


def inferred_options(
    components: Mapping[str, Mapping[str, Any]],
) -> Iterator[tuple[str, str, str, str]]:
    """Yield the options whose description says INFERRED: component, option, value, description."""
    told = set()
    for part in _walk(components.values()):
        entry = _entry(str(part["component"]))
        if entry is None:
            continue
        try:
            declared = options_of(import_target(entry), wrapped=entry.spec.kind == "scorer")
        except HsizooError:
            continue
        for name, option in declared.items():
            if _INFERRED not in option.doc:
                continue
            value = (part.get("options") or {}).get(name, option.default)
            if isinstance(value, Mapping):
                value = str(value.get("component", "")).removeprefix("hsizoo/")
            line = entry.spec.name, name, str(value), _plain(option.doc)
            if line not in told:
                told.add(line)
                yield line


def _plain(doc: str) -> str:
    """A description without the marks of its docstring."""
    return " ".join(doc.replace("`", "").split())


def _walk(parts: Any) -> Iterator[Mapping[str, Any]]:
    """Yield identities, and those of the components in their options and behind them."""
    for part in parts:
        if isinstance(part, Mapping) and "component" in part:
            yield part
            yield from _walk((part.get("options") or {}).values())
            yield from _walk([part.get("feeds")])


def _entry(name: str) -> Entry | None:
    try:
        return registry().find(parse_name(name), KINDS)
    except HsizooError:  # as of a plugin that is not installed here
        return None

"""Choose the protocol for components; light, so that wrong names are reported at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from hsizoo.errors import NameLookupError, OptionError
from hsizoo.interfaces import Protocol
from hsizoo.zoo.factory import import_target
from hsizoo.zoo.names import parse_composition, parse_name
from hsizoo.zoo.options import declared_options, resolve_options
from hsizoo.zoo.registry import FIRST_PARTY, Entry, registry
from hsizoo.zoo.spec import Kind

__all__ = [
    "built_as",
    "choose_protocol",
    "kind_of",
    "make_protocol",
    "protocol_class",
    "protocol_name",
    "protocols",
]

# What a name means first where it has several kinds.
_ORDER: tuple[Kind, ...] = ("segmenter", "scorer", "classifier", "pseudo-labeler")


def protocols() -> dict[str, type[Protocol]]:
    """All protocols that can be imported, by their full name."""
    found = {}
    for entry in registry().entries("protocol"):
        try:
            found[entry.full_name] = _class_of(entry)
        except Exception:  # noqa: BLE001 (`hsizoo info` shows what is wrong with it)
            continue
    return found


def protocol_class(name: str) -> type[Protocol]:
    """The class of a protocol.

    Parameters
    ----------
    name : str
        ``name`` or ``dist/name``.

    Raises
    ------
    NameLookupError, MissingRequirement, ContractError
    """
    return _class_of(registry().find(parse_name(name), ("protocol",)))


def _class_of(entry: Entry) -> type[Protocol]:
    return cast("type[Protocol]", import_target(entry))


def protocol_name(protocol: Protocol | type[Protocol]) -> str:
    """The full name under which a protocol is registered.

    Raises
    ------
    NameLookupError
        If it is not registered: a worker, or a later run, could not find it again.
    """
    wanted = protocol if isinstance(protocol, type) else type(protocol)
    for name, known in protocols().items():
        if known is wanted:
            return name
    raise NameLookupError(
        f"{wanted.__qualname__} is not a registered protocol; announce it by a ComponentSpec of "
        f"kind 'protocol'.  Registered: {', '.join(protocols())}"
    )


def make_protocol(name: str, options: Mapping[str, Any]) -> Protocol:
    """Build a protocol from its name and its options.

    Parameters
    ----------
    name : str
        ``name``, ``dist/name``, or with options of its own: ``box:margin=2``.
    options : mapping
        Further options; text is parsed, other values are checked.

    Raises
    ------
    NameLookupError, OptionError, ProtocolError
    """
    parsed = parse_name(name)
    entry = registry().find(parsed, ("protocol",))
    target = _class_of(entry)
    given = {**parsed.options, **options}
    owner = f"protocol {entry.spec.name}"
    return target(**resolve_options(owner, declared_options(target), entry.spec.options, given))


def choose_protocol(components: Sequence[str], name: str | None = None) -> type[Protocol]:
    """The protocol that evaluates components: the one that is named, or that of their kind.

    Parameters
    ----------
    components : sequence of str
    name : str, optional
        Default: the protocol that is there for the kind of the components.

    Raises
    ------
    NameLookupError
        If a component is not known, some are of kinds that no one protocol evaluates together, or
        one is a pseudo-labeler that feeds no classifier.
    OptionError
        If the protocol that is named does not evaluate one of them.
    """
    if not components:
        raise NameLookupError("name at least one component; `hsizoo list` shows them")
    kinds = {text: kind_of(text) for text in components}
    if lonely := next((text for text, kind in kinds.items() if kind == "pseudo-labeler"), None):
        raise NameLookupError(
            f"{lonely!r} makes pseudo labels and classifies nothing; name a classifier that "
            f"learns from them: {lonely}+cnn2d"
        )
    if name is not None:
        protocol = protocol_class(name)
        for text, kind in kinds.items():
            if kind not in protocol.kinds:
                raise OptionError(
                    f"{text!r} is a {kind}; the protocol {protocol.name} evaluates "
                    f"{' and '.join(f'{each}s' for each in protocol.kinds)}.  Leave one of them "
                    "out, or see `hsizoo list --kind protocol`"
                )
        return protocol
    found = {kind: _default_for(kind) for kind in dict.fromkeys(kinds.values())}
    if len(set(found.values())) > 1:
        first, second = (
            next(text for text, kind in kinds.items() if found[kind] is protocol)
            for protocol in list(dict.fromkeys(found.values()))[:2]
        )
        raise NameLookupError(
            f"{first!r} is a {kinds[first]} (protocol {found[kinds[first]].name}) and {second!r} "
            f"is a {kinds[second]} (protocol {found[kinds[second]].name}); one table has one "
            "protocol: bench them in two commands"
        )
    return next(iter(found.values()))


def _default_for(kind: Kind) -> type[Protocol]:
    known = protocols()
    for name in sorted(known, key=lambda name: not name.startswith(f"{FIRST_PARTY}/")):
        if kind in known[name].default_for:
            return known[name]
    raise NameLookupError(
        f"no protocol evaluates a {kind} by default; name one with --protocol: {', '.join(known)}"
    )


def kind_of(text: str) -> Kind:
    """The kind of a component, from its name alone; ``labeler+classifier`` is a classifier.

    Raises
    ------
    NameLookupError
        If there is no such component.
    """
    first, *feeds = parse_composition(text)
    if not feeds:
        return registry().find(first, _ORDER).spec.kind
    registry().find(first, ("pseudo-labeler",))
    return registry().find(feeds[0], ("classifier",)).spec.kind


def built_as(component: str, protocol: type[Protocol]) -> Kind:
    """Kind that a component is built as: a scorer is wrapped where segmenters are evaluated."""
    kind = kind_of(component)
    return "segmenter" if kind == "scorer" and "segmenter" in protocol.kinds else kind

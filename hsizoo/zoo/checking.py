"""Check options against the dataclass that declares them, without building anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hsizoo.errors import ContractError, OptionError
from hsizoo.zoo.added import WEIGHTS, ScorerSegmenterOptions
from hsizoo.zoo.options import declared_options, resolve_options

if TYPE_CHECKING:
    from hsizoo.interfaces import Component
    from hsizoo.zoo.registry import Entry

__all__ = ["check_options", "check_same_options", "check_values", "options_type"]


def options_type(entry: Entry) -> type | None:
    """Import the dataclass that a spec names as ``options_type``; None if the spec names none.

    Raises
    ------
    ContractError
        If it cannot be imported, or is not a dataclass.
    """
    named = entry.spec.options_type
    if not named:
        return None
    module, _, attribute = named.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ContractError(
            f"{entry.full_name}: importing options_type={named} failed: {error}"
        ) from error
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ContractError(f"{entry.full_name}: options_type={named} is not a dataclass")
    return found


def check_options(entry: Entry, given: Mapping[str, Any]) -> None:
    """Check option names and values without importing the component, if its spec allows it.

    Nothing is checked if the spec has no ``options_type``.  Options that hsizoo may add are
    allowed: ``weights`` for any segmenter, although only trainable ones have it, and the options
    of `hsizoo.ScorerSegmenter` for scorers, although they only apply to a scorer used as a
    segmenter.  Names of other components are not looked up.

    Parameters
    ----------
    entry : Entry
    given : mapping
        Values set by the user; text is parsed, other values are checked.

    Raises
    ------
    OptionError
        For an unknown option, an invalid value, or an invalid combination of values.
    ContractError
        If ``options_type`` is unusable.
    """
    declaration = options_type(entry)
    if declaration is None:
        return
    own = declared_options(declaration)
    added = {}
    if entry.spec.kind == "segmenter":
        added = {WEIGHTS.name: WEIGHTS}
    elif entry.spec.kind == "scorer":
        added = declared_options(ScorerSegmenterOptions)
    chosen = resolve_options(entry.full_name, {**own, **added}, entry.spec.options, given)
    check_values(entry, declaration, {name: chosen[name] for name in own})


def check_values(entry: Entry, declaration: type | None, options: Mapping[str, Any]) -> None:
    """Validate complete, correctly typed options by building their dataclass.

    Raises
    ------
    OptionError
        If the dataclass rejects them.
    """
    if declaration is None:
        return
    try:
        declaration(**options)
    except OptionError as error:
        raise OptionError(f"{entry.full_name}: {error}") from None


def check_same_options(entry: Entry, target: type[Component]) -> None:
    """Check that a spec names the options dataclass used by the component's class.

    Raises
    ------
    ContractError
        If it names a different one.
    """
    named = options_type(entry)
    if named is not None and named is not target.Options:
        used = target.Options and f"{target.Options.__module__}:{target.Options.__qualname__}"
        raise ContractError(
            f"{entry.full_name}: the spec has options_type={entry.spec.options_type}, and "
            f"{entry.spec.target}.Options is {used}; they must be the same"
        )

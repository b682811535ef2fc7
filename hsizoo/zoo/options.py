"""Options of a component: the keyword parameters of its class, read, checked and described."""

from __future__ import annotations

import inspect
import math
import re
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from hsizoo.errors import ContractError, OptionError, did_you_mean
from hsizoo.zoo.spec import KINDS

__all__ = ["Option", "declared_options", "resolve_options", "takes_device"]

_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True,
             "false": False, "no": False, "off": False, "0": False}  # fmt: skip
_SCALARS: tuple[type, ...] = (bool, int, float, str)


@dataclass(frozen=True)
class Option:
    """One option.

    Parameters
    ----------
    name : str
    types : tuple of type
        What a value may be: `bool`, `int`, `float`, `str`, tried in this order.
    choices : tuple of str
        The allowed strings; empty if any string will do.
    optional : bool
        Whether ``none`` is allowed.
    default : bool, int, float, str or None
    doc : str
        Its paragraph in the class's numpydoc "Parameters" section.
    component : str
        The kind of component that the value names, or empty: ``Annotated[str, "scorer"]``.
    """

    name: str
    types: tuple[type, ...]
    choices: tuple[str, ...]
    optional: bool
    default: Any
    doc: str = ""
    component: str = ""

    @property
    def expects(self) -> str:
        """What may be given, in words."""
        words = [kind.__name__ for kind in self.types if kind is not str or not self.choices]
        return " or ".join(words + list(map(repr, self.choices)) + ["none"] * self.optional)

    def parse(self, text: str) -> Any:
        """Turn the text of ``key=value`` into a value, or raise `OptionError`."""
        if self.optional and text.lower() == "none":
            return None
        for kind in self.types:
            if kind is str:
                return self.check(text)
            try:
                value = _BOOLEANS[text.lower()] if kind is bool else kind(text)
            except (KeyError, ValueError):
                continue
            return self.check(value)
        raise OptionError(f"option {self.name}={text!r}: expected {self.expects}")

    def check(self, value: Any) -> Any:
        """Return a Python value unchanged if it is allowed, or raise `OptionError`."""
        if value is None and self.optional:
            return value
        if type(value) not in _SCALARS and getattr(value, "shape", None) == ():  # a NumPy scalar
            value = value.item()
        kind: type = type(value)
        if kind is int and int not in self.types and float in self.types:
            value, kind = float(value), float
        wrong_choice = kind is str and self.choices and value not in self.choices
        # NaN and infinity have no place in a record's JSON.
        if kind not in self.types or wrong_choice or (kind is float and not math.isfinite(value)):
            hint = did_you_mean(value, self.choices) if wrong_choice else ""
            raise OptionError(f"option {self.name}={value!r}: expected {self.expects}.{hint}")
        return value


def declared_options(target: type) -> dict[str, Option]:
    """Read the options of a component class from its constructor.

    Parameters
    ----------
    target : type
        A class whose options are keyword-only parameters with a default and an annotation of
        `bool`, `int`, `float`, `str`, a `Literal` of strings, or a union of these and None; or
        ``Annotated[str, "scorer"]`` (any kind) where the value names another component.
        The keyword ``device`` is not an option.

    Raises
    ------
    ContractError
        If a keyword parameter has no default, or an annotation that cannot be typed as text.
    """
    docs = _parameter_docs(inspect.getdoc(target) or "")
    # An inherited constructor was annotated where it was written, perhaps in another module.
    scope = {
        **vars(sys.modules[target.__module__]),
        **getattr(inspect.getattr_static(target, "__init__"), "__globals__", {}),
    }
    options = {}
    for name, parameter in inspect.signature(target).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY or name == "device":
            continue
        annotation = parameter.annotation
        try:
            if isinstance(annotation, str):
                annotation = eval(annotation, scope)
            if annotation is inspect.Parameter.empty:
                raise TypeError(annotation)
            kinds, choices, optional, component = _read_annotation(annotation)
        except (NameError, AttributeError, TypeError) as error:
            none = parameter.annotation is inspect.Parameter.empty
            has = "no annotation" if none else f"the annotation {parameter.annotation!r}"
            raise ContractError(
                f"{target.__qualname__}: option {name!r} has {has}; it needs bool, int, float, "
                "str, a Literal of strings, one of these | None, or Annotated[str, '<kind>'] for "
                "the name of another component"
            ) from error
        if parameter.default is inspect.Parameter.empty:
            raise ContractError(f"{target.__qualname__}: option {name!r} needs a default")
        options[name] = Option(
            name, kinds, choices, optional, parameter.default, docs.get(name, ""), component
        )
    return options


def takes_device(target: type) -> bool:
    """Whether the constructor has the keyword ``device``."""
    return "device" in inspect.signature(target).parameters


def resolve_options(
    owner: str,
    declared: Mapping[str, Option],
    presets: Mapping[str, Any],
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Join defaults, a spec's presets and what the user gave into one complete mapping.

    Parameters
    ----------
    owner : str
        The component's name, for messages.
    declared : mapping of str to Option
    presets : mapping
        Values that the spec sets; typed.
    given : mapping
        Values of the user; text is parsed, other values are checked.

    Raises
    ------
    OptionError
        For an unknown option (with the closest known one) or a value it cannot take.
    """
    resolved = {name: option.default for name, option in declared.items()}
    for source in (presets, given):
        for name, value in source.items():
            if name not in declared:
                known = f" It has: {', '.join(declared)}." if declared else " It has no options."
                raise OptionError(
                    f"{owner} has no option {name!r}.{did_you_mean(name, declared)}{known}"
                )
            option = declared[name]
            parse = isinstance(value, str) and source is given
            try:
                resolved[name] = option.parse(value) if parse else option.check(value)
            except OptionError as error:
                raise OptionError(f"{owner}: {error}") from None
    return resolved


def _read_annotation(annotation: Any) -> tuple[tuple[type, ...], tuple[str, ...], bool, str]:
    """Split an annotation: scalar types, allowed strings, if None is allowed, component kind."""
    component = ""
    if typing.get_origin(annotation) is Annotated:
        annotation, kind = typing.get_args(annotation)[:2]
        if annotation is not str or kind not in KINDS:
            raise TypeError(annotation)
        component = kind
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    found: set[type] = set()
    choices: tuple[str, ...] = ()
    optional = False
    for part in typing.get_args(annotation) if union else (annotation,):
        if part is type(None):
            optional = True
        elif typing.get_origin(part) is Literal:
            choices += typing.get_args(part)
            found.add(str)
        elif part in _SCALARS:
            found.add(part)
        else:
            raise TypeError(part)
    if not all(isinstance(choice, str) for choice in choices):
        raise TypeError(choices)
    return tuple(kind for kind in _SCALARS if kind in found), choices, optional, component


def _parameter_docs(docstring: str) -> dict[str, str]:
    """Read the "Parameters" section of a numpydoc docstring: one paragraph per name."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", docstring, re.M | re.S)
    docs = {}
    for item in re.split(r"^(?=\S)", section[1] if section else "", flags=re.M):
        head, _, body = item.partition("\n")
        names = head.partition(" : ")[0]
        for name in names.split(", "):
            docs[name.strip()] = " ".join(inspect.cleandoc(body).split())
    return docs

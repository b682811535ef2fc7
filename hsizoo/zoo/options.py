"""Read, check and describe the options of a component.

Options are declared once: by the dataclass that the class names as ``Options``, or by the keyword
parameters of its constructor.  Nothing here imports NumPy or torch.
"""

from __future__ import annotations

import inspect
import math
import re
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, Literal

from hsizoo.errors import ContractError, OptionError, did_you_mean
from hsizoo.interfaces import Component
from hsizoo.zoo.spec import KINDS

__all__ = ["Option", "declared_options", "resolve_options", "takes_device"]

_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True,
             "false": False, "no": False, "off": False, "0": False}  # fmt: skip
_SCALARS: tuple[type, ...] = (bool, int, float, str)


@dataclass(frozen=True)
class Option:
    """An option of a component.

    Parameters
    ----------
    name : str
    types : tuple of type
        Allowed types of a value: `bool`, `int`, `float`, `str`, tried in this order.
    choices : tuple of str
        Allowed strings; empty if any string is allowed.
    optional : bool
        Whether ``none`` is allowed.
    default : bool, int, float, str or None
    doc : str
        Description from the numpydoc section "Parameters" of the class that declares it.
    component : str
        Kind of component that the value names, or empty: ``Annotated[str, "scorer"]``.
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
        """Allowed values, in words."""
        words = [kind.__name__ for kind in self.types if kind is not str or not self.choices]
        return " or ".join(words + list(map(repr, self.choices)) + ["none"] * self.optional)

    def parse(self, text: str) -> Any:
        """Parse the text after ``key=``, or raise `OptionError`."""
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
        """Return an allowed Python value as the option's type, or raise `OptionError`."""
        if value is None and self.optional:
            return value
        if type(value) not in _SCALARS and getattr(value, "shape", None) == ():  # a NumPy scalar
            value = value.item()
        kind: type = type(value)
        if kind is int and int not in self.types and float in self.types:
            value, kind = float(value), float
        wrong_choice = kind is str and self.choices and value not in self.choices
        # JSON records cannot hold NaN or infinity.
        if kind not in self.types or wrong_choice or (kind is float and not math.isfinite(value)):
            hint = did_you_mean(value, self.choices) if wrong_choice else ""
            raise OptionError(f"option {self.name}={value!r}: expected {self.expects}.{hint}")
        return value


def declared_options(target: type) -> dict[str, Option]:
    """Read the options that a component class declares.

    Parameters
    ----------
    target : type
        A class with a dataclass ``Options`` (see `hsizoo.Component`), or a class (such as a
        dataclass) whose options are the keyword-only parameters of its constructor.  Each option
        has a default and an annotation of `bool`, `int`, `float`, `str`, a `Literal` of strings,
        or a union of these and None; or ``Annotated[str, "scorer"]`` (any kind) if the value names
        another component.  The keyword ``device`` is not an option.

    Returns
    -------
    dict of str to Option
        In the order of declaration, inherited options first.  An option without a description
        takes that of the nearest base class that has one.

    Raises
    ------
    ContractError
        If an option has no default or an unsupported annotation, or if ``Options`` is not a
        frozen, keyword-only dataclass.
    """
    dataclass_type = target.Options if issubclass(target, Component) else None
    if dataclass_type is not None:
        _check_dataclass(target, dataclass_type)
    source = dataclass_type or target
    docs = _inherited_docs(source)
    options = {}
    for name, parameter in inspect.signature(source).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY or name == "device":
            continue
        annotation = parameter.annotation
        try:
            if isinstance(annotation, str):
                annotation = eval(annotation, _scope(source, name))
            if annotation is inspect.Parameter.empty:
                raise TypeError(annotation)
            kinds, choices, optional, component = _read_annotation(annotation)
        except (NameError, AttributeError, TypeError) as error:
            none = parameter.annotation is inspect.Parameter.empty
            has = "no annotation" if none else f"the annotation {parameter.annotation!r}"
            raise ContractError(
                f"{source.__qualname__}: option {name!r} has {has}; it needs bool, int, float, "
                "str, a Literal of strings, one of these | None, or Annotated[str, '<kind>'] for "
                "the name of another component"
            ) from error
        if parameter.default is inspect.Parameter.empty:
            raise ContractError(f"{source.__qualname__}: option {name!r} needs a default")
        options[name] = Option(
            name, kinds, choices, optional, parameter.default, docs.get(name, ""), component
        )
    return options


def _check_dataclass(target: type, options: Any) -> None:
    """Check that ``Options`` is a frozen, keyword-only dataclass with plain defaults."""
    owner = f"{target.__qualname__}.Options"
    if not (isinstance(options, type) and is_dataclass(options)):
        raise ContractError(f"{owner} is {options!r}; expected a dataclass")
    if not options.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise ContractError(f"{owner}: {options.__qualname__} must be frozen")
    for field in fields(options):
        if not (field.init and field.kw_only):
            raise ContractError(
                f"{owner}: {field.name!r} must be keyword-only; use @dataclass(frozen=True, "
                "kw_only=True)"
            )
        if field.name == "device":
            raise ContractError(
                f"{owner}: 'device' is not an option; make it a parameter of the constructor"
            )
        if field.default_factory is not MISSING:
            raise ContractError(
                f"{owner}: option {field.name!r} needs a plain default, not a default_factory"
            )


def _scope(source: type, name: str) -> dict[str, Any]:
    """Namespace in which to evaluate an annotation, which may be inherited from another module."""
    if is_dataclass(source):
        owners = (base for base in source.__mro__ if name in vars(base).get("__annotations__", {}))
        source = next(owners, source)
        return vars(sys.modules[source.__module__])
    written = getattr(inspect.getattr_static(source, "__init__"), "__globals__", {})
    return {**vars(sys.modules[source.__module__]), **written}


def _inherited_docs(source: type) -> dict[str, str]:
    """Descriptions of parameters in a class and, where it has none, in its base classes."""
    docs: dict[str, str] = {}
    for base in reversed(source.__mro__):
        docs |= {name: doc for name, doc in _parameter_docs(base).items() if doc}
    return docs


def takes_device(target: type) -> bool:
    """Whether the constructor has the parameter ``device``."""
    return "device" in inspect.signature(target).parameters


def resolve_options(
    owner: str,
    declared: Mapping[str, Option],
    presets: Mapping[str, Any],
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Merge defaults, a spec's presets and the user's values into one complete mapping.

    Parameters
    ----------
    owner : str
        Name of the component, for messages.
    declared : mapping of str to Option
    presets : mapping
        Values set by the spec; typed.
    given : mapping
        Values set by the user; text is parsed, other values are checked.

    Raises
    ------
    OptionError
        For an unknown option (the message suggests the closest known one) or an invalid value.
    """
    resolved = {name: option.default for name, option in declared.items()}
    for source in (presets, given):
        for name, value in source.items():
            if name not in declared:
                known = (
                    f" Available options: {', '.join(declared)}."
                    if declared
                    else " It has no options."
                )
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
    """Split an annotation: scalar types, allowed strings, whether None is allowed, kind."""
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


def _parameter_docs(owner: type) -> dict[str, str]:
    """Parse the section "Parameters" of a class's own docstring: one description per name."""
    docstring = inspect.cleandoc(vars(owner).get("__doc__") or "")
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", docstring, re.M | re.S)
    docs = {}
    for item in re.split(r"^(?=\S)", section[1] if section else "", flags=re.M):
        head, _, body = item.partition("\n")
        names = head.partition(" : ")[0]
        for name in names.split(", "):
            docs[name.strip()] = " ".join(inspect.cleandoc(body).split())
    return docs

"""Options of ``hsizoo bench`` declared by protocols; this module is independent of their names.

Each setting of a registered protocol becomes an option of the command: ``max_clicks`` is
``--max-clicks``.  A setting shared by several protocols is one option.  Values are kept as text and
checked while parsing: protocol classes are light, so an invalid value is reported before anything
heavy is imported.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from hsizoo.cli.command import Command
from hsizoo.errors import OptionError, did_you_mean
from hsizoo.interfaces import Column, Protocol
from hsizoo.runs.choose import make_protocol
from hsizoo.zoo.options import Option, declared_options

__all__ = ["Offer", "ProtocolCommand", "check_protocol_options", "given_options", "registered"]

_GIVEN = "hsizoo.cli.protocol_options"
_REQUIRED = ("kinds", "columns", "folder_suffix")  # a class without one of these is incomplete
_HELP_LENGTH = 160  # maximum number of characters of an option's help


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A protocol as shown in the help.

    Parameters
    ----------
    name : str
        Value of ``--protocol``.
    target : type of Protocol
    summary : str
        One-line description.
    presets : mapping
        Settings that this name presets.
    """

    name: str
    target: type[Protocol]
    summary: str
    presets: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Option] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", declared_options(self.target))

    @property
    def kinds(self) -> str:
        """Kinds of components that it evaluates, in words."""
        return ", ".join(f"{kind}s" for kind in self.target.kinds)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns of its table."""
        return self.target.columns

    def default(self, name: str) -> str:
        """Return the default of an option, in words."""
        return _in_words(self.presets.get(name, self.options[name].default))


def registered() -> list[Offer]:
    """Return the protocols of all plugins; skip those that fail to import or are incomplete."""
    from hsizoo.zoo.factory import import_target
    from hsizoo.zoo.registry import FIRST_PARTY, registry

    entries = registry().entries("protocol")
    names = [entry.spec.name for entry in entries]
    offers = []
    for entry in entries:
        bare = names.count(entry.spec.name) == 1 or entry.dist == FIRST_PARTY
        name = entry.spec.name if bare else entry.full_name
        try:
            target: Any = import_target(entry)
            if all(hasattr(target, attribute) for attribute in _REQUIRED):
                spec = entry.spec
                offer = Offer(name=name, target=target, summary=spec.summary, presets=spec.options)
                if entry.dist != FIRST_PARTY:
                    _parameters([offer], [])  # or else it would spoil those of all
                offers.append(offer)
        except Exception:  # noqa: BLE001 (`hsizoo info NAME` reports it; show the others)
            continue
    return offers


class ProtocolCommand(Command):
    """A command that has the options of all protocols besides its own.

    Their values are returned by `given_options`; they are not passed to the command's function.
    """

    _added: list[Any] | None = None
    _offers: list[Offer] | None = None

    def offers(self) -> list[Offer]:
        """Return the protocols, found once."""
        if self._offers is None:
            self._offers = self.find_offers()
        return self._offers

    def find_offers(self) -> list[Offer]:
        """Find the protocols."""
        return registered()

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the command's own parameters, those of the protocols, and ``--help``."""
        *own, last = super().get_params(ctx)
        if self._added is None:
            self._added = _parameters(self.offers(), [*own, last])
        return [*own, *self._added, last]

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the sections on protocols, then the epilog of the command."""
        self.format_protocols(formatter)
        super().format_epilog(ctx, formatter)

    def format_protocols(self, formatter: Any) -> None:
        """Write the available protocols and the columns of their tables."""
        offers = self.offers()
        if offers:
            with formatter.section("Protocols"):
                formatter.write_dl([(offer.name, _about(offer)) for offer in offers])
        tables: dict[tuple[Column, ...], list[Offer]] = {}
        for offer in offers:
            tables.setdefault(offer.columns, []).append(offer)
        for columns, same in tables.items():
            with formatter.section(f"Columns of the table of {_the_protocols(same)}"):
                formatter.write_dl([(column.heading, _meaning(column)) for column in columns])
                if any(column.deviation for column in columns):
                    formatter.write_text("± is the standard deviation over seeds.")
        for offer in offers:
            for heading, lines in offer.target.legends.items():
                with formatter.section(heading):
                    formatter.write_dl(list(lines.items()))


def given_options(context: typer.Context) -> dict[str, str]:
    """Return the given values of protocol options, as text, by name of the setting."""
    return dict(context.meta.get(_GIVEN, {}))


def check_protocol_options(context: typer.Context, name: str, target: type[Protocol]) -> None:
    """Check that the given options belong to the protocol and have valid values.

    Parameters
    ----------
    context : typer.Context
        Context of a `ProtocolCommand`.
    name : str
        Name of the protocol, optionally with options; it is built once to check the combination of
        settings.
    target : type of Protocol
        Class of the protocol.

    Raises
    ------
    OptionError, ProtocolError
        For invalid settings; options of other protocols are a usage error.
    """
    refuse_foreign(context, declared_options(target))
    make_protocol(name, given_options(context))


def refuse_foreign(context: typer.Context, declared: Iterable[str]) -> None:
    """Stop with a usage error if an option of another protocol was given."""
    command = context.command
    assert isinstance(command, ProtocolCommand)
    known = set(declared)
    for name in (each for each in given_options(context) if each not in known):
        owners = [offer for offer in command.offers() if name in offer.options]
        kinds = " and ".join(dict.fromkeys(offer.kinds.replace(", ", " and ") for offer in owners))
        context.fail(f"{_flag(name)} is for {kinds} ({_the_protocols(owners, False)}); omit it")


def _parameters(offers: Sequence[Offer], own: Sequence[Any]) -> list[Any]:
    """Create the parameters of a command from the options of protocols.

    typer creates parameters from functions, so this builds a function with the right signature.
    """
    taken = {flag for parameter in own for flag in (*parameter.opts, *parameter.secondary_opts)}
    owners: dict[str, list[Offer]] = {}
    for offer in offers:
        for name in offer.options:
            owners.setdefault(name, []).append(offer)
    arguments = []
    for name, group in owners.items():
        if _flag(name) in taken:  # the command's own option has another meaning
            continue
        short = [offer.target.short_options.get(name, "") for offer in group]
        flags = [
            _flag(name),
            *(flag for flag in dict.fromkeys(short) if flag and flag not in taken),
        ]
        taken.update(flags)
        arguments.append(_argument(name, group, flags))
    if not arguments:
        return []

    def protocol_options(**_: Any) -> None: ...

    protocol_options.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]
    app = typer.Typer(add_completion=False)
    app.command(add_help_option=False)(protocol_options)
    return list(typer.main.get_command(app).params)


def _argument(name: str, owners: Sequence[Offer], flags: Sequence[str]) -> inspect.Parameter:
    """Create the function parameter of an option for typer."""
    declared = [offer.options[name] for offer in owners]
    boolean = all(option.types == (bool,) and not option.optional for option in declared)

    def keep(context: typer.Context, value: Any) -> None:
        if value is not None:
            text = str(value).lower() if boolean else value
            _check(declared, text)
            context.meta.setdefault(_GIVEN, {})[name] = text

    option = typer.Option(
        *([f"{flags[0]}/--no-{flags[0][2:]}", *flags[1:]] if boolean else flags),
        help=_help(name, owners),
        metavar=None if boolean else _metavar(declared),
        callback=keep,
        expose_value=False,
        show_default=False,
        rich_help_panel=f"Options of {_the_protocols(owners)}",
    )
    kind: Any = bool if boolean else str
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],
    )


def _check(declared: Sequence[Option], text: str) -> None:
    """Raise a usage error if the text is invalid for all options of this name."""
    for option in declared:
        try:
            option.parse(text)
        except OptionError:
            continue
        return
    expected = " or ".join(dict.fromkeys(option.expects for option in declared))
    hint = did_you_mean(text, [choice for option in declared for choice in option.choices])
    raise typer.BadParameter(f"{text!r}; expected {expected}.{hint}")


def _help(name: str, owners: Sequence[Offer]) -> str:
    """Description and default of an option, merged for owners with the same text."""
    docs: dict[str, list[str]] = {}
    defaults: dict[str, list[str]] = {}
    for offer in owners:
        docs.setdefault(_first_sentences(offer.options[name].doc), []).append(offer.name)
        defaults.setdefault(offer.default(name), []).append(offer.name)

    def merged(texts: Mapping[str, list[str]], separator: str) -> str:
        if len(texts) == 1:
            return next(iter(texts))
        return separator.join(f"{', '.join(names)}: {text}" for text, names in texts.items())

    default = merged(defaults, "; ")
    return merged(docs, "  ") + (f"  [default: {default}]" if default else "")


def _metavar(declared: Sequence[Option]) -> str:
    words = []
    for option in declared:
        words += [kind.__name__ for kind in option.types if kind is not str or not option.choices]
        words += [*option.choices, *["none"] * option.optional]
    return f"<{'|'.join(dict.fromkeys(words))}>"


def _first_sentences(doc: str) -> str:
    """Return the first sentence, and following ones as far as they fit in a help text."""
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z])", doc.replace("``", "").replace("`", ""))
    text = sentences[0]
    for sentence in sentences[1:]:
        if len(text) + 2 + len(sentence) > _HELP_LENGTH:
            break
        text += f"  {sentence}"
    return text


def _the_protocols(offers: Sequence[Offer], kinds: bool = True) -> str:
    """Format ``the protocol interactive (scorers, segmenters)``, or several protocols."""
    *others, last = [f"{each.name} ({each.kinds})" if kinds else each.name for each in offers]
    return f"the protocols {', '.join(others)} and {last}" if others else f"the protocol {last}"


def _about(offer: Offer) -> str:
    """Describe a protocol: summary, kinds, default number of seeds and run folder."""
    target = offer.target
    on_request = [f"{kind}s" for kind in target.kinds if kind not in target.default_for]
    of_kinds = f" for {', '.join(on_request)}" if len(on_request) < len(target.kinds) else ""
    only = f", only with --protocol{of_kinds}" if on_request else ""
    return (
        f"{offer.summary.rstrip('.')}.  For {offer.kinds}{only}; "
        f"{target.default_seeds} seed{'' if target.default_seeds == 1 else 's'}; "
        f"results in hsizoo-runs/DATASET{target.folder_suffix}"
    )


def _meaning(column: Column) -> str:
    return column.meaning if column.shown else f"{column.meaning} (in CSV files only)"


def _in_words(value: Any) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"

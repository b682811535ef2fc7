"""Options of ``hsizoo bench`` that protocols declare; this module knows none of them by name.

Every registered protocol is asked for its settings, and each becomes an option of the command:
``max_clicks`` is ``--max-clicks``.  A setting that several protocols have is one option.  What the
user gives is kept as text, and is checked as soon as it is read: the classes of protocols are
light, so a wrong number is told before anything heavy is imported.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from hsizoo.cli.command import Command
from hsizoo.errors import HsizooError, OptionError, did_you_mean
from hsizoo.interfaces import Column, Protocol
from hsizoo.runs.choose import make_protocol
from hsizoo.zoo.options import Option, declared_options

__all__ = ["Offer", "ProtocolCommand", "check_protocol_options", "given_options", "registered"]

_GIVEN = "hsizoo.cli.protocol_options"
_TOLD = ("kinds", "columns", "folder_suffix")  # a class without one of these is unfinished
_HELP_LENGTH = 160  # characters of an option's description that its help may have


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What the help says of one protocol.

    Parameters
    ----------
    name : str
        What ``--protocol`` takes.
    target : type of Protocol
    summary : str
        What it does, in a line.
    presets : mapping
        Settings that this name changes.
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
        """What it evaluates, in words."""
        return ", ".join(f"{kind}s" for kind in self.target.kinds)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of its table."""
        return self.target.columns

    def default(self, name: str) -> str:
        """The default of one of its options, in words."""
        return _in_words(self.presets.get(name, self.options[name].default))


def registered() -> list[Offer]:
    """The protocols of all plugins; one that cannot be imported or is malformed is left out."""
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
            if all(hasattr(target, told) for told in _TOLD):
                spec = entry.spec
                offer = Offer(name=name, target=target, summary=spec.summary, presets=spec.options)
                offers.append(offer)
        except HsizooError:  # `hsizoo info NAME` tells; the help of the others is still of use
            continue
    return offers


class ProtocolCommand(Command):
    """A command that has the options of all protocols besides its own.

    What the user gave is read by `given_options`; the parameters of the function know nothing of
    them.
    """

    _added: list[Any] | None = None
    _offers: list[Offer] | None = None

    def offers(self) -> list[Offer]:
        """The protocols, asked for once."""
        if self._offers is None:
            self._offers = self.find_offers()
        return self._offers

    def find_offers(self) -> list[Offer]:
        """Find the protocols."""
        return registered()

    def get_params(self, ctx: Any) -> list[Any]:
        """The command's own parameters, those of the protocols, and ``--help``."""
        *own, last = super().get_params(ctx)
        if self._added is None:
            self._added = _parameters(self.offers(), [*own, last])
        return [*own, *self._added, last]

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write of the protocols, and then the epilog of the command."""
        self.format_protocols(formatter)
        super().format_epilog(ctx, formatter)

    def format_protocols(self, formatter: Any) -> None:
        """Write which protocols there are, and the columns of their tables."""
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
    """What the user gave for options of protocols, as text, by the name of the setting."""
    return dict(context.meta.get(_GIVEN, {}))


def check_protocol_options(context: typer.Context, name: str, target: type[Protocol]) -> None:
    """Refuse options of other protocols, and settings that the protocol does not take.

    Parameters
    ----------
    context : typer.Context
        Of a `ProtocolCommand`.
    name : str
        Name of the protocol that is used, with options if need be; it is made once to see if it
        takes the settings together.
    target : type of Protocol
        Its class.

    Raises
    ------
    OptionError, ProtocolError
        And a usage error for options of others.
    """
    refuse_foreign(context, declared_options(target))
    make_protocol(name, given_options(context))


def refuse_foreign(context: typer.Context, declared: Iterable[str]) -> None:
    """Stop with a usage error if an option was given that only other protocols have."""
    command = context.command
    assert isinstance(command, ProtocolCommand)
    known = set(declared)
    for name in (each for each in given_options(context) if each not in known):
        owners = [offer for offer in command.offers() if name in offer.options]
        kinds = " and ".join(dict.fromkeys(offer.kinds.replace(", ", " and ") for offer in owners))
        context.fail(
            f"{_flag(name)} is for {kinds} ({_the_protocols(owners, False)}); leave it out"
        )


def _parameters(offers: Sequence[Offer], own: Sequence[Any]) -> list[Any]:
    """Make the parameters of a command from the options of protocols.

    typer makes parameters from functions, so a function is made that has them.
    """
    taken = {flag for parameter in own for flag in (*parameter.opts, *parameter.secondary_opts)}
    owners: dict[str, list[Offer]] = {}
    for offer in offers:
        for name in offer.options:
            owners.setdefault(name, []).append(offer)
    arguments = []
    for name, having in owners.items():
        if _flag(name) in taken:  # the command's own option has another meaning
            continue
        short = [offer.target.short_options.get(name, "") for offer in having]
        flags = [
            _flag(name),
            *(flag for flag in dict.fromkeys(short) if flag and flag not in taken),
        ]
        taken.update(flags)
        arguments.append(_argument(name, having, flags))
    if not arguments:
        return []

    def protocol_options(**_: Any) -> None: ...

    protocol_options.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]
    app = typer.Typer(add_completion=False)
    app.command(add_help_option=False)(protocol_options)
    return list(typer.main.get_command(app).params)


def _argument(name: str, owners: Sequence[Offer], flags: Sequence[str]) -> inspect.Parameter:
    """One option as the parameter of a function, as typer reads it."""
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
    """Refuse a text that none of the options of this name can take."""
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
    """Description and default of an option, once for owners that say the same."""
    docs: dict[str, list[str]] = {}
    defaults: dict[str, list[str]] = {}
    for offer in owners:
        docs.setdefault(_first_sentences(offer.options[name].doc), []).append(offer.name)
        defaults.setdefault(offer.default(name), []).append(offer.name)

    def told(texts: Mapping[str, list[str]], separator: str) -> str:
        if len(texts) == 1:
            return next(iter(texts))
        return separator.join(f"{', '.join(who)}: {text}" for text, who in texts.items())

    default = told(defaults, "; ")
    return told(docs, "  ") + (f"  [default: {default}]" if default else "")


def _metavar(declared: Sequence[Option]) -> str:
    words = []
    for option in declared:
        words += [kind.__name__ for kind in option.types if kind is not str or not option.choices]
        words += [*option.choices, *["none"] * option.optional]
    return f"<{'|'.join(dict.fromkeys(words))}>"


def _first_sentences(doc: str) -> str:
    """The first sentence, and those after it that fit a help text."""
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z])", doc.replace("``", "").replace("`", ""))
    text = sentences[0]
    for sentence in sentences[1:]:
        if len(text) + 2 + len(sentence) > _HELP_LENGTH:
            break
        text += f"  {sentence}"
    return text


def _the_protocols(offers: Sequence[Offer], kinds: bool = True) -> str:
    """``the protocol interactive (scorers, segmenters)``, or several."""
    *others, last = [f"{each.name} ({each.kinds})" if kinds else each.name for each in offers]
    return f"the protocols {', '.join(others)} and {last}" if others else f"the protocol {last}"


def _about(offer: Offer) -> str:
    """What a protocol evaluates, and what it does unless told otherwise."""
    target = offer.target
    asked = [f"{kind}s" for kind in target.kinds if kind not in target.default_for]
    who = f" for {', '.join(asked)}" if len(asked) < len(target.kinds) else ""
    only = f", only if --protocol names it{who}" if asked else ""
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

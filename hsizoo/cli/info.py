"""``hsizoo info``: show the card of a component."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hsizoo.cli.parameters import Json
from hsizoo.errors import HsizooError
from hsizoo.zoo.spec import KINDS

if TYPE_CHECKING:
    from hsizoo.zoo.registry import Entry


def info(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of a component, from `hsizoo list`.")
    ],
    json: Json = False,
) -> None:
    """Show the component NAME: description, origin and options.

    If no component has this name, those whose names begin with it are listed.
    """
    from hsizoo.cli.console import print_json
    from hsizoo.cli.listing import beginning_with, print_entries
    from hsizoo.zoo.names import parse_name
    from hsizoo.zoo.registry import normalise, registry

    wanted = parse_name(name)
    # Several kinds may share a name (a method that labels and classifies): show each.
    kinds = {
        entry.spec.kind
        for entry in registry().entries()
        if entry.spec.name == wanted.base and normalise(wanted.dist) in ("", entry.dist)
    }
    chosen = [kind for kind in KINDS if kind in kinds]
    if not chosen and not wanted.options and (found := beginning_with(wanted)):
        print_entries(found, json)
        return
    entries = [registry().find(wanted, (kind,)) for kind in chosen] or [
        registry().find(wanted, KINDS)
    ]
    cards = [_card(entry) for entry in entries]
    if json:
        print_json(cards if len(cards) > 1 else cards[0])
        return
    for card in cards:
        _print(card)


def _card(entry: Entry) -> dict[str, Any]:
    import inspect
    from pathlib import Path

    from hsizoo.weights.fetching import data_state
    from hsizoo.zoo.factory import import_target, options_of, resolve

    spec = entry.spec
    card: dict[str, Any] = {
        "name": entry.full_name,
        "kind": spec.kind,
        "summary": spec.summary,
        "from": f"{entry.dist} {entry.dist_version}",
        "version of results": spec.version,
        "paper": spec.paper,
        "licence": spec.licence,
        "weights": spec.weights or ("by `hsizoo train`" if spec.packaged else "none needed"),
        "weights here": str(entry.packaged or ""),
        "data files": data_state(spec.files) if spec.files else "",
        "target": spec.target,
    }
    try:
        target = import_target(entry)
        declared = options_of(target, wrapped=spec.kind == "scorer")
        weights = resolve(entry.full_name, spec.kind).weights
    except HsizooError as error:  # the card is still useful
        return card | {"unusable": str(error), "options": []}
    if weights is not None:  # the weights selected by weights=auto
        where = weights.trained_on.removeprefix("hsizoo/") or "?"
        card["weights here"] = f"{weights.path} (trained on {where})"
        if limits := weights.card.get("limits"):
            card["limits of these weights"] = str(limits)
    source = Path(inspect.getsourcefile(target) or "?")
    card["defined at"] = f"{source}:{inspect.getsourcelines(target)[1]}"
    card["options"] = [
        {
            "name": option.name,
            "default": spec.options.get(option.name, option.default),
            "expects": option.expects,
            "doc": option.doc,
        }
        for option in declared.values()
    ]
    return card


def _print(card: dict[str, Any]) -> None:
    from rich.markup import escape

    from hsizoo.cli.console import console, print_pairs, print_rows

    out = console()
    pairs = [(key, str(value)) for key, value in card.items() if key != "options" and value]
    print_pairs(out, pairs)
    if card["options"]:
        keys = ("name", "default", "expects", "doc")
        rows = [[escape(str(option[key])) for key in keys] for option in card["options"]]
        out.print()
        print_rows(out, ("option", "default", "expects", "meaning"), rows)
        told = [option for option in card["options"] if option["default"] not in (None, "")]
        name, value = (told[0]["name"], told[0]["default"]) if told else (rows[0][0], "VALUE")
        short = card["name"].removeprefix("hsizoo/")
        example = f"{short}:{name}={value}"
        out.print(f"\nset options like this: {example}", style="dim", markup=False)

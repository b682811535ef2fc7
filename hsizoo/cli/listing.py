"""The table of ``hsizoo list`` and ``hsizoo data list``; does not import typer."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from hsizoo.errors import NameLookupError, did_you_mean
from hsizoo.zoo.spec import KINDS

__all__ = ["answer", "beginning_with", "print_components", "print_entries"]

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hsizoo.zoo.names import Name
    from hsizoo.zoo.registry import Entry
    from hsizoo.zoo.spec import Kind


def answer(words: Sequence[str]) -> bool:
    """Run a plain ``hsizoo list`` without typer, whose import would double the run time.

    Parameters
    ----------
    words : sequence of str
        Command-line arguments.

    Returns
    -------
    bool
        Whether the command was run; others, including ``hsizoo list --help`` and invalid ones, are
        left to `hsizoo.cli.list_`.
    """
    if not words or words[0] != "list":
        return False
    kind, json = None, False
    rest = list(words[1:])
    while rest:
        match rest:
            case ["--json", *rest]:
                json = True
            case [("--kind" | "-k"), word, *rest] if word and not word.startswith("-"):
                kind = word
            case _:
                return False
    print_components(kind, json)
    return True


def print_components(kind: str | None, json: bool) -> None:
    """Print the components of one kind, or all."""
    from hsizoo.zoo.registry import registry

    if kind is not None and kind not in KINDS:
        raise NameLookupError(
            f"no kind is named {kind!r}.{did_you_mean(kind, KINDS)} "
            f"Available kinds: {', '.join(KINDS)}."
        )
    entries = [entry for entry in registry().entries() if kind in (None, entry.spec.kind)]
    failed = [record for record in registry().plugins if record.status == "failed"]
    print_entries(entries, json)
    if failed:
        from hsizoo.cli.console import console

        console(stderr=True).print(
            f"{len(failed)} plugin(s) failed to load "
            f"({', '.join(record.dist for record in failed)}): see `hsizoo plugins`",
            style="yellow",
            markup=False,
        )


def print_entries(entries: Sequence[Entry], json: bool) -> None:
    """Print some components, kind by kind."""
    from hsizoo.weights.fetching import data_state

    if json:
        from hsizoo.cli.console import print_json

        print_json(
            [
                {
                    "name": entry.spec.name,
                    "full_name": entry.full_name,
                    "kind": entry.spec.kind,
                    "summary": entry.spec.summary,
                    "weights": entry.spec.weights,
                    "packaged": entry.packaged is not None,
                    "data": data_state(entry.spec.files) if entry.spec.files else "",
                    "missing": list(entry.missing),
                    "dist": entry.dist,
                    "dist_version": entry.dist_version,
                }
                for entry in entries
            ]
        )
        return
    shortest = _shortest_names()
    grouped = {kind: [each for each in entries if each.spec.kind == kind] for kind in KINDS}
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        _print_tables(grouped, shortest)
    else:
        _print_lines(grouped, shortest)


def _print_lines(grouped: Mapping[Kind, Sequence[Entry]], shortest: Callable[[Entry], str]) -> None:
    """Print to a pipe what `_print_tables` would, without rich: that takes as long as the rest."""
    for kind, entries in grouped.items():
        names = [shortest(entry) for entry in entries]
        width = max(map(len, names), default=0)
        lines = [
            f"  {name:<{width}}  {_about(each)}" for name, each in zip(names, entries, strict=True)
        ]
        if lines:
            print(f"{kind}s", *lines, sep="\n")  # noqa: T201


def _print_tables(
    grouped: Mapping[Kind, Sequence[Entry]], shortest: Callable[[Entry], str]
) -> None:
    from rich.markup import escape

    from hsizoo.cli.console import console, print_rows

    out = console()
    for kind, entries in grouped.items():
        if entries:
            out.print(f"{kind}s", style="bold")
            rows = [(shortest(each), _about(each, escape, "[{0}]{1}[/]")) for each in entries]
            print_rows(out, ("", ""), rows, indent=2)


def beginning_with(name: Name) -> list[Entry]:
    """Return the components whose names begin so."""
    from hsizoo.zoo.registry import normalise, registry

    return [
        entry
        for entry in registry().entries()
        if entry.spec.name.startswith(name.base) and normalise(name.dist) in ("", entry.dist)
    ]


def _about(entry: Entry, escape: Callable[[str], str] = str, coloured: str = "{1}") -> str:
    """The summary of a component, and what to know before using it.

    Parameters
    ----------
    entry : Entry
    escape : callable, optional
        Applied to text that is not hsizoo's own.
    coloured : str, optional
        How a colour, {0}, and a text, {1}, are written.
    """
    from hsizoo.weights.fetching import data_state
    from hsizoo.zoo.registry import FIRST_PARTY

    words = []
    if entry.spec.files:
        state = data_state(entry.spec.files)
        here = coloured.format("green", "data here")
        words.append(here if state == "here" else escape(state))
    if entry.dist != FIRST_PARTY:
        words.append(escape(f"{entry.dist} {entry.dist_version}"))
    if entry.packaged:
        words.append(coloured.format("green", "weights here"))
    elif entry.spec.weights:
        words.append("weights not included")
    if entry.missing:
        words.append(coloured.format("yellow", f"needs {escape(', '.join(entry.missing))}"))
    return " · ".join([escape(entry.spec.summary), *words])


def _shortest_names() -> Callable[[Entry], str]:
    """Shortest unambiguous names: bare for hsizoo's own and those unique in their kind."""
    from collections import Counter

    from hsizoo.zoo.registry import FIRST_PARTY, registry

    count = Counter((entry.spec.kind, entry.spec.name) for entry in registry().entries())

    def shortest(entry: Entry) -> str:
        is_bare = entry.dist == FIRST_PARTY or count[entry.spec.kind, entry.spec.name] == 1
        return entry.spec.name if is_bare else entry.full_name

    return shortest

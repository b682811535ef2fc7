"""The table of ``hsizoo list`` and ``hsizoo data list``; does not import typer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hsizoo.errors import NameLookupError, did_you_mean
from hsizoo.zoo.spec import KINDS

__all__ = ["answer", "print_components"]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hsizoo.zoo.registry import Entry


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
    from hsizoo.cli.console import console, print_json, table
    from hsizoo.weights.fetching import data_state
    from hsizoo.zoo.registry import registry

    if kind is not None and kind not in KINDS:
        raise NameLookupError(
            f"no kind is named {kind!r}.{did_you_mean(kind, KINDS)} "
            f"Available kinds: {', '.join(KINDS)}."
        )
    entries = [entry for entry in registry().entries() if kind in (None, entry.spec.kind)]
    failed = [record for record in registry().plugins if record.status == "failed"]
    if json:
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
    else:
        needs_what = "data" if kind == "dataset" else "weights"
        rows = table("name", "kind", "summary", needs_what, "from")
        for entry in entries:
            needs = f" [yellow](needs {', '.join(entry.missing)})[/]" if entry.missing else ""
            rows.add_row(
                _shortest(entry, entries),
                entry.spec.kind,
                entry.spec.summary + needs,
                _what_it_needs(entry),
                f"{entry.dist} {entry.dist_version}",
            )
        console().print(rows)
    if failed:
        console(stderr=True).print(
            f"{len(failed)} plugin(s) failed to load "
            f"({', '.join(record.dist for record in failed)}): see `hsizoo plugins`",
            style="yellow",
        )


def _what_it_needs(entry: Entry) -> str:
    """Weights of a model and files of a dataset, and whether they are here."""
    import textwrap

    from hsizoo.weights.fetching import data_state

    if entry.spec.kind == "dataset":
        state = data_state(entry.spec.files) if entry.spec.files else ""
        return f"[green]{state}[/]" if state == "here" else state
    weights = textwrap.shorten(entry.spec.weights or "none needed", 44, placeholder=" …")
    return f"[green]here:[/] {weights}" if entry.packaged else weights


def _shortest(entry: Entry, entries: Sequence[Entry]) -> str:
    """Shortest unambiguous name: bare if it is hsizoo's own or unique in its kind."""
    from hsizoo.zoo.registry import FIRST_PARTY

    same = [e for e in entries if (e.spec.name, e.spec.kind) == (entry.spec.name, entry.spec.kind)]
    return entry.spec.name if len(same) == 1 or entry.dist == FIRST_PARTY else entry.full_name

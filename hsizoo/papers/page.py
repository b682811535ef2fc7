"""The page of a reproduction: ours beside the paper's, and what may not be compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hsizoo.interfaces import Column
from hsizoo.report.figures import scaled
from hsizoo.report.markdown import markdown_table

if TYPE_CHECKING:
    from hsizoo.papers.reproducing import Judged, Reproduction

__all__ = ["claim_lines", "page_md", "remarks", "table_lines"]

_NONE = "–"
CLAIM_HEAD = ("the paper says", "our difference", "95 % interval", "")


def page_md(made: Reproduction, command: str) -> str:
    """Write the page.

    Parameters
    ----------
    made : Reproduction
    command : str
        The command that makes it again.
    """
    paper, setup = made.paper, made.setup
    head, lines = table_lines(made)
    parts = [
        f"# {paper.title}, measured again on {setup.name}",
        f"Source: {paper.source}. Made by `{command}`; all tables, intervals and circumstances: "
        "[summary.md](summary.md).",
        paper.about.strip(),
        setup.remark,
        markdown_table(head, lines),
        "\n".join(f"- {each}" for each in remarks(made)),
    ]
    if made.claims:
        parts += [
            "## What the paper says of these rows",
            markdown_table(CLAIM_HEAD, claim_lines(made)),
            "Differences are paired, and `holds` means that the whole interval is above 0.",
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def table_lines(made: Reproduction) -> tuple[list[str], list[list[str]]]:
    """Return head and lines of the table: ours, then the paper's figures by data set."""
    paper = made.paper
    columns = _columns(made)
    places = _places(made)
    titles = [column.title or column.name for column in columns]
    head = ["row of the paper", *(f"ours: {each}" for each in titles)]
    head += [f"{place}: {each}" for place in places for each in titles]
    head += ["comparable"]
    numbers = {why: str(number) for number, why in enumerate(_reasons(made), start=1)}
    lines = []
    for line in made.lines:
        ours = [line.ours[name] if line.ours else None for name in paper.columns]
        figures = [_text(value, column) for value, column in zip(ours, columns, strict=True)]
        for place in places:
            known = line.published.figures.get(place)
            values = known or [None] * len(columns)
            figures += [_text(value, column) for value, column in zip(values, columns, strict=True)]
        if line.ours is None:
            noted = f"{_NONE} ({numbers[line.why]})"
        elif line.comparable:
            noted = "yes"
        else:
            noted = f"no ({numbers[line.why]})" if line.why else "order only"
        lines.append([line.published.name, *figures, noted])
    return head, lines


def remarks(made: Reproduction) -> list[str]:
    """Return the numbered reasons why rows are not measured, or not the paper's."""
    found = [f"({number}) {why}" for number, why in enumerate(_reasons(made), start=1)]
    if not made.setup.comparable:
        found.append(
            f"order only: {made.setup.differs}; the order of the rows may be compared, the figures "
            "may not"
        )
    return found


def claim_lines(made: Reproduction) -> list[list[str]]:
    """Return the lines of the claims."""
    by_name = {column.name: column for column in _all_columns(made)}
    return [_claim(each, by_name[each.claim.column]) for each in made.claims]


def _claim(judged: Judged, column: Column) -> list[str]:
    ends = judged.interval
    shown = f"{_text(ends[0], column, '+')} to {_text(ends[1], column, '+')}" if ends else _NONE
    return [judged.claim.text, _text(judged.difference, column, "+"), shown, judged.verdict]


def _reasons(made: Reproduction) -> list[str]:
    return list(dict.fromkeys(line.why for line in made.lines if line.why))


def _columns(made: Reproduction) -> list[Column]:
    by_name = {column.name: column for column in _all_columns(made)}
    return [by_name[name] for name in made.paper.columns]


def _all_columns(made: Reproduction) -> Sequence[Column]:
    return next(iter(made.runs.values())).comparison.columns


def _places(made: Reproduction) -> list[str]:
    every = dict.fromkeys(name for row in made.paper.row for name in row.figures)
    return [each for each in every if not made.setup.figures or each in made.setup.figures]


def _text(value: float | None, column: Column, sign: str = "") -> str:
    if value is None:
        return _NONE
    return f"{scaled(value, column):{sign}.{min(column.digits, 3)}f}"

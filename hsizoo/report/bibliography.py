"""BibTeX entries of methods and data, from how their specs name papers; no network.

``references.bib`` has the entries of what comes with hsizoo.  A paper is found there by its DOI, by
its number on arXiv, or by first author and year.  Of any other, the entry is made of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["Entry", "bibliography", "known_entries"]

_ENTRY = re.compile(r"^(@\w+\{([^,]+),\n.*?^\})", re.M | re.S)
_DOI = re.compile(r"\b10\.\d{4,9}/[^\s,;{}]+[^\s,;.){}]")
_ARXIV = re.compile(r"\barXiv[: ](\d{4}\.\d{4,5})", re.I)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_SPECIAL = {each: f"\\{each}" for each in "$&#%_{}"} | {"\\": r"\textbackslash{}"}

_OWN = """@software{hsizoo,
  title   = {hsizoo: model zoo, benchmark runner and clicking tool for hyperspectral images},
  author  = {{The hsizoo developers}},
  license = {Apache-2.0}
}"""


@dataclass(frozen=True)
class Entry:
    """A BibTeX entry.

    Parameters
    ----------
    key : str
    text : str
    ids : frozenset of str
        Its DOI and its number on arXiv, in small letters.
    author : str
        Family name of the first author.
    year : str
    """

    key: str
    text: str
    ids: frozenset[str]
    author: str
    year: str

    def is_of(self, citation: str) -> bool:
        """Whether a citation is of this paper."""
        ids = _ids(citation)
        if ids:
            return bool(ids & self.ids)
        named = re.search(rf"\b{re.escape(self.author)}\b", citation) is not None
        return named and self.year in _YEAR.findall(citation)


@cache
def known_entries() -> Mapping[str, Entry]:
    """Return the entries of ``references.bib`` by their key."""
    text = (files("hsizoo.report") / "references.bib").read_text(encoding="utf-8")
    found = {}
    for entry, key in _ENTRY.findall(text):
        author = re.search(r"author\s*=\s*\{+([^,}]+)", entry)
        year = re.search(r"year\s*=\s*\{?(\d{4})", entry)
        found[key] = Entry(
            key,
            entry,
            _ids(entry),
            author[1].strip() if author else key,
            year[1] if year else "",
        )
    return found


def bibliography(citations: Iterable[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Return the entries of what was used, and what has none.

    Parameters
    ----------
    citations : iterable of (str, str)
        Name of a component or a dataset, and how it wants to be cited; perhaps empty.

    Returns
    -------
    entries : list of str
        hsizoo's own first.
    without : list of str
        ``name: text`` of those that name no paper.
    """
    entries: dict[str, str] = {"hsizoo": _OWN}
    without: dict[str, None] = {}
    for name, text in citations:
        known = [entry for entry in known_entries().values() if entry.is_of(text)]
        if known:
            entries |= {entry.key: entry.text for entry in known}
        elif _ids(text) or _YEAR.search(text):
            key = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "paper"
            entries[f"{key} {text}"] = _made(key, text)
        elif text.strip():
            without[f"{name}: {text.strip()}"] = None
    return list(entries.values()), list(without)


def _ids(text: str) -> frozenset[str]:
    return frozenset(each.lower() for each in (*_DOI.findall(text), *_ARXIV.findall(text)))


def _made(key: str, text: str) -> str:
    """An entry of a paper that is known by its citation only."""
    year, doi, arxiv = _YEAR.search(text), _DOI.search(text), _ARXIV.search(text)
    plain = "".join(_SPECIAL.get(each, each) for each in " ".join(text.split()))
    lines = [f"  note = {{{plain}}}"]
    lines += [f"  year = {{{year[0]}}}"] if year else []
    lines += [f"  doi = {{{doi[0]}}}"] if doi else []
    lines += [f"  eprint = {{{arxiv[1]}}},\n  archiveprefix = {{arXiv}}"] if arxiv else []
    return f"@misc{{{key},\n" + ",\n".join(lines) + "\n}"

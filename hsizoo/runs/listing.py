"""The cells of a run in its results: in ``results.json`` itself, or in a file beside it if many.

Up to 10 000 cells, ``results.json`` has an entry for each with its identity and what it was made
with.  Of more, ``cells`` names a file of lines with key, status, scene and seed; all else is in the
records of the run folder, which have these keys.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from hsizoo.engine.heads import parse
from hsizoo.engine.records import Mark, finished_of, marks, provenances_of
from hsizoo.engine.run_cells import made_with
from hsizoo.interfaces import Record

__all__ = ["CELLS_FILE", "ListedCells", "cells_of", "digest_of", "list_cells"]

CELLS_FILE = "results-cells.jsonl"

_MOST_INSIDE = 10_000  # cells that are in results.json itself
_BLOCK = 1000  # lines that are written at a time


def list_cells(records: Sequence[Record]) -> tuple[dict[str, Any], Iterator[bytes] | None]:
    """Return the entries of ``results.json`` about cells, and the content of `CELLS_FILE`.

    Parameters
    ----------
    records : sequence of mapping

    Returns
    -------
    entries : dict
    content : iterator of bytes or None
        In pieces; None if the entries have it all.
    """
    marked = list(marks(records))  # which have a few rows in common
    failed = sum(mark.status == "failed" for mark in marked)
    entries = {
        "finished": finished_of(records),
        "counts": {"done": len(records) - failed, "failed": failed},
        "of_cells": digest_of(mark.key for mark in marked if mark.key),
    }
    if len(records) <= _MOST_INSIDE:
        return {**entries, **_inside(records)}, None
    rows = {id(mark.row): mark.row for mark in marked}
    numbers = {known: number for number, known in enumerate(rows)}
    made = {"provenances": provenances_of(records), "rows": list(rows.values())}
    return {**entries, **made, "cells": CELLS_FILE}, _blocks(_lines(records, marked, numbers))


def _inside(records: Sequence[Record]) -> dict[str, Any]:
    """All of every cell but its figures; equal provenance is written once, and has a number."""
    made: dict[str, int] = {}
    cells = []
    for cell in map(made_with, records):
        if "provenance" in cell:
            text = json.dumps(cell["provenance"], allow_nan=False)
            cell = {**cell, "provenance": made.setdefault(text, len(made))}
        cells.append(cell)
    return {"provenances": [json.loads(each) for each in made], "cells": cells}


def _lines(
    records: Sequence[Record], marked: Sequence[Mark], numbers: Mapping[int, int]
) -> Iterator[bytes]:
    for place, mark in enumerate(marked):
        about: dict[str, Any] = {"key": mark.key, "status": mark.status}
        about |= {"row": numbers[id(mark.row)], "scene": mark.scene, "seed": mark.seed}
        if mark.status == "failed":
            about["error"] = records[place]["error"]
        yield json.dumps(about, allow_nan=False).encode()


def _blocks(lines: Iterator[bytes]) -> Iterator[bytes]:
    while block := list(itertools.islice(lines, _BLOCK)):
        yield b"\n".join(block) + b"\n"


class ListedCells(Sequence[dict[str, Any]]):
    """The cells of a large run, read from its file whenever they are asked for.

    Parameters
    ----------
    path : Path
    count : int
    rows : sequence of mapping
        ``label``, ``conditions`` and ``training_seed`` of each row.
    """

    def __init__(self, path: Path, count: int, rows: Sequence[Mapping[str, Any]]) -> None:
        self._path, self._count, self._rows = path, count, rows

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[dict[str, Any]]:
        try:
            with self._path.open("rb") as file:
                yield from map(self._cell, file)
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            return  # removed or damaged: as results that cannot be read

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, at: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, at: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(at, slice):
            return list(self)[at]
        place = range(self._count)[at]
        return next(itertools.islice(self, place, None))

    def _cell(self, line: bytes) -> dict[str, Any]:
        about = parse(line)
        identity = {"scene": about.pop("scene"), "seed": about.pop("seed")}
        return {**self._rows[about.pop("row")], **about, "identity": identity}


def cells_of(results: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The cells in results that were read; none if these have none."""
    cells = results.get("cells")
    return cells if isinstance(cells, list | ListedCells) else []


def digest_of(keys: Iterable[str]) -> str:
    """The SHA-256 of the keys of a run, in any order."""
    return hashlib.sha256("\n".join(sorted(set(keys))).encode()).hexdigest()

"""What a run writes for people: tables, the protocol's own files, and results.json."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from hsizoo.documents import read_json
from hsizoo.engine.run_cells import made_with
from hsizoo.engine.store import Store
from hsizoo.errors import DataError, MissingRequirement
from hsizoo.interfaces import Protocol, Record, View
from hsizoo.report.comparison import Comparison, classes_csv, differences_csv, table_csv
from hsizoo.report.figures import Layout
from hsizoo.report.sweep import sweep_png, swept

__all__ = ["RESULTS_FILE", "read_results", "write_results"]

RESULTS_FILE = "results.json"
_LONGEST = 2**30  # an entry for each of 10⁵ cells


def write_results(
    store: Store,
    protocol: type[Protocol],
    records: Sequence[Record],
    comparison: Comparison,
    title: str,
    about: Mapping[str, Any],
) -> dict[str, str]:
    """Write the tables and pictures of a run, and remove those that only an earlier one had.

    Parameters
    ----------
    store : Store
        Held for writing.
    protocol : type of Protocol
    records : sequence of mapping
    comparison : Comparison
    title : str
        Title of the pictures.
    about : mapping
        Further plain values to keep in ``results.json``.

    Returns
    -------
    dict of str to str
        The files and folders, and a remark on each.
    """
    earlier = set((read_results(store.folder) or {}).get("written", ()))
    written: list[str] = []
    remarks: dict[str, str] = {}
    for view in _views(protocol, records, comparison, title):
        try:
            for name, content in view.files():
                _inside(name)
                store.write(name, content)
                written.append(name)
                remarks[view.name] = view.remark
        except MissingRequirement as error:
            remarks[view.name] = f"not drawn: {error}"
    whole = {
        "protocol": protocol.name,
        "title": title,
        **about,
        "layout": Layout.of(protocol).to_json(),
        "table": [asdict(row) for row in comparison.rows],
        "differences": comparison.differences,
        "ranks": comparison.ranks,
        "notes": protocol.notes(records),
        "pictures": [name for name in written if name.endswith(".png") and "/" not in name],
        "written": written,
        "cells": [made_with(record) for record in records],
    }
    store.write(RESULTS_FILE, json.dumps(whole, indent=1, allow_nan=False).encode())
    remarks[RESULTS_FILE] = "the table, and what each cell was made with"
    _remove(store.folder, earlier - set(written))
    return remarks


def read_results(folder: Path) -> dict[str, Any] | None:
    """The ``results.json`` of a run folder; None if there is none that can be read."""
    try:
        found = read_json(folder / RESULTS_FILE, longest=_LONGEST)
    except DataError:
        return None
    if not isinstance(found, dict):
        return None
    written = found.get("written", [])
    if not isinstance(written, list) or not all(isinstance(each, str) for each in written):
        return None
    return found


def _views(
    protocol: type[Protocol], records: Sequence[Record], comparison: Comparison, title: str
) -> Iterator[View]:
    yield _file("table.csv", "one line per row of the table", partial(table_csv, comparison))
    yield _file(
        "differences.csv", "one line per pair of rows, paired", partial(differences_csv, comparison)
    )
    if comparison.classes:
        yield _file(
            "classes.csv", "one line per class of each row", partial(classes_csv, comparison)
        )
    taken = set()
    for view in protocol.views(records, title):
        taken.add(view.name)
        yield view
    for key in swept(comparison.rows):
        name = f"{_plain(key)}.png"
        name = f"swept-{name}" if name in taken else name
        draw = partial(sweep_png, protocol, comparison.rows, key, title)
        yield _file(name, f"the figures against {key}", draw)


def _file(name: str, remark: str, make: Callable[[], str | bytes]) -> View:
    def files() -> Iterable[tuple[str, bytes]]:
        content = make()
        yield name, content.encode() if isinstance(content, str) else content

    return View(name=name, remark=remark, files=files)


def _plain(text: str) -> str:
    """A condition as the name of a file."""
    return "".join(each if each.isalnum() or each in "._-" else "_" for each in text)


def _inside(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"a view writes below its run folder; got {name!r}")


def _remove(folder: Path, names: Iterable[str]) -> None:
    """Remove what the last command drew and this one did not, so that nothing old is shown."""
    for name in names:
        with contextlib.suppress(OSError, ValueError):
            _inside(name)
            (folder / name).unlink(missing_ok=True)

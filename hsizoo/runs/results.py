"""What a run writes for people: tables, the protocol's own files, and results.json."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from hsizoo.engine.provenance import other_releases
from hsizoo.engine.records import marks, provenances_of, remarks_of
from hsizoo.engine.store import Store
from hsizoo.errors import MissingRequirement, listed
from hsizoo.interfaces import Protocol, Record, View
from hsizoo.report.comparison import Comparison, classes_csv, differences_csv, table_csv
from hsizoo.report.examples import examples_png
from hsizoo.report.figures import Layout
from hsizoo.report.rows import Observed, RowName
from hsizoo.report.sweep import sweep_png, swept
from hsizoo.runs.listing import CELLS_FILE, list_cells
from hsizoo.runs.marks import footnotes
from hsizoo.runs.stored import (
    RESULTS_FILE,
    check_inside,
    read_results,
    remove_files,
    results_json,
    written_by,
)

__all__ = ["notes_of", "write_results"]

_EXAMPLES = "examples.png"
_NAMED = 3  # scenes that a note names; of more it gives the number


def notes_of(protocol: type[Protocol], records: Sequence[Record]) -> list[str]:
    """Return what a reader must know: the protocol's notes, marks, and how files were read.

    Parameters
    ----------
    protocol : type of Protocol
    records : sequence of mapping

    Returns
    -------
    list of str
        A remark on several scenes is one note.  Cells of another release of what they were
        computed with are named.
    """
    labels = {str(each.row.get("label", "")) for each in marks(records)}
    notes = [*protocol.notes(records), *footnotes(labels)]
    if others := other_releases(provenances_of(records)):
        notes.append(
            f"cells computed before are used again, as their versions of results say that nothing "
            f"has changed since: {', '.join(others)}; --overwrite always computes them anew"
        )
    for remark, names in remarks_of(records).items():
        notes.append(f"{listed(names, _NAMED)}: {remark}")
    return notes


def write_results(
    store: Store,
    protocol: type[Protocol],
    records: Sequence[Record],
    observed: Mapping[RowName, Observed],
    comparison: Comparison,
    title: str,
    notes: Sequence[str],
    about: Mapping[str, Any],
) -> dict[str, str]:
    """Write the tables and pictures of a run, and remove those that only an earlier one had.

    Parameters
    ----------
    store : Store
        Held for writing.
    protocol : type of Protocol
    records : sequence of mapping
    observed : mapping
        What `observe_rows` returned for them.
    comparison : Comparison
    title : str
        Title of the pictures.
    notes : sequence of str
        What `notes_of` tells.
    about : mapping
        Further plain values to keep in ``results.json``.

    Returns
    -------
    dict of str to str
        The files and folders, and a remark on each.
    """
    earlier = set(written_by(read_results(store.folder)))
    written: list[str] = []
    remarks: dict[str, str] = {}
    views = _views(protocol, records, comparison, title)
    for view in [*views, _examples(store, protocol, observed, comparison)]:
        try:
            for name, content in view.files():
                check_inside(name)
                store.write(name, content)
                written.append(name)
                remarks[view.name] = view.remark
        except MissingRequirement as error:
            remarks[view.name] = f"not drawn: {error}"
    cells, file = list_cells(records)
    if file:
        store.write(CELLS_FILE, file)
        written.append(CELLS_FILE)
        remarks[CELLS_FILE] = "a line per cell, with the traceback of one that failed"
    whole = {
        "protocol": protocol.name,
        "title": title,
        **about,
        "layout": Layout.of(protocol).to_json(),
        "table": [asdict(row) for row in comparison.rows],
        "differences": comparison.differences,
        "ranks": comparison.ranks,
        "notes": list(notes),
        "pictures": [name for name in written if name.endswith(".png") and "/" not in name],
        "written": written,
        **cells,
    }
    store.write(RESULTS_FILE, results_json(whole).encode())
    remarks[RESULTS_FILE] = "the table, and what each cell was made with"
    # Nothing old is shown beside what is new.
    remove_files(store.folder, earlier - set(written))
    return remarks


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


def _examples(
    store: Store,
    protocol: type[Protocol],
    observed: Mapping[RowName, Observed],
    comparison: Comparison,
) -> View:
    def files() -> Iterable[tuple[str, bytes]]:
        content = examples_png(protocol, comparison, observed, store.masks.load)
        return [] if content is None else [(_EXAMPLES, content)]

    return View(name=_EXAMPLES, remark="best, median and worst sample", files=files)


def _file(name: str, remark: str, make: Callable[[], str | bytes]) -> View:
    def files() -> Iterable[tuple[str, bytes]]:
        content = make()
        yield name, content.encode() if isinstance(content, str) else content

    return View(name=name, remark=remark, files=files)


def _plain(text: str) -> str:
    """A condition as the name of a file."""
    return "".join(each if each.isalnum() or each in "._-" else "_" for each in text)

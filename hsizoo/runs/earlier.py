"""Tables of another run in the same folder: kept in ``earlier/``, never replaced in silence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hsizoo.engine.records import marks
from hsizoo.engine.store import Store
from hsizoo.interfaces import Record
from hsizoo.runs.listing import cells_of, digest_of
from hsizoo.runs.stored import RESULTS_FILE, read_results, remove_files, written_by

__all__ = ["EARLIER", "set_aside"]

EARLIER = "earlier"
"""Folder, below the run folder, of the tables of other runs."""


def set_aside(store: Store, records: Sequence[Record]) -> Path | None:
    """Make room for the tables of a run.

    Tables of a run whose cells are all among these are left to be replaced, as nothing is lost by
    it: the same command again, more components, more seeds.  Those of any other run are moved to
    ``earlier/<digest of its cells>/``.  If this run itself was set aside before, its old tables
    there are removed.

    Parameters
    ----------
    store : Store
        Held for writing.
    records : sequence of mapping
        The cells of the run.

    Returns
    -------
    Path or None
        Where the other run's tables are now, if there were any.
    """
    mine = frozenset(mark.key for mark in marks(records) if mark.key)
    found = read_results(store.folder)
    _forget(store.folder, mine)
    if found is None:
        return None
    if found.get("of_cells") == digest_of(mine):  # millions need not be read
        return None
    theirs = _keys(cells_of(found))
    # A list that was damaged since ends early: who knows what else that run had.
    is_whole = found.get("of_cells", digest_of(theirs)) == digest_of(theirs)
    if theirs <= mine and is_whole:
        return None
    into = _place(theirs)
    _forget(store.folder, theirs)
    # The list of the files goes last: a run that is killed here finds the rest by it.
    store.move([*written_by(found), RESULTS_FILE], into)
    remove_files(store.folder, written_by(found))  # leaves no empty folders
    return store.folder / into


def _keys(cells: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The keys of cells; those that could not even be tried have none."""
    return frozenset(str(each["key"]) for each in cells if each.get("key"))


def _place(keys: Iterable[str]) -> str:
    return f"{EARLIER}/{digest_of(keys)[:8]}"


def _forget(folder: Path, keys: Iterable[str]) -> None:
    """Remove the tables of a run that were set aside before."""
    old = folder / _place(keys)
    found = read_results(old)
    if found is not None:
        remove_files(old, [*written_by(found), RESULTS_FILE])
        with contextlib.suppress(OSError):
            old.parent.rmdir()  # only if it is empty

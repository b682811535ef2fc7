"""`Records`: the cells of a run as a sequence that is read from the store whenever it is asked for.

As Python objects, 10⁶ records would take tens of gigabytes.  Only what tables are arranged by is
kept in memory, a `Mark` for each.  `marks` and `select` do the same for plain sequences of records.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, overload

from hsizoo.engine.cells import Cell
from hsizoo.engine.heads import Head
from hsizoo.engine.store import Store
from hsizoo.errors import StoreError

__all__ = ["Mark", "Records", "finished_of", "marks", "provenances_of", "remarks_of", "select"]

_MOST_HELD = 1000  # records of a run that are kept in memory, so that they may outlive their folder


class Mark(NamedTuple):
    """What tables are arranged by.

    ``row`` has the entries ``label``, ``conditions`` and ``training_seed``, as far as there are
    any.  ``dataset`` is the identity of the dataset, without the version of its data, as JSON.
    """

    row: Mapping[str, Any]
    status: str
    dataset: str
    scene: str
    subject: Any
    seed: Any
    key: str


class _Marking:
    """Makes marks; what they have in common is one object in all of them."""

    def __init__(self) -> None:
        self._rows: dict[str, Mapping[str, Any]] = {}
        self._same: dict[int, tuple[Any, Mapping[str, Any]]] = {}  # most cells have one of a few
        self._dataset: Any = object()
        self._text = ""

    def mark(
        self,
        row: Mapping[str, Any],
        identity: Mapping[str, Any],
        key: str,
        status: Any,
        subject: Any,
    ) -> Mark:
        dataset = identity.get("dataset")
        if dataset is not self._dataset and dataset != self._dataset:
            self._dataset = dataset
            if isinstance(dataset, Mapping):  # each scene may have a version of its own
                dataset = {name: dataset[name] for name in dataset if name != "data_version"}
            self._text = sys.intern(json.dumps(dataset, sort_keys=True))
        known = self._same.get(id(row))
        if known is None or known[0] is not row:
            text = json.dumps(row, sort_keys=True)
            known = self._same[id(row)] = row, self._rows.setdefault(text, row)
        return Mark(
            known[1],
            sys.intern(str(status)),
            self._text,
            identity.get("scene", ""),
            sys.intern(subject) if isinstance(subject, str) else subject,
            identity.get("seed"),
            key,
        )


class Records(Sequence[dict[str, Any]]):
    """Records of cells in order, each with its row in this run.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._marking = _Marking()
        self._marks: list[Mark] = []
        self._held: dict[int, dict[str, Any]] = {}
        self._places: Sequence[int] = range(0)
        self.finished = ""
        """When the last cell was finished, ISO 8601; empty if none was."""
        self._remarks: dict[int, tuple[str, ...]] = {}
        self.provenances: dict[bytes, None] = {}
        """What the cells were made with, as JSON, each once."""

    def add(self, cell: Cell, head: Head | None) -> None:
        """Append a cell, and what is in the store of it; None if that is yet to come."""
        told = ("", None) if head is None else (head.status, head.subject)
        self._marks.append(self._marking.mark(cell.job["row"], cell.identity, cell.key, *told))
        self._places = range(len(self._marks))
        if head is not None:
            self._take_in(len(self._marks) - 1, head)

    def tell(self, place: int, head: Head, held: dict[str, Any] | None = None) -> None:
        """Say what a cell has come to.

        Parameters
        ----------
        place : int
            Number of the cell.
        head : Head
        held : dict, optional
            Its record, if it is not in the store.
        """
        mark = self._marks[place]
        self._marks[place] = mark._replace(status=head.status, subject=head.subject)
        self._take_in(place, head)
        if held is not None:
            self._held[place] = held

    def append(self, record: Mapping[str, Any]) -> None:
        """Append the record of what could not even be tried; it is not in the store."""
        row = {key: record.get(key) for key in ("label", "conditions", "training_seed")}
        self._held[len(self._marks)] = dict(record)
        told = record["status"], record.get("subject")
        self._marks.append(self._marking.mark(row, record["identity"], "", *told))
        self._places = range(len(self._marks))

    def settle(self) -> None:
        """Read the records of a small run into memory."""
        if len(self) <= _MOST_HELD:
            self._held |= {place: self._read(place) for place in self._places}

    def _take_in(self, place: int, head: Head) -> None:
        if isinstance(head.finished, str):
            self.finished = max(self.finished, head.finished)
        if head.remarks:
            self._remarks[place] = tuple(map(sys.intern, head.remarks))
        if head.provenance:
            self.provenances[head.provenance] = None

    def select(self, places: Iterable[int]) -> Records:
        """Return the records of these places, which are read when they are asked for."""
        found = Records(self._store)
        found._marks, found._held = self._marks, self._held
        found._remarks = self._remarks
        found._places = [self._places[place] for place in places]
        return found

    def marks(self) -> Iterator[Mark]:
        """Yield what tables are arranged by; nothing is read."""
        return (self._marks[place] for place in self._places)

    def remarks(self) -> Iterator[tuple[str, Iterable[str]]]:
        """Yield the scene of each cell, and remarks on how its files were read."""
        for place in self._places if self._remarks else ():
            yield self._marks[place].scene, self._remarks.get(place, ())

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, at: slice) -> Records: ...
    def __getitem__(self, at: int | slice) -> dict[str, Any] | Records:
        if isinstance(at, slice):
            return self.select(range(*at.indices(len(self))))
        return self._read(self._places[at])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self._read, self._places)

    def _read(self, place: int) -> dict[str, Any]:
        mark = self._marks[place]
        if (held := self._held.get(place)) is not None:
            return {**held, **mark.row}
        record = self._store.load(mark.key)
        if record is None:
            raise StoreError(
                f"{self._store.folder}: the record of {mark.key} was removed or damaged while its "
                "run went on; run the same command again"
            )
        return {**record, **mark.row}


def marks(records: Sequence[Mapping[str, Any]]) -> Iterator[Mark]:
    """Yield what tables are arranged by."""
    if isinstance(records, Records):
        yield from records.marks()
        return
    marking = _Marking()
    kept = ("label", "conditions", "training_seed")
    for record in records:
        row = {key: record[key] for key in kept if key in record}
        about = record.get("identity") or {}
        told = record.get("status"), record.get("subject")
        yield marking.mark(row, about, record.get("key", ""), *told)


def select(
    records: Sequence[Mapping[str, Any]], places: Iterable[int]
) -> Sequence[Mapping[str, Any]]:
    """Return the records of these places; those in a store are read when they are asked for."""
    if isinstance(records, Records):
        return records.select(places)
    return [records[place] for place in places]


def remarks_of(records: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, None]]:
    """Return the scenes of each remark on how files were read, in order."""
    found: dict[str, dict[str, None]] = {}
    for scene, remarks in _remarks(records):
        for remark in remarks:
            found.setdefault(remark, {})[scene] = None
    return found


def _remarks(records: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Iterable[str]]]:
    if isinstance(records, Records):
        yield from records.remarks()
    else:
        for record in records:
            yield record["identity"].get("scene", ""), record.get("remarks", ())


def finished_of(records: Sequence[Mapping[str, Any]]) -> str:
    """When the last cell of a run was finished, ISO 8601; empty if none was."""
    if isinstance(records, Records):
        return records.finished
    return max((each["finished"] for each in records if "finished" in each), default="")


def provenances_of(records: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return what the cells of a run were made with, each once."""
    if isinstance(records, Records):
        return [json.loads(each) for each in records.provenances]
    found = {json.dumps(each["provenance"]) for each in records if each.get("provenance")}
    return [json.loads(each) for each in sorted(found)]

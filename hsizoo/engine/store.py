"""The run folder: a line in a log for each finished cell, written the moment it is done.

::

    <folder>/cells/records-0001.jsonl   one record a line, complete or without effect
    <folder>/cells/<key>.json           records of earlier versions, which are read as well
    <folder>/masks/                     images and masks for pictures; see `hsizoo.engine.mask_log`
    <folder>/.lock                      held while a run writes; freed by the system if it is killed
    <folder>/...                        tables and figures made from the records

A record is appended with one write and is on the disk before the next cell begins; see
`hsizoo.engine.logs`.  A killed run loses only the cells it was computing; the same command resumes
it.  A record that was damaged, edited or put under another key is computed anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from filelock import FileLock, Timeout

from hsizoo.documents import parse_json, read_file, shorten
from hsizoo.engine.cells import key_of
from hsizoo.engine.heads import Head, parse, parse_head
from hsizoo.engine.logs import LONGEST_RECORD, RecordLogs, flush_folder, seal, unsealed
from hsizoo.engine.mask_log import MaskLog, image_key
from hsizoo.errors import StoreError

__all__ = ["RECORD_FORMAT", "Store"]

RECORD_FORMAT = 1
"""Version of the record layout; records of other versions are recomputed."""

_Parsed = TypeVar("_Parsed")


class Store:
    """The records of a run folder.

    Parameters
    ----------
    folder : path
        Created if it does not exist.
    lender : path, optional
        Another run folder, which is only read: a record that this one lacks is taken over.

    Examples
    --------
    >>> with Store("hsizoo-runs/indian-pines") as store:                 # doctest: +SKIP
    ...     store.save("0123", {"status": "done"})
    """

    def __init__(
        self, folder: str | os.PathLike[str], lender: str | os.PathLike[str] | None = None
    ) -> None:
        self.folder = Path(folder)
        self.masks = MaskLog(self.folder)
        """Images and masks that the run keeps for pictures."""
        self._lender = None if lender is None else Store(lender)
        self._lock = FileLock(self.folder / ".lock")
        self._index: _Index | None = None

    @property
    def cells(self) -> Path:
        """Folder of the records."""
        return self.folder / "cells"

    def __enter__(self) -> Self:
        """Create the folder and lock it for writing.

        Raises
        ------
        StoreError
            If the folder is not writable, or another run has locked it.
        """
        try:
            _make_folder(self.cells)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(
                f"another run is writing to {self.folder}; wait until it ends, or choose "
                "another folder with --out"
            ) from None
        except OSError as error:
            raise StoreError(self._trouble("use", self.folder, error)) from error
        self._index = None  # others may have written until now
        # Remove partial files of a killed run.
        for leftover in [*self.folder.glob(".*.part"), *self.cells.glob(".*.part")]:
            with contextlib.suppress(OSError):
                leftover.unlink()
        try:
            self.write(".writable", b"")  # fail now rather than after an hour
        except StoreError:
            self._lock.release()
            raise
        (self.folder / ".writable").unlink(missing_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.masks.stop_writing()
        try:
            if self._index is not None:
                self._index.logs.stop_writing()
        except OSError as trouble:
            raise StoreError(self._trouble("write", self.cells, trouble)) from trouble
        finally:
            self._lock.release()

    def __contains__(self, key: str) -> bool:
        """Whether there is a record of a cell, valid or not."""
        return self._indexed(key)

    def stored(self) -> list[str]:
        """The keys of all cells that have a record, valid or not.

        Raises
        ------
        StoreError
            If the records cannot be read.
        """
        index = self._fresh()
        return [*index.logs, *(key for key in index.files if key not in index.logs)]

    def load(self, key: str) -> dict[str, Any] | None:
        """Return the record of a cell, or None if there is no valid one.

        A record that the first versions wrote has no entry ``digest``: only its key is checked.
        """
        found = self._line(key)
        if not isinstance(found, bytes):
            return found
        record = self._parsed(key, found, parse)
        return record if record and record.get("format") == RECORD_FORMAT else None

    def head(self, key: str) -> Head | None:
        """Return what stands in the record of a cell beside its result; None as for `load`.

        It takes a third of the time, and of what is read a fiftieth of the memory.
        """
        found = self._line(key)
        if found is None:
            return None
        if not isinstance(found, bytes):
            return Head.of(found)
        head = self._parsed(key, found, parse_head)
        return head if head and head.format == RECORD_FORMAT else None

    def reject(self, key: str, reason: str) -> None:
        """Warn that a record cannot be used, so that its cell is computed anew."""
        self._remark(f"{self.cells}: the record of {key} {reason}")

    def _remark(self, text: str) -> None:
        warnings.warn(f"{text}; recomputing this cell", stacklevel=4)

    def _parsed(self, key: str, line: bytes, how: Callable[[bytes], _Parsed]) -> _Parsed | None:
        try:
            return how(line)
        except ValueError as error:
            self.reject(key, f"is not JSON: {shorten(error)}")
            return None

    def _line(self, key: str) -> bytes | dict[str, Any] | None:
        """The record of a cell: a line of a log, or what was read from a file."""
        if not self._indexed(key):
            return None if self._lender is None else self._taken_over(key)
        index = self._fresh(again=False)
        line, fault = index.logs.read(key)
        if fault and line is not None:
            warnings.warn(f"{fault}; an earlier record of this cell is used", stacklevel=3)
        elif fault:
            self._remark(fault)
        if line is None and key in index.files:
            return self._in_file(key)
        return line

    def _in_file(self, key: str) -> dict[str, Any] | None:
        """A record that an earlier version wrote, in a file of its own."""
        path = self.cells / f"{key}.json"
        try:
            content = read_file(path, longest=LONGEST_RECORD, error=StoreError)
            record = parse_json(content, path, error=StoreError)
        except StoreError as error:
            if path.exists():
                self._remark(str(error))
            return None
        if not isinstance(record, dict) or record.get("format") != RECORD_FORMAT:
            return None
        if fault := _fault(key, record, content):
            self._remark(f"{path} {fault}")
            return None
        return record

    def _taken_over(self, key: str) -> bytes | dict[str, Any] | None:
        """A record of the lender, and a copy of it here if this store is written to."""
        assert self._lender is not None
        found = self._lender._line(key)
        if found is not None and self._lock.is_locked:
            line = found if isinstance(found, bytes) else _sealed(key, found)
            with contextlib.suppress(OSError):  # it is read where it is
                self._fresh(again=False).logs.append(key, line, flush=False)
            self._take_over_masks(key, line)
        return found

    def _take_over_masks(self, key: str, line: bytes) -> None:
        """What the lender keeps for pictures of a cell, and of its image."""
        assert self._lender is not None
        self.masks.take_over(key, self._lender.masks)
        with contextlib.suppress(ValueError):  # a record that is damaged is told by its reader
            self.masks.take_over(image_key(parse(parse_head(line).identity)), self._lender.masks)

    def _indexed(self, key: str) -> bool:
        """Whether there is a record; one that another process may write is looked for again."""
        return key in self._fresh(again=False) or (
            not self._lock.is_locked and key in self._fresh()
        )

    def _fresh(self, *, again: bool = True) -> _Index:
        if self._index is None:
            self._index = _Index(self.cells)
        elif again and not self._lock.is_locked:
            self._index.logs.refresh()
        return self._index

    def save(self, key: str, record: Mapping[str, Any]) -> None:
        """Write the record of a cell; it is on the disk when this returns.

        Raises
        ------
        StoreError
            If it cannot be written; earlier records are kept.
        """
        line = _sealed(key, record)
        try:
            self._fresh(again=False).logs.append(key, line)
        except OSError as error:
            raise StoreError(self._trouble("write", self.cells, error)) from error

    def write(self, name: str, content: bytes | Iterable[bytes]) -> Path:
        """Write a file atomically and return its path.

        Parameters
        ----------
        name : str
            Path relative to the folder; missing parent folders are created.
        content : bytes or iterable of bytes
            In pieces, if it is long.

        Raises
        ------
        StoreError
            If it cannot be written; an existing file of that name is left unchanged.
        """
        path = self.folder / name
        temporary = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(
                dir=path.parent, prefix=f".{path.name}.", suffix=".part"
            )
            with os.fdopen(descriptor, "wb") as file:
                file.writelines([content] if isinstance(content, bytes) else content)
                file.flush()
                os.fsync(file.fileno())
            umask = os.umask(0)
            os.umask(umask)
            Path(temporary).chmod(0o666 & ~umask)  # mkstemp restricts files to the owner
            Path(temporary).replace(path)
            flush_folder(path.parent)
        except OSError as error:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()
            raise StoreError(self._trouble("write", path, error)) from error
        return path

    def move(self, names: Iterable[str], into: str) -> None:
        """Move files into a folder below this one, in the order given; skip those not there.

        Raises
        ------
        StoreError
            If one cannot be moved; the others are in one place or the other.
        """
        for name in names:
            path = self.folder / name
            try:
                (self.folder / into / name).parent.mkdir(parents=True, exist_ok=True)
                path.replace(self.folder / into / name)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StoreError(self._trouble("move", path, error)) from error

    def _trouble(self, verb: str, path: Path, error: OSError) -> str:
        try:
            safe = len(self.stored())
        except StoreError:
            safe = 0
        kept = f"The {safe} finished cell(s) in {self.folder} are intact. " if safe else ""
        return (
            f"cannot {verb} {path}: {error.strerror or error}. {kept}Free disk space or grant "
            "write access and run the same command again, or choose another folder with --out"
        )


class _Index:
    """Where the records of a folder are."""

    def __init__(self, cells: Path) -> None:
        self.logs = RecordLogs(cells)
        self.logs.refresh()
        try:
            with os.scandir(cells) as found:
                names = [each.name for each in found if each.name.endswith(".json")]
        except (FileNotFoundError, NotADirectoryError):
            names = []
        except OSError as error:
            raise StoreError(f"{cells} cannot be read: {error.strerror or error}") from error
        self.files = {name.removesuffix(".json") for name in names}

    def __contains__(self, key: str) -> bool:
        return key in self.logs or key in self.files


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, all of which survive a power cut."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in made:
        flush_folder(each.parent)


def _sealed(key: str, record: Mapping[str, Any]) -> bytes:
    """A record as it is written: the key first, which is looked for, and a digest last."""
    own = {name: value for name, value in record.items() if name not in ("key", "digest")}
    whole = {"key": key, "format": RECORD_FORMAT, **own}
    return seal(json.dumps(whole, allow_nan=False).encode())


def _fault(key: str, record: dict[str, Any], content: bytes) -> str:
    """What is wrong with the record in a file; empty if it is what was stored under this key."""
    if "digest" in record:
        if fault := unsealed(content):
            return fault
    elif isinstance(record.get("identity"), dict) and key_of(record["identity"]) != key:
        return "is the record of another cell"
    return "is the record of another cell" if record.get("key", key) != key else ""

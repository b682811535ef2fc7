"""The run folder: one JSON file per finished cell, written the moment it is done.

::

    <folder>/cells/<key>.json   one record each, complete or absent, never partial
    <folder>/.lock              held while a run writes; the system releases it if the run is killed
    <folder>/...                tables and figures made from the records

A file is written under a temporary name, flushed to disk and renamed.  A killed run loses only
the cells it was computing; the same command resumes it.  The last entry of a record is a digest of
the bytes before it: a record that was damaged, edited or put under another key is computed anew.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

from hsizoo.documents import parse_json, read_file
from hsizoo.engine.cells import key_of
from hsizoo.engine.sharing import Sharing
from hsizoo.errors import StoreError

__all__ = ["RECORD_FORMAT", "Store"]

RECORD_FORMAT = 1
"""Version of the record layout; records of other versions are recomputed."""

_SEAL = b', "digest": "'
_SEALED = len(_SEAL) + 64 + len(b'"}')  # bytes after those that the digest is of
_LONGEST = 64 * 2**20  # bytes of a record; those of an image's splits are the longest


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
        self._lent = None if lender is None else Path(lender) / "cells"
        self._lock = FileLock(self.folder / ".lock")

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
            self.cells.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(
                f"another run is writing to {self.folder}; wait until it ends, or choose "
                "another folder with --out"
            ) from None
        except OSError as error:
            raise StoreError(self._trouble("use", self.folder, error)) from error
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
        self._lock.release()

    def load(self, key: str) -> dict[str, Any] | None:
        """Return the record of a cell, or None if there is no valid one.

        A record that earlier versions wrote has no entry ``digest``: only its key is checked.
        """
        path = self.cells / f"{key}.json"
        if self._lent is not None and not path.exists():
            path = self._taken_over(self._lent / path.name)
        try:
            content = read_file(path, longest=_LONGEST, error=StoreError)
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

    def reject(self, key: str, reason: str) -> None:
        """Warn that a record cannot be used, so that its cell is computed anew."""
        self._remark(f"{self.cells / key}.json {reason}")

    def _remark(self, text: str) -> None:
        warnings.warn(f"{text}; recomputing this cell", stacklevel=3)

    def load_all(self, keys: Iterable[str]) -> dict[str, dict[str, Any] | None]:
        """Return the records of many cells, by key; see `load`.

        What they have in common is one object in all of them.
        Python's collector of cyclic garbage is paused meanwhile: records have no cycles, and it
        would look through all those read so far again and again.
        """
        sharing, running = Sharing(), gc.isenabled()
        gc.disable()
        try:
            found = {}
            for key in keys:
                record = self.load(key)
                found[key] = None if record is None else sharing.shared(record)
            return found
        finally:
            if running:
                gc.enable()

    def _taken_over(self, lent: Path) -> Path:
        """Link a record into this folder, at once and whole; its own place if that cannot be."""
        own = self.cells / lent.name
        try:
            own.hardlink_to(lent)
        except OSError:  # no such record, or no links between these folders
            return lent
        return own

    def save(self, key: str, record: dict[str, Any]) -> None:
        """Write the record of a cell.

        Raises
        ------
        StoreError
            If it cannot be written; earlier records are kept.
        """
        whole = {"format": RECORD_FORMAT, **record}
        whole.pop("digest", None)
        text = json.dumps(whole, allow_nan=False).encode().removesuffix(b"}")
        digest = hashlib.sha256(text).hexdigest().encode()
        self.write(f"cells/{key}.json", text + _SEAL + digest + b'"}')

    def write(self, name: str, content: bytes) -> Path:
        """Write a file atomically and return its path.

        Parameters
        ----------
        name : str
            Path relative to the folder; missing parent folders are created.
        content : bytes

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
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            umask = os.umask(0)
            os.umask(umask)
            Path(temporary).chmod(0o666 & ~umask)  # mkstemp restricts files to the owner
            Path(temporary).replace(path)
            _flush_folder(path.parent)
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
            safe = sum(1 for _ in self.cells.glob("*.json"))
        except OSError:
            safe = 0
        kept = f"The {safe} finished cell(s) in {self.folder} are intact. " if safe else ""
        return (
            f"cannot {verb} {path}: {error.strerror or error}. {kept}Free disk space or grant "
            "write access and run the same command again, or choose another folder with --out"
        )


def _fault(key: str, record: dict[str, Any], content: bytes) -> str:
    """What is wrong with a record; empty if it is what was stored under this key."""
    if "digest" in record:
        body, seal = content[:-_SEALED], content[-_SEALED:]
        digest = hashlib.sha256(body).hexdigest().encode()
        if seal != _SEAL + digest + b'"}':
            return "has changed since it was written: its digest does not fit its content"
    elif isinstance(record.get("identity"), dict) and key_of(record["identity"]) != key:
        return "is the record of another cell"
    return "is the record of another cell" if record.get("key", key) != key else ""


def _flush_folder(folder: Path) -> None:
    """Flush a folder so that renames survive a power cut, if the system can open folders."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

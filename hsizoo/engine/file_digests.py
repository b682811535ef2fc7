"""Digests of files, remembered until a file changes, so that large files are read once.

::

    <HSIZOO_HOME>/file-digests.sqlite   path, signature, SHA-256 and seal of each file

A signature is the size, the modification time, the inode and the time of the last change of any of
these.  A file that is replaced or written to has another one, even if its size and modification
time are set back: no ordinary call can set the last of the four.  The seal is a digest of the row:
one that was damaged is not believed, and its file is read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from hsizoo.engine.provenance import available_cores
from hsizoo.errors import DataError
from hsizoo.weights.places import home

__all__ = ["file_digests", "signature"]

_READERS: Final = 4  # files read at once
_SETTLED: Final = 2 * 10**9  # nanoseconds; two writes within one tick of the clock look the same
_ATTEMPTS: Final = 3
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def signature(path: Path) -> str:
    """Return what is different as soon as a file has been written to or replaced.

    Raises
    ------
    DataError
        If there is no such file.
    """
    try:
        about = path.stat()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    return f"{about.st_size}:{about.st_mtime_ns}:{about.st_ino}:{about.st_ctime_ns}"


def file_digests(paths: Sequence[Path]) -> list[str]:
    """Return the SHA-256 of each file, as 64 hexadecimal digits.

    Files with a known signature are not read.  Without a writable ``HSIZOO_HOME`` all are read.

    Parameters
    ----------
    paths : sequence of Path

    Raises
    ------
    DataError
        If a file cannot be read, or changes while it is read.
    """
    if not paths:
        return []
    with _remembered() as memory, ThreadPoolExecutor(min(_READERS, available_cores())) as readers:
        signatures = [signature(path) for path in paths]
        known = memory.recall(paths, signatures)
        missing = list(dict.fromkeys(path for path in paths if path not in known))
        for path, (seen, digest) in zip(missing, readers.map(_read, missing), strict=True):
            known[path] = digest
            memory.note(path, seen, digest)
    return [known[path] for path in paths]


def _read(path: Path) -> tuple[str, str]:
    """The signature and the digest of a file that stays the same meanwhile."""
    before = signature(path)
    for _ in range(_ATTEMPTS):
        try:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
        after = signature(path)
        if before == after:
            return after, digest
        before = after
    raise DataError(f"{path} keeps changing while it is read; wait until it is complete")


class _Memory:
    """The digests known so far; one that cannot be opened, read or written knows nothing.

    After the first trouble it is left alone, since each call would wait for a lock of another
    process; a damaged file is deleted, and made anew by the next call.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database = _open(path)
        self._saved = time.monotonic()

    def recall(self, paths: Sequence[Path], signatures: Sequence[str]) -> dict[Path, str]:
        """The digests of those files that have the signature they had."""
        known: dict[Path, str] = {}
        if self._database is None:
            return known
        query = "SELECT sha256, seal FROM sealed WHERE path = ? AND signature = ?"
        with self._trouble():
            for path, seen in zip(paths, signatures, strict=True):
                row = self._database.execute(query, (_name(path), seen)).fetchone()
                if row is not None and row[1] == _seal(_name(path), seen, row[0]):
                    known[path] = row[0]
        return known

    def note(self, path: Path, seen: str, digest: str) -> None:
        """Remember a digest, unless the file is so new that it may still change unseen."""
        _, modified, _, changed = map(int, seen.split(":"))
        if self._database is None or time.time_ns() - max(modified, changed) < _SETTLED:
            return
        with self._trouble():
            row = _name(path), seen, digest
            values = (*row, _seal(*row))
            self._database.execute("INSERT OR REPLACE INTO sealed VALUES (?, ?, ?, ?)", values)
            if time.monotonic() - self._saved > 1:  # a killed run need not read all files again
                self.save()

    def save(self) -> None:
        """Make what is known known to other processes."""
        if self._database is not None:
            with self._trouble():
                self._database.commit()
        self._saved = time.monotonic()

    def close(self) -> None:
        """Save, and close the file."""
        self.save()
        self._close()

    def _close(self) -> None:
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
        self._database = None

    @contextlib.contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self._close()
            if getattr(error, "sqlite_errorcode", None) in _DAMAGED:
                _delete(self._path)


def _seal(*row: object) -> str:
    """Digest of a row."""
    return hashlib.sha256(repr(row).encode(errors="surrogatepass")).hexdigest()


def _name(path: Path) -> str:
    return os.path.realpath(path)


@contextlib.contextmanager
def _remembered() -> Iterator[_Memory]:
    memory = _Memory(home() / "file-digests.sqlite")
    try:
        yield memory
    finally:
        memory.close()


def _open(path: Path) -> sqlite3.Connection | None:
    """Open the table, which is made anew if the file is damaged; None if that cannot be."""
    for _ in range(2):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(path, timeout=5)
            database.execute("PRAGMA synchronous = OFF")  # what is lost is read again
            database.execute(
                "CREATE TABLE IF NOT EXISTS sealed (path PRIMARY KEY, signature, sha256, seal)"
            )
            return database
        except (OSError, sqlite3.OperationalError):  # no access, or locked for long
            return None
        except sqlite3.DatabaseError:
            _delete(path)
    return None


def _delete(path: Path) -> None:
    for each in (path, path.with_name(f"{path.name}-journal")):
        with contextlib.suppress(OSError):
            each.unlink()

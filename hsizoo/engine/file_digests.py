"""Digests of files, remembered until a file changes, so that large files are read once.

::

    <HSIZOO_HOME>/file-digests.sqlite   path, signature, SHA-256 and seal of each file

What is read is known as soon as it is read: a call that is stopped, as by Ctrl-C, begins with the
next file when it is repeated.

A signature is the size, the modification time, the inode and the time of the last change of any of
these.  A file that is replaced or written to has another one, even if its size and modification
time are set back: no ordinary call can set the last of the four.  The seal is a digest of the row:
one that was damaged is not believed, and its file is read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

from hsizoo.engine.provenance import available_cores
from hsizoo.errors import DataError
from hsizoo.progress import tell_progress
from hsizoo.weights.places import home

__all__ = ["file_digests", "signature"]

_READERS: Final = 4  # files read at once
_AHEAD: Final = 16  # files that are being read, or wait for a reader
_SETTLED: Final = 2 * 10**9  # nanoseconds; two writes within one tick of the clock look the same
_ATTEMPTS: Final = 3
_MIB: Final = 2**20
_PART: Final = 4 * _MIB  # bytes read at once
_LOOK: Final = 0.2  # seconds between two reports of how much is read
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
    How many MiB are read is told by `hsizoo.tell_progress`.

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
    with _remembered() as memory:
        signatures = [signature(path) for path in paths]
        known = memory.recall(paths, signatures)
        sizes = {
            path: int(seen.partition(":")[0])
            for path, seen in zip(paths, signatures, strict=True)
            if path not in known
        }
        known |= _read_all(sizes, memory)
    return [known[path] for path in paths]


def _read_all(sizes: Mapping[Path, int], memory: _Memory) -> dict[Path, str]:
    """Read files, several at once; return the digest of each."""
    found = {}
    count = _Count(sum(sizes.values()))
    readers = ThreadPoolExecutor(min(_READERS, available_cores()))
    waiting = iter(sizes)
    reading: dict[Future[tuple[str, str]], Path] = {}

    def begin() -> None:  # some at a time, since to wait for a hundred thousand takes long
        for path in itertools.islice(waiting, _AHEAD - len(reading)):
            reading[readers.submit(_read, path, count.add)] = path

    def take(future: Future[tuple[str, str]]) -> None:
        path = reading.pop(future)
        seen, found[path] = future.result()
        memory.note(path, seen, found[path])

    try:
        begin()
        while reading:
            count.tell()
            done, _ = wait(reading, timeout=_LOOK, return_when=FIRST_COMPLETED)
            for future in done:
                take(future)
            memory.save_if_due()
            begin()
        count.tell()
    finally:  # Ctrl-C must wait neither for the other files nor for the end of a large one
        count.stopped = True
        readers.shutdown(cancel_futures=True)
        for future in [each for each in reading if not each.cancelled()]:
            if future.exception() is None:
                take(future)
    return found


class _Count:
    """Bytes that several threads have read; when it is stopped, so are they."""

    def __init__(self, total: int) -> None:
        self.stopped = False
        self._done, self._total = 0, total
        self._guard = threading.Lock()

    def add(self, number: int) -> None:
        """Called by a thread with what it has read."""
        if self.stopped:
            raise CancelledError
        with self._guard:
            self._done += number

    def tell(self) -> None:
        """Report, in the thread that called."""
        if self._total:  # a file may have grown, or was read again
            done, total = min(self._done, self._total), self._total
            tell_progress(done // _MIB, max(1, total // _MIB))


def _read(path: Path, read: Callable[[int], None]) -> tuple[str, str]:
    """The signature and the digest of a file that stays the same meanwhile."""
    before = signature(path)
    for _ in range(_ATTEMPTS):
        sha = hashlib.sha256()
        try:
            with path.open("rb", buffering=0) as stream:
                while part := stream.read(_PART):
                    sha.update(part)
                    read(len(part))
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
        digest, after = sha.hexdigest(), signature(path)
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

    def save_if_due(self) -> None:
        """Save once a second: for a run that is killed, and for others that wait to write."""
        if time.monotonic() - self._saved > 1:
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
    # SQLite takes no name that is not UTF-8.
    return os.path.realpath(path).encode(errors="backslashreplace").decode()


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

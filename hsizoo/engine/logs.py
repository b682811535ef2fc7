"""`RecordLogs`: the files that records are appended to, and where in them each key is.

::

    <folder>/records-0001.jsonl   one record a line; {"key": "…", …, "digest": "…"}
    <folder>/records-0002.jsonl   begun when the one before has 256 MB

The last entry of a line is the SHA-256 of the bytes before it.  Of several valid lines of a key,
the last counts.  Every record has a line feed before it and another behind it: what a killed
process left unfinished, or a line feed that is damaged, spoils no neighbour, and files may be
joined with ``cat``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from array import array
from collections.abc import Iterator
from functools import partial
from io import FileIO
from pathlib import Path

from hsizoo.errors import StoreError

__all__ = ["LONGEST_RECORD", "RecordLogs", "flush_folder", "seal", "unsealed"]

LONGEST_RECORD = 64 * 2**20
"""Bytes of a record; those of an image's splits are the longest."""

_FULL = 256 * 10**6  # bytes after which a new file is begun
_MOST_OPEN = 100  # files
_SETTLED = 2 * 10**9  # nanoseconds, by which times of files may be too coarse

_NAME = re.compile(r"records-(\d{4,})\.jsonl")
_BEGIN = b'{"key": '
_KEY = re.compile(re.escape(_BEGIN) + rb'("(?:[^"\\]|\\.)*")')
_SEAL = b', "digest": "'
_SEALED = len(_SEAL) + 64 + len(b'"}')  # bytes after those that the digest is of


def seal(record: bytes) -> bytes:
    """The JSON of an object with a digest of itself as its last entry."""
    text = record.removesuffix(b"}")
    return text + _SEAL + hashlib.sha256(text).hexdigest().encode() + b'"}'


def unsealed(line: bytes) -> str:
    """What is wrong with the digest of a record; empty if nothing is."""
    body, end = line[:-_SEALED], line[-_SEALED:]
    if end == _SEAL + hashlib.sha256(body).hexdigest().encode() + b'"}':
        return ""
    return "has changed since it was written: its digest does not fit its content"


def _key_of(line: bytes) -> str | None:
    """The key of a line; None if it was never finished, or its key is damaged."""
    match = _KEY.match(line) if line.rstrip(b"\n")[-_SEALED:].startswith(_SEAL) else None
    try:
        return None if match is None else str(json.loads(match[1]))
    except ValueError:
        return None


class RecordLogs:
    """The logs of one folder, which one process may write and any may read at the same time.

    Parameters
    ----------
    folder : Path
        It need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._readers: dict[int, FileIO] = {}
        self._file: FileIO | None = None  # that is written to
        self._last = 1  # its number
        self._dirty = False
        self._listed: dict[int, Path] = {}
        self._changed = -1  # when the folder was, as it is listed
        self._forget()

    def _forget(self) -> None:
        """Begin with an empty index."""
        self._numbers: dict[str, int] = {}  # of the last line of a key
        self._earlier: dict[int, int] = {}  # of the line before it, where a key has several
        # By number, 16 bytes for each line.
        self._files, self._starts, self._lengths = array("I"), array("Q"), array("I")
        self._seen: dict[int, int] = {}  # bytes of each file that are in the index
        self._close_readers()

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, key: str) -> bool:
        return key in self._numbers

    def __iter__(self) -> Iterator[str]:
        """Keys, in the order of their first lines."""
        return iter(list(self._numbers))

    def refresh(self) -> None:
        """Take in what was written since the last time.

        Raises
        ------
        StoreError
            If a file cannot be read.
        """
        path = self.folder
        try:
            for number, path in self._paths().items():
                size, seen = path.stat().st_size, self._seen.get(number, 0)
                if size < seen:  # edited, or another folder: from the beginning
                    self._forget()
                    self.refresh()
                    break
                if size > seen:
                    self._scan(number, path, seen)
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error

    def _paths(self, *, again: bool = False) -> dict[int, Path]:
        """The files by number, in order; the folder is listed again if it has changed."""
        try:
            changed = self.folder.stat().st_mtime_ns
            if again or changed != self._changed:
                names = [path.name for path in self.folder.iterdir()]
                found = {
                    int(match[1]): match[0] for name in names if (match := _NAME.fullmatch(name))
                }
                self._listed = {number: self.folder / found[number] for number in sorted(found)}
                # What came a moment after this may have the same time.
                settled = time.time_ns() - changed > _SETTLED
                self._changed = changed if settled else -1
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return self._listed

    def _scan(self, number: int, path: Path, start: int) -> None:
        with path.open("rb", buffering=2**20) as file:
            file.seek(start)
            for line in iter(partial(file.readline, LONGEST_RECORD), b""):
                whole = line.endswith(b"\n")
                if not whole and len(line) < LONGEST_RECORD and unsealed(line):
                    break  # another process is writing it, or was killed
                if (key := _key_of(line)) is not None:
                    self._note(key, number, start, len(line) - whole)
                start += len(line)
                self._seen[number] = start

    def _note(self, key: str, number: int, start: int, length: int) -> None:
        line = len(self._files)
        before = self._numbers.get(key)
        if before is not None:
            self._earlier[line] = before
        self._numbers[key] = line
        self._files.append(number)
        self._starts.append(start)
        self._lengths.append(length)

    def read(self, key: str) -> tuple[bytes | None, str]:
        """Return the last valid line of a key.

        Returns
        -------
        line : bytes or None
        fault : str
            What is wrong with the last one, with its place; empty if nothing is.
        """
        fault, number = "", self._numbers.get(key)
        while number is not None:
            line, found = self._line(number, key)
            if not found:
                return line, fault
            path = self._path(self._files[number])
            fault = fault or f"{path} at byte {self._starts[number]}: the record of {key} {found}"
            number = self._earlier.get(number)
        return None, fault

    def _line(self, number: int, key: str) -> tuple[bytes, str]:
        line, length = b"", self._lengths[number]
        try:
            reader = self._reader(self._files[number])
            reader.seek(self._starts[number])
            # A network file system may give less than was asked for.
            while len(line) < length and (part := reader.read(length - len(line))):
                line += part
        except OSError as error:
            return b"", f"cannot be read: {error.strerror or error}"
        # Another process may have replaced the file since it was listed.
        own = line.startswith(_BEGIN + json.dumps(key).encode())
        return line, unsealed(line) if own else "is not there any more"

    def _reader(self, number: int) -> FileIO:
        if number not in self._readers:
            if len(self._readers) >= _MOST_OPEN:
                self._close_readers()
            self._readers[number] = FileIO(self._path(number))
        return self._readers[number]

    def __del__(self) -> None:
        self._close_readers()

    def _close_readers(self) -> None:
        while self._readers:
            self._readers.popitem()[1].close()

    def _path(self, number: int) -> Path:
        return self.folder / f"records-{number:04}.jsonl"

    def append(self, key: str, line: bytes, *, flush: bool = True) -> None:
        """Write the sealed record of a key behind all others.

        Parameters
        ----------
        key : str
        line : bytes
            It must begin with ``{"key": `` and that key.
        flush : bool, default True
            Whether it must be on the disk when this returns; see `flush`.

        Raises
        ------
        OSError
            If it cannot be written; what was written before is as it was.
        """
        writer = self._writer()
        start = os.fstat(writer.fileno()).st_size
        try:
            content = memoryview(b"\n%b\n" % line)
            while content:
                content = content[writer.write(content) :]
            if flush:
                os.fsync(writer.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(writer.fileno(), start)
            raise
        self._dirty = not flush
        self._note(key, self._last, start + 1, len(line))
        self._seen[self._last] = start + len(line) + 2

    def flush(self) -> None:
        """Wait until everything is on the disk.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        if self._dirty and self._file is not None:
            os.fsync(self._file.fileno())
        self._dirty = False

    def _writer(self) -> FileIO:
        """The file to append to: the last one, unless it is full or was removed."""
        if self._file is not None:
            about = os.fstat(self._file.fileno())
            if about.st_nlink and about.st_size < _FULL:
                return self._file
            self.stop_writing()
        paths = self._paths(again=True)
        self._last = max(paths, default=1)
        if self._last in paths and paths[self._last].stat().st_size >= _FULL:
            self._last += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = FileIO(self._path(self._last), "a")
        if self._last not in paths:
            flush_folder(self.folder)
        return self._file

    def stop_writing(self) -> None:
        """Flush and close the file that is written to; it can be read further on.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        if self._file is not None:
            try:
                self.flush()
            finally:
                self._file.close()
                self._file = None


def flush_folder(folder: Path) -> None:
    """Flush a folder so that new names survive a power cut, if the system can open folders."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

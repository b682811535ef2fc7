"""The run folder: one JSON file per finished cell, written the moment it is done.

::

    <folder>/cells/<key>.json   one record each, complete or absent, never half
    <folder>/.lock              held while a run writes; the system frees it if the run is killed
    <folder>/...                tables and pictures made from the records

A file is written under a temporary name, flushed to the disk and renamed.  A run that is killed
loses the cells it was computing and nothing else; the same command goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

from hsizoo.errors import StoreError

__all__ = ["RECORD_FORMAT", "Store"]

RECORD_FORMAT = 1
"""Version of the record layout; records of another version are computed anew."""


class Store:
    """The records of a run folder.

    Parameters
    ----------
    folder : path
        Created if it does not exist.

    Examples
    --------
    >>> with Store("hsizoo-runs/indian-pines") as store:                 # doctest: +SKIP
    ...     store.save("0123", {"status": "done"})
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._lock = FileLock(self.folder / ".lock")

    @property
    def cells(self) -> Path:
        """The folder of the records."""
        return self.folder / "cells"

    def __enter__(self) -> Self:
        """Create the folder and hold it for writing.

        Raises
        ------
        StoreError
            If the folder cannot be written, or another run holds it.
        """
        try:
            self.cells.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(
                f"another run is writing into {self.folder}; wait until it ends, or choose "
                "another folder with --out"
            ) from None
        except OSError as error:
            raise StoreError(self._trouble("use", self.folder, error)) from error
        # What a killed run left half-written.
        for leftover in [*self.folder.glob(".*.part"), *self.cells.glob(".*.part")]:
            with contextlib.suppress(OSError):
                leftover.unlink()
        try:
            self.write(".writable", b"")  # find out now, not after the first hour
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
        """Return the record of a cell, or None if there is no usable one."""
        path = self.cells / f"{key}.json"
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            warnings.warn(f"{path} is unreadable ({error}); computing it anew", stacklevel=2)
            return None
        if not isinstance(record, dict) or record.get("format") != RECORD_FORMAT:
            return None
        return record

    def save(self, key: str, record: dict[str, Any]) -> None:
        """Write the record of a cell.

        Raises
        ------
        StoreError
            If it cannot be written; records written before stay.
        """
        text = json.dumps({"format": RECORD_FORMAT, **record}, allow_nan=False)
        self.write(f"cells/{key}.json", text.encode())

    def write(self, name: str, content: bytes) -> Path:
        """Write a file of the folder, whole or not at all, and return its path.

        Parameters
        ----------
        name : str
            Its path below the folder; folders on the way are made.
        content : bytes

        Raises
        ------
        StoreError
            If it cannot be written; an older file of that name stays as it was.
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
            Path(temporary).chmod(0o666 & ~umask)  # mkstemp makes files for the owner only
            Path(temporary).replace(path)
            _flush_folder(path.parent)
        except OSError as error:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()
            raise StoreError(self._trouble("write", path, error)) from error
        return path

    def _trouble(self, verb: str, path: Path, error: OSError) -> str:
        try:
            safe = sum(1 for _ in self.cells.glob("*.json"))
        except OSError:
            safe = 0
        kept = f"The {safe} finished cell(s) in {self.folder} are safe. " if safe else ""
        return (
            f"cannot {verb} {path}: {error.strerror or error}. {kept}Make room or give write "
            "access and run the same command again, or choose another folder with --out"
        )


def _flush_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system can open folders."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

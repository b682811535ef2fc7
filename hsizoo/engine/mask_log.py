"""`MaskLog`: images and masks of a run, for its pictures; nothing is computed from them.

::

    <folder>/masks/records-0001.jsonl   one line per cell, and one per image

They are logs like those of the records (see `hsizoo.engine.logs`): a killed process spoils no line,
files may be joined with ``cat``, and a line that was damaged costs its own picture only.  A line of
a cell has the cell's key; one of an image has the `image_key` of the cells on it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from hsizoo.engine.heads import parse
from hsizoo.engine.logs import RecordLogs, seal
from hsizoo.errors import StoreError

__all__ = ["FEW", "MANY", "MaskLog", "image_key"]

FEW: Final = 16 * 2**20
"""Bytes that a run keeps unless it is asked for more: enough for the pictures of a small one."""

MANY: Final = 2**30
"""Bytes that a run keeps with ``--keep-masks``."""

_LONGEST: Final = 8 * 2**20  # bytes of a line


def image_key(identity: Mapping[str, Any]) -> str:
    """Key of the image that a cell is about; cells of one scene share it.

    Parameters
    ----------
    identity : mapping
        Of the cell.
    """
    perturbation = identity.get("perturbation")
    about = [identity.get("dataset"), identity.get("scene"), perturbation]
    if perturbation:  # it may draw at random
        about.append(identity.get("seed"))
    return "image-" + hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]


class MaskLog:
    """The images and masks in a run folder.

    Parameters
    ----------
    folder : Path
        The run folder; nothing is made in it before something is kept.

    Attributes
    ----------
    limit : int
        Bytes that all logs may have; what comes after is not kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "masks"
        self.limit = FEW
        self._logs: RecordLogs | None = None
        self._size = 0
        self._is_full = False

    def _opened(self) -> RecordLogs:
        if self._logs is None:
            self._logs = RecordLogs(self.folder)
            self._logs.refresh()
            with contextlib.suppress(OSError):
                paths = self.folder.glob("records-*.jsonl")
                self._size = sum(path.stat().st_size for path in paths)
        return self._logs

    def __contains__(self, key: str) -> bool:
        try:
            return key in self._opened()
        except StoreError:
            return False

    def keep(self, key: str, content: Mapping[str, Any], *, once: bool = False) -> None:
        """Append what is to be kept under a key, as long as there is room.

        It is no finished work: if it cannot be written, the run goes on without.

        Parameters
        ----------
        key : str
        content : mapping
            Plain values.
        once : bool, default False
            Whether what is kept under this key already is as good.
        """
        if self._is_full or (once and key in self):
            return
        line = seal(json.dumps({"key": key, **content}, allow_nan=False).encode())
        self._append(key, line)

    def take_over(self, key: str, lender: MaskLog) -> None:
        """Append what another folder keeps under a key, if it does."""
        if not self._is_full and key not in self and (line := lender._line(key)) is not None:
            self._append(key, line)

    def _append(self, key: str, line: bytes) -> None:
        try:
            logs = self._opened()
            if self._size + len(line) > self.limit or len(line) > _LONGEST:
                self._is_full = self._size + len(line) > self.limit
                return
            logs.append(key, line, flush=False)
            self._size += len(line) + 2
        except (OSError, StoreError) as error:
            self._is_full = True
            warnings.warn(f"no more masks are kept for pictures: {error}", stacklevel=3)

    def _line(self, key: str) -> bytes | None:
        try:
            return self._opened().read(key)[0] if key in self else None
        except StoreError:
            return None

    def load(self, key: str) -> dict[str, Any] | None:
        """Return what is kept under a key; None if there is nothing, or it is damaged."""
        line = self._line(key)
        try:
            found = None if line is None else parse(line)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def stop_writing(self) -> None:
        """Flush and close the log that is written to."""
        if self._logs is not None:
            with contextlib.suppress(OSError):
                self._logs.stop_writing()

"""User cubes in a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from hsizoo import DatasetCard, Scene, SceneDataset, SceneInfo
from hsizoo.errors import DataError, OptionError
from hsizoo.io.collection import Collection, Member
from hsizoo.io.matching import LOOKED_FOR

__all__ = ["Folder"]

_READING: Final = b"3"  # how files are read; with another, stored results are of other values
_LAYOUT: Final = (
    f"{LOOKED_FOR}.  An optional file hsizoo.toml sets names of labels, ignore, targets, subject, "
    "split, rgb_bands, wavelengths, drop_bands, scale, nodata, layout and more; `hsizoo data check "
    "FOLDER` reports what was found"
)


class Folder(SceneDataset):
    """Your own cubes, with masks next to them.

    Parameters
    ----------
    path : str
        Folder to read.  Required; there is no default.
    """

    card = DatasetCard(
        title="Folder of cubes",
        source="your own",
        licence="your own",
        citation="your own",
        size="depends on the folder",
        how_to_get=_LAYOUT,
        notes="Label 0 is background unless hsizoo.toml says otherwise (ignore = [0]).",
    )

    def __init__(self, *, path: str = "") -> None:
        self._given = Collection(path) if path else None
        if self._given is None:  # reading its scenes raises an error
            return
        about = self._given.manifest
        self.card = DatasetCard(
            title=about.title or f"Folder {self._given.folder.name}",
            source=str(self._given.folder),
            licence=about.licence or self.card.licence,
            citation=about.citation or self.card.citation,
            size=f"{len(self._members)} cube(s)",
            how_to_get="already on this machine",
            notes=self.card.notes,
        )
        self.version = self._version()

    @property
    def _collection(self) -> Collection:
        if self._given is None:
            raise OptionError(f"specify your folder: folder:path=FOLDER, or ./FOLDER/.  {_LAYOUT}")
        return self._given

    @property
    def _members(self) -> list[Member]:
        if not self._collection.members:
            raise DataError(f"no cube found in {self._collection.folder}.  {_LAYOUT}")
        return self._collection.members

    def _version(self) -> str:
        """Digest of the names, sizes and modification times of the files."""
        sha = hashlib.sha256(_READING)
        for member in self._members:
            for path in self._collection.files_of(member):
                about, name = path.stat(), path.relative_to(self._collection.folder).as_posix()
                sha.update(f"{name}:{about.st_size}:{about.st_mtime_ns};".encode())
        sha.update(repr(self._collection.manifest).encode())
        return sha.hexdigest()[:16]

    def scene_version(self, index: int) -> str:
        """Return a digest of how a scene is read; see `scene_files` for what is read."""
        text = self._collection.reading_of(self._members[index])
        return hashlib.sha256(_READING + text.encode()).hexdigest()[:16]

    def scene_files(self, index: int) -> list[Path]:
        """List the files of a cube and its mask."""
        return self._collection.files_of(self._members[index])

    def scenes(self) -> list[SceneInfo]:
        """List one scene per cube, sorted by name."""
        return [SceneInfo(each.name, each.subject, each.split) for each in self._members]

    def place(self) -> Path:
        """Return the folder."""
        return self._collection.folder

    def bytes_read(self, index: int) -> int | None:
        """Return the size of a cube and what lies with it."""
        files = self._collection.files_of(self._members[index])
        return sum(path.stat().st_size for path in files)

    def scene(self, index: int) -> Scene:
        """Read a cube and its mask."""
        members = self._members
        if not 0 <= index < len(members):
            raise IndexError(f"scene {index} of {len(members)}")
        return self._collection.scene(members[index])

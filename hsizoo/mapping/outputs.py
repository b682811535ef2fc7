"""`Outputs`: the files of one map, and where they may be written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hsizoo.errors import DataError
from hsizoo.io.writing import check_mask_name, check_parent, check_probability_name

__all__ = ["LEGEND", "Outputs"]

LEGEND: Final = ("number", "name", "colour", "pixels", "share")
"""Columns of a legend."""


@dataclass(frozen=True)
class Outputs:
    """The files of one map.

    Parameters
    ----------
    map : Path
        The class map; its legend is beside it.
    probabilities : Path, optional
    picture : Path, optional
    """

    map: Path
    probabilities: Path | None = None
    picture: Path | None = None

    @classmethod
    def at(cls, path: Path, probabilities: Path | None = None, *, picture: bool = False) -> Outputs:
        """Return the files of a map; the picture is beside it."""
        shown = path.with_name(f"{path.stem}.picture.png") if picture else None
        return cls(path, probabilities, shown)

    def beside(self, source: Path, folder: Path) -> Outputs:
        """Return the files of the map of another image, in the formats of this one."""
        stem = f"{source.stem or source.name}_map"
        probabilities = None
        if self.probabilities is not None:
            ending = self.probabilities.suffix
            probabilities = folder / f"{stem}.probabilities{ending}"
        path = folder / f"{stem}{self.map.suffix}"
        return Outputs.at(path, probabilities, picture=self.picture is not None)

    @property
    def legend(self) -> Path:
        """Numbers, names, colours and pixels of the classes."""
        return self.map.with_name(f"{self.map.stem}.legend.csv")

    def files(self) -> list[Path]:
        """Return all files, with the data files of ENVI headers."""
        named = [self.map, self.legend, self.probabilities, self.picture]
        return [path for each in named for path in _with_data(each)]

    def check(self, inputs: Iterable[Path] = (), *, force: bool = False) -> None:
        """Check that the files may be written, before anything is computed.

        Parameters
        ----------
        inputs : iterable of Path
            Files that are never overwritten.
        force : bool, default False
            Whether any other file may be replaced.

        Raises
        ------
        DataError
            If an extension is not supported, a folder does not exist, two files have the same
            path, or a file exists that is not from an earlier map of the same name.
        """
        check_mask_name(self.map)
        if self.probabilities is not None:
            check_probability_name(self.probabilities)
        read = {path.resolve() for path in inputs}
        own = set(self._own_files())
        seen = set()
        for path in self.files():
            at = path.resolve()
            check_parent(path)
            if at in seen:
                raise DataError(f"{path} would be written twice; give the files different names")
            if at in read:
                raise DataError(f"{path} is read and would be overwritten; choose another name")
            if path.is_dir():
                raise DataError(f"{path} is a folder; choose another name")
            if path.exists() and not force and path not in own:
                raise DataError(
                    f"{path} exists and may not be from an earlier map of this name; choose "
                    "another name, or replace it with --force (force=True)"
                )
            seen.add(at)

    def _own_files(self) -> list[Path]:
        """Return the files of an earlier map, which has its legend beside it."""
        head = ",".join(LEGEND).encode()
        if not (self.map.is_file() and self.legend.is_file()):
            return []
        with self.legend.open("rb") as file:
            if file.read(len(head)) != head:
                return []
        # The path of the probabilities is free, so they may be anything.
        return [path for path in self.files() if path not in _with_data(self.probabilities)]


def _with_data(path: Path | None) -> list[Path]:
    """Return a file with its data file, if it is an ENVI header."""
    if path is None:
        return []
    return [path, path.with_suffix(".img")] if path.suffix.lower() == ".hdr" else [path]

"""`Outputs`: the files of one map, and where they may be written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hsizoo.errors import DataError
from hsizoo.io.writing import check_mask_name, check_probability_name

__all__ = ["Outputs"]


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
        found = []
        for path in (each for each in named if each is not None):
            found.append(path)
            if path.suffix.lower() == ".hdr":
                found.append(path.with_suffix(".img"))
        return found

    def check(self, inputs: Iterable[Path] = (), *, force: bool = False) -> None:
        """Check that the files may be written, before anything is computed.

        Parameters
        ----------
        inputs : iterable of Path
            Files that are never overwritten.
        force : bool, default False
            Whether other files may be replaced.

        Raises
        ------
        DataError
            If an extension is not supported, a folder does not exist, two files have the same
            path, or a file exists.
        """
        check_mask_name(self.map)
        if self.probabilities is not None:
            check_probability_name(self.probabilities)
        read = {path.resolve() for path in inputs}
        seen = set()
        for path in self.files():
            at = path.resolve()
            if not path.parent.is_dir():
                raise DataError(f"there is no folder {path.parent} to write {path.name} into")
            if at in seen:
                raise DataError(f"{path} would be written twice; give the files different names")
            if at in read:
                raise DataError(f"{path} is read and would be overwritten; choose another name")
            if path.is_dir():
                raise DataError(f"{path} is a folder; choose another name")
            if path.exists() and not force:
                raise DataError(
                    f"{path} already exists; choose another name, or replace it with --force "
                    "(force=True)"
                )
            seen.add(at)

"""A folder of cubes and masks: match them by name, and load them.

Masks are recognised by their names: ``a.mask.png``, ``a_gt.mat``, ``a-labels.npy`` belong to the
cube ``a.hdr``.  A cube's own file may hold the mask too (``cube`` and ``gt`` of one ``.npz``).
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from hsizoo.cube import NO_LABEL, HyperCube, LabelMap, Scene
from hsizoo.errors import DataError, HsizooError
from hsizoo.io.envi import data_files, find_header
from hsizoo.io.formats import Format, format_of, is_store
from hsizoo.io.manifest import MANIFEST, Manifest, find_manifest
from hsizoo.io.raster import Raster, to_cube, to_labels
from hsizoo.io.reading import open_cube, open_labels

__all__ = ["Collection", "Member"]

_MASK: Final = re.compile(
    r"(?P<base>.+)[._-](?:mask|gt|labels?|annotations?|segmentation|ground[_-]?truth)", re.I
)
_HOLD_BOTH: Final = ("npz", "mat", "hdf5", "zarr")
_UNNAMED_AXES: Final = (*_HOLD_BOTH, "npy")
_NO_DATA: Final = (
    ".toml", ".txt", ".md", ".json", ".csv", ".jpg", ".jpeg", ".xml", ".pdf", ".log",
    ".msk", ".ovr",  # GDAL's masks and smaller copies of the file beside them
)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """A cube of the folder.

    Parameters
    ----------
    name : str
        Path below the folder, without the extension.
    cube : Path
    masks : tuple of Path
        Masks that belong to the cube by name; loading fails if there are several.
    subject, split : str
    """

    name: str
    cube: Path
    masks: tuple[Path, ...]
    subject: str
    split: str


class Collection:
    """The cubes and masks of a folder, and its ``hsizoo.toml``.

    Parameters
    ----------
    folder : path

    Raises
    ------
    DataError
        If the folder does not exist, or its ``hsizoo.toml`` is invalid.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).expanduser()
        if not self.folder.is_dir():
            raise DataError(f"there is no folder {self.folder}")
        self.manifest: Manifest = find_manifest(self.folder)

    @property
    def files(self) -> dict[Path, Format | None]:
        """Every candidate file with its format, or None if that is unknown, in order.

        An ENVI image is represented by its header, a Zarr store by its folder.
        """
        return self._found[0]

    @cached_property
    def _found(self) -> tuple[dict[Path, Format | None], dict[Path, str]]:
        """The files, and links that must not be opened with the reason."""
        found: dict[Path, Format | None] = {}
        wrong: dict[Path, str] = {}
        root = self.folder.resolve()
        for path in self._walk():
            if any(fnmatch.fnmatch(self._below_manifest(path), s) for s in self.manifest.skip):
                continue
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                wrong[path] = (
                    f"{path} is a link that points outside {self.folder}; put the file itself "
                    f"there, or list the link under skip in {self.folder / MANIFEST}"
                )
                continue
            if path.is_dir() and not is_store(path):
                continue  # a link to another folder inside this one
            if path.name == MANIFEST:
                wrong[path] = (
                    f"{path} lies below {self.folder}, where its settings would not apply to "
                    f"everything; join it with {self.folder / MANIFEST}, or give {path.parent} as "
                    "the folder"
                )
                continue
            if not path.is_file() and not path.is_dir():
                wrong[path] = f"{path} is neither a file nor a folder (a pipe or a device)"
                continue
            try:
                found[path] = format_of(path)
            except DataError:
                found[path] = None
        headers = {path: find_header(path) for path, kind in found.items() if kind == "envi"}
        images = {path: kind for path, kind in found.items() if headers.get(path) not in found}
        return images, wrong

    def _walk(self) -> Iterator[Path]:
        """Yield files, stores and linked folders, except hidden ones and known non-data files."""
        for where, folders, names in os.walk(self.folder):
            here = Path(where)
            whole = [name for name in folders if is_store(here / name)]
            whole += [n for n in folders if (here / n).is_symlink() and n not in whole]
            folders[:] = sorted(n for n in folders if n[0] != "." and n not in whole)
            for name in sorted({*names, *whole}):
                path = here / name
                nested = name == MANIFEST and here != self.folder
                if nested or (name[0] != "." and path.suffix.lower() not in _NO_DATA):
                    yield path

    def _below(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _below_manifest(self, path: Path) -> str:
        """The path that patterns in ``hsizoo.toml`` are matched with."""
        base = self.manifest.folder or self.folder
        return path.relative_to(base).as_posix() if path.is_relative_to(base) else self._below(path)

    @property
    def members(self) -> list[Member]:
        """The cubes, sorted by name.

        Raises
        ------
        DataError
            As for `gathered`; also if any file does not fit in.
        """
        members, wrong = self.gathered
        if wrong:
            raise DataError(next(iter(wrong.values())))
        return members

    @cached_property
    def gathered(self) -> tuple[list[Member], dict[Path, str]]:
        """The cubes sorted by name, and files that do not fit in, with the reason.

        The latter are links that point outside the folder, a second cube of the same name, and
        masks that belong to no cube or to several.

        Raises
        ------
        DataError
            If a path has no subject, or a split names an unknown subject.
        """
        wrong = dict(self._found[1])
        usable = [path for path, kind in self.files.items() if kind is not None]
        named = {path: _MASK.fullmatch(path.stem) for path in usable}
        names: dict[str, Path] = {}
        for path in usable:
            if named[path] is not None or self.files[path] == "png":
                continue
            name = self._below(path.with_suffix(""))
            if names.setdefault(name, path) != path:
                wrong[path] = (
                    f"{names[name]} and {path} have the same name; rename one, or list one under "
                    f"skip in {self.folder / MANIFEST}"
                )
        masks: dict[Path, list[Path]] = {cube: [] for cube in names.values()}
        for path, match in named.items():
            if match is not None:
                try:
                    masks[self._cube_of(path, match["base"], list(masks))].append(path)
                except DataError as error:
                    wrong[path] = str(error)
        members = []
        for name, cube in sorted(names.items()):
            subject = self._subject(cube)
            split = self.manifest.split.get(subject, "")
            members.append(Member(name, cube, tuple(masks[cube]), subject, split))
        unknown = sorted(set(self.manifest.split) - {member.subject for member in members})
        if unknown and self.manifest.folder == self.folder:
            raise DataError(
                f"{self.manifest.path}: split names the unknown subject {unknown[0]!r}; known: "
                f"{', '.join(sorted({m.subject for m in members})) or 'none'}"
            )
        return members, wrong

    def _check_links(self, path: Path) -> None:
        """Raise `DataError` if a file, or the data of an ENVI header, is a link out of the folder.

        Such links are found when the folder is listed, unless ``skip`` hides them.
        """
        root = self.folder.resolve()
        for each in (path, *(data_files(path) if self.files.get(path) == "envi" else [])):
            if each.is_symlink() and not each.resolve().is_relative_to(root):
                raise DataError(
                    f"{each} is a link that points outside {self.folder}; put the file itself there"
                )

    def files_of(self, member: Member) -> list[Path]:
        """List all files that a cube and its masks are read from, such as headers and data."""
        found: list[Path] = []
        for path in (member.cube, *member.masks):
            if path.is_dir():
                found += sorted(each for each in path.rglob("*") if each.is_file())
            else:
                found += [path, *(data_files(path) if self.files[path] == "envi" else [])]
        return found

    def _cube_of(self, mask: Path, base: str, cubes: list[Path]) -> Path:
        """Return the cube of a mask: of the same name, or the only one whose name starts so."""
        beside = [cube for cube in cubes if cube.parent == mask.parent]
        same = [cube for cube in beside if cube.stem == base]
        longer = [cube for cube in beside if re.match(rf"{re.escape(base)}[._-]", cube.stem)]
        chosen = same or longer
        if len(chosen) != 1:
            raise DataError(
                f"the mask {mask} belongs to {'several cubes' if chosen else 'no cube'} beside it"
                f" ({', '.join(path.name for path in chosen or beside) or 'there are none'}); "
                f"name it after its cube, {base}.mask{mask.suffix}"
            )
        return chosen[0]

    def _subject(self, cube: Path) -> str:
        below = self._below(cube)
        if self.manifest.subject is None:
            first, slash, _ = below.partition("/")
            return first if slash else cube.stem
        below = self._below_manifest(cube)
        match = re.search(self.manifest.subject, below)
        text = match and (match[1] if match.re.groups else match[0])
        if not text:
            raise DataError(
                f"{self.folder / MANIFEST}: subject = {self.manifest.subject!r} does not match the "
                f"path {below!r}"
            )
        return text

    def raster(self, member: Member) -> Raster:
        """Open a cube, as `hsizoo.io.read_cube` does.

        Raises
        ------
        DataError
            If it is unusable, or no pixel has a value in every band.
        """
        self._check_links(member.cube)
        return open_cube(member.cube, manifest=self.manifest, images=self._sizes(member))

    def _sizes(self, member: Member) -> list[tuple[int, int]]:
        """Height and width of the mask, for a cube whose format does not tell the axes."""
        if self.files.get(member.cube) not in _UNNAMED_AXES or len(member.masks) != 1:
            return []
        try:
            height, width = open_labels(member.masks[0], manifest=self.manifest).values.shape[:2]
        except (HsizooError, ValueError):  # reading the mask says what is wrong with it
            return []
        return [(height, width)]

    def cube(self, member: Member) -> HyperCube:
        """Read a cube.

        Raises
        ------
        DataError
            See `raster`.
        """
        return to_cube(self.raster(member), member.name)

    def label_map(self, member: Member) -> LabelMap:
        """Read the mask of a cube.

        Raises
        ------
        DataError
            If the cube has no mask or several, or a label has no name.
        """
        manifest = self.manifest
        if len(member.masks) > 1:
            listed = ", ".join(path.name for path in member.masks)
            raise DataError(f"{member.cube} has {len(member.masks)} masks: {listed}; keep only one")
        path = member.masks[0] if member.masks else member.cube
        if not member.masks and self.files[member.cube] not in _HOLD_BOTH:
            raise DataError(
                f"{member.cube} has no mask; put it beside the cube as {member.cube.stem}.mask.png "
                f"(.hdr, .npy, .tif, .mat), or list the cube under skip in "
                f"{self.folder / MANIFEST}"
            )
        self._check_links(path)
        raster = open_labels(path, manifest=manifest)
        labels = to_labels(raster)
        present = np.unique(labels).tolist()
        ignored = manifest.ignore or frozenset()
        names = dict(manifest.names or raster.class_names)
        if not names:
            named = [label for label in present if label != NO_LABEL]
            names = {label: f"class {label}" if label else "background" for label in named}
        elif 0 not in names and 0 not in ignored and 0 in present and not manifest.names:
            names[0] = "background"
        targets = manifest.targets
        if targets is None:
            targets = frozenset(names) - ignored - {0}
        remarks = list(raster.remarks)
        if missing := int((labels == NO_LABEL).sum()):
            stated = f" (value {raster.nodata[0]:g})" if raster.nodata else ""
            remarks.append(f"{missing} pixels of the mask have no data{stated} and are ignored")
        try:
            return LabelMap(labels, names, ignored, targets, remarks)
        except DataError as error:
            raise DataError(
                f"{path}: {error}.  Set names, ignore and targets in {self.folder / MANIFEST}"
            ) from None

    def scene(self, member: Member) -> Scene:
        """Read a cube with its mask.

        Raises
        ------
        DataError
            See `cube` and `label_map`; also if their sizes differ.
        """
        labels = self.label_map(member)
        cube = self.cube(member)
        self.check_size(member, labels, cube.shape[:2])
        return Scene(cube, labels, member.name, member.subject, member.split)

    @staticmethod
    def check_size(member: Member, labels: LabelMap, shape: tuple[int, ...]) -> None:
        """Raise `DataError` if a mask differs from its cube in height or width."""
        if labels.labels.shape != shape:
            mask = member.masks[0] if member.masks else member.cube
            raise DataError(
                f"{mask} has {labels.labels.shape} (rows, columns), but {member.cube} has {shape}"
            )

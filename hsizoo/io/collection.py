"""A folder of cubes and masks: find them, and load them.

Masks are recognised by their names: ``a.mask.png``, ``a_gt.mat``, ``a-labels.npy`` or ``a.geojson``
beside the cube ``a.hdr``, or ``labels/a.png`` for ``images/a.hdr``; see `hsizoo.io.matching`.  A
cube's own file may hold the mask too (``cube`` and ``gt`` of one ``.npz``).
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from hsizoo.cube import NO_LABEL, HyperCube, LabelMap, Scene
from hsizoo.documents import user_path
from hsizoo.errors import DataError, HsizooError
from hsizoo.io.class_numbers import number_classes
from hsizoo.io.envi import find_header
from hsizoo.io.folder_files import leads_outside, list_files, parts_of
from hsizoo.io.formats import DRAWN, Format
from hsizoo.io.manifest import MANIFEST, Manifest, find_manifest
from hsizoo.io.matching import Matches, match_files
from hsizoo.io.raster import Raster, to_cube, to_labels
from hsizoo.io.reading import open_cube, open_labels
from hsizoo.io.vectors import classes_of

__all__ = ["Collection", "Member"]

_HOLD_BOTH: Final = ("npz", "mat", "hdf5", "zarr")
_UNNAMED_AXES: Final = (*_HOLD_BOTH, "npy")
# Settings of the folder that do not change what is read from a file, or that a member holds.
_NOT_OF_A_SCENE: Final = (
    "folder", "title", "licence", "citation", "subject", "split", "skip", "masks",
)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """A cube of the folder.

    Parameters
    ----------
    name : str
        Path below the folder, without the extension, and without a folder such as ``images`` that
        has one such as ``labels`` beside it.
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

    only : sequence of Path, optional
        The folders in it to look into; by default all of them.

    Raises
    ------
    DataError
        If the folder does not exist, or its ``hsizoo.toml`` is invalid.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, only: Sequence[Path] | None = None
    ) -> None:
        self.folder = user_path(folder)
        self._only = only
        if not self.folder.is_dir():
            if self.folder.exists():
                raise DataError(f"{self.folder} is a file; give the folder that it lies in")
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
        return list_files(self.folder, self._is_skipped, self._only)

    def _is_skipped(self, path: Path) -> bool:
        return any(fnmatch.fnmatch(self._below_manifest(path), s) for s in self.manifest.skip)

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
        masks that belong to no cube or to several; pictures and the like fit in unused.

        Raises
        ------
        DataError
            If a path has no subject, or the settings name an unknown subject or file.
        """
        matches = self._matches
        wrong = self._found[1] | matches.wrong
        members = []
        for cube, name in sorted(matches.names.items(), key=lambda each: each[1]):
            subject = self._subject(cube)
            split = self.manifest.split.get(subject, "")
            members.append(Member(name, cube, tuple(matches.masks[cube]), subject, split))
        unknown = sorted(set(self.manifest.split) - {member.subject for member in members})
        if unknown and self.manifest.folder == self.folder:
            raise DataError(
                f"{self.manifest.path}: split names the unknown subject {unknown[0]!r}; known: "
                f"{', '.join(sorted({m.subject for m in members})) or 'none'}"
            )
        return members, wrong

    @property
    def remarks(self) -> dict[Path, str]:
        """Notes on masks that belong to several cubes."""
        return self._matches.remarks

    @cached_property
    def _matches(self) -> Matches:
        usable = {path: kind for path, kind in self.files.items() if kind is not None}
        return match_files(self.folder, usable, self._pairs(usable))

    def _pairs(self, usable: Mapping[Path, Format]) -> dict[Path, Path]:
        """Return the mask of each cube that ``hsizoo.toml`` names.

        Raises
        ------
        DataError
            If a file is not there.
        """
        if not self.manifest.masks:
            return {}
        known = {path.resolve(): path for path in usable}
        base = (self.manifest.folder or self.folder).resolve()
        below = self.folder.resolve()
        found: dict[Path, Path] = {}
        for names in self.manifest.masks.items():
            pair = []
            for name in names:
                path = Path(os.path.normpath(base / name))
                header = find_header(path) if path.is_file() and path not in known else None
                pair.append(known.get(header or path))
                if pair[-1] is None and (base == below or path.is_relative_to(below)):
                    raise DataError(
                        f"{self.manifest.path}: masks names {name}, which is not there, is "
                        f"skipped, or has an unknown format; paths begin in {base}"
                    )
            cube, mask = pair
            if cube is not None and mask is not None:
                found[cube] = mask
        return found

    def _check_links(self, path: Path) -> None:
        """Raise `DataError` if a file, or one that is read with it, is a link out of the folder.

        Such links are found when the folder is listed, unless ``skip`` hides them.
        """
        for each in (path, *self._parts(path)):
            if leads_outside(each, self.folder):
                raise DataError(
                    f"{each} is a link that points outside {self.folder}; put the file itself there"
                )

    def _parts(self, path: Path) -> list[Path]:
        return parts_of(path, self.files.get(path))

    def files_of(self, member: Member) -> list[Path]:
        """List all files that a cube and its masks are read from, such as headers and data."""
        found: list[Path] = []
        for path in (member.cube, *member.masks):
            if path.is_dir():
                found += sorted(each for each in path.rglob("*") if each.is_file())
            else:
                found += [path, *self._parts(path)]
        return found

    def reading_of(self, member: Member) -> str:
        """Return, as text, what a scene depends on beside the content of its files."""
        manifest = self.manifest
        settings = {
            each.name: getattr(manifest, each.name)
            for each in fields(manifest)
            if each.name not in _NOT_OF_A_SCENE
        }
        files = [self._below(path) for path in self.files_of(member)]
        drawn = any(self.files.get(path) in DRAWN for path in member.masks)
        classes = dict(self._classes) if drawn and not manifest.names else {}
        plain = {
            key: sorted(value) if isinstance(value, frozenset) else value
            for key, value in settings.items()
        }
        return repr((files, plain, classes, member.name, member.subject, member.split))

    def _subject(self, cube: Path) -> str:
        if self.manifest.subject is None:
            first, slash, _ = self._matches.natural[cube].partition("/")
            return first if slash else cube.stem
        below = self._below_manifest(cube)
        match = re.search(self.manifest.subject, below)
        text = match and (match[1] if match.re.groups else match[0])
        if not text:
            raise DataError(
                f"{self.manifest.path}: subject = {self.manifest.subject!r} does not match the "
                f"path {below!r}; change it, or list the path under skip"
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
        if self.files[member.masks[0]] in DRAWN:
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

    def label_map(self, member: Member, like: Raster | None = None) -> LabelMap:
        """Read the mask of a cube.

        Parameters
        ----------
        member : Member
        like : Raster, optional
            The cube, if it is open already; a mask without pixels is drawn in its size.

        Raises
        ------
        DataError
            If the cube has no mask or several, or a label has no name.
        """
        manifest = self.manifest
        if len(member.masks) > 1:
            listed = ", ".join(path.name for path in member.masks)
            pair = f'"{self._below_manifest(member.cube)}" = "MASK"'
            raise DataError(
                f"{member.cube} has {len(member.masks)} masks: {listed}; keep only one, or choose "
                f"with [masks] {pair} in {self.folder / MANIFEST}"
            )
        path = member.masks[0] if member.masks else member.cube
        if not member.masks and self.files[member.cube] not in _HOLD_BOTH:
            raise DataError(
                f"{member.cube} has no mask; put it beside the cube as {member.cube.stem}.mask.png "
                f"(.hdr, .npy, .tif, .mat, .geojson), or as labels/{member.cube.stem}.png, or list "
                f"the cube under skip in {self.folder / MANIFEST}"
            )
        self._check_links(path)
        kind = self.files[path]
        if kind in DRAWN and like is None:
            like = self.raster(member)
        classes = self._classes if kind in DRAWN and not manifest.names else None
        raster = open_labels(path, manifest=manifest, like=like, classes=classes)
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

    @cached_property
    def _classes(self) -> Mapping[int, str]:
        """Numbers of the classes that polygons name, the same in all masks of the folder."""
        texts: set[str] = set()
        for path in {mask for each in self._matches.masks.values() for mask in each}:
            if self.files[path] in DRAWN - {"coco"}:
                try:
                    found = classes_of(path, self.manifest)
                except (HsizooError, ValueError):  # reading the mask says what is wrong with it
                    continue
                texts.update(each for each in found if isinstance(each, str))
        return number_classes(texts, {})[1]

    def scene(self, member: Member) -> Scene:
        """Read a cube with its mask.

        Raises
        ------
        DataError
            See `cube` and `label_map`; also if their sizes differ.
        """
        drawn = len(member.masks) == 1 and self.files[member.masks[0]] in DRAWN
        raster = self.raster(member) if drawn else None
        labels = self.label_map(member, raster)
        raster = raster or self.raster(member)
        self.check_size(member, labels, raster.values.shape[:2])
        cube = to_cube(raster, member.name)
        return Scene(cube, labels, member.name, member.subject, member.split)

    def check_size(self, member: Member, labels: LabelMap, shape: tuple[int, ...]) -> None:
        """Raise `DataError` if a mask differs from its cube in height or width."""
        if (size := labels.labels.shape) == shape:
            return
        mask = member.masks[0] if member.masks else member.cube
        what = "correct one of them, or list the cube under skip"
        if size == shape[::-1]:
            what = "rows and columns are exchanged in one of them: correct it, or set layout"
        raise DataError(
            f"{mask} has {size} (rows, columns), but {member.cube} has {shape}; {what} in "
            f"{self.folder / MANIFEST}"
        )

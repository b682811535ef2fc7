"""Match the files of a folder: which are cubes, and which mask belongs to which cube.

A mask lies beside its cube and has its name with an ending such as ``.mask``, or it lies in a
folder such as ``labels`` and has the same name.  Polygons beside a cube need its name only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from hsizoo.errors import DataError, listed
from hsizoo.io import coco
from hsizoo.io.formats import DRAWN, FORMATS, MASKS_ONLY, Format
from hsizoo.io.manifest import MANIFEST

__all__ = ["LOOKED_FOR", "Matches", "match_files"]

_MASK: Final = re.compile(
    r"(?P<base>.+)[._-](?:mask|gt|labels?|annotations?|segmentation|ground[_-]?truth)", re.I
)
_MASK_FOLDERS: Final = (
    "mask", "masks", "gt", "gts", "label", "labels", "annotation", "annotations", "segmentation",
    "segmentations", "groundtruth", "ground_truth", "ground-truth",
)  # fmt: skip
_CUBE_FOLDERS: Final = ("image", "images", "img", "imgs", "cube", "cubes", "data", "hsi")

_CUBE_FORMATS: Final = ", ".join(text for kind, text in FORMATS.items() if kind not in MASKS_ONLY)
_MASK_FORMATS: Final = ", ".join(text for kind, text in FORMATS.items() if kind in MASKS_ONLY)
LOOKED_FOR: Final = (
    f"Cubes: {_CUBE_FORMATS}.  Masks, in the same formats or as {_MASK_FORMATS}: beside the cube "
    "a.hdr as a.mask.png (or a_gt.mat, a-labels.npy, a.annotation.tif, a.segmentation.png, "
    "a.groundtruth.png, a.geojson), or with equal names in folders, images/a.hdr and labels/a.png "
    "(or img, cubes, data; masks, gt, annotations), also below, as in train/images and "
    "train/labels"
)
"""What a folder may look like, for messages."""


@dataclass
class Matches:
    """The files of a folder by their part.

    Parameters
    ----------
    names : dict of Path to str
        The cubes with their names: paths below the folder without endings, and without a folder
        such as ``images`` where masks lie in a folder beside it.
    natural : dict of Path to str
        The same, even where two cubes have one such name; tells the subject.
    masks : dict of Path to list of Path
        The masks of each cube.
    wrong : dict of Path to str
        Files that do not fit in, with the reason.
    remarks : dict of Path to str
        Notes on masks.
    """

    names: dict[Path, str] = field(default_factory=dict)
    natural: dict[Path, str] = field(default_factory=dict)
    masks: dict[Path, list[Path]] = field(default_factory=dict)
    wrong: dict[Path, str] = field(default_factory=dict)
    remarks: dict[Path, str] = field(default_factory=dict)


def match_files(folder: Path, files: Mapping[Path, Format], pairs: Mapping[Path, Path]) -> Matches:
    """Match cubes and masks.

    Parameters
    ----------
    folder : Path
    files : mapping of Path to str
        The usable files below the folder, with their formats.
    pairs : mapping of Path to Path
        The mask of each cube that the user names.
    """
    return _Matching(folder, files, pairs).matches


class _Matching:
    """One run of `match_files`."""

    def __init__(
        self, folder: Path, files: Mapping[Path, Format], pairs: Mapping[Path, Path]
    ) -> None:
        self._folder, self._files = folder, files
        self._below = {path: PurePosixPath(path.relative_to(folder).as_posix()) for path in files}
        self._given = set(pairs.values())
        self.matches = Matches()
        self._beside: dict[tuple[str, ...], list[Path]] = {}  # cubes by folder
        self._find_cubes(set(pairs))
        for path, kind in files.items():
            if path in self._given or path in self.matches.names or path in self.matches.wrong:
                continue
            try:
                self._place(path, kind)
            except DataError as error:
                self.matches.wrong[path] = str(error)
        for cube, mask in pairs.items():
            if cube in self.matches.masks:
                self.matches.masks[cube] = [mask]

    def _find_cubes(self, named: set[Path]) -> None:
        found: dict[str, Path] = {}
        for path, kind in self._files.items():
            if path not in named and (
                kind in MASKS_ONLY
                or path in self._given
                or _MASK.fullmatch(path.stem) is not None
                or self._mask_folder(path) is not None
            ):
                continue
            plain = str(self._below[path].with_suffix(""))
            if found.setdefault(plain, path) != path:
                self.matches.wrong[path] = (
                    f"{found[plain]} and {path} have the same name; rename one, or list one under "
                    f"skip in {self._folder / MANIFEST}"
                )
        above = set(self._folders_with_masks())
        natural = {path: self._natural(path, above) for path in found.values()}
        count = Counter(natural.values())
        for plain, path in found.items():
            name = natural[path]
            self.matches.names[path] = name if count[name] == 1 else plain
            self.matches.natural[path] = name
            self.matches.masks[path] = []
            self._beside.setdefault(self._below[path].parts[:-1], []).append(path)

    def _mask_folder(self, path: Path) -> int | None:
        """Place of the first folder for masks in a path below the folder, or None."""
        parts = self._below[path].parts[:-1]
        return next((n for n, part in enumerate(parts) if part.lower() in _MASK_FOLDERS), None)

    def _folders_with_masks(self) -> Iterator[tuple[str, ...]]:
        """Yield the folders in which a folder for masks lies, or a file with masks for many."""
        for path, kind in self._files.items():
            place, parts = self._mask_folder(path), self._below[path].parts
            if place is not None:
                yield parts[:place]
            elif kind == "coco":
                yield parts[:-1]

    def _natural(self, cube: Path, above: set[tuple[str, ...]]) -> str:
        """Return a cube's path without ending, and without the folder for cubes."""
        below = self._below[cube].with_suffix("")
        for number, part in enumerate(below.parts[:-1]):
            if part.lower() in _CUBE_FOLDERS and below.parts[:number] in above:
                return str(PurePosixPath(*below.parts[:number], *below.parts[number + 1 :]))
        return str(below)

    def _place(self, path: Path, kind: Format) -> None:
        """Give a file to its cube, if it is a mask.

        Raises
        ------
        DataError
            If it belongs to no cube or to several.
        """
        named, inside = _MASK.fullmatch(path.stem), self._mask_folder(path)
        if kind == "coco":
            self._place_coco(path)
            return
        if named is None and inside is None and kind not in DRAWN:
            return  # a picture
        found: list[Path] = []
        tiers = list(self._where(path, inside))
        for tier in tiers:
            if inside is not None or kind in DRAWN:
                found = [cube for cube in tier if cube.stem == path.stem]
            if named is not None:
                found = found or _called(named["base"], tier)
            if found:
                break
        if len(found) == 1:
            self.matches.masks[found[0]].append(path)
        elif found or named is not None or inside is not None:
            base = path.stem if named is None else named["base"]
            raise DataError(self._stray(path, base, found, tiers[0], inside))

    def _where(self, mask: Path, inside: int | None) -> Iterator[list[Path]]:
        """Yield the cubes that a mask may belong to, the likelier ones first."""
        parts = self._below[mask].parts[:-1]
        if inside is None:
            yield self._beside.get(parts, [])
            return
        before, after = parts[:inside], parts[inside + 1 :]
        usual: list[Path] = []
        others: list[Path] = []
        for where, cubes in self._beside.items():
            if where == before + after:
                usual += cubes
            elif where[:inside] == before and where[inside + 1 :] == after and len(where) > inside:
                (usual if where[inside].lower() in _CUBE_FOLDERS else others).extend(cubes)
        yield usual
        yield others

    def _stray(
        self, mask: Path, base: str, found: Sequence[Path], beside: Sequence[Path],
        inside: int | None,
    ) -> str:  # fmt: skip
        """Say why a mask belongs to no single cube, and what to do."""
        manifest = self._folder / MANIFEST
        pair = f'[masks] "CUBE" = "{self._below[mask]}" in {manifest}'
        if found:
            return (
                f"the mask {mask} belongs to several cubes: {listed(self._below[f] for f in found)}"
                f"; name it after one of them, or tell with {pair}"
            )
        where = "beside it" if inside is None else "of that name in a folder beside its own"
        there = listed(path.name for path in beside) or "there are none"
        wanted = f"{base}.mask{mask.suffix}" if inside is None else f"{base}{mask.suffix}"
        return (
            f"the mask {mask} belongs to no cube {where} ({there}); name it after its cube, "
            f"{wanted}, tell with {pair}, or list it under skip there"
        )

    def _place_coco(self, path: Path) -> None:
        """Give a file of annotations to every cube that has the name of one of its images."""
        inside, parts = self._mask_folder(path), self._below[path].parts
        above = parts[:-1] if inside is None else parts[:inside]
        cubes: dict[str, list[Path]] = {}
        for where, each in self._beside.items():
            for cube in each if where[: len(above)] == above else ():
                cubes.setdefault(cube.stem, []).append(cube)
        try:
            images = coco.images_of(path)
        except DataError as error:
            raise DataError(
                f"{error}; or list the file under skip in {self._folder / MANIFEST}"
            ) from None
        chosen: list[Path] = []
        absent = []
        for image in images:
            common = {c: coco.trailing(image, self._below[c]) for c in cubes.get(image.stem, ())}
            most = max(common.values(), default=0)
            found = [cube for cube, count in common.items() if count == most]
            if len(found) > 1:
                raise DataError(
                    f"{path}: the image {image} may be one of several cubes: "
                    f"{listed(self._below[each] for each in found)}; add the folder to its "
                    "file_name, or keep one file of annotations in each folder"
                )
            chosen += found
            absent += [] if found else [str(image)]
        for cube in dict.fromkeys(chosen):
            self.matches.masks[cube].append(path)
        if chosen and absent:
            self.matches.remarks[path] = f"{len(absent)} images have no cube: {listed(absent)}"


def _called(base: str, cubes: Sequence[Path]) -> list[Path]:
    """Return the cubes of a name, or else those whose names start so."""
    same = [cube for cube in cubes if cube.stem == base]
    return same or [c for c in cubes if re.match(rf"{re.escape(base)}[._-]", c.stem)]

"""Checks of cubes and masks, for ``hsizoo data check``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from hsizoo.cube import NO_LABEL, LabelMap
from hsizoo.errors import HsizooError
from hsizoo.io.collection import Collection, Member
from hsizoo.io.describing import facts
from hsizoo.io.formats import DRAWN, FORMATS, MASKS_ONLY, format_of
from hsizoo.io.manifest import MANIFEST, find_manifest
from hsizoo.io.raster import Raster, row_blocks, to_labels, usable_bands
from hsizoo.io.reading import open_cube, open_labels
from hsizoo.io.settings import Settings

__all__ = ["Finding", "check_collection", "check_file"]

_REFLECTANCE: Final = 2.0  # values with a lower median are taken for reflectance from 0 to 1
_MANY: Final = 0.01  # share of negative values that deserves a warning
_ROUGHER: Final = 2.0  # ratio of roughness that suggests swapped bytes
_MUCH: Final = 0.2  # share of label 0 that suggests that it means "not labelled"


@dataclass(frozen=True)
class Finding:
    """Result of checking one file.

    Parameters
    ----------
    path : Path
    role : {"cube", "mask", "dataset", "unused"}
        ``dataset`` is a folder in the layout of a registered dataset.
    facts : str
        Format, size, type, wavelengths.
    errors : tuple of str
        Problems that make the file unusable.
    warnings : tuple of str
        Possible problems.
    digest : str
        SHA-256 of the values of a cube; empty if the cube cannot be read.
    """

    path: Path
    role: Literal["cube", "mask", "dataset", "unused"]
    facts: str = ""
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    digest: str = ""


def check_file(
    path: Path,
    raster: Raster | None = None,
    *,
    settings: Settings | None = None,
) -> Finding:
    """Read a whole cube, or a mask, and report what was found; never raises for a bad file.

    A mask is a file that can be nothing else, or a band of whole numbers.

    Parameters
    ----------
    path : Path
    raster : Raster, optional
        The opened file, if settings were applied to it.
    settings : Settings, optional
        The user's; used only without `raster`.
    """
    alone = raster is None
    if alone and _only_a_mask(path):
        return _check_lone_mask(path, settings)
    try:
        raster = raster or open_cube(path, settings)
        if alone and _may_be_mask(raster):
            return _check_lone_mask(path, settings)
        warnings, digest = _look_through(raster)
        remarks = (*raster.remarks, *warnings)
        return Finding(path, "cube", facts(path, raster), (), remarks, digest)
    except HsizooError as error:
        if alone and not (mask := _check_lone_mask(path, settings)).errors:
            return mask
        return Finding(path, "cube", "", (str(error),))


def _only_a_mask(path: Path) -> bool:
    """Whether a file cannot be a cube."""
    try:
        return format_of(path) in MASKS_ONLY
    except HsizooError:  # reading the file says what is wrong with it
        return False


def _may_be_mask(raster: Raster) -> bool:
    """Whether what was opened as a cube is one band of whole numbers."""
    one_band = raster.values.ndim == 2 or raster.values.shape[2] == 1
    return one_band and raster.values.dtype.kind in "biu"


def _check_lone_mask(path: Path, settings: Settings | None) -> Finding:
    """Describe a mask without its cube."""
    from hsizoo.io import coco, vectors

    try:
        kind = format_of(path)
        if kind in DRAWN:
            whole = (settings or Settings()).over(find_manifest(path))
            module = coco if kind == "coco" else vectors
            facts, remarks = module.survey(path, whole)
            return Finding(path, "mask", f"{FORMATS[kind]}, {facts}", (), remarks)
        raster = open_labels(path, settings)
        labels = to_labels(raster)
    except HsizooError as error:
        return Finding(path, "mask", "", (str(error),))
    numbers, counts = np.unique(labels, return_counts=True)
    parts = [FORMATS[kind], f"{labels.shape[0]}×{labels.shape[1]}"]
    names = {NO_LABEL: "(no data)"} | dict(raster.class_names)
    parts += [
        f"{number} {names.get(number, '')}".strip() + f": {count}"
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
    ]
    return Finding(path, "mask", ", ".join(parts), (), raster.remarks)


def check_collection(collection: Collection) -> Iterator[Finding]:
    """Check a folder file by file: each cube and its mask, then misplaced and unused files.

    Raises
    ------
    DataError
        If the subjects of the cubes cannot be determined.
    """
    members, wrong = collection.gathered
    used: set[Path] = set()
    before = _Before()
    for member in members:
        used |= {member.cube, *member.masks}
        raster: Raster | None = None
        try:
            raster = collection.raster(member)
            finding = check_file(member.cube, raster)
        except HsizooError as error:
            finding = Finding(member.cube, "cube", "", (str(error),))
        where = f"subject {member.subject}" + (f", {member.split}" if member.split else "")
        finding = replace(
            finding,
            facts="; ".join(filter(None, (finding.facts, where))),
            warnings=(*finding.warnings, *before.alike(member, finding.digest)),
        )
        yield finding
        yield _check_mask(collection, member, raster)
    for path, note in collection.remarks.items():
        yield Finding(path, "mask", "", (), (note,))
    for path, what in wrong.items():
        yield Finding(path, "unused", "", (what,))
    for path in collection.files:
        if path not in used and path not in wrong:
            yield Finding(path, "unused", _why_unused(path, collection))


class _Before:
    """The cubes that were checked before."""

    def __init__(self) -> None:
        self._by_digest: dict[str, Member] = {}
        self._subjects: dict[str, dict[str, None]] = {}  # by their plain spelling

    def alike(self, member: Member, digest: str) -> list[str]:
        """Warn if a cube or a subject occurred before under another name; remember this one."""
        same = self._by_digest.setdefault(digest, member) if digest else member
        spellings = self._subjects.setdefault(_plain(member.subject), {})
        others = [subject for subject in spellings if subject != member.subject]
        spellings[member.subject] = None
        if same is not member:
            whose = "" if same.subject == member.subject else f", of subject {same.subject}"
            return [f"same values as {same.cube}{whose}: keep only one of them"]
        return [
            f"subjects {member.subject!r} and {other!r} differ only in spelling: folds may "
            "separate them"
            for other in others[:1]
        ]


def _plain(subject: str) -> str:
    return "".join(character for character in subject.casefold() if character.isalnum())


def _why_unused(path: Path, collection: Collection) -> str:
    kind = collection.files[path]
    if kind is None:
        return "unknown format"
    if kind in DRAWN:
        return f"{FORMATS[kind]} that have the name of no cube"
    return "a picture"


def _check_mask(collection: Collection, member: Member, raster: Raster | None) -> Finding:
    """Check a mask; `raster` is its cube, if that could be read."""
    path = member.masks[0] if member.masks else member.cube
    try:
        labels = collection.label_map(member, raster)
        if raster is not None:
            collection.check_size(member, labels, raster.values.shape[:2])
    except HsizooError as error:
        return Finding(path, "mask", "", (str(error),))
    numbers, counts = np.unique(labels.labels, return_counts=True)
    facts = ", ".join(
        f"{number} {labels.class_names.get(number, '')}: {count}"
        + (" (ignored)" if number in labels.ignore else "")
        + ("" if number in labels.targets | labels.ignore else " (counts as background)")
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
    )
    if collection.files[path] == "coco":  # one file for many cubes
        facts = f"of {member.cube.name}: {facts}"
    absent = not set(numbers.tolist()) & labels.targets
    notes = (*labels.remarks, *("no pixel belongs to a target class",) * absent)
    return Finding(path, "mask", facts, (), (*notes, *_unlabelled(collection, labels)))


def _unlabelled(collection: Collection, labels: LabelMap) -> Iterator[str]:
    """Ask what 0 means, if it may be that pixels are not labelled."""
    manifest = collection.manifest
    settled = manifest.ignore is not None or 0 in manifest.names or 0 in labels.targets
    share = float((labels.labels == 0).mean())
    if not settled and share >= _MUCH and len(labels.targets) > 2:
        yield (
            f"0 covers {share:.0%} of the mask and counts as background.  If it means that a pixel "
            f"is not labelled, write into {collection.folder / MANIFEST}: ignore = [0]"
        )


def _look_through(raster: Raster) -> tuple[list[str], str]:
    """Scan every value once, in blocks of rows; return the possible problems and the digest."""
    sha = hashlib.sha256(repr(raster.values.shape).encode())
    width, bands = raster.values.shape[1], len(usable_bands(raster)[0])
    finite = np.zeros(bands, dtype=np.int64)
    low, high = np.full(bands, np.inf), np.full(bands, -np.inf)
    negative = above_one = bad_pixels = at_top = 0
    top = np.iinfo(raster.values.dtype).max if raster.values.dtype.kind in "iu" else np.inf
    middle = []
    for start, rows in row_blocks(raster):
        sha.update(np.ascontiguousarray(rows).data)
        good = np.isfinite(rows)
        finite += good.sum(axis=(0, 1))
        bad_pixels += int((~good.all(axis=2)).sum())
        low = np.minimum(low, np.where(good, rows, np.inf).min(axis=(0, 1)))
        high = np.maximum(high, np.where(good, rows, -np.inf).max(axis=(0, 1)))
        with np.errstate(invalid="ignore"):
            negative += int((rows < 0).sum())
            above_one += int((rows > 1).sum())
            at_top += int((raster.values[start : start + len(rows)] == top).any(axis=2).sum())
        if good.any():
            middle.append(float(np.median(rows[good])))
    pixels, values = raster.values.shape[0] * width, raster.values.shape[0] * width * bands
    found = []
    if constant := np.flatnonzero((finite > 0) & (low == high)).tolist():
        found.append(f"bands with a constant value: {constant}")
    if bad_pixels:
        found.append(f"{bad_pixels} of {pixels} pixels are not finite in some band and not used")
    reflectance = bool(middle) and float(np.median(middle)) < _REFLECTANCE
    if negative and (reflectance or negative > _MANY * values):
        found.append(f"{negative} of {values} values are below 0, the lowest {low.min():g}")
    if above_one and reflectance:
        found.append(f"{above_one} of {values} values are above 1, the highest {high.max():g}")
    if at_top > 0 and np.isfinite(top):
        found.append(f"{at_top} of {pixels} pixels are saturated: {top} in some band")
    if _is_swapped(raster.values):
        found.append("neighbouring pixels agree better with reversed bytes: check the byte order")
    return found, sha.hexdigest()


def _is_swapped(values: npt.NDArray[Any]) -> bool:
    """Whether multi-byte integers vary far less smoothly than with their bytes reversed."""
    if values.dtype.kind not in "iu" or values.dtype.itemsize == 1 or values.shape[1] < 2:
        return False
    middle = np.array(values[values.shape[0] // 2])

    def roughness(row: npt.NDArray[Any]) -> float:
        """Difference of neighbours, in standard deviations of their band; 1.1 for noise."""
        numbers = row.astype(np.float64)
        spread = numbers.std(axis=0)
        steps = np.abs(np.diff(numbers, axis=0)).mean(axis=0)
        return float(np.median(steps[spread > 0] / spread[spread > 0])) if spread.any() else 0.0

    return roughness(middle) > _ROUGHER * roughness(middle.byteswap())

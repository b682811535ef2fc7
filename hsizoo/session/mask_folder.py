"""The masks that references gave, one file per cube, and the notes that let a run go on.

::

    FOLDER/NAME.mask.png              the mask
    FOLDER/NAME.mask.png.apply.json   what it was made from
    FOLDER/NAME.scores.hdr            the similarity maps, if asked for

A cube's files are written to a hidden folder and moved to their names when they are complete, the
note first: whenever a run stops, a mask whose content is not what its note says is made again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from hsizoo.documents import read_json
from hsizoo.errors import DataError, HsizooError
from hsizoo.io.writing import lost_place, system_errors, write_mask, write_probabilities
from hsizoo.session.applying import Applied, Applier
from hsizoo.session.inputs import Input
from hsizoo.session.masks import check_mask_target
from hsizoo.session.source import Source
from hsizoo.zoo.texts import one_line

__all__ = ["MaskFolder", "Outcome", "apply_to_files"]

_FORMAT: Final = "hsizoo apply 1"


@dataclass(frozen=True)
class Outcome:
    """What became of one cube.

    Parameters
    ----------
    name : str
        Of the cube.
    mask : Path
        The file; for ENVI, the header.
    pixels : dict of str to int
        Number of pixels of each class.
    shape : (int, int)
        Rows and columns of the mask.
    thresholds : dict of str to float
    before : bool
        Whether it was finished before.
    error : str
        Why there is no mask; empty if there is one.
    remarks : tuple of str
        Notes for the user.
    """

    name: str
    mask: Path
    pixels: Mapping[str, int]
    shape: tuple[int, int] = (0, 0)
    thresholds: Mapping[str, float] | None = None
    before: bool = False
    error: str = ""
    remarks: tuple[str, ...] = ()


class MaskFolder:
    """The folder that masks are written into.

    Parameters
    ----------
    folder : Path
        Made when the first mask is written.
    ending : str
        ``.png``, ``.hdr``, ``.tif`` or ``.npz``.
    scores : bool
        Whether to write the similarity maps too.
    force : bool
        Whether to make finished masks again, and to replace masks that have no note.
    """

    def __init__(
        self, folder: Path, ending: str, *, scores: bool = False, force: bool = False
    ) -> None:
        self.folder, self.scores, self._ending, self._force = folder, scores, ending, force

    def mask_of(self, name: str) -> Path:
        """Return the path of a cube's mask."""
        return self.folder / f"{name}.mask{self._ending}"

    def check_names(self, inputs: Sequence[Input]) -> None:
        """Raise `DataError` if two cubes would have the same mask."""
        seen: dict[Path, Input] = {}
        for each in inputs:
            other = seen.setdefault(self.mask_of(each.name), each)
            if other is not each:
                raise DataError(
                    f"{other.path or other.name} and {each.path or each.name} would both be "
                    f"written as {self.mask_of(each.name)}; give the folder above both, or apply "
                    "to them one by one, each with its own --out-dir"
                )

    def finished(self, name: str, made_from: Mapping[str, Any]) -> Outcome | None:
        """Return the outcome of an earlier run, if it was made from the same and is intact."""
        mask = self.mask_of(name)
        note = _read_note(mask)
        if self._force or note is None or note.get("made from") != made_from:
            return None
        try:
            files: dict[str, str] = note["files"]
            kept = all(_digest(mask.parent / file) == sha for file, sha in files.items())
            wanted = not self.scores or _scores_of(mask).name in files
            if not (kept and wanted):
                return None
            height, width = note["shape"]
            thresholds = {str(key): float(value) for key, value in note["thresholds"].items()}
            pixels = {str(key): int(value) for key, value in note["pixels"].items()}
            return Outcome(name, mask, pixels, (height, width), thresholds, before=True)
        except (KeyError, TypeError, ValueError, AttributeError, OSError):
            return None

    def check(self, name: str, cube: frozenset[Path]) -> None:
        """Check that a cube's files may be written.

        Raises
        ------
        DataError
            If they would replace a cube, or files that this command did not write.
        """
        mask = self.mask_of(name)
        with system_errors(mask):
            mask.parent.mkdir(parents=True, exist_ok=True)
        check_mask_target(mask, cube)
        note = _note_of(mask)
        if note.exists() and _read_note(mask) is None:
            raise DataError(f"{note} exists and is no note of hsizoo apply; move it away")
        if self._force or note.exists():
            return
        existing = [mask, *([_scores_of(mask)] if self.scores else [])]
        for path in existing:
            if path.exists():
                raise DataError(
                    f"{path} exists and hsizoo apply has no note on it; choose another --out-dir, "
                    "or replace it with --force"
                )

    def write(
        self, found: Applied, source: Source, made_from: Mapping[str, Any]
    ) -> tuple[Path, tuple[str, ...]]:
        """Write a cube's files; return the mask and notes for the user.

        Raises
        ------
        DataError
            If they cannot be written.
        """
        mask, raster, labels = self.mask_of(found.name), source.raster, found.labels
        names = dict(labels.class_names)
        with system_errors(mask):
            part = Path(tempfile.mkdtemp(prefix=".apply-", dir=self.folder))
            try:
                write_mask(part / mask.name, labels.labels, class_names=names, like=raster)
                if found.scores is not None:
                    classes = {label: names[label] for label in sorted(labels.targets)}
                    scores = part / _scores_of(mask).name
                    write_probabilities(scores, found.scores, classes, like=raster)
                files = sorted(each.name for each in part.iterdir())
                note = part / _note_of(mask).name
                about = {
                    "format": _FORMAT,
                    "hsizoo": version("hsizoo"),
                    "cube": source.about["file"] or source.cube.name,
                    "made from": made_from,
                    "classes": [names[label] for label in sorted(labels.targets)],
                    "thresholds": found.thresholds,
                    "pixels": _pixels(found),
                    "shape": list(labels.labels.shape),
                    "files": {name: _digest(part / name) for name in files},
                }
                note.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
                for name in (note.name, *files):
                    (part / name).replace(mask.parent / name)
            finally:
                shutil.rmtree(part, ignore_errors=True)
        lost = lost_place(mask, raster, "keep it by --format ")
        return mask, (lost,) if lost else ()


def apply_to_files(
    applier: Applier, inputs: Sequence[Input], folder: MaskFolder
) -> Iterator[Outcome]:
    """Apply references to cubes one after another, and write the masks.

    A cube that fails is an outcome with its error; the rest goes on.

    Raises
    ------
    DataError
        If two cubes would have the same mask.
    """
    folder.check_names(inputs)
    for each in inputs:
        yield _one(applier, each, folder)


def _one(applier: Applier, each: Input, folder: MaskFolder) -> Outcome:
    mask = folder.mask_of(each.name)
    try:
        source = each.open()
        made_from = {**applier.identity, "cube sha256": source.cube.digest}
        if (before := folder.finished(each.name, made_from)) is not None:
            return before
        folder.check(each.name, source.files)
        found = applier.apply(source.cube, scores=folder.scores)
        found = Applied(each.name, found.labels, found.thresholds, found.scores, found.remarks)
        mask, remarks = folder.write(found, source, made_from)
    except HsizooError as error:
        return Outcome(each.name, mask, {}, error=str(error))
    except Exception as error:  # noqa: BLE001  # of a scorer or a library; the rest goes on
        return Outcome(each.name, mask, {}, error=one_line(error))
    height, width = found.labels.labels.shape
    remarks = (*source.cube.remarks, *found.remarks, *remarks, *_advice(found))
    pixels = _pixels(found)
    return Outcome(each.name, mask, pixels, (height, width), found.thresholds, remarks=remarks)


def _pixels(found: Applied) -> dict[str, int]:
    names, labels = found.labels.class_names, found.labels.labels
    return {names[label]: int((labels == label).sum()) for label in sorted(found.labels.targets)}


def _advice(found: Applied) -> tuple[str, ...]:
    """Tell if nothing or everything was found."""
    labels = found.labels.labels
    if not labels.any():
        return ("no pixel is above the threshold; lower --threshold if the classes are there",)
    if (labels > 0).all():
        return ("every pixel is above the threshold; raise --threshold",)
    return ()


def _note_of(mask: Path) -> Path:
    return mask.with_name(f"{mask.name}.apply.json")


def _scores_of(mask: Path) -> Path:
    return mask.with_name(f"{mask.name.removesuffix(f'.mask{mask.suffix}')}.scores.hdr")


def _read_note(mask: Path) -> dict[str, Any] | None:
    try:
        note = read_json(_note_of(mask))
    except DataError:
        return None
    return note if isinstance(note, dict) and note.get("format") == _FORMAT else None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

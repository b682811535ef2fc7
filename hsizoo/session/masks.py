"""Mask files: where they may be written, and the report on a written one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hsizoo.errors import DataError, HsizooError
from hsizoo.io.writing import check_parent

__all__ = ["Export", "check_folder", "check_mask_target", "check_own"]


@dataclass(frozen=True)
class Export:
    """Result of `Session.export`.

    Parameters
    ----------
    path : Path
        The written file; for ENVI, the header.
    pixels : int
        Number of pixels that are not background.
    remarks : tuple of str
        Notes for the user: a mask that is empty or covers everything, a lost georeference.
    """

    path: Path
    pixels: int
    remarks: tuple[str, ...] = ()


def check_folder(target: Path, written: set[Path], cube: frozenset[Path]) -> None:
    """Raise `DataError` if the folder cannot be written into, or the cube would be overwritten."""
    check_parent(target)
    if {each.resolve() for each in written} & cube:
        raise DataError(f"{target} would overwrite the cube; choose another name")


def check_own(target: Path, saved: Path) -> None:
    """Check that a mask replaces nothing but an earlier one with its saved session beside it.

    Raises
    ------
    DataError
        If either file exists and the other is not there or is not a session.
    """
    from hsizoo.session.saved import read_kept

    if saved.exists():
        try:
            read_kept(saved)
        except HsizooError as error:
            raise DataError(
                f"{saved} exists and is not a session; choose another name ({error})"
            ) from None
    if target.exists() != saved.exists():
        found, other = (target, saved) if target.exists() else (saved, target)
        raise DataError(
            f"{found} exists, but not {other.name}, so it may not be from an earlier call; choose "
            "another name, or replace it with --force"
        )


def check_mask_target(target: Path, cube: frozenset[Path]) -> None:
    """Check that a mask may be written there; see `Session.check_export`."""
    from hsizoo.io import open_raster, read_labels
    from hsizoo.io.writing import check_mask_name

    check_mask_name(target)
    is_envi = target.suffix.lower() == ".hdr"
    written = {target, target.with_suffix(".img")} if is_envi else {target}
    check_folder(target, written, cube)
    if not any(each.exists() for each in written):
        return
    try:
        read_labels(target)
    except HsizooError as error:
        raise DataError(
            f"{target} exists and is not a mask; choose another name ({error})"
        ) from None
    try:
        bands = open_raster(target, "cube").values.shape[2:]
    except HsizooError:
        return
    if bands not in ((), (1,)):
        raise DataError(f"{target} exists and holds a cube; choose another name")

"""Reference spectra as prompts: from a session's clicks, or from a spectral library."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hsizoo.cube import HyperCube
from hsizoo.errors import DataError, HsizooError, OptionError
from hsizoo.interfaces import SpectralScorer
from hsizoo.io.libraries import SpectralLibrary, read_library
from hsizoo.session.live import Session
from hsizoo.session.saved import find_cube, read_kept

__all__ = ["Class", "Example", "Origin", "References", "read_references"]

Origin = str | os.PathLike[str] | SpectralLibrary | Session
"""What references are taken from: a file, a library, or a live session."""


@dataclass(frozen=True)
class Class:
    """One class to look for.

    Parameters
    ----------
    name : str
    spectra : tuple of int
        Its rows in the library.
    against : tuple of int
        Rows with spectra of what it is not: those of negative clicks.
    """

    name: str
    spectra: tuple[int, ...]
    against: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Example:
    """The cube that references were clicked on, and the mask of each class as the user left it.

    Parameters
    ----------
    cube : HyperCube
    masks : dict of str to ndarray of bool, shape (H, W)
    threshold : float
        Of the session.
    """

    cube: HyperCube
    masks: dict[str, npt.NDArray[np.bool_]]
    threshold: float


@dataclass(frozen=True, eq=False)
class References:
    """Reference spectra, and the classes that they stand for.

    Parameters
    ----------
    library : SpectralLibrary
    classes : tuple of Class
    example : Example, optional
        Of a session.
    remarks : tuple of str
        Notes for the user.
    """

    library: SpectralLibrary
    classes: tuple[Class, ...]
    example: Example | None = None
    remarks: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the spectra and the classes, as 64 hexadecimal digits."""
        about = [(each.name, each.spectra, each.against) for each in self.classes]
        return hashlib.sha256(f"{self.library.digest}{about}".encode()).hexdigest()


def read_references(
    origin: Origin,
    *,
    scorer: str | SpectralScorer = "sa",
    cube: str | os.PathLike[str] | None = None,
    folders: Iterable[Path] = (),
    as_one: bool = False,
    device: str = "auto",
) -> References:
    """Read references from any origin.

    Parameters
    ----------
    origin : path, SpectralLibrary or Session
        A session saved by `Session.save` or ``hsizoo segment``, an ENVI spectral library, or text
        (see `hsizoo.io.read_library`).
    scorer : str or SpectralScorer
        Stands in for a session's component, where that cannot be used here.
    cube : path, optional
        Of a saved session.  Default: the file of that name beside it, in the working folder or in
        `folders`.
    folders : iterable of Path
        Where else to look for it.
    as_one : bool
        Whether all spectra stand for one class.
    device : str
        For the session's component.

    Raises
    ------
    DataError
        If a file cannot be read or holds no reference.
    OptionError
        If `origin` is something else, or `cube` is given for a library.
    """
    if isinstance(origin, SpectralLibrary):
        return _of_library(origin, "references", as_one)
    if isinstance(origin, Session):
        return _of_session(origin, as_one, usable=True)
    if not isinstance(origin, str | os.PathLike):
        raise OptionError(
            "references are a path, a hsizoo.io.SpectralLibrary or a hsizoo.Session; got "
            f"{type(origin).__name__}"
        )
    path = Path(origin)
    if not _is_json(path):
        if cube is not None:
            raise OptionError(f"{path} is no saved session, so it has no cube of its own")
        library = read_library(path)
        remarks = tuple(f"{path.name}: {remark}" for remark in library.remarks)
        return _of_library(library, path.stem, as_one, remarks)
    kept = read_kept(path)
    source = cube or _find_cube(path, kept.file, folders)
    try:
        session, trouble = Session.replay(path, source, device=device), ""
        session.prepare()
    except HsizooError as error:
        session = Session.replay(path, source, scorer, device=device)  # reports a wrong cube
        trouble = (
            f"{path.name}: its component {kept.component or '(unnamed)'} cannot be used here, so "
            f"its masks give no threshold ({error})"
        )
    found = _of_session(session, as_one, usable=not trouble)
    remarks = (*session.remarks, trouble) if trouble else session.remarks
    return References(found.library, found.classes, found.example, (*remarks, *found.remarks))


def _is_json(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
    except OSError:
        return False


def _find_cube(path: Path, name: str, folders: Iterable[Path]) -> Path:
    """Return the cube of a saved session."""
    if (found := find_cube(path, name, folders)) is not None:
        return found
    what = (
        f"{path} has clicks on {name}, which is neither beside it nor among the cubes"
        if name
        else f"the cube of {path} was not read from a file"
    )
    raise DataError(f"{what}; name it: --reference-cube FILE (reference_cube=)")


def _of_library(
    library: SpectralLibrary, title: str, as_one: bool, remarks: Sequence[str] = ()
) -> References:
    rows: dict[str, list[int]] = {}
    for number, name in enumerate(library.names):
        rows.setdefault(title if as_one else name, []).append(number)
    classes = tuple(Class(name, tuple(own)) for name, own in rows.items())
    return References(library, classes, remarks=tuple(remarks))


def _of_session(session: Session, as_one: bool, *, usable: bool) -> References:
    """Take the spectra under the clicks; `usable` is whether the session's masks are."""
    cube = session.cube
    rows: dict[tuple[int, int], int] = {}  # each clicked pixel once
    owners: list[str] = []
    classes: list[Class] = []
    for name in session.objects:
        clicks = session.clicks(name)
        for row, col, _ in clicks:
            if rows.setdefault((row, col), len(rows)) == len(owners):
                owners.append(name)
        signs = {(row, col): positive for row, col, positive in clicks}  # the last one counts
        own = tuple(rows[place] for place, positive in signs.items() if positive)
        against = tuple(rows[place] for place, positive in signs.items() if not positive)
        if own:
            classes.append(Class(name, own, against))
    if not classes:
        raise DataError("the session has no positive click, so there is no reference spectrum")
    spectra = np.array([cube.data[row, col] for row, col in rows])
    library = SpectralLibrary(owners, spectra, cube.wavelengths)
    masks, remarks = {}, []
    for each in classes if usable else ():
        mask = session.mask(each.name)
        if mask.any() and not mask[cube.valid].all():
            masks[each.name] = mask
        else:
            what = "covers the whole image" if mask.any() else "is empty"
            remarks.append(f"the session's mask of {each.name} {what}, so it gives no threshold")
    if as_one and len(classes) > 1:
        own = tuple(dict.fromkeys(row for each in classes for row in each.spectra))
        rest = dict.fromkeys(row for each in classes for row in each.against if row not in own)
        name = " + ".join(each.name for each in classes)
        if len(masks) == len(classes):
            masks = {name: np.logical_or.reduce(list(masks.values()))}
        classes = [Class(name, own, tuple(rest))]
    example = Example(cube, masks, session.threshold) if masks else None
    return References(library, tuple(classes), example, tuple(remarks))

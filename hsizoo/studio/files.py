"""What is downloaded from the page and uploaded to it, as bytes; nothing is left on the disk."""

from __future__ import annotations

import base64
import binascii
import io
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from hsizoo.errors import DataError, HsizooError, OptionError
from hsizoo.io import SpectralLibrary, read_library, write_library, write_mask
from hsizoo.io.polygons import POLYGON_FORMATS, write_polygons
from hsizoo.io.writing import MASK_FORMATS, lost_place

if TYPE_CHECKING:
    import numpy.typing as npt

    from hsizoo.session import Session
    from hsizoo.studio.fields import Fields

__all__ = [
    "LIBRARIES",
    "MASKS",
    "Download",
    "export_labels",
    "export_session",
    "library_file",
    "load_session",
    "overlay_picture",
    "save_session",
    "uploaded_library",
]

MASKS: Final = (*(each for each in MASK_FORMATS if each != ".tiff"), *POLYGON_FORMATS)
LIBRARIES: Final = (".csv", ".sli")
_UPLOADED: Final = (".csv", ".hdr", ".sli", ".tsv", ".txt")
_MOST_SPECTRA: Final = 500
_LONGEST_NAME: Final = 60


@dataclass(frozen=True, eq=False)
class Download:
    """A file for the user.

    Parameters
    ----------
    name : str
    content : bytes
    remarks : tuple of str
    """

    name: str
    content: bytes
    remarks: tuple[str, ...] = ()


def export_session(session: Session, ending: str, name: str | None, tolerance: float) -> Download:
    """Write the mask of an object, or the map of all, as `Session.export` does, or as polygons."""
    stem = _stem(session.cube.name, name or "objects")
    if ending in POLYGON_FORMATS:
        if name is None:
            whole = session.label_map()
            done = _polygons(stem, ending, whole.labels, whole.class_names, session, tolerance)
            return replace(done, remarks=(*_overlap(session), *done.remarks))
        return _polygons(stem, ending, session.mask(name), {1: name}, session, tolerance)
    with _folder() as folder:
        written = session.export(folder / f"{stem}{ending}", name)
        remarks = _overlap(session) if name is None else ()
        return _packed(written.path, (*remarks, *written.remarks))


def _overlap(session: Session) -> tuple[str, ...]:
    """Say how many pixels several objects claim: a map gives each to one of them."""
    once = np.zeros(session.cube.shape[:2], dtype=np.bool_)
    several = once.copy()
    for name in session.objects:
        mask = session.mask(name)
        several |= once & mask
        once |= mask
    count = int(several.sum())
    if not count:
        return ()
    return (
        f"{count} pixel(s) belong to the masks of several objects; in the map each is the more "
        "probable one's, and a painted one the last's.  Export each object for its whole mask",
    )


def export_labels(
    labels: npt.NDArray[np.int32],
    names: dict[int, str],
    session: Session,
    ending: str,
    tolerance: float,
) -> Download:
    """Write a map of classes."""
    stem = _stem(session.cube.name, "classes")
    if ending in POLYGON_FORMATS:
        return _polygons(stem, ending, labels, names, session, tolerance)
    with _folder() as folder:
        path = folder / f"{stem}{ending}"
        names = {0: "unlabelled", **names}
        written = write_mask(path, labels, class_names=names, like=session.raster)
        lost = lost_place(path, session.raster)
        return _packed(written, (lost,) if lost else ())


def _polygons(
    stem: str,
    ending: str,
    labels: npt.ArrayLike,
    names: Mapping[int, str],
    session: Session,
    tolerance: float,
) -> Download:
    with _folder() as folder:
        written = write_polygons(
            folder / f"{stem}{ending}", labels, names, like=session.raster, tolerance=tolerance
        )
        return _packed(written.path, (f"{written.polygons} polygon(s)", *written.remarks))


def overlay_picture(session: Session, name: str | None) -> Download:
    """Draw masks and clicks over the image."""
    with _folder() as folder:
        path = session.overlay(folder / f"{_stem(session.cube.name, 'overlay')}.png", name)
        return _packed(path)


def save_session(session: Session) -> Download:
    """Save the session as JSON."""
    with _folder() as folder:
        return _packed(session.save(folder / f"{_stem(session.cube.name, 'session')}.json"))


def load_session(session: Session, text: str, name: str) -> tuple[str, ...]:
    """Take the objects of a saved session, called by the user's name; see `Session.load`."""
    with _folder() as folder:
        path = folder / "session.json"
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            remarks = session.load(path)
        except HsizooError as error:
            raise type(error)(str(error).replace(str(path), Path(name).name)) from None
        return tuple(remark.replace(str(path), "the session") for remark in remarks)


def library_file(library: SpectralLibrary, ending: str) -> Download:
    """Write spectra as CSV or ENVI spectral library."""
    with _folder() as folder:
        return _packed(write_library(folder / f"spectra{ending}", library))


def uploaded_library(files: Sequence[Fields]) -> SpectralLibrary:
    """Read a spectral library from the content of its files.

    Only the ending of a file's name counts; the content is never executed nor unpacked.

    Raises
    ------
    OptionError
        If a name or the content is not what it must be.
    DataError
        If it is no library, or has more than 500 spectra.
    """
    given: dict[str, bytes] = {}
    names: dict[str, str] = {}
    for each in files:
        ending = Path(each.text("name")).suffix.lower()
        if ending not in _UPLOADED or ending in given:
            raise OptionError(
                f"a library is a file {', '.join(_UPLOADED)}, or .hdr with .sli; got "
                f"{each.text('name')!r:.60}"
            )
        names[ending] = Path(each.text("name")).name
        try:
            given[ending] = base64.b64decode(each.text("base64", longest=2**25), validate=True)
        except (binascii.Error, ValueError):
            raise OptionError("the content of a file must be base64") from None
    if not given:
        raise OptionError("choose the file of a spectral library")
    first = next(each for each in (".hdr", *_UPLOADED) if each in given)
    with _folder() as folder:
        for ending, content in given.items():
            (folder / f"library{ending}").write_bytes(content)
        try:
            library = read_library(folder / f"library{first}")
        except DataError as error:
            told = str(error)
            for ending, name in names.items():
                told = told.replace(str(folder / f"library{ending}"), name)
            raise DataError(f"no spectral library: {told.replace(f'{folder}/', '')}") from None
    if len(library) > _MOST_SPECTRA:
        raise DataError(
            f"the library has {len(library)} spectra; the page takes {_MOST_SPECTRA}.  Use hsizoo "
            "apply for larger ones"
        )
    return library


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hsizoo-studio-") as name:
        yield Path(name)


def _stem(cube: str, what: str) -> str:
    """Return a file name without any character that a system gives a meaning."""
    text = re.sub(r"[^\w.-]+", "_", f"{Path(cube).name}_{what}").strip("._")
    return text[:_LONGEST_NAME] or "hsizoo"


def _packed(path: Path, remarks: Sequence[str] = ()) -> Download:
    """Return a file; an ENVI header with its data as an archive."""
    told = tuple(remarks)
    if path.suffix.lower() != ".hdr":
        return Download(path.name, path.read_bytes(), told)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in sorted(path.parent.iterdir()):
            archive.write(each, each.name)
    return Download(f"{path.stem}.zip", content.getvalue(), told)

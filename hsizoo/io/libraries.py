"""Libraries of reference spectra: ENVI spectral libraries and text files."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.documents import parse_json
from hsizoo.errors import DataError
from hsizoo.io import envi
from hsizoo.io.formats import FORMATS, format_of
from hsizoo.io.limits import check_memory
from hsizoo.io.raster import to_cube
from hsizoo.io.spectra_text import read_text
from hsizoo.io.writing import (
    braces,
    check_ending,
    envi_header,
    json_list,
    plain_name,
    system_errors,
)
from hsizoo.wavelengths import checked_nanometres

__all__ = ["LIBRARY_FORMATS", "SpectralLibrary", "read_library", "write_library"]

LIBRARY_FORMATS: Final = (".hdr", ".sli", ".csv")

_EXACT: Final = "spectra names exact"  # our own field: the names as JSON, if ENVI's list cannot


@dataclass(frozen=True, eq=False)
class SpectralLibrary:
    """Named reference spectra.

    Parameters
    ----------
    names : sequence of str, length N
        One for each spectrum; several spectra may have the same, if they are of one material.
    spectra : array_like, shape (N, B)
        Kept as read-only float32.  NaN where a spectrum has no value.
    wavelengths : array_like, shape (B,), optional
        In nm, finite and above 0, in any order.
    remarks : sequence of str
        Notes for the user on how the library was read.

    Raises
    ------
    DataError
        If shapes do not fit, a name is empty or cannot be printed, or a spectrum has no finite
        value or infinite ones.

    Examples
    --------
    >>> library = SpectralLibrary(["grass", "soil"], [[0.1, 0.6], [0.3, 0.4]], [650, 850])
    >>> library.spectra.shape, library.materials
    ((2, 2), ('grass', 'soil'))
    """

    names: tuple[str, ...]
    spectra: npt.NDArray[np.float32]
    wavelengths: npt.NDArray[np.float64] | None
    remarks: tuple[str, ...]

    def __init__(
        self,
        names: Sequence[str],
        spectra: npt.ArrayLike,
        wavelengths: npt.ArrayLike | None = None,
        remarks: Sequence[str] = (),
    ) -> None:
        try:
            with np.errstate(over="ignore"):
                array = np.array(spectra, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise DataError(f"reference spectra must be one array of numbers: {error}") from None
        if array.ndim != 2 or 0 in array.shape:
            raise DataError(
                f"reference spectra must be (spectra, bands), neither of them 0; got {array.shape}"
            )
        given = (names,) if isinstance(names, str) else tuple(names)
        if len(given) != len(array):
            raise DataError(f"there are {len(given)} names for {len(array)} reference spectra")
        for name, spectrum in zip(given, array, strict=True):
            if not isinstance(name, str) or not name.strip() or not name.isprintable():
                raise DataError(f"the name of a spectrum must be printable text; got {name!r}")
            if np.isinf(spectrum).any() or not np.isfinite(spectrum).any():
                raise DataError(f"the spectrum {name!r} has infinite values, or none at all")
        array.flags.writeable = False
        object.__setattr__(self, "names", given)
        object.__setattr__(self, "spectra", array)
        object.__setattr__(
            self,
            "wavelengths",
            None
            if wavelengths is None
            else checked_nanometres(wavelengths, array.shape[1], "reference spectra"),
        )
        object.__setattr__(self, "remarks", tuple(map(str, remarks)))

    def __repr__(self) -> str:
        count, bands = self.spectra.shape
        return f"SpectralLibrary({count} spectra, {bands} bands)"

    def __len__(self) -> int:
        return len(self.names)

    @property
    def materials(self) -> tuple[str, ...]:
        """The names, each once, in order."""
        return tuple(dict.fromkeys(self.names))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of names, values and wavelengths, as 64 hexadecimal digits."""
        sha = hashlib.sha256(repr((self.names, self.spectra.shape)).encode())
        sha.update(self.spectra.tobytes())
        if self.wavelengths is not None:
            sha.update(self.wavelengths.tobytes())
        return sha.hexdigest()


def read_library(path: str | os.PathLike[str]) -> SpectralLibrary:
    """Read reference spectra from an ENVI spectral library or a text file.

    Text files have one spectrum per column or per row, separated by commas, semicolons, tabs or
    blanks; a decimal comma will do where it does not separate.  With one spectrum per column, the
    first column has the wavelengths; with one per row, the first line may have them and the first
    column the names.  Lines of text before the numbers, as spectrometers write them, are passed
    over.

    Parameters
    ----------
    path : path
        For ENVI, the header or the ``.sli`` file.

    Raises
    ------
    DataError
        If the file does not exist, is damaged, too large or no library; the message names the file
        and, for text, the line.

    Examples
    --------
    >>> library = read_library("minerals.sli")                            # doctest: +SKIP
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"there is no file {path}")
    if not path.is_file():
        raise DataError(f"{path} is not a plain file; reference spectra are read from one")
    try:
        if _is_envi(path):
            return _read_envi(path)
        if (kind := _image_format(path)) is not None:
            raise DataError(
                f"{path} is {kind}; reference spectra are read from ENVI spectral libraries "
                "(.sli with .hdr), and from text (.csv, .txt)"
            )
        found = read_text(path)
        return _with_values(path, found.names, found.spectra, found.wavelengths, found.remarks)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except DataError as error:
        raise DataError(str(error) if str(path) in str(error) else f"{path}: {error}") from None


def _is_envi(path: Path) -> bool:
    """Whether a file is an ENVI header, or named as the data of one."""
    with path.open("rb") as file:
        if envi.is_header(file.read(64)):
            return True
    header = envi.find_header(path)  # of a.csv, too, where there is an a.hdr
    return header is not None and path in envi.data_files(header)


def _image_format(path: Path) -> str | None:
    """Return the name of a file's format, if it is a known one of images."""
    try:
        kind = format_of(path)
    except DataError:
        return None
    return None if kind == "envi" else FORMATS[kind]  # which a header of the same name suggests


def _read_envi(path: Path) -> SpectralLibrary:
    raster, fields = envi.read_library(path)
    check_memory(path, raster.values.shape, 4)
    cube = to_cube(raster)
    spectra = np.array(cube.data[0])
    names, remark = _names(fields, len(spectra))
    remarks = [*cube.remarks, *([remark] if remark else [])]
    return _with_values(path, names, spectra, cube.wavelengths, remarks)


def _with_values(
    path: Path,
    names: Sequence[str],
    spectra: npt.NDArray[Any],
    wavelengths: npt.ArrayLike | None,
    remarks: Sequence[str],
) -> SpectralLibrary:
    """Make a library without the spectra that have no value."""
    usable: npt.NDArray[np.bool_] = np.isfinite(spectra).any(axis=1)
    if not usable.any():
        raise DataError(f"{path} has no spectrum with a value")
    if not usable.all():
        left = f"{np.count_nonzero(~usable)} spectra without a single value are left out"
        remarks = [*remarks, left]
    kept = [name for name, good in zip(names, usable.tolist(), strict=True) if good]
    return SpectralLibrary(kept, spectra[usable], wavelengths, remarks)


def _names(fields: Mapping[str, str], count: int) -> tuple[list[str], str]:
    """Return the names of the spectra, and a remark if the header does not tell them."""
    if exact := fields.get(_EXACT):
        try:
            given = parse_json(exact, _EXACT)
        except DataError:
            given = None
        if isinstance(given, list) and len(given) == count and all(map(_is_name, given)):
            return given, ""
    text = fields.get("spectra names", "")
    # Names may contain commas; then the ends of lines tell them apart.
    for separator in (r"[,\n]", r",[ \t]*\n"):
        parts = [" ".join(part.split()).rstrip(", ") for part in re.split(separator, text)]
        parts = [part for part in parts if part]
        if len(parts) == count and all(map(_is_name, parts)):
            return parts, ""
    numbered = [f"spectrum {number}" for number in range(1, count + 1)]
    if not text:
        return numbered, ""
    found = len([part for part in text.split(",") if part.strip()])
    return numbered, f"spectra names are not used: there are {found} for {count} spectra"


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def write_library(path: str | os.PathLike[str], library: SpectralLibrary) -> Path:
    """Write reference spectra, in the format given by the file extension.

    Parameters
    ----------
    path : path
        ``.sli`` or ``.hdr``: an ENVI spectral library, both files of it.  ``.csv``: a column per
        spectrum with the wavelengths (nm) first; without wavelengths, a row per spectrum.
    library : SpectralLibrary

    Returns
    -------
    Path
        The written file; for ENVI, the header.

    Raises
    ------
    DataError
        If the extension is not supported, or the file cannot be written.
    """
    path = Path(path)
    check_ending(path, "libraries", LIBRARY_FORMATS)
    with system_errors(path):
        if path.suffix.lower() == ".csv":
            path.write_text(_csv(library), encoding="utf-8", newline="")
            return path
        library.spectra.astype("<f4").tofile(path.with_suffix(".sli"))
        plain = [plain_name(name) or f"spectrum {n}" for n, name in enumerate(library.names, 1)]
        fields = {"file type": "ENVI Spectral Library", "spectra names": braces(plain)}
        if tuple(plain) != library.names:
            fields[_EXACT] = json_list(list(library.names))
        if np.isnan(library.spectra).any():
            fields["data ignore value"] = "nan"
        if library.wavelengths is not None:
            fields["wavelength units"] = "Nanometers"
            fields["wavelength"] = braces(f"{nm:.10g}" for nm in library.wavelengths)
        count, bands = library.spectra.shape
        envi_header(path.with_suffix(".hdr"), (count, bands, 1), "f4", fields)
    return path.with_suffix(".hdr")


def _csv(library: SpectralLibrary) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    cells = [["" if np.isnan(v) else f"{v:.9g}" for v in each] for each in library.spectra]
    if library.wavelengths is None:
        writer.writerow(["name", *(f"band {band}" for band in range(library.spectra.shape[1]))])
        for name, values in zip(library.names, cells, strict=True):
            writer.writerow([name, *values])
    else:
        writer.writerow(["wavelength (nm)", *library.names])
        for nm, *values in zip(library.wavelengths, *cells, strict=True):
            writer.writerow([f"{nm:.10g}", *values])
    return text.getvalue()

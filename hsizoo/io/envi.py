"""ENVI: a text header beside a file of raw numbers.

SPy reads the format too, but takes an unknown interleave for BIP, ignores a wrong number of
wavelengths, and refuses headers that are not UTF-8; so the header is parsed here.
Lines may end in LF, CRLF or CR alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.documents import parse_json
from hsizoo.errors import DataError
from hsizoo.io.choosing import Want
from hsizoo.io.gdal_metadata import with_pam
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings
from hsizoo.io.statements import numbers_in, span
from hsizoo.wavelengths import to_nanometres

__all__ = [
    "EXACT_NAMES",
    "TYPES",
    "data_files",
    "find_data",
    "find_header",
    "is_header",
    "is_library",
    "open_image",
    "parse_header",
    "read",
    "read_library",
]

TYPES: Final = {
    1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
"""NumPy type of each ENVI ``data type``."""

_AXES: Final = {"bsq": "bhw", "bil": "hbw", "bip": "hwb"}
_ENDINGS: Final = (
    ".img", ".dat", ".raw", ".bsq", ".bil", ".bip", ".bin", ".envi", ".cube", ".sli",
)  # fmt: skip
_LONGEST_HEADER: Final = 2**24
_SHAPE: Final = (
    "samples", "lines", "bands", "data type", "interleave", "byte order", "header offset",
)  # fmt: skip
_PLACE: Final = ("map info", "coordinate system string", "projection info", "geo points")
_LIBRARY: Final = re.compile(
    rb"(?:^|[\r\n])[ \t]*file[ \t]+type[ \t]*=[^\r\n]*spectral[ \t]+library", re.I
)
_LIBRARY_WITHIN: Final = 2**16
_PIECES, _PIECE = 16, 1024  # places, and values at each, that tell the order of the bytes
EXACT_NAMES: Final = "class names exact"
"""Our own field: the class names as JSON, where ENVI's list cannot hold them."""


def is_header(head: bytes) -> bool:
    """Whether a file that starts with these bytes is an ENVI header."""
    return re.match(rb"(\xef\xbb\xbf)?ENVI\s*[\r\n]", head) is not None


def is_library(header: Path) -> bool:
    """Whether a header is that of a spectral library."""
    with header.open("rb") as file:
        return _LIBRARY.search(file.read(_LIBRARY_WITHIN)) is not None


def find_header(data: Path) -> Path | None:
    """Return the header of a data file, ``a.img.hdr`` or ``a.hdr``, if it exists."""
    for candidate in (
        data.with_name(f"{data.name}.hdr"),
        data.with_suffix(".hdr"),
        data.with_name(f"{data.name}.HDR"),
        data.with_suffix(".HDR"),
    ):
        if candidate != data and candidate.is_file():
            with candidate.open("rb") as file:
                if is_header(file.read(64)):
                    return candidate
    return None


def data_files(header: Path) -> list[Path]:
    """List the files beside a header that may hold its data, judged by name."""
    stem = header.with_suffix("")
    names = [stem, *(stem.with_name(stem.name + end) for end in _ENDINGS)]
    names += [stem.with_name(stem.name + end.upper()) for end in _ENDINGS]
    return [path for path in dict.fromkeys(names) if path.is_file()]


def find_data(header: Path, size: int) -> Path:
    """Return the data file of a header.

    Parameters
    ----------
    header : Path
    size : int
        Expected size in bytes; decides between several candidates.

    Raises
    ------
    DataError
        If there is no candidate, or several have the expected size.
    """
    stem, found = header.with_suffix(""), data_files(header)
    if not found:
        raise DataError(
            f"{header} has no data file beside it; expected {stem.name} or {stem.name}"
            f"{', '.join(_ENDINGS)}"
        )
    sizes = {path: path.stat().st_size for path in found}
    for right in ([p for p in found if sizes[p] == size], [p for p in found if sizes[p] > size]):
        if len(right) > 1:
            raise DataError(
                f"{header} may belong to {' or '.join(path.name for path in right)}, which all "
                f"have the {size} bytes that it describes; name the data file like the header"
            )
        if right:
            return right[0]
    return found[0]


def parse_header(path: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Read a header.

    Returns
    -------
    fields : dict of str to str
        Keys in lower case, values as text without braces.
    remarks : tuple of str
        On fields that occur twice; the first counts.

    Raises
    ------
    DataError
        If it is not an ENVI header, or a brace is not closed.
    """
    if path.stat().st_size > _LONGEST_HEADER:
        raise DataError(f"{path} has {path.stat().st_size} bytes: too long for an ENVI header")
    content = path.read_bytes()
    if not is_header(content[:64]):
        raise DataError(f"{path} is not an ENVI header: its first line must be ENVI")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = iter(re.split(r"\r\n|\r|\n", text)[1:])
    fields: dict[str, str] = {}
    remarks = []
    for line in lines:
        key, equals, value = line.partition("=")
        key, value = " ".join(key.lower().split()), value.strip()
        if not equals or key.startswith(";"):
            continue  # ENVI skips such lines too
        if value.startswith("{"):
            parts = [value]
            while "}" not in parts[-1]:
                following = next(lines, None)
                if following is None:
                    raise DataError(f"{path}: the value of {key!r} has no closing brace")
                parts.append(following.strip())
            value = "\n".join(parts)[1:].partition("}")[0].strip()
        if fields.setdefault(key, value) != value:
            if key in _SHAPE:
                raise DataError(f"{path} gives {key!r} twice: {fields[key]!r} and {value!r}")
            remarks.append(f"the header gives {key!r} twice; the first is used")
    return fields, tuple(remarks)


def read(path: Path, want: Want, settings: Settings, images: Sequence[tuple[int, int]]) -> Raster:
    """Memory-map an ENVI image; `path` is the header or the data file."""
    return open_image(path, want)[0]


def open_image(path: Path, want: Want) -> tuple[Raster, Path, dict[str, str]]:
    """Memory-map an ENVI image, and return its header too.

    Parameters
    ----------
    path : Path
        The header or the data file.
    want : {"cube", "labels"}

    Returns
    -------
    raster : Raster
    header : Path
    fields : dict of str to str
        The header's, as in `parse_header`.
    """
    header = _header_of(path)
    fields, remarks = parse_header(header)
    return _open(path, header, fields, remarks, want), header, fields


def read_library(path: Path) -> tuple[Raster, dict[str, str]]:
    """Memory-map a spectral library as an image of one row, a pixel per spectrum.

    Returns
    -------
    raster : Raster
        Values of shape (1, spectra, bands).
    fields : dict of str to str
        The header's, as in `parse_header`.

    Raises
    ------
    DataError
        If it is an image, or its header and its data do not fit.
    """
    header = _header_of(path)
    fields, remarks = parse_header(header)
    if not _LIBRARY.search(f"file type = {fields.get('file type', '')}".encode()):
        raise DataError(
            f"{header} describes an image, not a spectral library; to take reference spectra from "
            "its pixels, click on them: hsizoo segment"
        )
    if fields.get("bands", "1") != "1":
        raise DataError(f"{header}: a spectral library has bands = 1; got {fields['bands']!r}")
    count, bands = (_whole(header, fields, key) for key in ("lines", "samples"))
    shape = {"lines": "1", "samples": str(count), "bands": str(bands), "interleave": "bip"}
    return _open(path, header, fields | shape, remarks, "cube"), fields


def _header_of(path: Path) -> Path:
    """Return the header of an image, given that or its data file."""
    with path.open("rb") as file:
        header = path if is_header(file.read(64)) else find_header(path)
    if header is None:
        raise DataError(f"{path} has no ENVI header beside it")
    return header


def _open(
    path: Path, header: Path, fields: Mapping[str, str], remarks: Sequence[str], want: Want
) -> Raster:
    height, width, bands = (_whole(header, fields, k) for k in ("lines", "samples", "bands"))
    dtype = _dtype(header, fields)
    interleave = _required(header, fields, "interleave").lower()
    if interleave not in _AXES:
        raise DataError(f"{header}: interleave must be bsq, bil or bip; got {interleave!r}")
    if fields.get("file compression", "0") not in ("0", ""):
        raise DataError(f"{header}: the data are compressed; uncompress them first")
    for key in ("major frame offsets", "minor frame offsets"):
        if any(numbers_in(fields.get(key, "")) or ()):
            raise DataError(
                f"{header}: {key} are {fields[key]}: hsizoo does not read data with bytes between "
                "the lines; write the image anew, without them"
            )
    offset = _whole(header, fields, "header offset", least=0, default=0)
    size = offset + height * width * bands * dtype.itemsize
    data = find_data(header, size) if path == header else path
    line = width * bands * dtype.itemsize
    found = data.stat().st_size
    # More bytes are a trailer, unless they are whole lines, which would shift the bands of bsq.
    if found < size or (found > size and interleave == "bsq" and (found - size) % line == 0):
        raise DataError(
            f"{data} has {found} bytes, but {header.name} describes {size}: {offset} + "
            f"{height} lines × {width} samples × {bands} bands × {dtype.itemsize} bytes; "
            "one of the two is wrong"
        )
    axes = _AXES[interleave]
    sizes = {"h": height, "w": width, "b": bands}
    mapped = np.memmap(data, dtype, "r", offset, tuple(sizes[axis] for axis in axes))
    values = mapped.transpose([axes.index(axis) for axis in "hwb"])
    _check_byte_order(header, mapped.reshape(-1))
    notes = list(remarks)
    if found > size:
        notes.append(f"the last {found - size} bytes of {data.name} are not described and not read")
    optional = _Optional(fields, bands, notes)
    names = _class_names(fields, notes) if want == "labels" else {}
    raster = Raster(
        path=data,
        values=values,
        wavelengths=optional.wavelengths(),
        rgb_bands=optional.rgb_bands(),
        scale=optional.scale(),
        gains=optional.per_band("data gain values", 1.0),
        offsets=optional.per_band("data offset values", 0.0),
        bad_bands=optional.bad_bands(),
        nodata=optional.nodata(),
        class_names=names,
        place={key: fields[key] for key in _PLACE if key in fields},
        remarks=tuple(notes),
    )
    return with_pam(raster, want)


class _Optional:
    """The fields that an image can do without: one that makes no sense is left out with a remark.

    Parameters
    ----------
    fields : mapping of str to str
    bands : int
    remarks : list of str
        To add to.
    """

    def __init__(self, fields: Mapping[str, str], bands: int, remarks: list[str]) -> None:
        self._fields, self._bands, self._remarks = fields, bands, remarks

    def _numbers(self, key: str) -> list[float]:
        text = self._fields.get(key, "")
        values = numbers_in(text)
        if values is None:
            self._remarks.append(f"{key} is not used: {text!r:.60} are not numbers")
        return values or []

    def _per_band(self, key: str) -> list[float]:
        values = self._numbers(key)
        if values and len(values) != self._bands:
            self._remarks.append(
                f"{key} is not used: there are {len(values)} values for {self._bands} bands"
            )
            return []
        return values

    def per_band(self, key: str, neutral: float) -> tuple[float, ...] | None:
        """Return gains or offsets, unless all are neutral."""
        values = self._per_band(key)
        if values and not all(map(math.isfinite, values)):
            self._remarks.append(f"{key} is not used: not all values are finite")
            return None
        if not values or set(values) == {neutral}:
            return None
        what = "multiplied by" if neutral else "increased by"
        self._remarks.append(f"values are {what} {span(values)} ({key})")
        return tuple(values)

    def wavelengths(self) -> tuple[float, ...] | None:
        """Return the wavelengths in nm."""
        text, unit = self._fields.get("wavelength", ""), self._fields.get("wavelength units", "")
        if not text:
            return None
        values = numbers_in(text)
        given = values if values is not None else re.split(r"\s*,\s*", text)
        nm, remark = to_nanometres(given, unit, self._bands)
        self._remarks += [remark] * bool(remark)
        return nm

    def rgb_bands(self) -> tuple[int, int, int] | None:
        """Return ``default bands``, counted from 0; the file counts from 1."""
        chosen = [value - 1 for value in numbers_in(self._fields.get("default bands", "")) or ()]
        if len(chosen) != 3 or not all(0 <= c < self._bands and c == int(c) for c in chosen):
            return None
        red, green, blue = map(int, chosen)
        return red, green, blue

    def _one(self, key: str) -> float | None:
        values = self._numbers(key)
        same = len(set(values)) == 1 or all(map(math.isnan, values))
        if values and not same:
            self._remarks.append(f"{key} is not used: it must be one number, not {len(values)}")
        return values[0] if values and same else None

    def scale(self) -> float:
        """Return the divisor of the values."""
        key = "reflectance scale factor"
        value = self._one(key)
        if value is None or value == 0:
            return 1.0
        if not 0 < value < math.inf:
            self._remarks.append(f"{key} is not used: {value:g} is not a number above 0")
            return 1.0
        if value != 1:
            self._remarks.append(f"values are divided by {value:g} ({key})")
        return value

    def nodata(self) -> tuple[float, ...]:
        """Return the value of pixels without data."""
        value = self._one("data ignore value")
        return () if value is None else (value,)

    def bad_bands(self) -> frozenset[int]:
        """Return the bands whose ``bbl`` is 0."""
        values = self._per_band("bbl")
        return frozenset(band for band, good in enumerate(values) if good == 0)


def _class_names(fields: Mapping[str, str], remarks: list[str]) -> dict[int, str]:
    """Return the names of classes, if there are as many as the header says."""
    count = fields.get("classes", "")
    if exact := fields.get(EXACT_NAMES):
        try:
            names = parse_json(exact, EXACT_NAMES)
        except DataError:
            names = None
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return dict(enumerate(names))
        remarks.append(f"{EXACT_NAMES} is not used: it is not a list of texts")
    found = _list(fields.get("class names", ""))
    if found and count.isdecimal() and len(count) < 9 and len(found) != int(count):
        remarks.append(f"class names are not used: there are {len(found)} for {count} classes")
        return {}
    return dict(enumerate(found))


def _required(header: Path, fields: Mapping[str, str], key: str) -> str:
    if not fields.get(key):
        raise DataError(f"{header} lacks the field {key!r}")
    return fields[key]


def _whole(
    header: Path, fields: Mapping[str, str], key: str, least: int = 1, default: int | None = None
) -> int:
    if default is not None and not fields.get(key):
        return default
    text = _required(header, fields, key)
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text) or int(text) < least:
        raise DataError(f"{header}: {key} must be a whole number of {least} or more; got {text!r}")
    return int(text)


def _dtype(header: Path, fields: Mapping[str, str]) -> np.dtype[Any]:
    code = _whole(header, fields, "data type")
    if code not in TYPES:
        known = ", ".join(f"{key} ({np.dtype(name)})" for key, name in TYPES.items())
        raise DataError(f"{header}: data type {code} is not supported; expected one of {known}")
    order = _whole(header, fields, "byte order", least=0, default=0)
    if order > 1:
        raise DataError(f"{header}: byte order must be 0 (little) or 1 (big); got {order}")
    return np.dtype(("<", ">")[order] + TYPES[code])


def _check_byte_order(header: Path, stored: npt.NDArray[Any]) -> None:
    """Raise `DataError` if floats, in the order of the file, make sense only with bytes reversed.

    A few short pieces are looked at: single values all over a large file would fetch all of it.
    """
    if stored.dtype.kind != "f":
        return
    starts = np.linspace(0, max(0, stored.size - _PIECE), _PIECES).astype(np.int64).tolist()
    sample = np.concatenate([stored[start : start + _PIECE] for start in starts])

    def sane(numbers: npt.NDArray[Any]) -> float:
        with np.errstate(invalid="ignore"):
            size = np.abs(numbers)
            return float(((size == 0) | ((size > 1e-8) & (size < 1e8))).mean())

    if sane(sample) < 0.5 and sane(sample.view(sample.dtype.newbyteorder())) > 0.9:
        raise DataError(
            f"{header}: most values are implausible with this byte order, but not with the other; "
            "change the field 'byte order'"
        )


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.replace("\n", " ").split(",") if part.strip()]

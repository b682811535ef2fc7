"""ENVI: a text header beside a file of raw numbers.

SPy reads the format too, but takes an unknown interleave for BIP, ignores a wrong number of
wavelengths, and refuses headers that are not UTF-8; so the header is parsed here.
Lines may end in LF, CRLF or CR alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError
from hsizoo.io.choosing import Want, nanometres
from hsizoo.io.raster import Layout, Raster

__all__ = ["TYPES", "data_files", "find_data", "find_header", "is_header", "parse_header", "read"]

TYPES: Final = {
    1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
"""NumPy type of each ENVI ``data type``."""

_AXES: Final = {"bsq": "bhw", "bil": "hbw", "bip": "hwb"}
_ENDINGS: Final = (".img", ".dat", ".raw", ".bsq", ".bil", ".bip", ".bin", ".envi", ".cube")
_LONGEST_HEADER: Final = 2**24
_PLACE: Final = ("map info", "coordinate system string", "projection info", "geo points")
_TO_NM: Final = {
    "nanometers": 1.0, "nanometer": 1.0, "nm": 1.0,
    "micrometers": 1e3, "micrometer": 1e3, "microns": 1e3, "micron": 1e3, "um": 1e3, "µm": 1e3,
    "μm": 1e3, "millimeters": 1e6, "mm": 1e6, "centimeters": 1e7, "cm": 1e7, "meters": 1e9,
    "m": 1e9, "angstroms": 0.1,
}  # fmt: skip
_GUESSED: Final = ("", "unknown")


def is_header(head: bytes) -> bool:
    """Whether a file that starts with these bytes is an ENVI header."""
    return re.match(rb"(\xef\xbb\xbf)?ENVI\s*[\r\n]", head) is not None


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
    right = [path for path in found if path.stat().st_size == size]
    if len(right) > 1:
        raise DataError(
            f"{header} may belong to {' or '.join(path.name for path in right)}, which all have "
            f"{size} bytes; name the data file like the header"
        )
    return (right or found)[0]


def parse_header(path: Path) -> dict[str, str]:
    """Read the fields of a header: keys in lower case, values as text without braces.

    Raises
    ------
    DataError
        If it is not an ENVI header, a brace is not closed, or a field has two values.
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
            raise DataError(f"{path} gives {key!r} twice: {fields[key]!r} and {value!r}")
    return fields


def read(path: Path, want: Want, variable: str | None, layout: Layout) -> Raster:
    """Memory-map an ENVI image; `path` is the header or the data file."""
    with path.open("rb") as file:
        header = path if is_header(file.read(64)) else find_header(path)
    if header is None:
        raise DataError(f"{path} has no ENVI header beside it")
    fields = parse_header(header)
    height, width, bands = (_whole(header, fields, k) for k in ("lines", "samples", "bands"))
    dtype = _dtype(header, fields)
    interleave = _required(header, fields, "interleave").lower()
    if interleave not in _AXES:
        raise DataError(f"{header}: interleave must be bsq, bil or bip; got {interleave!r}")
    if fields.get("file compression", "0") not in ("0", ""):
        raise DataError(f"{header}: the data are compressed; uncompress them first")
    offset = _whole(header, fields, "header offset", least=0, default=0)
    size = offset + height * width * bands * dtype.itemsize
    data = find_data(header, size) if path == header else path
    if (found := data.stat().st_size) != size:
        raise DataError(
            f"{data} has {found} bytes, but {header.name} describes {size}: {offset} + "
            f"{height} lines × {width} samples × {bands} bands × {dtype.itemsize} bytes; "
            "one of the two is wrong"
        )
    axes = _AXES[interleave]
    sizes = {"h": height, "w": width, "b": bands}
    mapped = np.memmap(data, dtype, "r", offset, tuple(sizes[axis] for axis in axes))
    values = mapped.transpose([axes.index(axis) for axis in "hwb"])
    _check_byte_order(header, values)
    wavelengths, remarks = _wavelengths(header, fields, bands)
    names = _list(fields.get("class names", ""))
    if fields.get("data gain values") or fields.get("data offset values"):
        remarks += ("the header's gain and offset values are not applied",)
    return Raster(
        path=data,
        values=values,
        wavelengths=wavelengths,
        rgb_bands=_rgb_bands(header, fields, bands),
        scale=_number(header, fields, "reflectance scale factor", 1.0) or 1.0,
        bad_bands=_bad_bands(header, fields, bands),
        nodata=_number(header, fields, "data ignore value", None),
        class_names=dict(enumerate(names)),
        place={key: fields[key] for key in _PLACE if key in fields},
        remarks=remarks,
    )


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


def _check_byte_order(header: Path, values: npt.NDArray[Any]) -> None:
    """Raise `DataError` if floats are plausible only with their bytes reversed."""
    if values.dtype.kind != "f":
        return
    height, width, _ = values.shape
    sample = np.array(values[:: max(1, height // 16), :: max(1, width // 16)])

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


def _numbers(header: Path, fields: Mapping[str, str], key: str) -> list[float]:
    values = []
    for part in _list(fields.get(key, "")):
        try:
            values.append(float(part))
        except ValueError:
            raise DataError(f"{header}: {key} must be numbers; got {part!r}") from None
    if not all(map(math.isfinite, values)):
        raise DataError(f"{header}: {key} must be finite numbers")
    return values


def _number(
    header: Path, fields: Mapping[str, str], key: str, default: float | None
) -> float | None:
    values = _numbers(header, fields, key)
    if not values:
        return default
    if len(set(values)) > 1:
        raise DataError(f"{header}: {key} must be one number; got {values}")
    if key == "reflectance scale factor" and values[0] < 0:
        raise DataError(f"{header}: {key} must be above 0; got {values[0]:g}")
    return values[0]


def _per_band(header: Path, fields: Mapping[str, str], key: str, bands: int) -> list[float]:
    values = _numbers(header, fields, key)
    if values and len(values) != bands:
        raise DataError(f"{header} has {len(values)} values of {key!r} for {bands} bands")
    return values


def _wavelengths(
    header: Path, fields: Mapping[str, str], bands: int
) -> tuple[tuple[float, ...] | None, tuple[str, ...]]:
    values = _per_band(header, fields, "wavelength", bands)
    if not values:
        return None, ()
    units = fields.get("wavelength units", "").lower()
    if units in _TO_NM or units in _GUESSED:
        if min(values) <= 0:
            raise DataError(f"{header}: wavelengths must be above 0; got {min(values):g}")
        if units in _GUESSED:
            guess = "micrometres" if max(values) < 100 else "nanometres"
            return nanometres(values), (f"wavelengths have no unit; taken for {guess}",)
        return tuple(round(value * _TO_NM[units], 6) for value in values), ()
    return None, (f"wavelengths in {units!r} are not used",)


def _bad_bands(header: Path, fields: Mapping[str, str], bands: int) -> frozenset[int]:
    """Return the bands whose ``bbl`` is 0."""
    values = _per_band(header, fields, "bbl", bands)
    return frozenset(band for band, good in enumerate(values) if good == 0)


def _rgb_bands(header: Path, fields: Mapping[str, str], bands: int) -> tuple[int, int, int] | None:
    """Return ``default bands``, counted from 0; the file counts from 1."""
    chosen = [int(value) - 1 for value in _numbers(header, fields, "default bands")]
    if len(chosen) != 3 or not all(0 <= band < bands for band in chosen):
        return None
    red, green, blue = chosen
    return red, green, blue

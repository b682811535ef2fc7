"""Dark and white references beside a raw image in ENVI, as line scanners and their software save.

Reflectance is (raw - dark) / (white - dark of the white one), times the ratio of both exposures.

========== =================================================================================
Specim     ``DARKREF_NAME``, ``WHITEREF_NAME`` and, if taken, ``WHITEDARKREF_NAME``
Headwall   ``darkReference``, ``whiteReference``, as in the HELICoiD datasets too
Resonon    files called ``dark…``, ``white…`` such as ``Dark Current``, ``White Reference``
           (INFERRED: the user chooses the names)
========== =================================================================================

Exposures are ``tint`` (Specim), ``shutter`` (Resonon), ``exposure`` or ``integration time`` of the
headers.  ``autodarkstartline`` of Specim's recorder is the first line, counted from 0, of dark
frames at the end of the image itself.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from hsizoo.arrays import strips
from hsizoo.errors import DataError
from hsizoo.io import envi
from hsizoo.io.limits import check_memory
from hsizoo.io.products.arrays import mostly_flagged
from hsizoo.io.raster import Raster
from hsizoo.io.settings import Settings
from hsizoo.io.statements import numbers_in

__all__ = ["apply", "candidates", "find"]

Role = Literal["dark", "white", "white_dark"]

_SPECIM: Final[Mapping[str, Role]] = {
    "darkref_": "dark", "whiteref_": "white", "whitedarkref_": "white_dark",
}  # fmt: skip
_GENERAL: Final = re.compile(
    r"(dark|white)([ _-]?(?:ref|reference|correction|current|cube|frame|calibration))?"
)
_FIRST: Final = ("dark", "white")  # words that the names of all references begin with
_EXPOSURES: Final = ("tint", "shutter", "exposure", "exposure time", "integration time")
_AUTODARK: Final = "autodarkstartline"
_PRODUCT: Final = "raw image with dark and white references"


@dataclass(frozen=True)
class _Reference:
    """The mean line of a reference."""

    name: str
    mean: npt.NDArray[np.float64]  # samples, bands
    saturated: npt.NDArray[np.bool_]
    exposure: float | None
    gain: float | None


def candidates(folder: Path) -> list[Path]:
    """Return the headers in a folder that may be those of references, judged by their first word.

    A folder may hold thousands of cubes, so this looks at names only.
    """
    names: list[str] = []
    with contextlib.suppress(OSError):  # a folder that may be entered, but not listed
        names = os.listdir(folder)  # noqa: PTH208 - a path for each would take much longer
    found = [name for name in names if name.lower().startswith(_FIRST)]
    return [folder / name for name in sorted(found) if name.lower().endswith(".hdr")]


def find(header: Path) -> dict[Role, Path]:
    """Return the headers of the references beside an image; none for a reference.

    Files called just ``dark`` and ``white`` are references only if there are both.

    Parameters
    ----------
    header : Path
        Of the image.
    """
    own = _stem(header).lower()
    if _GENERAL.fullmatch(own) or own.startswith(tuple(_SPECIM)):
        return {}
    general: dict[Role, list[Path]] = {"dark": [], "white": []}
    named: dict[Role, Path] = {}
    sure = False
    for path in candidates(header.parent):
        stem = _stem(path).lower()
        match = _GENERAL.fullmatch(stem)
        if match:
            general["dark" if match[1] == "dark" else "white"].append(path)
            sure = sure or match[2] is not None
        for prefix, role in _SPECIM.items():
            if stem == prefix + own:
                named[role] = path
    single = {role: paths[0] for role, paths in general.items() if len(paths) == 1}
    return named or (single if sure or len(single) == 2 else {})


def _stem(header: Path) -> str:
    """Return the name of an image: ``a`` of ``a.hdr`` and of ``a.bil.hdr``."""
    stem = Path(header.stem)
    return (
        stem.stem if stem.suffix.lower() in (".bil", ".bip", ".bsq", ".raw", ".img") else stem.name
    )


def apply(raster: Raster, header: Path, fields: Mapping[str, str], settings: Settings) -> Raster:
    """Make reflectance of a raw image if both references lie beside it.

    A pixel has no data where it or the white reference is saturated, or the white reference is not
    brighter than the dark one; bands of which this holds for most columns are left out.

    Parameters
    ----------
    raster : Raster
    header : Path
    fields : mapping of str to str
        Of the header.
    settings : Settings
        With ``references=false`` nothing is done.

    Returns
    -------
    Raster
        The same if there are no references; with a remark if there are, but cannot be used.

    Raises
    ------
    DataError
        If reflectance does not fit into memory.
    """
    files = find(header)
    start = _dark_lines(raster, fields)
    if settings.references is False or (not files and start is None):
        return raster
    try:
        why = _not_raw(raster, fields)
        if why:
            raise DataError(why)
        references = {role: _read(path, raster) for role, path in files.items()}
        if start is not None and "dark" not in references:
            references["dark"] = _own_dark(raster, fields, start)
        image = raster if start is None else _without_dark_lines(raster, start)
        missing = [role for role in ("dark", "white") if role not in references]
        if missing:
            raise DataError(f"there is no {missing[0]} reference for {raster.path.name}")
        ratio, notes = _exposures(fields, references)
    except DataError as error:
        cut = raster if start is None else _without_dark_lines(raster, start)
        note = f"references are not applied, values are as stored: {error}"
        return replace(cut, remarks=(*cut.remarks, note))
    if settings.nodata is not None:  # concerns what is stored
        image = replace(image, nodata=() if settings.nodata == "none" else (settings.nodata,))
    return _reflectance(image, fields, references, ratio, notes)


def _not_raw(raster: Raster, fields: Mapping[str, str]) -> str:
    if raster.values.dtype.kind not in "iu":
        return f"{raster.path.name} holds {raster.values.dtype}, not raw counts"
    if raster.scale != 1 or raster.gains is not None or raster.offsets is not None:
        return f"the header of {raster.path.name} scales the values, so that they are no raw counts"
    return ""


def _number(fields: Mapping[str, str], *keys: str) -> float | None:
    for key in keys:
        values = numbers_in(fields.get(key, "")) or []
        if len(values) == 1 and math.isfinite(values[0]):
            return values[0]
    return None


def _dark_lines(raster: Raster, fields: Mapping[str, str]) -> int | None:
    """Return the first line of dark frames in the image itself."""
    start = _number(fields, _AUTODARK)
    if start is None or not start.is_integer() or not 0 < start < raster.values.shape[0]:
        return None
    return int(start)


def _without_dark_lines(raster: Raster, start: int) -> Raster:
    lines = raster.values.shape[0] - start
    note = f"the last {lines} lines are dark frames and left out ({_AUTODARK})"
    return replace(raster, values=raster.values[:start], remarks=(*raster.remarks, note))


def _highest(values: npt.NDArray[Any], fields: Mapping[str, str]) -> float:
    """Return the count of a saturated detector."""
    ceiling, bits = _number(fields, "ceiling"), _number(fields, "bit depth")
    if ceiling is not None and ceiling > 0:
        return ceiling
    if bits is not None and 1 <= bits <= 16:
        return math.pow(2, bits) - 1
    return float(int(np.iinfo(values.dtype).max))


def _read(header: Path, image: Raster) -> _Reference:
    raster, _, fields = envi.open_image(header, "cube")
    if raster.values.shape[1:] != image.values.shape[1:]:
        raise DataError(
            f"{header.name} has {raster.values.shape[1]} samples and {raster.values.shape[2]} "
            f"bands, but the image {image.values.shape[1]} and {image.values.shape[2]}"
        )
    if raster.wavelengths and image.wavelengths and raster.wavelengths != image.wavelengths:
        raise DataError(f"{header.name} has other wavelengths than the image")
    if why := _not_raw(raster, fields):
        raise DataError(why)
    return _reference(header.name, raster.values, fields)


def _own_dark(raster: Raster, fields: Mapping[str, str], start: int) -> _Reference:
    return _reference(f"the lines from {start} on", raster.values[start:], fields)


def _reference(name: str, values: npt.NDArray[Any], fields: Mapping[str, str]) -> _Reference:
    total = np.zeros(values.shape[1:])
    saturated = np.zeros(values.shape[1:], bool)
    highest = _highest(values, fields)
    for part in strips(values):
        total += values[part].sum(axis=0, dtype=np.float64)
        saturated |= (values[part] >= highest).any(axis=0)
    gain = _number(fields, "gain")
    exposure = _number(fields, *_EXPOSURES)
    return _Reference(name, total / len(values), saturated, exposure, gain)


def _exposures(
    fields: Mapping[str, str], references: Mapping[Role, _Reference]
) -> tuple[float, list[str]]:
    """Return the exposure of the white reference divided by that of the image, and remarks."""
    own, gain = _number(fields, *_EXPOSURES), _number(fields, "gain")
    dark, white = references["dark"], references["white"]
    for each in references.values():
        if gain is not None and each.gain is not None and gain != each.gain:
            raise DataError(f"{each.name} was taken with gain {each.gain:g}, the image {gain:g}")
        if each.exposure is not None and each.exposure <= 0:
            raise DataError(f"{each.name} gives an exposure of {each.exposure:g}")
    if own is None or white.exposure is None or own <= 0:
        return 1.0, ["the exposure is not known; taken to be the same for image and references"]
    notes = []
    if white.exposure != own:
        notes.append(f"exposures differ, {own:g} (image) and {white.exposure:g} (white reference)")
        if "white_dark" not in references:
            notes.append("the dark reference of the image is used for the white reference too")
    if dark.exposure is not None and dark.exposure != own:
        notes.append(f"the dark reference was exposed {dark.exposure:g}, but the image {own:g}")
    return white.exposure / own, notes


def _reflectance(
    raster: Raster,
    fields: Mapping[str, str],
    references: Mapping[Role, _Reference],
    ratio: float,
    notes: list[str],
) -> Raster:
    dark, white = references["dark"], references["white"]
    span = white.mean - references.get("white_dark", dark).mean
    unusable = (span <= 0) | white.saturated
    bad = mostly_flagged(unusable, np.ones(unusable.shape[:1], bool))
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(unusable, np.nan, ratio / span)
    check_memory(raster.path, raster.values.shape, 4)
    values = np.empty(raster.values.shape, np.float32)
    highest = _highest(raster.values, fields)
    saturated = np.zeros(raster.values.shape[:2], bool)
    for part in strips(raster.values):
        raw = raster.values[part]
        lost = raw >= highest
        for value in raster.nodata:
            lost |= raw == value
        saturated[part] = lost.any(axis=2)
        found = ((raw - dark.mean) * factor).astype(np.float32)
        for value in raster.nodata:  # would be taken for no data once more
            found[found == value] = np.nextafter(np.float32(value), np.float32(np.inf))
        values[part] = np.where(lost, np.nan, found)
    names = ", ".join(each.name for each in references.values())
    remarks = [*raster.remarks, f"values are (raw - dark) / (white - dark): {names}", *notes]
    if bad:
        remarks.append(
            f"{len(bad)} band(s) left out: the white reference is saturated, or not brighter than "
            "the dark one, in most columns"
        )
    kept = [band for band in range(unusable.shape[1]) if band not in bad]
    if columns := int(unusable[:, kept].any(axis=1).sum()):
        remarks.append(f"{columns} column(s) have no data: the white reference is unusable there")
    if saturated.any():
        remarks.append(
            f"{int(saturated.sum())} pixel(s) are saturated, or have no data in the file"
        )
    return replace(
        raster,
        values=values,
        nodata=(),
        bad_bands=raster.bad_bands | bad,
        product=raster.product or _PRODUCT,
        remarks=tuple(remarks),
    )

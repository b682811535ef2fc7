"""EnMAP and DESIS of the German Aerospace Center: GeoTIFF, and the bands in ``*METADATA.XML``.

The metadata lie beside ``…SPECTRAL_IMAGE.TIF`` and bear its name with ``METADATA`` instead.  Which
product it is, the XML tells.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

from hsizoo.errors import DataError
from hsizoo.io.gdal_metadata import parse_xml
from hsizoo.io.products import desis, enmap
from hsizoo.io.products.band_table import Bands
from hsizoo.io.raster import Raster
from hsizoo.io.statements import span
from hsizoo.wavelengths import to_nanometres

__all__ = ["companions", "describe"]

_IMAGE: Final = re.compile(r"(?P<base>.*[-_])SPECTRAL_IMAGE(?:_(?P<part>VNIR|SWIR))?\.tiff?", re.I)
_BESIDE: Final = re.compile(
    r"(?:METADATA\.xml|HISTORY\.xml|QL_.*\.(?:tiff?|hdr)|SPECTRAL_IMAGE\.hdr)", re.I
)
_LONGEST: Final = 2**26  # the metadata of EnMAP hold long lists of dead pixels


def describe(raster: Raster) -> Raster:
    """Add wavelengths, gains, offsets and the no-data value from the metadata beside an image.

    Parameters
    ----------
    raster : Raster
        As the GeoTIFF describes itself.
    """
    match = _IMAGE.fullmatch(raster.path.name)
    path = _metadata(raster.path)
    if match is None or path is None:
        return raster
    try:
        bands = _bands(path)
    except DataError as error:
        note = f"the metadata of the product are not used: {error}"
        return replace(raster, remarks=(*raster.remarks, note))
    if bands is None:
        return raster
    count = raster.values.shape[2] if raster.values.ndim == 3 else 1
    if (match["part"] or "").upper() == "SWIR":  # L1B has one file for each spectrometer
        bands = bands.last(count)
    elif match["part"]:
        bands = bands.first(count)
    return _with(raster, bands, count)


def companions(image: Path) -> list[Path]:
    """List the metadata and the layers of quality of a product, beside its image."""
    match, path = _IMAGE.fullmatch(image.name), _metadata(image)
    if match is None or path is None:
        return []
    base = match["base"]
    return sorted(
        each
        for each in image.parent.iterdir()
        if each.name.startswith(base) and _BESIDE.fullmatch(each.name[len(base) :])
    )


def _metadata(image: Path) -> Path | None:
    match = _IMAGE.fullmatch(image.name)
    if match is None:
        return None
    for ending in (".XML", ".xml"):
        path = image.with_name(f"{match['base']}METADATA{ending}")
        if path.is_file():
            return path
    return None


def _bands(path: Path) -> Bands | None:
    """Return the bands if the metadata are of one of the products."""
    if path.stat().st_size > _LONGEST:
        raise DataError(f"it has {path.stat().st_size} bytes: too long for metadata")
    root: Element = parse_xml(path.read_bytes(), str(path))
    return enmap.bands(root) or desis.bands(root)


def _with(raster: Raster, bands: Bands, count: int) -> Raster:
    name = "METADATA.XML"
    remarks: list[str] = []
    if len(bands.wavelengths) != count:
        remarks.append(
            f"{name} is not used: it describes {len(bands.wavelengths)} bands, but the image has "
            f"{count}"
        )
        return replace(raster, product=bands.product, remarks=(*raster.remarks, *remarks))
    nm, remark = to_nanometres(bands.wavelengths, "nm", count)
    remarks += [remark] * bool(remark)
    changes: dict[str, object] = {"product": bands.product, "wavelengths": nm or raster.wavelengths}
    if raster.gains is None and raster.offsets is None:
        for what, values, neutral in (
            ("multiplied by", bands.gains, 1.0),
            ("increased by", bands.offsets, 0.0),
        ):
            if not all(map(math.isfinite, values)):
                remarks.append(f"values are not {what} anything: {name} gives no number for a band")
            elif set(values) != {neutral}:
                changes["gains" if neutral else "offsets"] = tuple(values)
                remarks.append(f"values are {what} {span(values)} ({name})")
    if not raster.nodata and bands.background is not None:
        changes["nodata"] = (bands.background,)
        remarks.append(f"values of {bands.background:g} are no data ({name})")
    return replace(raster, **changes, remarks=(*raster.remarks, *remarks))  # type: ignore[arg-type]

"""What GDAL says about an image in XML: a tag of GeoTIFF, and ``.aux.xml`` files beside images.

GDAL keeps there what a format has no place for: scale and offset, no-data value, names of classes,
wavelengths, bad bands.  See GDAL's documentation of the GeoTIFF driver (``GDAL_METADATA``) and of
``PAMDataset``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from hsizoo.errors import DataError
from hsizoo.io.choosing import Want
from hsizoo.io.raster import Raster, nodata_of
from hsizoo.io.statements import numbers_in, read_statements

__all__ = ["GdalMetadata", "named_bands", "parse_xml", "read_pam", "read_tag", "with_pam"]

_LONGEST: Final = 2**24
_WAVES: Final = (
    "wavelength", "wavelengths", "wavelength_nm", "wavelength_um", "center_wavelength",
    "central_wavelength_um", "central_wavelength_nm",
)  # fmt: skip
_GOOD: Final = ("bbl", "good_band", "good")
_UNIT: Final = ("wavelength_units", "wavelength units", "wavelength_unit")


@dataclass
class GdalMetadata:
    """The statements of one image.

    Parameters
    ----------
    whole : dict
        Items of the whole image, by their names in lower case.
    by_band : dict
        Items of single bands: by name in lower case, then band from 0.
    class_names : list of str
    """

    whole: dict[str, str] = field(default_factory=dict)
    by_band: dict[str, dict[int, str]] = field(default_factory=dict)
    class_names: list[str] = field(default_factory=list)

    def attributes(self, bands: int) -> dict[str, Any]:
        """Return what `hsizoo.io.statements.read_statements` understands, as lists per band."""
        found: dict[str, Any] = {}
        for key, default in (("scale", 1.0), ("offset", 0.0)):
            if values := self.by_band.get(key):
                found[key] = [values.get(band, default) for band in range(bands)]
        for name, keys in (("wavelength", _WAVES), ("bbl", _GOOD)):
            for key in keys:
                values = self.by_band.get(key, {})
                if len(values) == bands:
                    found[name] = [values[band] for band in range(bands)]
                elif key in self.whole:
                    found[name] = self.whole[key]
                else:
                    continue
                if key.endswith(("_um", "_nm")):
                    found["wavelength_units"] = key[-2:]
                break
        for key in _UNIT:
            units = set(self.by_band.get(key, {}).values()) | {self.whole.get(key, "")} - {""}
            if len(units) == 1:
                found["wavelength_units"] = units.pop()
        return found

    def nodata(self, bands: int, default: tuple[float, ...]) -> tuple[tuple[float, ...], ...]:
        """Return the values that stand for no data in each band.

        Parameters
        ----------
        bands : int
        default : tuple of float
            What is said of all bands elsewhere.
        """
        said = self.by_band.get("nodata", {})
        return tuple(
            tuple(numbers_in(said[band]) or ()) if band in said else default
            for band in range(bands)
        )


def parse_xml(text: str | bytes, where: str) -> ElementTree.Element:
    """Parse a short XML text that declares no entities.

    Raises
    ------
    DataError
        If it is not XML, too long, or declares entities, which can expand without limit.
    """
    if len(text) > _LONGEST:
        raise DataError(f"{where} has {len(text)} bytes: too long for metadata")
    content = text.encode() if isinstance(text, str) else text
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise DataError(f"{where} declares a document type, which hsizoo does not read")
    try:
        return ElementTree.fromstring(content.strip(b"\0 \r\n\t"))
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise DataError(f"{where} is not XML: {error}") from None


def read_tag(text: str | bytes, where: str) -> GdalMetadata:
    """Read the tag ``GDAL_METADATA`` of a TIFF.

    Raises
    ------
    DataError
        If it is not XML.
    """
    found = GdalMetadata()
    for item in parse_xml(text, where).iter("Item"):
        name = (item.get("role") or item.get("name") or "").lower()
        if item.get("role") in (None, "description"):
            name = (item.get("name") or "").lower()
        _add(found, name, item.get("sample"), 0, item.text)
    return found


def read_pam(image: Path) -> GdalMetadata:
    """Read the ``.aux.xml`` file beside an image, if there is one.

    Raises
    ------
    DataError
        If it is not XML.
    """
    path = image.with_name(f"{image.name}.aux.xml")
    if not path.is_file():
        return GdalMetadata()
    if path.stat().st_size > _LONGEST:
        raise DataError(f"{path} has {path.stat().st_size} bytes: too long for metadata")
    root, found = parse_xml(path.read_bytes(), str(path)), GdalMetadata()
    for name, text in _items(root):
        _add(found, name, None, 0, text)
    for band in root.iter("PAMRasterBand"):
        number = band.get("band", "")
        for tag in ("Scale", "Offset", "NoDataValue"):
            for element in band.findall(tag):
                name = "nodata" if tag == "NoDataValue" else tag.lower()
                _add(found, name, number, 1, element.text)
        for name, text in _items(band):
            _add(found, name, number, 1, text)
        if not found.class_names:
            found.class_names = [each.text or "" for each in band.findall("CategoryNames/Category")]
    return found


def with_pam(raster: Raster, want: Want) -> Raster:
    """Add what the ``.aux.xml`` file beside an image says; it goes first, as in GDAL.

    Parameters
    ----------
    raster : Raster
        As its own format describes it.
    want : {"cube", "labels"}
    """
    try:
        found = read_pam(raster.path)
    except DataError as error:  # optional: never makes the image unusable
        remark = f"{raster.path.name}.aux.xml is not used: {error}"
        return replace(raster, remarks=(*raster.remarks, remark))
    bands = raster.values.shape[2] if raster.values.ndim == 3 else 1
    said = read_statements(found.attributes(bands), bands)
    return replace(
        raster,
        wavelengths=raster.wavelengths or said.wavelengths,
        gains=said.gains or raster.gains,
        offsets=said.offsets or raster.offsets,
        bad_bands=raster.bad_bands | said.bad_bands,
        class_names=dict(enumerate(found.class_names)) or raster.class_names
        if want == "labels"
        else {},
        remarks=(*raster.remarks, *said.remarks),
        **nodata_of(found.nodata(bands, raster.nodata)),
    )


def named_bands(names: Sequence[str]) -> bytes:
    """Return the tag ``GDAL_METADATA`` that names the bands of a TIFF, in ASCII."""
    root = ElementTree.Element("GDALMetadata")
    for number, name in enumerate(names):
        about = {"name": "DESCRIPTION", "sample": str(number), "role": "description"}
        item = ElementTree.SubElement(root, "Item", about)
        # GDAL escapes these texts once more than XML does.
        item.text = escape("".join(each if each.isprintable() else " " for each in name))
    return ElementTree.tostring(root)


def _items(element: ElementTree.Element) -> Iterator[tuple[str, str | None]]:
    for item in element.findall("Metadata/MDI"):
        yield (item.get("key") or "").lower(), item.text


def _add(found: GdalMetadata, name: str, band: str | None, first: int, text: str | None) -> None:
    if not name or text is None:
        return
    if band is None:
        found.whole[name] = text.strip()
    elif band.isdecimal() and len(band) < 7:
        found.by_band.setdefault(name, {})[int(band) - first] = text.strip()

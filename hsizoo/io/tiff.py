"""TIFF and GeoTIFF, read with tifffile.

The georeference is kept as raw tags, so that a written mask has exactly the georeference of its
input, and GDAL is not needed.  What GDAL says about the values is believed: the no-data value,
scale and offset, bad bands and wavelengths in its metadata, masks inside the file or beside it
(``.msk``), alpha, and ``.aux.xml`` files.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.errors import DataError, MissingRequirement
from hsizoo.io.axes import order_axes, stands_apart
from hsizoo.io.choosing import Want
from hsizoo.io.gdal_metadata import GdalMetadata, read_pam, read_tag
from hsizoo.io.limits import check_memory, check_stored, need
from hsizoo.io.raster import Raster, nodata_of
from hsizoo.io.settings import Settings
from hsizoo.io.statements import numbers_in, read_statements

__all__ = ["GEO_TAGS", "METADATA_TAG", "check_directories", "read"]

GEO_TAGS: Final = {
    33550: "d",  # ModelPixelScale
    33922: "d",  # ModelTiepoint
    34264: "d",  # ModelTransformation
    34735: "H",  # GeoKeyDirectory
    34736: "d",  # GeoDoubleParams
    34737: "s",  # GeoAsciiParams
}
"""Georeference tags and the types of their values."""

METADATA_TAG: Final = 42112
"""GDAL_METADATA"""

_NODATA: Final = 42113
_EXTRA_SAMPLES: Final = 338
_ALPHA: Final = (1, 2)  # associated and unassociated
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_BANDS: Final = "SCIQZ"  # tifffile's axes that may be bands: samples, channels, pages, other
_MOST_DIRECTORIES: Final = 2**16


@dataclass(frozen=True)
class _Image:
    """One image of a file: a page, several pages of one size, or one of tifffile's series."""

    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pages: Sequence[Any]
    series: Any = None

    @property
    def page(self) -> Any:
        return self.pages[0]

    def __str__(self) -> str:
        return f"{' × '.join(map(str, self.shape))} {self.dtype.name}"


def read(path: Path, want: Want, settings: Settings, images: Sequence[tuple[int, int]]) -> Raster:
    """Read the image of a file, with the bands on any axis, or one band on each page."""
    tifffile = need("tifffile", "tiff", path)
    check_directories(path)
    with tifffile.TiffFile(path) as file:
        masks = [page for page in file.pages if page.subfiletype & _MASK]
        image = _choose(path, _images(file), want, settings)
        axes, shape = image.axes, image.shape
        bands = [number for number, axis in enumerate(axes) if axis in _BANDS]
        if "Y" not in axes or "X" not in axes or len(bands) > 1 or len(axes) != 2 + len(bands):
            raise DataError(
                f"{path}: axes {axes} of sizes {shape} are not rows, columns and bands; save one "
                "image of them"
            )
        check_memory(path, shape, image.dtype.itemsize)
        page = image.page
        bits = page.bitspersample if page.bitspersample < 8 else 8 * image.dtype.itemsize
        size = math.prod(shape) * bits // 8
        check_stored(path, "the image", size, path.stat().st_size)
        if page.compression == 1 and size > path.stat().st_size:
            raise DataError(
                f"{path} declares {size} bytes of pixels but has fewer: it is incomplete, or tiles "
                "without data were left out; write them with GDAL: gdal_translate FILE OUT.tif"
            )
        values = _load(path, image, file.byteorder)
        order = [axes.index("Y"), axes.index("X"), *bands]
        remarks = []
        if len(bands) == 1 and settings.layout != "auto":
            order = list(order_axes(path, shape, settings.layout)[0])
        elif want == "cube" and page.is_shaped and axes == "QYX":
            # tifffile makes pages of the first axis of any array.
            if shape[0] > shape[2] or stands_apart(shape):
                found, remark = order_axes(path, shape, images=images, shape_tells=False)
                order = list(found)
            else:
                remark = "the pages are taken for the bands; if they are not, give the layout"
            remarks = [remark] * bool(remark)
        values = values.transpose(order)
        place = {str(code): _plain(page.tags[code].value) for code in GEO_TAGS if code in page.tags}
        valid = _mask_of(path, image, masks)
        if valid is None:
            valid = _mask_beside(path, tifffile)
        extra = page.tags[_EXTRA_SAMPLES].value if _EXTRA_SAMPLES in page.tags else ()
        nodata = page.tags[_NODATA].value if _NODATA in page.tags else ""
        text = page.tags[METADATA_TAG].value if METADATA_TAG in page.tags else None
    raster = Raster(
        path=path, values=values, valid=_sized(path, valid, values), place=place,
        remarks=tuple(remarks),
    )  # fmt: skip
    raster = _without_alpha(raster, extra)
    return _described(raster, want, text, nodata)


def check_directories(path: Path) -> None:
    """Follow the chain of image directories, which libraries may do without end.

    Raises
    ------
    DataError
        If the chain comes back to itself or is very long.
    """
    with path.open("rb") as file:
        head = file.read(16)
        if len(head) < 8:
            raise DataError(f"{path} has only {len(head)} bytes: it is not a TIFF file")
        order = "<" if head[:2] == b"II" else ">"
        big = struct.unpack_from(f"{order}H", head, 2)[0] == 43
        if big and len(head) < 16:
            raise DataError(f"{path} ends within its header")
        count, entry, pointer = ("Q", 20, "Q") if big else ("H", 12, "I")
        at = struct.unpack_from(order + pointer, head, 8 if big else 4)[0]
        seen: set[int] = set()
        while at:
            if at in seen:
                raise DataError(
                    f"{path} is damaged: its chain of images comes back to byte {at} and never ends"
                )
            seen.add(at)
            if len(seen) > _MOST_DIRECTORIES:
                raise DataError(f"{path} has more than {_MOST_DIRECTORIES} images")
            file.seek(at)
            number = file.read(struct.calcsize(count))
            if len(number) < struct.calcsize(count):
                return  # the reader says what is missing
            entries = struct.unpack(order + count, number)[0]
            if entries > _MOST_DIRECTORIES:
                raise DataError(f"{path} is damaged: an image with {entries} tags")
            file.seek(entries * entry, 1)
            following = file.read(struct.calcsize(pointer))
            if len(following) < struct.calcsize(pointer):
                return
            at = struct.unpack(order + pointer, following)[0]


def _images(file: Any) -> list[_Image]:
    """Return the images of a file, without masks and smaller copies."""
    pages = [page for page in file.pages if not page.subfiletype & (_REDUCED | _MASK)]
    if len(pages) > 1 or not pages or pages[0].is_shaped or pages[0].is_imagej:
        kinds = {series.kind for series in file.series}
        if kinds - {"generic", "uniform"}:  # a kind whose description tells the axes
            return [_Image(s.axes, s.shape, s.dtype, [s.keyframe], s) for s in file.series]
    single = {(page.shape, page.dtype, page.axes) for page in pages}
    if len(pages) > 1 and len(single) == 1 and pages[0].axes == "YX":
        first = pages[0]
        return [_Image("QYX", (len(pages), *first.shape), first.dtype, pages)]
    return [_Image(page.axes, page.shape, page.dtype, [page]) for page in pages]


def _choose(path: Path, images: Sequence[_Image], want: Want, settings: Settings) -> _Image:
    """Return the image that the user names, or the only one."""
    images = [image for image in images if image.dtype is not None and image.shape]
    listed = "; ".join(f"{number}: {image}" for number, image in enumerate(images[:20])) or "none"
    key = "variable" if want == "cube" else "mask_variable"
    chosen = settings.variable if want == "cube" else settings.mask_variable
    if chosen is not None:
        if not chosen.isdecimal() or len(chosen) > 9 or int(chosen) >= len(images):
            raise DataError(f"{path} has no image {chosen!r}; it has {listed}")
        return images[int(chosen)]
    if len(images) != 1:
        raise DataError(
            f"{path} has {len(images)} images ({listed}); choose one by its number, with "
            f"variable=NUMBER (--variable NUMBER; {key} in hsizoo.toml)"
        )
    return images[0]


def _load(path: Path, image: _Image, byteorder: str) -> npt.NDArray[Any]:
    page = image.page
    offset = None
    if page.compression == 1 and image.dtype.kind in "biuf" and image.dtype.itemsize > 0:
        if image.series is not None:
            offset = image.series.dataoffset
        elif len(image.pages) == 1 and page.is_memmappable:
            offset = page.dataoffsets[0]
    if offset is not None:
        dtype = np.dtype(f"{byteorder}{image.dtype.str[1:]}")
        return np.memmap(path, dtype, "r", int(offset), image.shape)
    try:
        values: npt.NDArray[Any]
        if image.series is not None:
            values = image.series.asarray()
        elif len(image.pages) == 1:
            values = page.asarray()
        else:
            values = np.stack([each.asarray() for each in image.pages])
    except (ValueError, NotImplementedError) as error:
        if "imagecodecs" in str(error):
            raise MissingRequirement(
                f"{path} is compressed in a way that needs the package imagecodecs; "
                "install it: pip install imagecodecs"
            ) from error
        raise
    return values.reshape(image.shape)


def _mask_of(path: Path, image: _Image, masks: Sequence[Any]) -> npt.NDArray[Any] | None:
    """Return the mask in the file that has the size of the image."""
    height, width = image.shape[image.axes.index("Y")], image.shape[image.axes.index("X")]
    for mask in masks:
        if not mask.subfiletype & _REDUCED and mask.shape[:2] == (height, width):
            check_memory(path, mask.shape, 1)
            valid: npt.NDArray[Any] = np.asarray(mask.asarray() != 0)
            return valid
    return None


def _mask_beside(path: Path, tifffile: Any) -> npt.NDArray[Any] | None:
    """Return GDAL's mask in a file of its own, ``a.tif.msk``."""
    beside = path.with_name(f"{path.name}.msk")
    if not beside.is_file():
        return None
    check_directories(beside)
    with tifffile.TiffFile(beside) as file:
        page = file.pages[0]
        check_memory(beside, page.shape, page.dtype.itemsize)
        mask: npt.NDArray[Any] = page.asarray() != 0
    if mask.ndim == 3:  # one mask per band
        mask = mask.all(axis=page.axes.index("S"))
    return mask


def _sized(
    path: Path, valid: npt.NDArray[Any] | None, values: npt.NDArray[Any]
) -> npt.NDArray[np.bool_] | None:
    if valid is not None and valid.shape != values.shape[:2]:
        raise DataError(
            f"{path}: its mask has {valid.shape} (rows, columns), but the image {values.shape[:2]}"
        )
    return valid


def _without_alpha(raster: Raster, extra: Any) -> Raster:
    """Take a last band that is declared as alpha for what it is: where it is 0, there are no data.

    Where it is between, the pixel is partly transparent and counts as data.
    """
    values, kinds = raster.values, np.atleast_1d(extra).tolist()
    if values.ndim != 3 or values.shape[2] < 2 or not kinds or kinds[-1] not in _ALPHA:
        return raster
    opaque = np.asarray(values[:, :, -1]) != 0
    return replace(
        raster,
        values=values[:, :, :-1],
        valid=opaque if raster.valid is None else opaque & raster.valid,
        remarks=(*raster.remarks, "the last band is alpha: where it is 0, there are no data"),
    )


def _described(raster: Raster, want: Want, text: Any, nodata: Any) -> Raster:
    """Add what GDAL says in the file and beside it; the latter goes first, as in GDAL."""
    bands = raster.values.shape[2] if raster.values.ndim == 3 else 1
    remarks: list[str] = []
    attributes: dict[str, Any] = {}
    classes: list[str] = []
    pam = GdalMetadata()
    for name in ("the tag GDAL_METADATA", f"{raster.path.name}.aux.xml"):
        try:
            found = read_pam(raster.path) if name.endswith(".xml") else _tag(raster, text)
        except DataError as error:  # optional: never makes the image unusable
            remarks.append(f"{name} is not used: {error}")
            continue
        attributes |= found.attributes(bands)
        pam = found
        classes = found.class_names or classes
    said = read_statements(attributes, bands)
    stated = numbers_in(str(nodata).strip("\0 ")) if nodata != "" else None
    if nodata != "" and (stated is None or len(stated) != 1):
        remarks.append(f"the no-data value is not used: {str(nodata)!r:.60} is not a number")
        stated = None
    missing = pam.nodata(bands, tuple(stated or ()))
    if raster.valid is not None and not raster.valid.all():
        remarks.append(f"{int((~raster.valid).sum())} pixels are masked by the file")
    return replace(
        raster,
        wavelengths=said.wavelengths,
        gains=said.gains,
        offsets=said.offsets,
        bad_bands=said.bad_bands,
        class_names=dict(enumerate(classes)) if want == "labels" else {},
        remarks=(*raster.remarks, *said.remarks, *remarks),
        **nodata_of(missing),
    )


def _tag(raster: Raster, text: Any) -> GdalMetadata:
    if text is None:
        return GdalMetadata()
    return read_tag(text if isinstance(text, bytes) else str(text), f"{raster.path}: its metadata")


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | bytes) else tuple(np.atleast_1d(value).tolist())

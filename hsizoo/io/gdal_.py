"""Formats that GDAL reads for us, through rasterio: ERDAS Imagine and LAN, JPEG 2000, NITF, PCIDSK.

Formats with a reader of their own do not need GDAL.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from hsizoo.io.choosing import Want
from hsizoo.io.gdal_metadata import GdalMetadata
from hsizoo.io.limits import check_memory, need
from hsizoo.io.raster import Raster, nodata_of
from hsizoo.io.settings import Settings
from hsizoo.io.statements import read_statements

__all__ = ["DRIVERS", "read"]

DRIVERS: Final = {
    b"EHFA_HEADER_TAG": "HFA",
    b"HEAD74": "LAN",
    b"HEADER": "LAN",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JP2OpenJPEG",
    b"NITF0": "NITF",
    b"PCIDSK  ": "PCIDSK",
}
"""The driver for each beginning of a file.  No other may open it: some follow addresses in it."""


def read(path: Path, want: Want, settings: Settings, images: Sequence[tuple[int, int]]) -> Raster:
    """Read all bands, with what GDAL says about them."""
    rasterio = need("rasterio", "geo", path)
    with path.open("rb") as start:
        head = start.read(max(map(len, DRIVERS)))
    driver = next(name for magic, name in DRIVERS.items() if head.startswith(magic))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, driver=driver) as file:
            dtype = np.dtype(file.dtypes[0])
            check_memory(path, (file.height, file.width, file.count), dtype.itemsize)
            alpha = [n for n, c in enumerate(file.colorinterp, 1) if c.name == "alpha"]
            bands = [n for n in range(1, file.count + 1) if n not in alpha]
            values = file.read(bands).transpose(1, 2, 0)
            valid = None
            if alpha or any("per_dataset" in {f.name for f in fs} for fs in file.mask_flag_enums):
                valid = file.dataset_mask() != 0
            metadata = _metadata(file, bands)
            values_of = [file.nodatavals[n - 1] for n in bands]
            nodata = nodata_of([() if each is None else (each,) for each in values_of])
    said = read_statements(metadata.attributes(len(bands)), len(bands))
    return Raster(
        path=path,
        values=values if want == "cube" or len(bands) > 1 else values[:, :, 0],
        wavelengths=said.wavelengths,
        gains=said.gains,
        offsets=said.offsets,
        bad_bands=said.bad_bands,
        valid=valid,
        remarks=said.remarks,
        **nodata,
    )


def _metadata(file: Any, bands: Sequence[int]) -> GdalMetadata:
    """Return scales, offsets and tags as a GeoTIFF's metadata would hold them."""
    found = GdalMetadata(whole={key.lower(): text for key, text in file.tags().items()})
    for place, band in enumerate(bands):
        items = {key.lower(): text for key, text in file.tags(band).items()}
        scale, offset = file.scales[band - 1], file.offsets[band - 1]
        items |= {"scale": str(scale)} if scale != 1 else {}
        items |= {"offset": str(offset)} if offset else {}
        for name, text in items.items():
            found.by_band.setdefault(name, {})[place] = text
    return found

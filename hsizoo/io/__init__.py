"""Reading and writing cubes and masks, one module per format; see `read_cube` and `write_mask`.

========== ============================================== =======================================
format     read                                           needs
========== ============================================== =======================================
ENVI       ``.hdr`` with its data file, any type and      nothing
           interleave
NumPy      ``.npy``, ``.npz``                             nothing
MATLAB     ``.mat`` to version 7                          nothing
MATLAB     ``.mat`` of version 7.3                        ``pip install 'hsizoo[hdf5]'``
HDF5       ``.h5``, ``.hdf5``, ``.he5``; netCDF4          ``pip install 'hsizoo[hdf5]'``
netCDF 3   ``.nc``                                        nothing
TIFF       ``.tif``, GeoTIFF; a folder of one per band    ``pip install 'hsizoo[tiff]'``
Zarr       a folder, version 2 or 3                       ``pip install 'hsizoo[zarr]'``
Tivita     ``*_SpecCube.dat``                             nothing
PNG        masks of one channel                           nothing
GeoJSON    masks of polygons; QuPath's exports too        ``pip install 'hsizoo[geo]'``
GeoPackage masks of polygons                              ``pip install 'hsizoo[geo]'``
Shapefile  masks of polygons                              ``pip install 'hsizoo[geo]'``
COCO       masks of polygons or run lengths, in ``.json`` ``pip install 'hsizoo[geo]'``
others     ERDAS, JPEG 2000, NITF, PCIDSK, through GDAL   ``pip install 'hsizoo[geo]'``
========== ============================================== =======================================

Products of satellites and cameras that keep their metadata in ways of their own are known too:
PRISMA, EnMAP, DESIS, EMIT, AVIRIS, NEON, Hyperion, and raw images with dark and white references;
see ``docs/formats.md``.

Reference spectra are read from ENVI spectral libraries and text (`read_library`).

The format is detected from the content, not from the file extension.  Nothing is unpickled or
unpacked to disk, and no array is allocated before its size has been checked against the data in the
file and against `hsizoo.io.limits.memory_limit`.
"""

from __future__ import annotations

from hsizoo.io.formats import FORMATS, format_of, open_raster
from hsizoo.io.libraries import SpectralLibrary, read_library, write_library
from hsizoo.io.palette import class_colours
from hsizoo.io.pseudo_rgb import PseudoRgb
from hsizoo.io.raster import Raster, to_cube, to_labels
from hsizoo.io.reading import open_cube, open_labels, read_cube, read_labels
from hsizoo.io.settings import Settings
from hsizoo.io.writing import (
    CUBE_FORMATS,
    MASK_FORMATS,
    PROBABILITY_FORMATS,
    write_cube,
    write_mask,
    write_probabilities,
)

__all__ = [
    "CUBE_FORMATS",
    "FORMATS",
    "MASK_FORMATS",
    "PROBABILITY_FORMATS",
    "PseudoRgb",
    "Raster",
    "Settings",
    "SpectralLibrary",
    "class_colours",
    "format_of",
    "open_cube",
    "open_labels",
    "open_raster",
    "read_cube",
    "read_labels",
    "read_library",
    "to_cube",
    "to_labels",
    "write_cube",
    "write_library",
    "write_mask",
    "write_probabilities",
]

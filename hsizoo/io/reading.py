"""The one way to read a cube or a mask, whichever command or function reads it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from hsizoo.cube import NO_LABEL, HyperCube
from hsizoo.io.formats import open_raster
from hsizoo.io.manifest import Manifest, find_manifest
from hsizoo.io.raster import Raster, apply_settings, to_cube, to_labels, without_empty_bands
from hsizoo.io.settings import MASK_SETTINGS, Layout, Settings

__all__ = ["open_cube", "open_labels", "read_cube", "read_labels"]


def read_cube(
    path: str | os.PathLike[str],
    *,
    variable: str | None = None,
    layout: Layout = "auto",
    wavelengths: Sequence[float] | None = None,
    scale: float | None = None,
    nodata: float | Literal["none"] | None = None,
    drop_bands: Iterable[int] = (),
    rgb_bands: Sequence[int] | None = None,
    orthorectify: bool | None = None,
    references: bool | None = None,
) -> HyperCube:
    """Read a cube of any known format.

    What the file says about its values is applied: values without data become NaN, scale factors
    and offsets are applied, bad bands and bands without a single value are left out.  A
    ``hsizoo.toml`` beside the file, or in a folder above, goes before the file, and the arguments
    before both.  What was done is told in ``cube.remarks``.

    A native float32 cube without compression, scale or left-out bands stays on disk as a memory
    map; any other cube is read into memory as float32.

    Parameters
    ----------
    path : path
        A file, or the folder of a Zarr store.  For ENVI, the header or the data file.
    variable : str, optional
        Name of the array, if the file has several; for TIFF, the number of the image.
    layout : {"auto", "hwb", "bhw", "hbw"}
        Order of the axes, if neither the format nor the file tells it: rows, columns, bands; bands
        first; or bands in the middle.
    wavelengths : sequence of float, optional
        Wavelengths of all bands in nm.
    scale : float, optional
        Divisor of the stored values, in place of every scale and offset in the file.
    nodata : float or "none", optional
        The stored value of pixels without data; ``"none"`` if all values are data.
    drop_bands : iterable of int
        Bands to leave out, counted from 0, besides those that the file marks as bad.
    rgb_bands : sequence of three int, optional
        Bands of a pseudo-RGB image, red first, counted from 0 before bands are left out.
    orthorectify : bool, optional
        Whether to arrange the pixels of EMIT and AVIRIS-3 on the map, by the table in the file; by
        default they stay as the sensor saw them.
    references : bool, optional
        Whether dark and white references beside a raw image are applied; by default they are.

    Raises
    ------
    DataError
        If the file does not exist, is damaged or has an unknown format, if nothing tells the order
        of its axes, or if no pixel has a value in every band; the message names the file and what
        was expected.
    OptionError
        If an argument is invalid.
    MissingRequirement
        If the format needs a package that is not installed.

    Examples
    --------
    >>> cube = read_cube("scene.hdr")                                     # doctest: +SKIP
    >>> cube.remarks                                                      # doctest: +SKIP
    ('values are divided by 10000 (reflectance scale factor)',)
    """
    given = {
        "variable": variable,
        "layout": layout,
        "wavelengths": None if wavelengths is None else [float(nm) for nm in wavelengths],
        "scale": scale,
        "nodata": nodata,
        "drop_bands": sorted(map(int, drop_bands)) or None,
        "rgb_bands": None if rgb_bands is None else [int(band) for band in rgb_bands],
        "orthorectify": orthorectify,
        "references": references,
    }
    return to_cube(open_cube(path, Settings.of(given)))


def open_cube(
    path: str | os.PathLike[str],
    settings: Settings | None = None,
    *,
    manifest: Manifest | None = None,
    images: Sequence[tuple[int, int]] = (),
) -> Raster:
    """Open a cube with the settings of its ``hsizoo.toml``, and mark its bands without a value.

    Parameters
    ----------
    path : path
    settings : Settings, optional
        The user's, which go before those of ``hsizoo.toml``.
    manifest : Manifest, optional
        If it has been read already.
    images : sequence of (int, int)
        Height and width of images that belong to the cube, such as its mask.

    Raises
    ------
    DataError, MissingRequirement
        See `read_cube`.
    """
    path = Path(path)
    manifest = find_manifest(path) if manifest is None else manifest
    settings = settings or Settings()
    whole = settings.over(manifest)
    raster = open_raster(path, "cube", whole, images=images)
    given = settings.given
    raster = apply_settings(
        raster, whole, lambda key: "an argument" if key in given else str(manifest.path)
    )
    remarks = list(raster.remarks)
    # The user's settings replace what the reader has told of scale and no data.
    if whole.scale is not None:
        remarks.append(
            f"values are divided by {whole.scale:g}, whatever the file says of its scale"
        )
    if whole.nodata is not None:
        value = f"{whole.nodata:g}" if isinstance(whole.nodata, float) else str(whole.nodata)
        remarks.append(f"the value of pixels without data is {value}, whatever the file says")
    applied = [key for key in manifest.given if key not in given]
    applied = [key for key in applied if key not in MASK_SETTINGS]
    if applied:
        remarks.append(f"settings of {manifest.path}: {', '.join(applied)}")
    return without_empty_bands(replace(raster, remarks=tuple(remarks)))


def open_labels(
    path: str | os.PathLike[str],
    settings: Settings | None = None,
    *,
    manifest: Manifest | None = None,
    like: Raster | None = None,
    classes: Mapping[int, str] | None = None,
) -> Raster:
    """Open a mask with the settings of its ``hsizoo.toml``.

    Parameters
    ----------
    path : path
    settings : Settings, optional
        The user's, which go before those of ``hsizoo.toml``.
    manifest : Manifest, optional
        If it has been read already.
    like : Raster, optional
        The cube that the mask belongs to.  Polygons and COCO annotations are drawn in its size, at
        its place; other masks do not need it.
    classes : mapping of int to str, optional
        Numbers of the classes that polygons name.  Default: ``names`` of ``hsizoo.toml``.

    Raises
    ------
    DataError, MissingRequirement
        See `read_labels`.
    """
    path = Path(path)
    manifest = find_manifest(path) if manifest is None else manifest
    whole = (settings or Settings()).over(manifest)
    if classes is None:
        classes = manifest.names
    raster = open_raster(path, "labels", whole, like=like, classes=classes)
    if whole.mask_nodata == "none":
        return replace(raster, nodata=(), nodata_by_band=(), valid=None, limits=Raster.limits)
    if whole.mask_nodata is not None:
        return replace(raster, nodata=(whole.mask_nodata,), nodata_by_band=())
    return raster


def read_labels(
    path: str | os.PathLike[str],
    *,
    variable: str | None = None,
    nodata: int = NO_LABEL,
    like: Raster | None = None,
) -> tuple[npt.NDArray[np.int32], dict[int, str]]:
    """Read a mask or a map of classes of any known format.

    Parameters
    ----------
    path : path
    variable : str, optional
        Name of the array, if the file has several.
    nodata : int
        The label for pixels that have no data as the file says.
    like : Raster, optional
        The cube that the mask belongs to, from `open_cube`.  Polygons (GeoJSON, GeoPackage,
        Shapefile) and COCO annotations need it, for size and place.

    Returns
    -------
    labels : array of int32, shape (H, W)
    class_names : dict of int to str
        Empty if the file names none.

    Raises
    ------
    DataError, MissingRequirement
        As for `read_cube`; also if values are not whole numbers, or if `like` is missing.
    """
    raster = open_labels(path, Settings(mask_variable=variable), like=like)
    labels = to_labels(raster)
    if nodata != NO_LABEL:
        labels[labels == NO_LABEL] = nodata
    return labels, dict(raster.class_names)

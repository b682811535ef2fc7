"""Write cubes and masks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.cube import HyperCube
from hsizoo.errors import DataError, about_tilde
from hsizoo.io.envi import EXACT_NAMES
from hsizoo.io.limits import need
from hsizoo.io.numpy_ import LAYOUT
from hsizoo.io.palette import class_colours
from hsizoo.io.raster import Raster, row_blocks, to_cube, usable_bands
from hsizoo.io.zarr_chunks import METADATA

__all__ = [
    "CUBE_FORMATS",
    "MASK_FORMATS",
    "PROBABILITY_FORMATS",
    "braces",
    "check_ending",
    "check_mask_name",
    "check_probability_name",
    "envi_header",
    "json_list",
    "keeps_place",
    "lost_place",
    "plain_name",
    "system_errors",
    "write_cube",
    "write_mask",
    "write_probabilities",
]

CUBE_FORMATS: Final = (".hdr", ".npz", ".npy", ".zarr")
MASK_FORMATS: Final = (".png", ".hdr", ".tif", ".tiff", ".npz")
PROBABILITY_FORMATS: Final = (".npz", ".tif", ".tiff", ".hdr", ".npy")

_ENVI_TYPE: Final = {"u1": 1, "i2": 2, "i4": 3, "f4": 4, "u2": 12}


def write_cube(path: str | os.PathLike[str], source: HyperCube | Raster) -> Path:
    """Write a cube as float32, in the format given by the file extension.

    ``.hdr`` is ENVI, interleaved by pixel, with the values in ``.img`` beside it; hsizoo uses such
    a cube from disk.  ``.hdr`` and ``.zarr`` are written in blocks of rows, so any size fits.

    Parameters
    ----------
    path : path
        Ending in ``.hdr``, ``.npz``, ``.npy`` or ``.zarr``.
    source : HyperCube or Raster

    Returns
    -------
    Path
        The written file; for ENVI, the header.

    Raises
    ------
    DataError
        If the extension is not supported, or the file cannot be written.
    MissingRequirement
        If the format needs a package that is not installed.
    """
    path = Path(path)
    writers: dict[str, Callable[[Path, Raster], None]] = {
        ".hdr": _cube_envi, ".npz": _cube_npz, ".npy": _cube_npy, ".zarr": _cube_zarr,
    }  # fmt: skip
    check_ending(path, "cubes", CUBE_FORMATS)
    if isinstance(source, HyperCube):
        nm = None if source.wavelengths is None else tuple(source.wavelengths.tolist())
        source = Raster(
            path=Path(source.name), values=source.data, wavelengths=nm, rgb_bands=source.rgb_bands
        )
    with system_errors(path):
        writers[path.suffix.lower()](path, source)
    return path


def write_mask(
    path: str | os.PathLike[str],
    labels: npt.ArrayLike,
    *,
    class_names: Mapping[int, str] | None = None,
    like: Raster | None = None,
) -> Path:
    """Write a mask or a map of classes, in the format given by the file extension.

    ``.png`` has a palette, ``.tif`` too if all labels are below 256, ``.hdr`` is an ENVI
    classification with colours, ``.npz`` has the arrays ``mask`` and ``class_names``.

    Parameters
    ----------
    path : path
        Ending in ``.png``, ``.hdr``, ``.tif`` or ``.npz``.
    labels : array_like of bool or int, shape (H, W)
        From 0 to 65535.
    class_names : mapping of int to str, optional
        Written to ENVI and NumPy files.
    like : Raster, optional
        The image that the mask belongs to; its georeference is kept if it comes from the same
        format (`keeps_place`).

    Returns
    -------
    Path
        The written file; for ENVI, the header.

    Raises
    ------
    DataError
        If the extension is not supported, the labels do not fit, or the file cannot be written.
    """
    check_mask_name(path)
    path = Path(path)
    array = np.asarray(labels)
    if array.ndim != 2 or array.dtype.kind not in "biu":
        raise DataError(f"{path}: a mask must be (rows, columns) of whole numbers; got {array!r}")
    if array.size and not 0 <= int(array.min()) <= int(array.max()) <= 65535:
        raise DataError(
            f"{path}: labels must be from 0 to 65535; got {array.min()} to {array.max()}"
        )
    array = array.astype(np.uint8 if not array.size or array.max() < 256 else np.uint16)
    names = {int(label): str(name) for label, name in (class_names or {}).items()}
    suffix = path.suffix.lower()
    place = dict(like.place) if like is not None and keeps_place(path, like) else {}
    with system_errors(path):
        if suffix == ".png":
            _mask_png(path, array)
        elif suffix == ".hdr":
            _mask_envi(path, array, names, place)
        elif suffix in (".tif", ".tiff"):
            _write_tiff(path, array, place, **_palette(array))
        else:
            known = [names.get(label, f"class {label}") for label in range(int(array.max()) + 1)]
            with path.open("wb") as file:  # given a path, NumPy would add an ending to "a.NPZ"
                np.savez_compressed(file, mask=array, class_names=np.array(known))
    return path


def write_probabilities(
    path: str | os.PathLike[str],
    maps: npt.NDArray[np.float32],
    class_names: Mapping[int, str],
    *,
    like: Raster | None = None,
) -> Path:
    """Write the probabilities of classes, in the format given by the file extension.

    ``.npz`` has the arrays ``probabilities``, ``class_numbers`` and ``class_names``; ``.hdr``
    (ENVI) and ``.tif`` have a band per class, named after it; ``.npy`` has the maps only.

    Parameters
    ----------
    path : path
        Ending in ``.npz``, ``.tif``, ``.hdr`` or ``.npy``.
    maps : ndarray of float32, shape (K, H, W)
        In [0, 1].
    class_names : mapping of int to str
        Numbers and names of the K classes, in the order of the maps.
    like : Raster, optional
        The image that they belong to, for its georeference; see `write_mask`.

    Returns
    -------
    Path
        The written file; for ENVI, the header.

    Raises
    ------
    DataError
        If the extension is not supported, the maps do not fit the names, or the file cannot be
        written.
    """
    check_probability_name(path)
    path = Path(path)
    maps = np.ascontiguousarray(maps, dtype=np.float32)
    if maps.ndim != 3 or len(maps) != len(class_names):
        raise DataError(
            f"{path}: probabilities must be (classes, rows, columns) of {len(class_names)} "
            f"classes; got shape {maps.shape}"
        )
    names = [str(name) for name in class_names.values()]
    suffix = path.suffix.lower()
    place = dict(like.place) if like is not None and keeps_place(path, like) else {}
    with system_errors(path):
        if suffix == ".hdr":
            maps.astype("<f4", copy=False).tofile(path.with_suffix(".img"))
            fields = {
                "file type": "ENVI Standard",
                "interleave": "bsq",
                "band names": braces(plain_name(name) for name in names),
                **_in_braces(place),
            }
            envi_header(path, (*maps.shape[1:], len(maps)), "f4", fields)
        elif suffix in (".tif", ".tiff"):
            _write_tiff(path, maps, place, names, planarconfig="separate")
        elif suffix == ".npz":
            arrays: dict[str, Any] = {
                "probabilities": maps,
                "class_numbers": np.array(list(class_names)),
                "class_names": np.array(names),
                LAYOUT: np.array("bhw"),
            }
            with path.open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, **arrays)
        else:
            with path.open("wb") as file:
                np.save(file, maps, allow_pickle=False)
    return path


@contextmanager
def system_errors(path: Path) -> Iterator[None]:
    """Turn system errors (no such folder, disk full) into `DataError`."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            check_parent(path)
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from error


def check_ending(path: str | os.PathLike[str], what: str, endings: Sequence[str]) -> None:
    """Raise `DataError` unless a path ends as what is written there must."""
    if Path(path).suffix.lower() not in endings:
        raise DataError(
            f"{path}: {what} are written as {', '.join(endings)}, {_not_as(Path(path))}"
        )


def check_parent(path: Path) -> None:
    """Raise `DataError` unless the folder of a file is there and lets the file be written."""
    if not path.parent.is_dir():
        raise DataError(
            f"there is no folder {path.parent} to write {path.name} into{about_tilde(path)}"
        )
    if not path.exists() and not os.access(path.parent, os.W_OK):
        raise DataError(
            f"the folder {path.parent} cannot be written into, so {path.name} needs another place"
        )


def check_mask_name(path: str | os.PathLike[str]) -> None:
    """Raise `DataError` unless the extension is that of a mask format."""
    check_ending(path, "masks", MASK_FORMATS)


def check_probability_name(path: str | os.PathLike[str]) -> None:
    """Raise `DataError` unless the extension is one that `write_probabilities` takes."""
    check_ending(path, "probabilities", PROBABILITY_FORMATS)


def _not_as(path: Path) -> str:
    return f"not {path.suffix!r}" if path.suffix else "but this name has no extension"


def keeps_place(path: str | os.PathLike[str], like: Raster) -> bool:
    """Whether a mask written to `path` keeps the georeference of `like`; True if it has none."""
    is_tiff = all(key.isdigit() for key in like.place)
    wanted = (".tif", ".tiff") if is_tiff else (".hdr",)
    return not like.place or Path(path).suffix.lower() in wanted


def lost_place(
    path: str | os.PathLike[str], like: Raster | None, advice: str = "write it as ."
) -> str:
    """Return a remark if a mask written to `path` loses the georeference of `like`, else "".

    `advice` says how to keep it, and is followed by the format that does.
    """
    if like is None or keeps_place(path, like):
        return ""
    is_tiff = all(key.isdigit() for key in like.place)
    return (
        f"{Path(path).name} has no georeference, as its format differs from the cube's; "
        f"{advice}{'tif' if is_tiff else 'hdr'}"
    )


def envi_header(path: Path, shape: tuple[int, ...], kind: str, fields: Mapping[str, str]) -> None:
    """Write an ENVI header for an array (H, W, B), interleaved by pixel unless a field says so."""
    height, width, bands = shape
    lines = {
        "description": "{written by hsizoo}",
        "samples": width, "lines": height, "bands": bands, "header offset": 0,
        "data type": _ENVI_TYPE[kind], "interleave": "bip", "byte order": 0, **fields,
    }  # fmt: skip
    text = "".join(f"{key} = {value}\n" for key, value in lines.items())
    path.write_text(f"ENVI\n{text}", encoding="utf-8")


def braces(values: Any) -> str:
    """Return values as an ENVI list."""
    return "{" + ", ".join(str(value) for value in values) + "}"


def _in_braces(place: Mapping[str, str]) -> dict[str, str]:
    """Return a georeference as fields of a header."""
    return {key: "{" + text + "}" for key, text in place.items()}


def plain_name(name: str) -> str:
    """Return a name as an element of an ENVI list, which has no quoting."""
    return " ".join(name.translate(str.maketrans("{},", "();")).split())


def json_list(names: list[str]) -> str:
    """Return names as a JSON list without braces, in which no name can end the ENVI field."""
    text = json.dumps(names).replace("{", r"\u007b").replace("}", r"\u007d")
    return "{" + text + "}"


def _cube_envi(path: Path, raster: Raster) -> None:
    bands, nm, rgb = usable_bands(raster)
    with path.with_suffix(".img").open("wb") as file:
        for _, rows in row_blocks(raster):
            file.write(np.ascontiguousarray(rows, dtype="<f4").data)
    fields = {"file type": "ENVI Standard"}
    if nm is not None:
        fields |= {"wavelength units": "Nanometers", "wavelength": braces(f"{v:.10g}" for v in nm)}
    if rgb is not None:
        fields["default bands"] = braces(band + 1 for band in rgb)
    if raster.place and keeps_place(path, raster):
        fields |= _in_braces(raster.place)
    envi_header(path, (*raster.values.shape[:2], len(bands)), "f4", fields)


def _cube_npz(path: Path, raster: Raster) -> None:
    cube = to_cube(raster)
    more: dict[str, Any] = {LAYOUT: np.array("hwb")}
    if cube.wavelengths is not None:
        more["wavelengths"] = cube.wavelengths
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, cube=cube.data, **more)


def _cube_npy(path: Path, raster: Raster) -> None:
    data = to_cube(raster).data
    with path.open("wb") as file:
        np.save(file, data, allow_pickle=False)


def _cube_zarr(path: Path, raster: Raster) -> None:
    zarr = need("zarr", "zarr", path)
    # A store is emptied before it is written, and so would be any other folder of that name.
    if path.exists() and not any((path / name).is_file() for name in METADATA):
        raise DataError(f"{path} exists and is not a Zarr store; choose another name")
    bands, nm, _ = usable_bands(raster)
    shape = (*raster.values.shape[:2], len(bands))
    chunks = (min(64, shape[0]), min(64, shape[1]), shape[2])
    group = zarr.open_group(str(path), mode="w")
    array = group.create_array(
        "cube", shape=shape, chunks=chunks, dtype="float32", dimension_names=("row", "col", "band")
    )
    for start, rows in row_blocks(raster):
        array[start : start + len(rows)] = rows
    if nm is not None:
        array.attrs["wavelengths"] = list(nm)


def _mask_png(path: Path, array: npt.NDArray[Any]) -> None:
    from PIL import Image

    image = Image.fromarray(array)
    if array.dtype == np.uint8:
        image.putpalette(class_colours(256).tobytes())
    image.save(path, format="PNG")


def _mask_envi(
    path: Path, array: npt.NDArray[Any], names: Mapping[int, str], place: Mapping[str, str]
) -> None:
    array.astype(array.dtype.newbyteorder("<")).tofile(path.with_suffix(".img"))
    count = int(array.max()) + 1
    exact = [names.get(n, f"class {n}") for n in range(count)]
    plain = [plain_name(name) or f"class {n}" for n, name in enumerate(exact)]
    fields = {
        "file type": "ENVI Classification",
        "classes": str(count),
        "class names": braces(plain),
        **({EXACT_NAMES: json_list(exact)} if plain != exact else {}),
        "class lookup": braces(class_colours(count).ravel()),
        **_in_braces(place),
    }
    envi_header(path, (*array.shape, 1), array.dtype.str[1:], fields)


def _palette(array: npt.NDArray[Any]) -> dict[str, Any]:
    """Return what makes labels below 256 a TIFF image with the colours of the classes."""
    if array.dtype != np.uint8:
        return {}
    colours = class_colours(256).T.astype(np.uint16)
    return {"photometric": "palette", "colormap": colours * 257}  # 255 becomes 65535


def _write_tiff(
    path: Path,
    array: npt.NDArray[Any],
    place: Mapping[str, Any],
    band_names: Sequence[str] = (),
    **how: Any,
) -> None:
    tifffile = need("tifffile", "tiff", path)
    from hsizoo.io.gdal_metadata import named_bands
    from hsizoo.io.tiff import GEO_TAGS, METADATA_TAG

    tags: list[tuple[Any, ...]] = []
    for code, value in place.items():
        count = 0 if isinstance(value, str) else len(value)
        tags.append((int(code), GEO_TAGS[int(code)], count, value, True))
    if band_names:
        tags.append((METADATA_TAG, "s", 0, named_bands(band_names), True))
    how = {"photometric": "minisblack", "metadata": None, **how}
    tifffile.imwrite(path, array, extratags=tags, **how)

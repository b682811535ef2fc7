"""The inputs of `fuzz.py`: valid files of each kind, their readers, and the damage."""

from __future__ import annotations

import io
import json
import os
import random
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["KINDS", "TRIAL", "Kind", "damage"]

TRIAL = "trial"  # not a file: what the harness must notice

_RNG = np.random.default_rng(0)
_CUBE = _RNG.random((5, 7, 11), dtype=np.float32)
_LABELS = np.arange(35).reshape(5, 7) % 4
_NM = np.linspace(400, 900, 11)


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Parameters
    ----------
    write : callable
        Writes valid files to a folder, always the same bytes.
    name : str
        What is read, below the folder.
    read : callable
        Reads it.
    damaged : str
        Pattern of the files to damage; one of them is chosen.
    """

    write: Callable[[Path], object]
    name: str
    read: Callable[[Path], object]
    damaged: str = "*"

    def target(self, folder: Path) -> Path:
        """Return the path that is read."""
        return folder / self.name


# Readers


def _read_image(path: Path) -> None:
    """Read a cube and labels; the first error is raised after both."""
    from hsizoo.errors import HsizooError
    from hsizoo.io import Settings, open_raster, to_cube, to_labels

    settings = Settings(layout="hwb" if path.suffix == ".npy" else "auto")  # nothing tells it
    refused = None
    for want, convert in (("cube", _whole_cube(to_cube)), ("labels", to_labels)):
        try:
            convert(open_raster(path, want, settings))  # type: ignore[arg-type]
        except HsizooError as error:
            refused = refused or (error if want == "cube" else None)
    if refused:
        raise refused


def _whole_cube(to_cube: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda raster: to_cube(raster).digest  # reads every value


def _read_mask(path: Path) -> None:
    from hsizoo.io import read_labels

    read_labels(path)


def _read_collection(path: Path) -> None:
    from hsizoo.io.collection import Collection

    collection = Collection(path)
    for member in collection.members:
        collection.scene(member)


def _read_drawn(path: Path) -> None:
    import hsizoo
    from hsizoo.io import open_cube, read_labels

    cube = path.parent / "c.hdr"
    if not cube.exists():
        hsizoo.io.write_cube(cube, hsizoo.HyperCube(_CUBE))
    read_labels(path, like=open_cube(cube))


def _read_points(path: Path) -> None:
    import hsizoo
    from hsizoo.mapping.training_labels import read_training_labels
    from hsizoo.session.source import read_source, settings_of

    settings = settings_of()
    read_training_labels(path, read_source(hsizoo.HyperCube(_CUBE), settings), settings)


def _read_spectra(path: Path) -> None:
    from hsizoo.io import read_library

    read_library(path)


def _read_clicks(path: Path) -> None:
    import hsizoo

    hsizoo.Session.replay(path, hsizoo.HyperCube(_CUBE, _NM), "sa")


def _read_experiment(path: Path) -> None:
    from hsizoo.runs.experiment_file import read_experiment

    for run in read_experiment(path).runs:
        run.to_json()


def _read_state(path: Path) -> None:
    import hsizoo

    hsizoo.state_digest(hsizoo.load_state(path))


def _read_trained(path: Path) -> None:
    from hsizoo.weights.trained import open_weights

    weights = open_weights(path)
    weights.check(str(weights.card["component"]), weights.card["options"])
    _ = weights.load(weights.card["frozen_digest"]), weights.trained_on


def _read_cell(path: Path) -> None:
    from hsizoo.engine.store import Store

    json.dumps(Store(path).load("key"), allow_nan=False)


def _try(path: Path) -> None:
    """Misbehave as the file says."""
    from hsizoo.errors import DataError

    number = int(path.read_text())
    if number == 1:
        raise KeyError("a traceback")
    if number == 2:
        raise DataError("a file is damaged")
    if number == 3:
        _ = os.urandom(2**20) * 400
    if number == 4:
        while True:
            pass
    if number == 5:
        os.abort()
    if number == 6:
        raise DataError(f"{path} is damaged")
    if number == 7:
        try:
            _ = bytearray(2**40)
        except MemoryError as error:
            raise DataError(f"{path} is damaged") from error


# Valid files


def _mat(folder: Path, **options: Any) -> None:
    import scipy.io

    content = {"cube": _CUBE, "gt": _LABELS, "about": {"a": 1, "b": "text"}, "wavelengths": _NM}
    scipy.io.savemat(folder / "c.mat", content, **options)
    with (folder / "c.mat").open("rb+") as file:
        file.write(b"MATLAB 5.0 MAT-file, hsizoo".ljust(116))  # instead of the time


def _hdf5(folder: Path) -> None:
    import h5py

    with h5py.File(folder / "c.h5", "w") as file:
        file.create_dataset("cube", data=_CUBE, compression="gzip", chunks=(5, 4, 11))
        file.create_dataset("gt", data=_LABELS)
        file["cube"].attrs["wavelengths"] = _NM


def _tiff(folder: Path, **options: Any) -> None:
    import tifffile

    bands = _CUBE.transpose(2, 0, 1)
    tifffile.imwrite(folder / "c.tif", bands, photometric="minisblack", metadata=None, **options)


def _netcdf(folder: Path) -> None:
    from scipy.io import netcdf_file

    with netcdf_file(folder / "c.nc", "w") as file:
        for name, size in (("band", 11), ("y", 5), ("x", 7)):
            file.createDimension(name, size)
        variable = file.createVariable("cube", "f4", ("band", "y", "x"))
        variable[:] = _CUBE.transpose(2, 0, 1)
        variable.scale_factor = 2.0
        file.createVariable("wavelength", "f8", ("band",))[:] = _NM


def _gdal(folder: Path, name: str, driver: str, **options: Any) -> None:
    import rasterio

    values = (_CUBE * 1000).astype(np.uint16).transpose(2, 0, 1)
    with rasterio.open(
        folder / name, "w", driver=driver, height=5, width=7, count=11, dtype="uint16",
        crs="EPSG:32632", transform=rasterio.Affine(10, 0, 5e5, 0, -10, 5e6), **options,
    ) as file:  # fmt: skip
        file.write(values)
    for beside in folder.glob("*.aux.xml"):
        beside.unlink()


_SQUARE = [[[1, 1], [4, 1], [4, 4], [1, 4], [1, 1]]]


def _geojson(folder: Path) -> None:
    shapes = [("corn", _SQUARE), ("oats", [[[5, 0], [7, 0], [7, 3], [5, 0]]])]
    features = [
        {
            "type": "Feature",
            "properties": {"class": name},
            "geometry": {"type": "Polygon", "coordinates": shape},
        }
        for name, shape in shapes
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features}, indent=1)
    (folder / "m.geojson").write_text(text)


def _coco(folder: Path) -> None:
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 4, 1, 4, 4]]},
        {
            "id": 2, "image_id": 1, "category_id": 2, "iscrowd": 1,
            "segmentation": {"size": [5, 7], "counts": [3, 9, 23]},
        },
    ]  # fmt: skip
    about = {
        "images": [{"id": 1, "file_name": "c.hdr", "height": 5, "width": 7}],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "corn"}, {"id": 2, "name": "oats"}],
    }
    (folder / "m.json").write_text(json.dumps(about, indent=1))


def _vectors(folder: Path, name: str, driver: str) -> None:
    import pyogrio
    import shapely

    square = shapely.to_wkb(shapely.Polygon(_SQUARE[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that there is no coordinate system
        pyogrio.raw.write(
            folder / name, np.array([square]), [np.array(["corn"], object)], ["class"],
            geometry_type="Polygon", driver=driver, crs=None,
        )  # fmt: skip


def _points(folder: Path) -> None:
    rows = [f"{r},{c},{('corn', 'oats')[c % 2]}" for r in range(5) for c in range(4)]
    (folder / "l.csv").write_text("\n".join(["row,col,class", *rows]))


def _library(folder: Path, name: str) -> None:
    from hsizoo.io import SpectralLibrary, write_library

    write_library(folder / name, SpectralLibrary(["a", "b, c"], _CUBE[0, :2], _NM))


def _npz(folder: Path) -> None:
    np.savez_compressed(folder / "c.npz", cube=_CUBE, gt=_LABELS, wavelengths=_NM)


def _cube(folder: Path, name: str) -> None:
    import hsizoo
    from hsizoo.io import write_cube

    write_cube(folder / name, hsizoo.HyperCube(_CUBE, _NM, "c", (9, 5, 1)))


def _zarr(folder: Path, version: int) -> None:
    import zarr

    group = zarr.open_group(str(folder / "c.zarr"), mode="w", zarr_format=version)
    array = group.create_array("cube", data=_CUBE, chunks=(5, 4, 11))
    array.attrs["wavelengths"] = _NM.tolist()


def _tivita(folder: Path) -> None:
    from hsizoo.io.tivita import write_spec_cube

    write_spec_cube(folder / "a_SpecCube.dat", _CUBE)


def _png(folder: Path, name: str = "m.png") -> None:
    from hsizoo.io import write_mask

    write_mask(folder / name, _LABELS)


def _clicks(folder: Path) -> None:
    about = {
        "format": "hsizoo session 1", "component": "sa", "file": "c.npy", "threshold": 0.5,
        "cube": "c", "cube sha256": "0" * 64,
        "objects": [
            {"name": "a", "clicks": [[0, 1, True], [2, 3, False]]},
            {"name": "b", "clicks": [[4, 6, True]]},
        ],
    }  # fmt: skip
    (folder / "s.json").write_text(json.dumps(about, indent=1))


def _manifest(folder: Path) -> None:
    _cube(folder, "one.npy")
    _png(folder, "one.mask.png")
    wavelengths = ", ".join(map(str, _NM.tolist()))
    (folder / "hsizoo.toml").write_text(
        'title = "Leaves"\nignore = [3]\nrgb_bands = [9, 5, 1]\nscale = 2.0\nnodata = -1\n'
        f"drop_bands = [0, 10]\nwavelengths = [{wavelengths}]\nsubject = '^(.+)$'\n"
        'skip = ["raw/*"]\n[names]\n0 = "none"\n1 = "leaf"\n2 = "stem"\n3 = "edge"\n'
        '[split]\n"one.npy" = "test"\n'
    )


def _experiment(folder: Path) -> None:
    (folder / "e.toml").write_text(
        'title = "Try"\n[defaults]\ndataset = "phantom"\nclicks = 3\n[[run]]\nname = "one"\n'
        'components = ["sa", "pcc"]\nseeds = [0, 1]\nperturbations = ["none"]\n[run.training]\n'
        "seeds = 2\nepochs = 3\n[run.sweep]\nlimit_subjects = [1, 2]\n[[run]]\n"
        'name = "two"\ncomponents = ["svm"]\nshots = 5\nseeds = 2\n'
    )


def _tensors() -> dict[str, Any]:
    import torch

    return {
        "a.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3),
        "a.bias": torch.ones(4, dtype=torch.bfloat16),
        "count": torch.tensor(3),
    }


def _safetensors(folder: Path) -> None:
    from safetensors.torch import save_file

    save_file(_tensors(), folder / "w.safetensors", {"card": "{}"})


def _torch(folder: Path, **options: Any) -> None:
    import torch

    torch.save({"model": _tensors()}, folder / "w.pt", **options)


def _trained(folder: Path) -> None:
    from hsizoo.training.folder import TrainingFolder

    card = {
        "component": "zoo/net", "options": {"size": 1}, "frozen_digest": "f" * 64,
        "finished": "2026", "dataset": {"component": "zoo/data", "options": {}},
        "subjects": {"train": ["a"]},
    }  # fmt: skip
    TrainingFolder(folder / "trained").save_result(_tensors(), card)


def _cell(folder: Path, *, in_log: bool) -> None:
    from hsizoo.engine.store import Store

    record = {
        "format": 1, "status": "done", "key": "key", "seconds": 0.25,
        "identity": {"component": {"component": "hsizoo/sa", "options": {}}, "seed": 0},
        "result": {"samples": [{"dice": [0.5, 0.75, 1e-05], "clicks": [[1, 2, True]]}]},
    }  # fmt: skip
    if in_log:
        with Store(folder / "run") as store:
            store.save("key", record)
        return
    (folder / "run" / "cells").mkdir(parents=True)
    (folder / "run" / "cells" / "key.json").write_text(json.dumps(record))


KINDS: dict[str, Kind] = {
    "envi": Kind(partial(_cube, name="c.hdr"), "c.hdr", _read_image),
    "npy": Kind(partial(_cube, name="c.npy"), "c.npy", _read_image),
    "npz": Kind(_npz, "c.npz", _read_image),
    "mat": Kind(_mat, "c.mat", _read_image),
    "mat-compressed": Kind(partial(_mat, do_compression=True), "c.mat", _read_image),
    "hdf5": Kind(_hdf5, "c.h5", _read_image),
    "tiff": Kind(partial(_tiff, compression="zlib", rowsperstrip=2), "c.tif", _read_image),
    "tiff-plain": Kind(_tiff, "c.tif", _read_image),
    "zarr": Kind(partial(_zarr, version=3), "c.zarr", _read_image, "c.zarr/**/*"),
    "zarr-2": Kind(partial(_zarr, version=2), "c.zarr", _read_image, "c.zarr/**/*"),
    "netcdf3": Kind(_netcdf, "c.nc", _read_image),
    "erdas": Kind(partial(_gdal, name="c.img", driver="HFA"), "c.img", _read_image),
    "pcidsk": Kind(partial(_gdal, name="c.pix", driver="PCIDSK"), "c.pix", _read_image),
    "jpeg2000": Kind(partial(_gdal, name="c.jp2", driver="JP2OpenJPEG"), "c.jp2", _read_image),
    "geotiff": Kind(partial(_gdal, name="c.tif", driver="GTiff", nodata=7), "c.tif", _read_image),
    "geojson": Kind(_geojson, "m.geojson", _read_drawn, "m.*"),
    "coco": Kind(_coco, "m.json", _read_drawn, "m.*"),
    "geopackage": Kind(
        partial(_vectors, name="m.gpkg", driver="GPKG"), "m.gpkg", _read_drawn, "m.*"
    ),
    "shapefile": Kind(
        partial(_vectors, name="m.shp", driver="ESRI Shapefile"), "m.shp", _read_drawn, "m.*"
    ),
    "points": Kind(_points, "l.csv", _read_points),
    "library": Kind(partial(_library, name="l.sli"), "l.sli", _read_spectra),
    "spectra": Kind(partial(_library, name="l.csv"), "l.csv", _read_spectra),
    "tivita": Kind(_tivita, "a_SpecCube.dat", _read_image),
    "png": Kind(_png, "m.png", _read_mask),
    "manifest": Kind(_manifest, "", _read_collection, "*.toml"),
    "collection": Kind(_manifest, "", _read_collection),
    "clicks": Kind(_clicks, "s.json", _read_clicks),
    "experiment": Kind(_experiment, "e.toml", _read_experiment),
    "safetensors": Kind(_safetensors, "w.safetensors", _read_state),
    "torch": Kind(_torch, "w.pt", _read_state),
    "torch-old": Kind(partial(_torch, _use_new_zipfile_serialization=False), "w.pt", _read_state),
    "trained": Kind(_trained, "trained", _read_trained, "trained/*"),
    "cell": Kind(partial(_cell, in_log=True), "run", _read_cell, "run/cells/*"),
    "cell-old": Kind(partial(_cell, in_log=False), "run", _read_cell, "run/cells/*"),
    TRIAL: Kind(lambda folder: (folder / "number").write_text("0"), "number", _try),
}


# Damage


def damage(kind: str, number: int, folder: Path) -> None:
    """Damage one file below a folder; the same number always does the same."""
    chance = random.Random(f"{kind}:{number}")
    files = sorted(path for path in folder.glob(KINDS[kind].damaged) if path.is_file())
    path = chance.choice([path for path in files if path.name != ".lock"])
    if kind == TRIAL:
        path.write_text(str(number))
        return
    content = path.read_bytes()
    behind = _BEHIND.get(path.suffix)
    if behind is not None and chance.random() < 0.5:
        content = behind(content, chance)
    else:
        content = changed(content, chance)
    path.write_bytes(content)


def changed(content: bytes, chance: random.Random) -> bytes:
    """Return content with one to four changes."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        content = chance.choice(_CHANGES)(content, chance)
    return content


def _place(content: bytes, chance: random.Random) -> int:
    """Return an offset, most often near the beginning."""
    return int(len(content) * chance.random() ** chance.choice((1, 3)))


def _flip(content: bytes, chance: random.Random) -> bytes:
    if not content:
        return content
    found = bytearray(content)
    for _ in range(chance.choice((1, 1, 4))):
        found[min(_place(content, chance), len(content) - 1)] ^= 1 << chance.randrange(8)
    return bytes(found)


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: _place(content, chance)]


def _splice(content: bytes, chance: random.Random) -> bytes:
    """Copy a part to another place, in addition to what is there or instead of it."""
    size = chance.choice((1, 4, 16, 200))
    source, at = _place(content, chance), _place(content, chance)
    part = content[source : source + size]
    return content[:at] + part + content[at + chance.choice((0, len(part), 2 * len(part))) :]


def _binary_number(content: bytes, chance: random.Random) -> bytes:
    size, order = chance.choice("BHIQ"), chance.choice("<>")
    most = 2 ** (8 * struct.calcsize(size)) - 1
    value = chance.choice((0, 1, 2, most, most // 2, most // 2 + 1, 0x10000, 0x100000))
    at = _place(content, chance)
    at -= at % chance.choice((1, 2, 4))
    number = struct.pack(order + size, value & most)
    return content[:at] + number + content[at + len(number) :]


_NUMBERS = (
    b"0", b"1", b"-1", b"2.5", b"99999", b"2147483648", b"4294967296", b"9223372036854775807",
    b"1000000000000000000000000", b"1e400", b"-1e400", b"NaN", b"inf", b"7" * 400, b"7" * 5000,
    b"true", b"null", b'"text"', b"[]", b"{}", b"[[[1]]]",
)  # fmt: skip


def _text_number(content: bytes, chance: random.Random) -> bytes:
    """Replace a number that is written in digits."""
    found = [each.span() for each in re.finditer(rb"-?\d+(?:\.\d+)?(?:e-?\d+)?", content)]
    if not found:
        return content
    begin, end = chance.choice(found[:200])
    return content[:begin] + chance.choice(_NUMBERS) + content[end:]


_TEXTS = (
    b"[" * 5000, b"{" * 100, b'{"a":' * 200, b"\0", b"\xff", b"\xef\xbb\xbf", b"\n", b"=", b'"',
    b"../", b"\\u0000", b"\\ud800", b"}", b"]", b",", b"x" * 300,
)  # fmt: skip


def _insert_text(content: bytes, chance: random.Random) -> bytes:
    at = _place(content, chance)
    return content[:at] + chance.choice(_TEXTS) + content[at:]


def _swap_words(content: bytes, chance: random.Random) -> bytes:
    """Replace a word, such as a key or a type, by another one of the file."""
    found = [each.span() for each in re.finditer(rb"[A-Za-z_<|>][\w .]{1,20}", content)][:200]
    if len(found) < 2:
        return content
    (begin, end), (first, last) = chance.sample(found, 2)
    return content[:begin] + content[first:last] + content[end:]


_CHANGES = (
    _flip, _cut, _splice, _binary_number, _binary_number, _text_number, _text_number,
    _insert_text, _swap_words,
)  # fmt: skip


def _behind_zip(content: bytes, chance: random.Random) -> bytes:
    """Change an entry of an archive, with a valid checksum."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = [(each, archive.read(each)) for each in archive.infolist()]
    one = chance.randrange(len(entries))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for index, (entry, inner) in enumerate(entries):
            about = zipfile.ZipInfo(entry.filename)
            about.compress_type = entry.compress_type
            archive.writestr(about, changed(inner, chance) if index == one else inner)
    return made.getvalue()


def _behind_png(content: bytes, chance: random.Random) -> bytes:
    """Change a chunk, with a valid length and checksum."""
    at, chunks = 8, []
    while at < len(content):
        (size,) = struct.unpack_from(">I", content, at)
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + size]))
        at += 12 + size
    one = chance.randrange(len(chunks))
    kind, inner = chunks[one]
    if kind == b"IDAT":
        inner = zlib.compress(changed(zlib.decompress(inner), chance))
    else:
        inner = changed(inner, chance)
    chunks[one] = kind, inner
    return content[:8] + b"".join(
        struct.pack(">I", len(each)) + kind + each + struct.pack(">I", zlib.crc32(kind + each))
        for kind, each in chunks
    )


def _behind_safetensors(content: bytes, chance: random.Random) -> bytes:
    """Change the header, with a valid length."""
    size = int.from_bytes(content[:8], "little")
    header = changed(content[8 : 8 + size], chance)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


_BEHIND: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".npz": _behind_zip,
    ".pt": lambda content, chance: (
        _behind_zip if content.startswith(b"PK") else changed
    )(content, chance),
    ".png": _behind_png,
    ".safetensors": _behind_safetensors,
}  # fmt: skip

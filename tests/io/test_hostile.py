"""Files that would hang a reader, or take memory out of proportion: refused by name, at once."""

import os
import struct
import subprocess
import sys

import numpy as np
import pytest

import hsizoo
from hsizoo.errors import DataError
from hsizoo.io import read_cube, read_labels, write_cube, write_mask
from hsizoo.io.checking import check_collection
from hsizoo.io.collection import Collection

CUBE = np.random.default_rng(0).random((12, 10, 5), dtype=np.float32)


def tiff(*offsets, big=False):
    """Return a TIFF whose directories, one tag each, are at given places and name the next."""
    order = "<"
    head = b"II+\0\x08\0\0\0" if big else b"II*\0"
    content = bytearray(400)
    content[: len(head)] = head
    struct.pack_into(order + ("Q" if big else "I"), content, len(head), offsets[0])
    for at, following in zip(offsets, [*offsets[1:], 0], strict=True):
        if big:
            struct.pack_into("<QHHQQ", content, at, 1, 256, 3, 1, 10)
            struct.pack_into("<Q", content, at + 28, following)
        else:
            struct.pack_into("<HHHII", content, at, 1, 256, 3, 1, 10)
            struct.pack_into("<I", content, at + 14, following)
    return bytes(content)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("chain", [(64, 64), (64, 128, 64), (64, 128, 200, 128)])
def test_a_tiff_whose_images_never_end(tmp_path, chain, big):
    pytest.importorskip("tifffile")
    content = tiff(*dict.fromkeys(chain), big=big)
    closed = bytearray(content)
    last = list(dict.fromkeys(chain))[-1]
    struct.pack_into("<Q" if big else "<I", closed, last + (28 if big else 14), chain[-1])
    (tmp_path / "c.tif").write_bytes(closed)
    with pytest.raises(DataError, match=r"c\.tif is damaged: its chain of images comes back"):
        read_cube(tmp_path / "c.tif")


@pytest.mark.parametrize("name", ["c.hdr", "c.tif", "c.npy", "c.mask.png", "hsizoo.toml"])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    write_cube(tmp_path / "a.hdr", hsizoo.HyperCube(CUBE))
    write_mask(tmp_path / "a.mask.png", (CUBE[:, :, 0] > 0.5).astype(int))
    os.mkfifo(tmp_path / name)
    code = (
        "import sys, hsizoo.io\n"
        "from hsizoo.io.checking import check_collection\n"
        "from hsizoo.io.collection import Collection\n"
        "found = list(check_collection(Collection(sys.argv[1])))\n"
        "print([f.errors for f in found if f.path.name == sys.argv[2]])\n"
        "try:\n    hsizoo.io.read_cube(sys.argv[1] + '/' + sys.argv[2])\n"
        "except hsizoo.HsizooError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), name],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert "is not a plain file" in done.stdout
    assert name == "hsizoo.toml" or "is neither a file nor a folder" in done.stdout


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")


def limited(tmp_path, *names, gigabytes=0.1):
    """Read cubes in a process with a limit of memory; return what they say and its peak in MB."""
    code = (
        "import re, sys, hsizoo.io\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n        hsizoo.io.read_cube(name, layout='hwb')\n        print('read')\n"
        "    except hsizoo.HsizooError as error:\n        print(error)\n"
        # Not ru_maxrss, which a process inherits from the one that starts it.
        "print(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *names], cwd=tmp_path, capture_output=True, text=True,
        check=True, timeout=300, env={**os.environ, "HSIZOO_MEMORY_GB": str(gigabytes)},
    )  # fmt: skip
    *said, peak = done.stdout.splitlines()
    return said, float(peak) / 1024


@linux
@pytest.mark.parametrize("compression", ["gzip", "lzf", None])
def test_an_hdf5_chunk_larger_than_its_array(tmp_path, compression):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        item = file.create_dataset(
            "cube", shape=(4, 4, 4), maxshape=(None, None, None), chunks=(1000, 1000, 200),
            dtype="f4", compression=compression,
        )  # fmt: skip
        item.id.write_direct_chunk((0, 0, 0), b"x" * 2000)
    said, peak = limited(tmp_path, "c.h5")
    assert "1000 × 1000 × 200 values of 4 bytes" in said[0]
    assert peak < 300


@linux
def test_zarr_that_declares_gigabytes_in_a_kilobyte(tmp_path):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(
        str(tmp_path / "c.zarr"), shape=(8000, 8000, 8), chunks=(8000, 8000, 8), dtype="f4"
    )
    assert array.nbytes == 2_048_000_000
    (tmp_path / "c.zarr" / "c" / "0" / "0").mkdir(parents=True)
    (tmp_path / "c.zarr" / "c" / "0" / "0" / "0").write_bytes(b"x" * 900)
    said, peak = limited(tmp_path, "c.zarr", gigabytes=4)
    assert "declares 1.9 GiB but only 900 bytes are stored" in said[0]
    assert peak < 300
    said, _ = limited(tmp_path, "c.zarr")
    assert "at most 102.4 MiB are read into memory" in said[0]


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 10_000 + "]" * 10_000,
        "scale = " + "9" * 5000,
        "scale = 1e400",
        "nodata = " + "1" * 400,
        "drop_bands = [" + "9" * 30 + "]",
        "\0",
        'names = { 1 = "a" }\nnames = { 1 = "b" }',
        "subject = '(a+)+$('",
    ],
    ids=lambda text: text[:16],
)
def test_a_hostile_manifest(tmp_path, text):
    write_cube(tmp_path / "a.hdr", hsizoo.HyperCube(CUBE))
    (tmp_path / "hsizoo.toml").write_text(text)
    with pytest.raises(DataError, match=r"hsizoo\.toml") as error:
        read_cube(tmp_path / "a.hdr")
    assert len(str(error.value)) < 1000


def test_links_out_of_a_folder_are_not_followed_where_skip_hides_them(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    write_cube(tmp_path / "secret.hdr", hsizoo.HyperCube(CUBE))
    write_mask(tmp_path / "secret.png", (CUBE[:, :, 0] > 0.5).astype(int))
    (folder / "a.hdr").write_bytes((tmp_path / "secret.hdr").read_bytes())
    (folder / "a.img").symlink_to(tmp_path / "secret.img")
    write_mask(folder / "a.mask.png", (CUBE[:, :, 0] > 0.5).astype(int))
    (folder / "hsizoo.toml").write_text('skip = ["*.img"]')
    collection = Collection(folder)
    (member,) = collection.members
    with pytest.raises(DataError, match=r"a\.img is a link that points outside"):
        collection.scene(member)
    assert any("points outside" in e for f in check_collection(collection) for e in f.errors)


def test_gdals_mask_beside_an_image_that_never_ends(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "c.tif", (CUBE * 100).astype(np.uint8), photometric="minisblack")
    (tmp_path / "c.tif.msk").write_bytes(tiff(64)[:78] + struct.pack("<I", 64) + bytes(100))
    with pytest.raises(DataError, match=r"c\.tif\.msk is damaged"):
        read_labels(tmp_path / "c.tif")

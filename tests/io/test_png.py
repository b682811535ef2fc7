"""PNG masks: labels as stored, or one error; rasterio is the witness."""

import contextlib
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from hsizoo.errors import DataError
from hsizoo.io import read_labels

GREY, PALETTE = 0, 3


def chunk(kind, content):
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png(width, height, bits, colour, rows, *more):
    """A PNG file of any size in its header; `more` are chunks before the pixels."""
    about = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = [chunk(b"IHDR", about), *more, chunk(b"IDAT", zlib.compress(rows, 9))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b"")


def packed(labels, bits):
    if bits == 16:
        return b"".join(b"\0" + row.astype(">u2").tobytes() for row in labels)
    ones = np.unpackbits(labels.astype(np.uint8)[..., None], axis=2)[..., 8 - bits :]
    return b"".join(b"\0" + np.packbits(row).tobytes() for row in ones.reshape(len(labels), -1))


@pytest.mark.filterwarnings("ignore")  # of rasterio: a mask has no georeference
@pytest.mark.parametrize("see_through", [False, True])
@pytest.mark.parametrize(
    ("colour", "bits"), [(GREY, 1), (GREY, 2), (GREY, 4), (GREY, 8), (GREY, 16),
                         (PALETTE, 1), (PALETTE, 2), (PALETTE, 4), (PALETTE, 8)],
)  # fmt: skip
def test_labels_are_the_stored_numbers(tmp_path, colour, bits, see_through):
    labels = np.random.default_rng(0).integers(0, 2**bits, (5, 11))
    more = [chunk(b"PLTE", bytes(3 * 2**bits))] if colour == PALETTE else []
    if see_through:
        more.append(chunk(b"tRNS", b"\0\1" if colour == GREY else b"\0\x80"))
    path = tmp_path / "m.png"
    path.write_bytes(png(11, 5, bits, colour, packed(labels, bits), *more))
    rasterio = pytest.importorskip("rasterio")
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), labels)
    # GDAL writes a no-data value as the grey that is transparent; a colour may be for the eye.
    nodata = 1 if see_through and colour == GREY else None
    expected = np.where(labels == nodata, -1, labels)
    np.testing.assert_array_equal(read_labels(path)[0], expected)


ROWS = packed(np.arange(20).reshape(4, 5), 8)
GOOD = png(5, 4, 8, GREY, ROWS)


@pytest.mark.parametrize("size", range(0, GOOD.index(b"IEND"), 3))
def test_a_truncated_mask_is_refused(tmp_path, size):
    (tmp_path / "m.png").write_bytes(GOOD[:size])
    with pytest.raises(DataError, match=r"m\.png"):
        read_labels(tmp_path / "m.png")


def test_a_flipped_bit_never_gives_other_labels(tmp_path):
    path = tmp_path / "m.png"
    path.write_bytes(GOOD)
    labels = read_labels(path)[0]
    for at in range(8 * GOOD.index(b"IEND")):
        damaged = bytearray(GOOD)
        damaged[at // 8] ^= 1 << at % 8
        path.write_bytes(damaged)
        with contextlib.suppress(DataError):
            np.testing.assert_array_equal(read_labels(path)[0], labels)


@pytest.mark.parametrize(
    ("width", "height", "bits"),
    [(20_000, 20_000, 8), (2**31 - 1, 2**31 - 1, 16), (50_000, 1_000, 1), (0, 5, 8), (5, 4, 3)],
)
def test_a_size_that_is_not_there_takes_no_memory(tmp_path, width, height, bits):
    (tmp_path / "m.png").write_bytes(png(width, height, bits, GREY, b"\0" * 1000))
    with pytest.raises(DataError, match=r"m\.png"):
        read_labels(tmp_path / "m.png")


def test_a_bomb_within_its_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9)
    (tmp_path / "m.png").write_bytes(GOOD)
    with pytest.raises(DataError, match=r"m\.png has 4 × 5 pixels, .* save the mask as TIFF"):
        read_labels(tmp_path / "m.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 12)  # Pillow would only warn
    assert read_labels(tmp_path / "m.png")[0].shape == (4, 5)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_colours_are_no_labels(tmp_path, mode):
    Image.new(mode, (5, 4)).save(tmp_path / "m.png")
    with pytest.raises(DataError, match=rf"m\.png is a colour image \({mode}\)"):
        read_labels(tmp_path / "m.png")


def test_an_animation_is_no_mask(tmp_path):
    frames = [Image.fromarray(np.full((4, 5), n, np.uint8)) for n in range(3)]
    frames[0].save(tmp_path / "m.png", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"m\.png is an animation"):
        read_labels(tmp_path / "m.png")
